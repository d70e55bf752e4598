"""What DynamoDB would refuse is refused before anything is written, and what is malformed is left as it is."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from math import inf, nan
from typing import Any
from uuid import uuid4

import aioboto3
import boto3
import pytest
from botocore.exceptions import ClientError

from dynadb_async import (
    AsyncDynamoDb,
    ConfigError,
    DynamoDbConfig,
    DynamoDbSerializer,
    History,
    InvalidUserIdError,
    ItemTooLargeError,
    MalformedItemError,
    SerializationError,
    Session,
    StoredElements,
    StoredHistory,
    Turn,
    UsageError,
    User,
    UserCopy,
)
from dynadb_async.item import Layout, turn_from_item
from dynadb_async.values.size import attribute_size
from tests.engines import Engine
from tests.tables import Clock, Table, new_table

SECRET = "nobody may read this"
ALL_STORED = StoredElements(session=True, history=True)
LARGEST = 400 * 1024


@pytest.fixture(scope="module", params=["moto", "dynamodb-local"])
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """A table on the most lenient engine, and one on the strictest."""
    engine: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    with new_table(engine) as table:
        yield table


@pytest.fixture(scope="module")
def strict_table(dynamodb_local: Engine) -> Iterator[Table]:
    """A table on the engine that has DynamoDB's own limits."""
    with new_table(dynamodb_local) as table:
        yield table


@pytest.fixture
async def db(table: Table) -> AsyncIterator[AsyncDynamoDb[Any]]:
    """An adapter that stores all elements."""
    async with table.adapter(stored_elements=ALL_STORED) as db:
        yield db


@pytest.fixture
async def near(memory: Engine) -> AsyncIterator[AsyncDynamoDb[Any]]:
    """The same, on the quickest of all engines, for what no engine hears of."""
    with new_table(memory) as table:
        async with table.adapter(stored_elements=ALL_STORED) as db:
            yield db


async def store(db: AsyncDynamoDb[Any], user_id: str, **data: Any) -> None:
    """One ordinary turn that sets members of the user's data."""
    async with db.turn(user_id) as turn:
        turn.user.data.update(data)


def circular() -> dict[str, Any]:
    """A structure that contains itself."""
    structure: dict[str, Any] = {SECRET: SECRET}
    structure["friends"] = [structure]
    return structure


def nested(levels: int) -> Any:
    """Lists in one another."""
    structure: Any = SECRET
    for _ in range(levels):
        structure = [structure]
    return structure


# The item's user element and its data are two maps, and DynamoDB counts the item itself: 29 more fit below.
DEEPEST = 29

BAD_VALUES: dict[str, tuple[Any, str]] = {
    "39 digits": (10**38 + 1, "user.data.score"),
    "39 digits after the point": (Decimal("0." + "1" * 39), "user.data.score"),
    "too large a number": (1e126, "user.data.score"),
    "too small a number": (1e-131, "user.data.score"),
    "NaN": (float("nan"), "user.data.score"),
    "Infinity": (Decimal("-Infinity"), "user.data.score"),
    "empty set": (set(), "user.data.score"),
    "mixed set": ({1, SECRET}, "user.data.score"),
    "a set of bools": ({True}, "user.data.score"),
    "key that is no text": ({"best": {7: SECRET}}, "user.data.score.best"),
    "empty key": ({"": SECRET}, "user.data.score"),
    "surrogate": ([SECRET, "\ud83d"], "user.data.score[1]"),
    "surrogate in a key": ({"\ud83d": SECRET}, "user.data.score"),
    "circular": (circular(), "user.data.score.friends[0]"),
    "too deep": (nested(DEEPEST + 1), "user.data.score" + "[0]" * DEEPEST),
    "unsupported": ({"mind": SECRET, "when": range(3)}, "user.data.score.when"),
    "a function": (print, "user.data.score"),
    "an error": ([OSError(SECRET)], "user.data.score[0]"),
}


@pytest.mark.parametrize(("value", "place"), BAD_VALUES.values(), ids=BAD_VALUES)
@pytest.mark.parametrize("is_new", [True, False])
async def test_a_value_without_a_form_is_told_with_its_place(
    db: AsyncDynamoDb[Any], table: Table, user_id: str, value: Any, place: str, is_new: bool
) -> None:
    """Nothing is written, and the message has the place, but neither a value nor the user's id."""
    if not is_new:
        await store(db, user_id, score=1)
    before = table.item(user_id)

    with pytest.raises(SerializationError) as caught:
        await store(db, user_id, fine=1, score=value)

    assert str(caught.value).endswith(f" - at {place}")
    assert SECRET not in str(caught.value)
    assert user_id not in str(caught.value)
    assert table.item(user_id) == before


