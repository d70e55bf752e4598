"""Values that somebody chose to do harm: they cost no more than others of their size, or are refused in words."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from itertools import product
from random import Random
from threading import Lock
from time import process_time
from types import MappingProxyType
from typing import Any, Self

import pytest
from attrs import define

from dynadb_async import (
    DynamoDbConfig,
    DynamoDbSerializer,
    Session,
    StoredElements,
    StoredHistory,
    UsageError,
    UserCopy,
)
from dynadb_async.errors import MalformedItemError, SerializationError
from dynadb_async.item import (
    Item,
    Layout,
    attributes_of_turn,
    checked_clock,
    new_entry,
    turn_from_item,
    update_of_save,
)
from dynadb_async.item.conflict import merged
from dynadb_async.item.elements import trimmed_history
from dynadb_async.item.layout import text_of_time
from dynadb_async.item.merge import merge, same
from dynadb_async.platforms import (
    MalformedRequestError,
    PlatformRequest,
    alexa,
    dialogflow_cx,
    messenger,
    slack,
    whatsapp,
)
from dynadb_async.values.attribute_json import decoded, encoded
from dynadb_async.values.size import attribute_size
from tests.engines import Engine
from tests.tables import new_table

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ALL = StoredElements(session=True, history=StoredHistory(request=True, state=True))
LAYOUT = Layout(config=DynamoDbConfig("users", stored_elements=ALL), serializer=DynamoDbSerializer(), user_data=dict)
MODULUS = 2**61 - 1


def deep(levels: int) -> dict[str, Any]:
    """A map in a map, and so on."""
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@contextmanager
def recursion_limit(limit: int) -> Iterator[None]:
    """For a while."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


# Numbers that collide


COLLIDING: dict[str, Callable[[int], Any]] = {
    "whole": lambda n: 7 + n * MODULUS,
    "negative": lambda n: -7 - n * MODULUS,
    "decimal": lambda n: Decimal(7 + n * MODULUS),
    "both": lambda n: (7 if n % 2 else Decimal(7)) + n * MODULUS,
}


@pytest.mark.parametrize("number", COLLIDING.values(), ids=COLLIDING.keys())
def test_too_many_numbers_of_one_hash_are_refused(number: Callable[[int], Any]) -> None:
    """At the save with the place, at the load as a malformed element; a hundred of them are still a set."""
    few, many = ({number(n) for n in range(count)} for count in (100, 101))
    item: Item = {"user": {"M": {"data": {"M": {"a": {"NS": [str(n) for n in many]}}}}}}

    assert few == LAYOUT.serializer.deserialize(LAYOUT.serializer.serialize(few))
    turn = turn_from_item(LAYOUT, None, "user", now=NOW, session=None, turn_id=None)
    turn.user.data["a"] = many
    with pytest.raises(SerializationError, match=r"same hash in Python; .* - at user\.data\.a"):
        attributes_of_turn(LAYOUT, turn, {}, NOW)
    with pytest.raises(MalformedItemError, match=r"stored user can't be read: .*same hash in Python"):
        turn_from_item(LAYOUT, item, "user", now=NOW, session=None, turn_id=None)
    with pytest.raises(MalformedItemError, match=r"stored other can't be read: .*same hash in Python"):
        LAYOUT.exported({"other": {"NS": [str(n) for n in many]}})


async def test_such_a_set_is_not_overwritten(moto: Engine) -> None:
    """Whether it is in an element, or was stored by another program: nothing is written."""
    with new_table(moto) as table:
        numbers = [str(7 + n * MODULUS) for n in range(101)]
        table.put("user-1", user={"M": {"data": {"M": {"a": {"NS": numbers}}}}})
        before = table.item("user-1")
        async with table.adapter() as db:
            with pytest.raises(MalformedItemError):
                async with db.turn("user-1") as turn:
                    turn.user.data = {}
        assert before == table.item("user-1")


class Counted(int):
    """A number that counts how often it is compared with another."""

    comparisons = 0
    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return int.__eq__(self, other) if isinstance(other, int) else NotImplemented


def test_a_merge_does_not_compare_numbers_that_collide() -> None:
    """Neither in lists, nor in sets, nor in maps: it goes by their texts."""
    numbers = [Counted(7 + n * MODULUS) for n in range(2000)]
    new, newer = [Counted(-1)], [Counted(-2)]
    Counted.comparisons = 0

    assert 2002 == len(merge(numbers, numbers + new, numbers + newer))
    assert same([{"a": numbers}], [{"a": list(numbers)}])
    few = set(numbers[:90])
    Counted.comparisons = 0
    merge(few, few | {*new}, few | {*newer})
    assert Counted.comparisons < 90 * 90 * 6  # what Python itself needs to make sets of them


