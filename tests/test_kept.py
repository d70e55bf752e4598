"""What a turn leaves as it is, is sent again as it was read: nobody may see a difference."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from math import inf, nan
from typing import Any
from uuid import UUID

import pytest
from attrs import NOTHING
from hypothesis import example, given
from hypothesis import strategies as st
from orjson import Fragment

from dynadb_async import DynamoDbConfig, DynamoDbSerializer, MarshallConfig, SerializationError, Turn
from dynadb_async.item import Item, Layout, attributes_of_turn, kept, turn_from_item
from dynadb_async.item.recent import Entry, recent_json, recent_with
from dynadb_async.values.attribute_json import decoded, encoded
from dynadb_async.values.size import attribute_size, size_bound
from tests.test_merge import NAMES, VALUES, changed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LAYOUT = Layout(config=DynamoDbConfig("users"), serializer=DynamoDbSerializer(), user_data=dict)
DATA = st.dictionaries(NAMES, st.lists(VALUES, max_size=3) | st.dictionaries(NAMES, VALUES, max_size=3) | VALUES)


@pytest.fixture(autouse=True)
def _keep_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is small is worth it, too."""
    monkeypatch.setattr(kept, "WORTH", 1)


def turn_of(data: dict[str, Any]) -> Turn[Any]:
    """A turn of somebody of whom *data* is stored."""
    item: Item = {"userId": {"S": "user"}, "user": DynamoDbSerializer().serialize({"data": data})}
    return turn_from_item(LAYOUT, item, "user", now=NOW, session=None, turn_id=None)


def saved(turn: Turn[Any], *, is_whole: bool, layout: Layout = LAYOUT) -> Any:
    """The user's data as a save would store them, or why it can't."""
    try:
        data = stored(turn, is_whole=is_whole, layout=layout)["data"]
    except SerializationError as error:
        return str(error)
    return {name: data[name] for name in turn.user.data if name in data}  # what is kept comes last


def stored(turn: Turn[Any], *, is_whole: bool, layout: Layout = LAYOUT) -> Any:
    """The user element as a save would store it."""
    user = attributes_of_turn(layout, turn, None, NOW, is_whole=is_whole)["user"]
    return LAYOUT.serializer.deserialize(decoded(encoded({"Item": {"user": user}}), "Item")["Item"]["user"])


@given(DATA, st.data())
def test_a_save_stores_what_there_is(data: dict[str, Any], draw: st.DataObject) -> None:
    """Whatever the turn changed, moved, took away or left."""
    turn = turn_of(data)
    for name in list(turn.user.data):
        what = draw.draw(st.sampled_from(["leave", "leave", "change", "delete", "copy"]))
        if what == "change":
            turn.user.data[name] = draw.draw(changed(turn.user.data[name]))
        elif what == "delete":
            del turn.user.data[name]
        elif what == "copy":
            turn.user.data[f"{name}2"] = copy.deepcopy(turn.user.data[name])

    assert repr(saved(turn, is_whole=True)) == repr(saved(turn, is_whole=False))


def test_what_is_left_is_not_made_again() -> None:
    """Lists and maps are kept, byte for byte; what changed is made anew."""
    item: Item = {"user": {"M": {"data": {"M": {"old": {"L": [{"N": "1.50"}]}, "new": {"L": [{"N": "2.50"}]}}}}}}
    turn = turn_from_item(LAYOUT, item, "user", now=NOW, session=None, turn_id=None)
    turn.user.data["new"].append("more")
    made = decoded(encoded(attributes_of_turn(LAYOUT, turn, None, NOW, is_whole=False)))["user"]["M"]["data"]["M"]

    assert {"old": {"L": [{"N": "1.50"}]}, "new": {"L": [{"N": "2.5"}, {"S": "more"}]}} == made


class Colour(Enum):
    """Stored by its value."""

    RED = "red"


class Wrapped(Enum):
    """Undefined, by its value."""

    NOTHING = NOTHING


class Count(IntEnum):
    """Stored as a number."""

    ONE = 1


class Text(str):
    """Stored as a text."""

    __slots__ = ()


@dataclass
class Point:
    """Stored as a map."""

    x: int = 1


LOOKALIKES: list[tuple[Any, Callable[[], Any]]] = [
    (1, lambda: True),
    (1, lambda: 1.0),
    (1, lambda: Decimal(1)),
    (1, lambda: "1"),
    (0.0, lambda: -0.0),
    ("red", lambda: Colour.RED),
    ("red", lambda: Text("red")),
    ({"x": 1}, Point),
    ("2026-11-22T12:00:00+00:00", lambda: NOW),
    ("YQ==", lambda: b"a"),
    ([1, 2], lambda: (1, 2)),
    ([1, 2], lambda: {1, 2}),
    (2**70, lambda: float(2**70)),
    ({"x": 1, "y": None}, lambda: {"x": 1, "y": NOTHING}),
    (1, lambda: NOTHING),
    (1, lambda: Wrapped.NOTHING),
    (1, lambda: Fragment(b"1")),
    (1, lambda: Count.ONE),
    ({"x": 1}, lambda: {"x": NOTHING}),
    ({"x": 1}, lambda: {1: 1}),
    ({"x": [1]}, lambda: OrderedDict(x=[1])),
    ("2fb12e0e-5e0c-4c4d-a5d1-5d5a5d2f9c11", lambda: UUID("2fb12e0e-5e0c-4c4d-a5d1-5d5a5d2f9c11")),
    ("2026-11-22", NOW.date),
    ("12:00:00", NOW.time),
    (b"a", lambda: bytearray(b"a")),
    (b"a", lambda: memoryview(b"a")),
    ({"x"}, lambda: frozenset({"x"})),
    (Decimal("0.10000000000000000001"), lambda: Decimal("0.100000000000000000010")),
    (0.5, lambda: Decimal("0.5")),
    (None, lambda: nan),
    ("", lambda: None),
]