@pytest.mark.parametrize(
    ("member", "place"),
    [
        (lambda turn: turn.session.data, "session.data.score"),
        (lambda turn: turn.output, "history.items[0].output.score"),
        (lambda turn: turn.response, "response.score"),
    ],
    ids=["session", "history", "response"],
)
async def test_every_element_says_its_place(
    db: AsyncDynamoDb[Any], table: Table, user_id: str, member: Callable[[Any], dict[str, Any]], place: str
) -> None:
    """The session, the history and the reply that is kept are checked as the user's data is."""
    turn = await db.load(user_id, turn_id="t-1")
    turn.output, turn.response = {}, {}
    member(turn)["score"] = float("nan")
    with pytest.raises(SerializationError) as caught:
        await db.save(turn)

    assert str(caught.value).endswith(f" - at {place}")
    assert table.item(user_id) is None


async def test_what_is_just_within_the_limits_is_stored(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """The deepest structure, the longest and the extreme numbers are read as they were written."""
    data = {
        "deep": nested(DEEPEST),
        "digits": 10**38 - 1,
        "fraction": Decimal("0." + "1" * 38),
        "zeros": 10**125,
        "large": Decimal("9.9999999999999999999999999999999999999E+125"),
        "small": 1e-130,
        "set": {b"\x00", b""} - {b""},
    }
    await store(db, user_id, **data)

    assert (await db.load(user_id)).user.data == data


@pytest.mark.parametrize(
    "bad_id",
    ["", "x" * 2049, "é" * 1025, "lone \ud83d", 7, None, b"bytes"],
    ids=["empty", "long", "long in UTF-8", "surrogate", "number", "None", "bytes"],
)
async def test_a_key_that_dynamodb_refuses_is_told(db: AsyncDynamoDb[Any], table: Table, bad_id: Any) -> None:
    """Wherever a user id is taken; the message does not show it."""
    count = table.raw.scan(TableName=table.name, Select="COUNT")["Count"]

    async def turn() -> None:
        async with db.turn(bad_id):
            pass

    async def handler(_: Any) -> None:
        pass

    uses: list[Callable[[], Any]] = [turn, *(lambda use=use: use(bad_id) for use in (db.load, db.delete, db.export))]
    for use in (*uses, lambda: db.handle(bad_id, handler)):
        with pytest.raises(InvalidUserIdError, match="user id") as caught:
            await use()
        assert "xx" not in str(caught.value)

    assert table.raw.scan(TableName=table.name, Select="COUNT")["Count"] == count


@pytest.mark.parametrize("unit", ["x", "é"])
async def test_the_longest_key_is_stored(db: AsyncDynamoDb[Any], unit: str) -> None:
    """2048 bytes in UTF-8."""
    user_id = uuid4().hex + unit * ((2048 - 32) // len(unit.encode()))
    await store(db, user_id, name="Ada")
    assert (await db.load(user_id)).user.data == {"name": "Ada"}


@pytest.mark.parametrize("bad_id", ["", "x" * 257, 7, "\ud83d"], ids=["empty", "long", "number", "surrogate"])
async def test_a_turn_id_that_would_burden_each_item_is_told(db: AsyncDynamoDb[Any], user_id: str, bad_id: Any) -> None:
    """1 to 256 bytes."""
    with pytest.raises(SerializationError, match="turn_id"):
        await db.load(user_id, turn_id=bad_id)


NO_CONFIG: dict[str, list[Any]] = {
    "config": [None, 5, {"table": "users"}, DynamoDbConfig],
    "serializer": [5, {}, DynamoDbSerializer],
    "clock": [5, datetime.now(UTC)],
    "aws_session": [5, {}, aioboto3.Session, boto3.Session()],
}


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, all_bad in NO_CONFIG.items() for bad in all_bad])
def test_what_no_adapter_can_be_made_of_is_told(table_name: str, name: str, bad: Any) -> None:
    """By the name of what was given, before anything is used."""
    with pytest.raises(ConfigError, match=f"^expected {name} as .*, got {type(bad).__name__}"):
        AsyncDynamoDb(**{"config": table_name, name: bad})