# Depth


def saved(session: Session) -> Item:
    """What a turn of this session leaves."""
    turn = turn_from_item(LAYOUT, None, "user", now=NOW, session=session, turn_id=None)
    return attributes_of_turn(LAYOUT, turn, {}, NOW)


@pytest.mark.parametrize("limit", [400, 1_000, 20_000])
@pytest.mark.parametrize("levels", [32, 250, 500, 5_000])
def test_depth_is_told_in_words(limit: int, levels: int) -> None:
    """In a session, a state, a body, in user data: an error with the place, whatever the recursion limit."""
    with recursion_limit(limit):
        for session in (Session("s", data=deep(levels)), Session("s", state=[deep(levels)])):
            with pytest.raises(SerializationError, match="session"):
                saved(session)
        for change in ("data", "history", "state"):
            turn = turn_from_item(LAYOUT, None, "user", now=NOW, session=Session("s"), turn_id=None)
            entry = {"request": deep(levels)} if change == "history" else {}
            turn.user.data = deep(levels) if change == "data" else {}
            turn.session.state = deep(levels) if change == "state" else None
            with pytest.raises(SerializationError, match=" - at "):
                attributes_of_turn(LAYOUT, turn, entry, NOW)


def test_a_serializer_of_the_users_own_may_meet_depth() -> None:
    """What it raises then is told as the depth that it is."""

    class Naive(DynamoDbSerializer):
        """Without a limit."""

        def serialize(self, element: Any) -> Any:
            """As deep as it goes."""
            return {"M": {name: self.serialize(member) for name, member in element.items()}}

    layout = Layout(config=DynamoDbConfig("users"), serializer=Naive(), user_data=dict)
    with pytest.raises(SerializationError, match="nested too deep"):
        layout.attribute("history", deep(5_000))


def test_what_can_not_be_copied_is_told() -> None:
    """A session may hold whatever can be stored; of what is none there is a word, and no raw error."""
    for session in (Session("s", state=Lock()), Session("s", data={"a": [iter([1])], "b": Lock()})):
        with pytest.raises(SerializationError, match=r"can't be copied .* - at session"):
            session.copy()
    view = {"a": MappingProxyType({"b": MappingProxyType({"c": 1})})}
    assert {"a": {"b": {"c": 1}}} == Session("s", data=MappingProxyType(view)).copy().data  # type: ignore[arg-type]


async def test_a_copy_of_a_user_may_be_deep(memory: Engine) -> None:
    """It is refused in words, however it was made."""
    value: dict[str, Any] = {"S": "x"}
    for _ in range(5_000):
        value = {"L": [value]}
    with new_table(memory) as table:
        async with table.adapter() as db:
            with pytest.raises(SerializationError):
                await db.restore(UserCopy(item={"userId": {"S": "user-1"}, "user": {"M": {"data": value}}}))


def test_a_copy_of_a_session_shares_nothing() -> None:
    """Neither its maps nor its lists nor the objects in them; and only its depth is limited."""

    class Point:
        """Some object."""

    session = Session("s", data={"a": [{"b": {1}}, Point()], "deep": deep(200)}, state=[1, "x", None, (2, [3])])
    copy = session.copy()

    assert copy.state == session.state
    assert copy.state is not session.state
    assert copy.data["a"][0] == session.data["a"][0]
    for path in (copy.data["a"], copy.data["a"][0], copy.data["a"][0]["b"], copy.data["a"][1]):
        assert all(path is not other for other in (session.data["a"], *session.data["a"], session.data["a"][0]["b"]))
    circular: dict[str, Any] = {}
    circular["a"] = [circular]
    with pytest.raises(SerializationError, match=r"session\.data"):
        Session("s", data=circular).copy()


# Times