@pytest.mark.parametrize(("was", "becomes"), LOOKALIKES)
def test_values_that_look_alike(was: Any, becomes: Callable[[], Any]) -> None:
    """In JSON, or to Python, they are one; stored is what the turn made of it."""
    turns = [turn_of({"list": [was], "map": {"member": was}}) for _ in range(2)]
    for turn in turns:
        turn.user.data["list"][0] = turn.user.data["map"]["member"] = becomes()

    assert repr(saved(turns[0], is_whole=True)) == repr(saved(turns[1], is_whole=False))


KNOWN: st.SearchStrategy[Any] = st.recursive(
    VALUES | st.sampled_from([becomes for _, becomes in LOOKALIKES]).map(lambda make: make()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
MARSHALL = st.builds(
    MarshallConfig,
    remove_undefined_values=st.booleans(),
    convert_class_instance_to_map=st.booleans(),
    convert_empty_values=st.booleans(),
    allow_imprecise_numbers=st.booleans(),
)


@given(DATA, st.data(), MARSHALL)
def test_kept_or_made_is_one(data: dict[str, Any], draw: st.DataObject, marshall: MarshallConfig) -> None:
    """Whatever the serializer knows is put in, and however it is set: what is stored, or the error, is the same."""
    item: Item = {"userId": {"S": "user"}, "user": DynamoDbSerializer().serialize({"data": data})}
    layout = Layout(
        config=DynamoDbConfig("users", marshall=marshall), serializer=DynamoDbSerializer(marshall), user_data=dict
    )
    turn = turn_from_item(layout, item, "user", now=NOW, session=None, turn_id=None)
    for name, member in turn.user.data.items():
        if type(member) in (list, dict) and member and draw.draw(st.booleans()):
            place = draw.draw(st.sampled_from([*member] if type(member) is dict else [*range(len(member))]))
            member[place] = draw.draw(KNOWN)
        elif draw.draw(st.booleans()):
            turn.user.data[name] = draw.draw(KNOWN)

    assert repr(saved(turn, is_whole=True, layout=layout)) == repr(saved(turn, is_whole=False, layout=layout))


@pytest.mark.parametrize("bad", [nan, inf, "\ud800", object(), {1: 2}])
def test_what_has_no_form_is_refused(bad: Any) -> None:
    """In place of None, too, as which NaN appears in JSON; and a structure in itself."""
    turn = turn_of({"list": [None], "map": {"member": None}})
    turn.user.data["list"][0] = bad
    with pytest.raises(SerializationError, match=r"user\.data\.list"):
        stored(turn, is_whole=False)
    turn = turn_of({"list": [None]})
    turn.user.data["list"].append(turn.user.data["list"])
    with pytest.raises(SerializationError, match="contains itself"):
        stored(turn, is_whole=False)


@given(DATA)
@example({"numbers": [1] * 50})  # the least that JSON needs for what takes most
def test_the_bounds_hold(data: dict[str, Any]) -> None:
    """An item is never larger than its snapshot says."""
    turn = turn_of(data)
    snapshot = turn.loaded.stored
    size = sum(len(name.encode()) + attribute_size(value) for name, value in snapshot.item().items())

    assert size <= snapshot.tighter_bound() <= snapshot.size_bound
    assert size <= size_bound(snapshot.item())


ENTRIES = st.fixed_dictionaries(
    {"write": st.text("ab-_", min_size=1, max_size=3).map(lambda text: {"S": text})},
    optional={
        "turn": st.text('ab"\\{}]é', max_size=4).map(lambda text: {"S": text}),
        "lost": st.just({"BOOL": True}),
        "open": st.just({"S": "a"}),
        "response": st.sampled_from([{"S": '}}},{"M":{'}, {"M": {"write": {"S": "x"}}}, {"L": [{"M": {}}, {"M": {}}]}]),
        "else": st.sampled_from([{"L": [{"M": {"a": {"S": "b"}}}, {"M": {"a": {"S": "b"}}}]}, {"M": {}}]),
    },
).map(lambda members: {"M": members})


def entry(write: str, **members: Any) -> Entry:
    """A recent turn."""
    return {"M": {"write": {"S": write}, **members}}


REPLIED = [entry(write, turn={"S": write}, response={"S": "Hello"}) for write in "xyz"]


@given(st.lists(ENTRIES, max_size=5), ENTRIES, st.integers(1, 6), st.sets(st.sampled_from(["a", "b"])))
@example([entry("a"), entry("b"), entry("c")], entry("d"), 3, set())
@example([entry("a"), entry("b"), entry("c")], entry("d"), 1, set())
@example([entry("a"), entry("b"), entry("c")], entry("d"), 9, {"b"})
@example(REPLIED, REPLIED[0], 9, set())
@example([entry("a"), entry("b", open={"S": "t"})], entry("d", turn={"S": "t"}), 9, set())
@example([entry("a", more={"L": [entry("b"), entry("c")]}), entry("d")], entry("e"), 2, set())
def test_recent_turns_are_laid_before_others_as_text(
    before: list[Entry], newest: Entry, most: int, own_writes: set[str]
) -> None:
    """What need not be read is not read, and the same is written as if it were."""
    config = DynamoDbConfig("users", recent_turns=most, recent_responses=1)
    expected = recent_with(config, newest, before, own_writes)

    written = recent_json(config, newest, encoded({"L": before}), own_writes)
    assert {"L": expected} == decoded(written)