NO_TIME = ["1", [], True, nan, inf, -inf, 10**400, Decimal(1)]
NO_ARGUMENT: dict[str, list[Any]] = {"session": [{}, "s-1", Session], "io_timeout": NO_TIME, "lost_reply": [5, "reply"]}


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, all_bad in NO_ARGUMENT.items() for bad in all_bad])
async def test_an_argument_that_is_none_is_told(near: AsyncDynamoDb[Any], user_id: str, name: str, bad: Any) -> None:
    """One clear error, and nothing was handled or written."""

    async def handler(turn: Any) -> None:
        pytest.fail(f"was called with {turn}")

    given = {name: bad}
    uses: list[Any] = [near.handle(user_id, handler, **given)]
    uses += [near.turn(user_id, **given).__aenter__()] if name != "lost_reply" else []
    uses += [near.load(user_id, **given)] if name == "session" else []
    for use in uses:
        with pytest.raises(UsageError, match=f"^expected {name} as .*, got"):
            await use
    assert {} == await near.export(user_id)


async def test_what_is_no_turn_or_copy_is_told(near: AsyncDynamoDb[Any], user_id: str) -> None:
    """Neither something else, nor one that was made by hand."""
    now = datetime.now(UTC)
    by_hand = Turn(
        user=User(id=user_id, data={}, is_new=True),
        session=Session(),
        history=History(),
        created_at=now,
        updated_at=now,
    )
    for bad in (None, {}, user_id, by_hand):
        with pytest.raises(UsageError, match="expected turn as"):
            await near.save(bad)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="expected copy as"):
            await near.restore(bad)  # type: ignore[arg-type]


NO_COPIES: list[Any] = [{"item": None}, {"item": []}, {"item": "x"}, {"item": {"userId": "x"}}, {"item": {}}]
NO_COPIES += [{"item": {"userId": {"S": "x"}, "user": None}}, {"item": None, "conversations": {"a": 1}}]


@pytest.mark.parametrize("members", NO_COPIES)
def test_a_copy_that_is_none_is_told(members: dict[str, Any]) -> None:
    """When it is made, not when it is half restored."""
    with pytest.raises(MalformedItemError):
        UserCopy(**members)
    with pytest.raises(MalformedItemError, match="bytes"):
        UserCopy.all_in(repr(members))  # type: ignore[arg-type]


EXCHANGED = [
    ("user", {}, "turn.user"),
    ("session", None, "turn.session"),
    ("history", [], "turn.history"),
    ("created_at", None, "turn.created_at"),
    ("session.created_at", "2026-11-26", "session.created_at"),
    ("history.items", None, r"history\.items"),
    ("history.items", {"output": "hi"}, r"history\.items"),
    ("history.items", [{"output": "hi"}, "hi"], r"history\.items\[1\]"),
]


@pytest.mark.parametrize(("part", "value", "said"), EXCHANGED)
async def test_a_part_of_a_turn_that_is_none_is_told(
    near: AsyncDynamoDb[Any], user_id: str, part: str, value: Any, said: str
) -> None:
    """Nothing is written that the next turn could not read."""
    turn = await near.load(user_id, session=Session("s-1"))
    whole, _, name = part.rpartition(".")
    setattr(getattr(turn, whole) if whole else turn, name, value)

    with pytest.raises((UsageError, SerializationError), match=f"expected.*{said}"):
        await near.save(turn)
    assert (await near.load(user_id)).user.is_new


@pytest.mark.parametrize("is_new", [True, False])
async def test_an_item_over_400_kb_is_told_with_the_size_of_each_element(
    db: AsyncDynamoDb[Any], table: Table, user_id: str, is_new: bool
) -> None:
    """The largest first, so that one sees what to keep less of; nothing is written."""
    if not is_new:
        await store(db, user_id, text=SECRET)
    before = table.item(user_id)

    turn = await db.load(user_id)
    turn.session.data["text"] = "y" * 300_000
    turn.user.data["text"] = SECRET * 6_000
    with pytest.raises(ItemTooLargeError) as caught:
        await db.save(turn)

    message = str(caught.value)
    assert message.index("session 300") < message.index("user 120") < message.index("createdAt 33")
    assert SECRET not in message
    assert user_id not in message
    assert table.item(user_id) == before


async def test_foreign_attributes_count_too(db: AsyncDynamoDb[Any], table: Table, user_id: str) -> None:
    """What we leave alone is part of the item that DynamoDB would refuse."""
    table.put(user_id, notes={"S": "n" * 400_000})
    before = table.item(user_id)

    with pytest.raises(ItemTooLargeError, match="notes 400005"):
        await store(db, user_id, text="x" * 9_500)

    assert table.item(user_id) == before