class OddTime(datetime):
    """As freezegun's and pendulum's: a subclass, with methods that return it, and an `isoformat` of its own."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """What time it is there."""
        return cls(2026, 11, 26, 12, 0, 0, 250_000, tzinfo=tz)

    def isoformat(self, *_: Any, **__: Any) -> str:
        """Something else."""
        return "now"

    def astimezone(self, tz: tzinfo | None = None) -> Self:
        """The same class."""
        moment = super().astimezone(tz)
        return type(self)(*moment.timetuple()[:6], moment.microsecond, tzinfo=moment.tzinfo)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=2), "somewhere")])
def test_a_time_of_a_class_of_its_own(zone: tzinfo) -> None:
    """It is stored as any other."""
    plain = datetime(2026, 11, 26, 12, 0, 0, 250_000, tzinfo=zone)

    assert text_of_time(plain) == text_of_time(OddTime.now(zone))


def test_a_turn_under_a_clock_of_its_own_class() -> None:
    """All times of a turn may be such, the session's too."""
    now = OddTime.now(UTC)
    turn = turn_from_item(LAYOUT, None, "user", now=now, session=Session("s", created_at=now), turn_id=None)
    item = attributes_of_turn(LAYOUT, turn, {}, now)

    assert {"S": "2026-11-26T12:00:00.250Z"} == item["createdAt"] == item["session"]["M"]["createdAt"]


def test_naive_times_are_refused() -> None:
    """Nobody can say what they mean: the error names the setting and shows what to write."""
    naive = datetime(2026, 11, 26, 12)  # noqa: DTZ001 - that is the point
    with pytest.raises(
        UsageError, match=r"expected the clock's time as a datetime with a time zone, .* got one without"
    ):
        checked_clock(lambda: naive)()
    with pytest.raises(UsageError, match=r"the clock's time .*, got float"):
        checked_clock(lambda: 1.5)()  # type: ignore[arg-type, return-value]
    with pytest.raises(UsageError, match=r"expected Session\.created_at as"):
        turn_from_item(LAYOUT, None, "user", now=NOW, session=Session("s", created_at=naive), turn_id=None)
    turn = turn_from_item(LAYOUT, None, "user", now=NOW, session=Session("s"), turn_id=None)
    turn.session.created_at = naive
    with pytest.raises(UsageError, match=r"expected session\.created_at as"):
        attributes_of_turn(LAYOUT, turn, {}, NOW)


async def test_a_naive_clock_never_writes(moto: Engine) -> None:
    """It is told by the first turn."""
    with new_table(moto) as table:
        async with table.adapter(clock=datetime.now) as db:
            with pytest.raises(UsageError, match="the clock's time"):
                async with db.turn("user-1") as turn:
                    turn.user.data["a"] = 1
        assert table.item("user-1") is None


# Requests that no platform sends


def alexa_body(**members: Any) -> dict[str, Any]:
    """An intent in a session."""
    session = {"new": False, "sessionId": members.get("session_id", "s"), "attributes": members.get("data", {})}
    return {
        "context": {"System": {"user": {"userId": members.get("user_id", "u")}}},
        "session": session,
        "request": {"requestId": members.get("turn_id", "r"), "extra": members.get("extra")},
    }


def dialogflow_body(**members: Any) -> dict[str, Any]:
    """A webhook call."""
    return {
        "payload": {"userId": members.get("user_id", "u")},
        "sessionInfo": {"session": members.get("session_id", "s"), "parameters": members.get("data", {})},
        "detectIntentResponseId": members.get("turn_id", "r"),
        "extra": members.get("extra"),
    }


def messenger_body(**members: Any) -> dict[str, Any]:
    """A message."""
    message = {"mid": members.get("turn_id", "r"), "text": members.get("extra")}
    return {"entry": [{"messaging": [{"sender": {"id": members.get("user_id", "u")}, "message": message}]}]}


def slack_body(**members: Any) -> dict[str, Any]:
    """A message."""
    event = {"type": "message", "user": members.get("user_id", "u"), "channel": members.get("chat_id", "c")}
    event["text"] = members.get("extra")
    return {"type": "event_callback", "team_id": "t", "event_id": members.get("turn_id", "r"), "event": event}


def whatsapp_body(**members: Any) -> dict[str, Any]:
    """A message."""
    message = {"from": members.get("user_id", "u"), "id": members.get("turn_id", "r"), "text": members.get("extra")}
    value = {"metadata": {"phone_number_id": members.get("chat_id", "c")}, "messages": [message]}
    return {"entry": [{"changes": [{"field": "messages", "value": value}]}]}