SHAPES: dict[str, Any] = {
    "one text": {},
    "many members": {f"member-{number}": number for number in range(3_000)},
    "numbers": {"n": [10**digits for digits in range(38)] + [-1.5, 0, 0.1, 1e-100, 150, 1500] * 500},
    "texts": {"t": ["", "é", "日本語", "🔑"] * 2_000},
    "deep": {"d": nested(20), "m": [{"a": {"b": [None, True]}}] * 500},
    "sets": {"ns": set(range(1000)), "ss": {f"é{number}" for number in range(1000)}, "bs": {b"1", b"22"}},
    "binary": {"b": [b"", b"\x00" * 1000] * 20},
}
MARGIN = 16  # bytes; only numbers and sets are counted generously


async def save_text(db: AsyncDynamoDb[Any], user_id: str, shape: Any, length: int) -> None:
    """Store a text of that length beside *shape*."""
    turn = await db.load(user_id)
    turn.user.data = shape | {"filler": "x" * length}
    await db.save(turn)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_our_size_is_dynamodbs(strict_table: Table, user_id: str, shape: Any) -> None:
    """The largest item that passes our check is accepted, and hardly a byte more is."""
    async with strict_table.adapter(recent_turns=1) as db:
        await save_text(db, user_id, shape, 0)
        small = strict_table.item(user_id) or {}
        room = LARGEST - sum(len(name) + attribute_size(value) for name, value in small.items())

        with pytest.raises(ItemTooLargeError):
            await save_text(db, user_id, shape, room + 1)
        await save_text(db, user_id, shape, room)
        full = strict_table.item(user_id) or {}

    full["user"]["M"]["data"]["M"]["filler"]["S"] += "x" * (MARGIN + 1)
    with pytest.raises(ClientError, match="Item size"):
        strict_table.raw.put_item(TableName=strict_table.name, Item=full)


async def test_history_over_max_bytes_drops_its_oldest(table: Table, user_id: str) -> None:
    """The history is kept within its own bounds before the item is refused."""
    history = StoredHistory(size=100, max_bytes=100_000)
    async with table.adapter(stored_elements=StoredElements(history=history)) as db:
        for number in range(6):
            async with db.turn(user_id) as turn:
                turn.output = f"{number}" * 30_000
        kept = [entry["output"][0] for entry in (await db.load(user_id)).history.items]

    assert kept == ["5", "4", "3"]
    assert attribute_size((table.item(user_id) or {})["history"]) <= 100_000


MALFORMED: dict[str, tuple[dict[str, Any], str]] = {
    "user is a list": ({"user": {"L": [{"S": SECRET}]}}, "user"),
    "user is a text": ({"user": {"S": SECRET}}, "user"),
    "session is a number": ({"session": {"N": "7"}}, "session"),
    "session data is a text": ({"session": {"M": {"data": {"S": SECRET}}}}, "session.data"),
    "session data is a list": ({"session": {"M": {"data": {"L": []}}}}, "session.data"),
    "history is a list": ({"history": {"L": [{"S": SECRET}]}}, "history"),
    "history items are a map": ({"history": {"M": {"items": {"M": {"0": {"S": SECRET}}}}}}, "history.items"),
    "a history item is a text": ({"history": {"M": {"items": {"L": [{"S": SECRET}]}}}}, "history.items"),
    "recent turns are a text": ({"recentTurns": {"S": SECRET}}, "recentTurns"),
    "recent turns are empty": ({"recentTurns": {"L": []}}, "recentTurns"),
    "a recent turn is a text": ({"recentTurns": {"L": [{"S": SECRET}]}}, "recentTurns"),
    "a recent turn has no write id": ({"recentTurns": {"L": [{"M": {"turn": {"S": SECRET}}}]}}, "recentTurns"),
    "a recent turn has a number": ({"recentTurns": {"L": [{"M": {"write": {"N": "1"}}}]}}, "recentTurns"),
}


@pytest.mark.parametrize(("attributes", "element"), MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_element_is_one_clear_error(
    db: AsyncDynamoDb[Any], table: Table, user_id: str, attributes: dict[str, Any], element: str
) -> None:
    """It is named, the item stays as it is, and no stored text is in the message."""
    table.put(user_id, **attributes)
    before = table.item(user_id)

    async def handler(_: Any) -> None:
        pytest.fail("a handler must not see such an item")

    for use in (lambda: db.load(user_id), lambda: db.handle(user_id, handler)):
        with pytest.raises(MalformedItemError) as caught:
            await use()
        assert caught.value.element == element
        assert f"the stored {element} can't be read" in str(caught.value)
        assert SECRET not in str(caught.value)
        assert user_id not in str(caught.value)
    assert table.item(user_id) == before


async def test_an_item_malformed_meanwhile_is_not_overwritten(
    db: AsyncDynamoDb[Any], table: Table, user_id: str
) -> None:
    """What a merge would have to read is refused as a load refuses it."""
    await store(db, user_id, name="Ada")
    turn = await db.load(user_id)
    table.put(user_id, user={"S": SECRET})
    before = table.item(user_id)

    with pytest.raises(MalformedItemError, match="user"):
        await db.save(turn)
    assert table.item(user_id) == before


@pytest.mark.parametrize("created_at", [{"S": "long ago"}, {"NULL": True}, {"M": {}}, {"S": ""}, {"N": "9e120"}])
async def test_an_unreadable_time_reads_as_absent(
    db: AsyncDynamoDb[Any], table: Table, user_id: str, created_at: dict[str, Any]
) -> None:
    """A user is not locked out by a time; the next save writes a good one."""
    table.put(user_id, user={"M": {"data": {"M": {}}}}, createdAt=created_at, updatedAt={"S": "soon"})
    async with db.turn(user_id, session=Session("s-1")) as turn:
        assert not turn.user.is_new
        created = turn.created_at

    assert (await db.load(user_id)).created_at == created.replace(microsecond=created.microsecond // 1000 * 1000)


UNKNOWN_TYPE = {"X": SECRET}  # no engine stores one; a later DynamoDB might


@pytest.mark.parametrize("element", ["user", "session", "history"])
def test_an_unknown_attribute_type_is_malformed(strict_table: Table, element: str) -> None:
    """It is named, as any other element that can't be read is."""
    with pytest.raises(MalformedItemError) as caught:
        loaded(strict_table, **{element: UNKNOWN_TYPE})
    assert caught.value.element == element
    assert SECRET not in str(caught.value)


def test_a_time_of_an_unknown_attribute_type_reads_as_absent(strict_table: Table) -> None:
    """As any other time that can't be read does."""
    assert loaded(strict_table, createdAt=UNKNOWN_TYPE).created_at == Clock().now


def loaded(table: Table, **attributes: Any) -> Turn[Any]:
    """The turn that an item makes which can't be put into a table."""
    config = table.config(stored_elements=ALL_STORED)
    layout = Layout(config=config, serializer=DynamoDbSerializer(), user_data=dict)
    return turn_from_item(layout, attributes, "user-1", now=Clock().now, session=None, turn_id=None)


async def test_an_element_that_is_off_may_be_malformed(table: Table, user_id: str) -> None:
    """What is not stored is not read."""
    table.put(user_id, session={"S": SECRET}, history={"S": SECRET})
    async with table.adapter() as db, db.turn(user_id) as turn:
        assert turn.history.items == []


async def test_nothing_of_a_person_is_logged(
    db: AsyncDynamoDb[Any], user_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither an id nor a value, in a log line of ours or a repr, on good and on bad turns."""
    caplog.set_level(logging.DEBUG, logger="dynadb_async")
    with pytest.raises(SerializationError):
        async with db.turn(user_id, turn_id=SECRET) as turn:
            turn.user.data["secret"] = {SECRET: SECRET, "bad": set()}
    async with db.turn(user_id, turn_id=SECRET) as turn:
        turn.user.data["secret"] = turn.response = SECRET

    shown = caplog.text + repr(turn) + repr(turn.user) + repr(turn.session) + repr(turn.history) + repr(turn.loaded)
    shown += repr(turn.loaded.stored)
    assert SECRET not in shown
    assert user_id not in shown


class OddSerializer:
    """A user's own serializer that does not keep to plain values."""

    def serialize(self, element: Any) -> dict[str, Any]:
        """Not what DynamoDB's client can take."""
        return {"M": {"data": {"S": ["x", object()]}, "more": {"S": str(element)}}}

    def deserialize(self, value: dict[str, Any]) -> Any:
        """Never asked."""
        raise NotImplementedError


async def test_a_serializer_of_odd_values(strict_table: Table) -> None:
    """What a user's own serializer makes has to be plain; the error says so, and nothing is written."""
    async with strict_table.adapter(serializer=OddSerializer()) as db:
        with pytest.raises(SerializationError, match="no attribute value"):
            async with db.turn("odd") as turn:
                turn.user.data["name"] = "Ada"
    assert strict_table.item("odd") is None