READERS: dict[str, tuple[Callable[..., dict[str, Any]], Callable[[dict[str, Any]], Any]]] = {
    "alexa": (alexa_body, alexa.request_from_json),
    "dialogflow": (dialogflow_body, dialogflow_cx.request_from_json),
    "messenger": (messenger_body, messenger.requests_from_json),
    "slack": (slack_body, slack.requests_from_json),
    "whatsapp": (whatsapp_body, whatsapp.requests_from_json),
}
TOO_MUCH: list[dict[str, Any]] = [
    {"turn_id": "x" * 257},
    {"turn_id": "ü" * 129},
    {"turn_id": "\ud800"},
    {"user_id": "x" * 2049},
    {"user_id": "a\udfff"},
    {"extra": "\ud83d"},
    {"extra": {"\ud83d": 1}},
    {"extra": [2**70, ["\ud83d"]]},
    {"extra": deep(600)},
    {"extra": [2**70, deep(600)]},
]
SESSIONS: list[dict[str, Any]] = [
    *({"data": data} for data in (deep(600), deep(40), {"a": float("nan")}, {"a": 10**39 + 1}, {"": 1})),
    *({"data": data} for data in ({"a": "x" * 410_000}, {"a": ["üü"] * 103_000}, {"x" * 205_000: "y" * 205_000})),
    {"session_id": "x" * 2049},
]
CHATS: list[dict[str, Any]] = [{"chat_id": "x" * 2049}, {"chat_id": "a\udfff"}]


@pytest.mark.parametrize(
    ("platform", "members"),
    [*product(READERS, TOO_MUCH), *product(("alexa", "dialogflow"), SESSIONS), *product(("slack", "whatsapp"), CHATS)],
)
def test_a_request_beyond_our_limits_is_malformed(platform: str, members: dict[str, Any]) -> None:
    """It is the caller's fault (400), and never shows what was in it."""
    body, read = READERS[platform]
    assert read(body())
    with pytest.raises(MalformedRequestError) as caught:
        read(body(**members))
    assert "xxx" not in str(caught.value)


def test_numbers_of_many_digits_are_no_damage() -> None:
    """Nor is a body as deep as anybody writes one."""
    assert PlatformRequest(user_id="u", turn_id="r", raw={"a": 2**70, "b": deep(30)})


# What costs more than it looks


class Counting(DynamoDbSerializer):
    """It counts the entries that it was given."""

    entries = 0

    def serialize(self, element: Any) -> Any:
        """As ever."""
        Counting.entries += len(element.get("items", [element]))
        return super().serialize(element)


@pytest.mark.parametrize("serializer", [DynamoDbSerializer(), Counting()], ids=["plain", "own"])
@pytest.mark.parametrize("rest", [0, 5_000, 50_000])
def test_history_is_trimmed_in_few_steps(serializer: DynamoDbSerializer, rest: int) -> None:
    """As many turns stay as have room, also beside what others store in the history; each is looked at a few times."""
    history = StoredHistory(size=10_000, max_bytes=10_000)
    config = DynamoDbConfig("users", stored_elements=StoredElements(history=history))
    layout = Layout(config=config, serializer=serializer, user_data=dict)
    element = {"ours": "x" * rest, "items": [{"output": f"turn {number:04}"} for number in range(3_000)]}
    Counting.entries = 0
    value = trimmed_history(layout, history, element)

    count, one = len(value["M"]["items"]["L"]), attribute_size({"M": {"output": {"S": "turn 0000"}}}) + 1
    assert attribute_size(value) <= 10_000 or not count
    assert attribute_size(value) + one > 10_000
    assert Counting.entries <= 5 * len(element["items"])


class Walked(dict[str, Any]):
    """A map that counts how often its members are gone through."""

    walks = 0

    def items(self) -> Any:
        """As ever."""
        Walked.walks += 1
        return super().items()


class Walking(DynamoDbSerializer):
    """The requests in a history are such maps."""

    def deserialize(self, value: Any) -> Any:
        """As ever."""
        element = super().deserialize(value)
        for entry in element.get("items", []):
            entry.update({name: Walked(member) for name, member in entry.items() if name == "request"})
        return element


def test_a_checkpoints_entry_is_sought_in_few_steps() -> None:
    """By the end of a turn that another one came between: it is not gone through again for each entry."""
    layout = Layout(config=DynamoDbConfig("users", stored_elements=ALL), serializer=Walking(), user_data=dict)
    older = [{"output": f"turn {number}"} for number in range(100)]
    entry = {"request": {"a": 1}}
    base, ours, theirs = (
        {"user": {"M": {}}, "history": layout.serializer.serialize({"items": items})}
        for items in ([entry, *older], [entry | {"output": "b"}, *older], [{"output": "a"}, entry, *older])
    )
    Walked.walks = 0
    result = merged(layout, base, ours, theirs, is_saved=True)

    assert [{"output": "a"}, entry | {"output": "b"}] == layout.element(result, "history")["items"][:2]
    assert Walked.walks < 20


@define
class Kept:
    """A class that has a field less than what was stored of it."""

    size: str


@define
class Cupboard:
    """Some of them by name."""

    shelves: Any


def test_what_a_class_does_not_know_is_kept_in_few_steps() -> None:
    """In each of many members by name: the map that they lie in is not gone through for each."""
    layout = Layout(
        config=DynamoDbConfig("users"),
        serializer=DynamoDbSerializer(),
        user_data=lambda data: Cupboard(Walked({name: Kept(each["size"]) for name, each in data["shelves"].items()})),
    )
    data = {"shelves": {str(number): {"size": "m", "old": number} for number in range(100)}}
    item = {"user": layout.serializer.serialize({"data": data})}
    turn = turn_from_item(layout, item, "user", now=NOW, session=None, turn_id=None)
    Walked.walks = 0

    assert item["user"] == attributes_of_turn(layout, turn, None, NOW)["user"]
    assert Walked.walks < 10


def seconds(work: Callable[[], Any]) -> float:
    """The least CPU time of a few runs."""
    times = []
    for _ in range(3):
        began = process_time()
        work()
        times.append(process_time() - began)
    return min(times)


KINDS: dict[str, tuple[Callable[[Random], Any], Callable[[int], Any]]] = {
    "numbers equal modulo 2^61-1": (lambda dice: dice.randrange(10**22), lambda n: 10**21 + n * MODULUS),
    "powers of two apart": (lambda dice: dice.randrange(10**18), lambda n: n << 46),
    "fractions": (lambda dice: dice.random(), lambda n: float(n) * 2.0**-30),
    "decimals": (lambda dice: Decimal(dice.randrange(10**30)), lambda n: Decimal(10**29) + n * MODULUS),
    "many zeros": (lambda dice: dice.randrange(10**6), lambda _: 10**125),
    "equal texts": (lambda dice: f"{dice.random():.12f}", lambda _: "x" * 14),
    "texts that look binary": (lambda dice: f"{dice.random():.1f}"[:1], lambda _: "B"),
    "control characters": (lambda dice: "ab" * 7, lambda _: "\x01" * 14),
    "equal maps": (lambda dice: {"a": dice.random()}, lambda _: {"a": 0.5}),
    "empty": (lambda dice: [dice.randrange(9)], lambda _: []),
}
# What is asked for is 5; other processes take their share of the caches.
WIDE = 12


@pytest.mark.parametrize(("benign", "hostile"), KINDS.values(), ids=KINDS.keys())
def test_hostile_values_cost_what_others_do(benign: Callable[[Random], Any], hostile: Callable[[int], Any]) -> None:
    """A turn from the load to the save, its merge with another, and its size, of a list of 4,000 elements."""
    dice = Random(1)
    lists = [benign(dice) for _ in range(4_000)], [hostile(n) for n in range(4_000)]

    usual, chosen = (seconds(lambda values=values: turn_and_merge(values)) for values in lists)  # type: ignore[misc]
    assert chosen <= usual * WIDE


@pytest.mark.parametrize("number", [lambda n: (n % 40) * 10**20 + (n // 40) * MODULUS, lambda n: n << 46])
def test_hostile_sets_cost_what_others_do(number: Callable[[int], int]) -> None:
    """So does a set of numbers: of 100 on one hash, as many as may be, or of hashes that look alike."""
    dice = Random(1)
    sets = {dice.randrange(10**18) for _ in range(4_000)}, {number(n) for n in range(4_000)}

    usual, chosen = (seconds(lambda values=values: turn_and_merge(values)) for values in sets)  # type: ignore[misc]
    assert chosen <= usual * WIDE


def turn_and_merge(values: Any) -> None:
    """Everything that is done with a value."""
    serializer = LAYOUT.serializer
    item = {"userId": {"S": "user"}, "user": serializer.serialize({"data": {"a": values, "b": 1}})}
    body = encoded({"Item": item})
    turn = turn_from_item(LAYOUT, decoded(body, "Item")["Item"], "user", body=body, now=NOW, session=None, turn_id=None)
    turn.user.data["b"] = 2
    attributes = attributes_of_turn(LAYOUT, turn, {}, NOW)
    update_of_save(LAYOUT, attributes, new_entry(LAYOUT, "write", None, None), turn.loaded, "user", NOW)
    attribute_size(attributes["user"])
    theirs = {**attributes, "user": serializer.serialize({"data": {"a": values, "b": 1, "c": 1}})}
    merged(LAYOUT, item, attributes, theirs)
    changed = (values | {-1}, values | {-2}) if isinstance(values, set) else ([*values, "x"], [*values, "y"])
    merge(values, *changed)
