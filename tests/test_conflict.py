"""The merge of stored elements: who is asked, where things are, and what may stand there."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import NOTHING
from hypothesis import given
from hypothesis import strategies as st

from dynadb_async import DynamoDbConfig, DynamoDbSerializer, StoredElements, VersionConflictError
from dynadb_async.errors import MalformedItemError, Path, SerializationError, dotted
from dynadb_async.item import Item, Layout
from dynadb_async.item.conflict import merged

SERIALIZER = DynamoDbSerializer()
ALL = StoredElements(session=True, history=True)
Resolver = Callable[[str, Any, Any, Any], Any]


def item_of(**elements: Any) -> Item:
    """Elements as they are stored."""
    return {name: SERIALIZER.serialize(element) for name, element in elements.items()}


def merged_element(name: str, sides: tuple[Any, Any, Any], on_conflict: Any = "merge") -> Any:
    """The element *name* after the merge of three sides of it; the other elements are the same on all."""
    others = {"user": {}, "session": {"id": "s"}, "history": {"items": [{}]}, "createdAt": "2026-11-26T12:00:00.000Z"}
    layout = Layout(
        config=DynamoDbConfig("users", stored_elements=ALL, on_conflict=on_conflict),
        serializer=SERIALIZER,
        user_data=dict,
    )
    times = {"updatedAt": others["createdAt"]}
    items = [item_of(**{**others, **times, name: side}) for side in sides]
    return SERIALIZER.deserialize(merged(layout, *items)[name])


@given(*[st.lists(st.text('.[]"\\ a1', max_size=3) | st.integers(0, 9), min_size=1, max_size=4).map(tuple)] * 2)
def test_paths_are_unambiguous(one: Path, other: Path) -> None:
    """No two places have the same text."""
    assert (one == other) == (dotted(one) == dotted(other))


def test_a_name_with_a_point_is_no_path() -> None:
    """A member named `a.b`, and `b` in a member `a`, are told apart."""
    sides = [{"data": {"a.b": {"c": end}, "a": {"b": {"c": end}}, "d[0]": end}} for end in ("x", "y", "z")]

    with pytest.raises(VersionConflictError) as caught:
        merged_element("user", (sides[0], sides[1], sides[2]))

    assert {'user.data["a.b"].c', "user.data.a.b.c", 'user.data["d[0]"]'} == set(caught.value.paths)


async def awaited(*_: Any) -> dict[str, Any]:
    """Nobody awaits it."""
    return {}


USERS = ({"data": {"a": 1}}, {"data": {"a": 2}}, {"data": "text"})
SESSIONS = ({"id": "s", "data": {"a": 1}}, {"id": "s", "data": {"a": 2}}, {"id": "s", "data": "text"})
OLDER = {"output": "edited"}
HISTORIES = (
    {"items": [{"output": "old"}, {"output": "older"}]},
    {"items": [{"output": "ours"}, OLDER, {"output": "older"}]},
    {"items": [{"output": "theirs"}, {"output": "old"}, {"output": "older"}]},
)
WRONG: list[tuple[str, Any, Resolver, str]] = [
    ("user", USERS, lambda *_: "text", r"on_conflict returned str, expected a map - at user\.data"),
    ("user", USERS, lambda *_: None, r"on_conflict returned NoneType, expected a map - at user\.data"),
    ("user", USERS, lambda *_: [{}], r"on_conflict returned list, expected a map - at user\.data"),
    ("user", USERS, lambda *_: awaited(), r"has to be awaited; let it return the value itself - at user\.data"),
    ("user", USERS, lambda *_: {"a": object()}, r"- at user\.data\.a"),
    ("session", SESSIONS, lambda *_: 7, r"on_conflict returned int, expected a map - at session\.data"),
    ("history", HISTORIES, lambda *_: {}, r"on_conflict returned dict, expected a list of maps - at history\.items"),
    ("history", HISTORIES, lambda *_: ["x"], r"on_conflict returned list, expected a list of maps - at history\.items"),
    ("history", HISTORIES, lambda *_: "text", r"on_conflict returned str, expected a list of maps - at history\.items"),
]


@pytest.mark.parametrize(("name", "sides", "function", "said"), WRONG)
def test_an_answer_fits_its_place(name: str, sides: Any, function: Resolver, said: str) -> None:
    """What `on_conflict` returns is checked before anything is written, with the place in the error."""
    with pytest.raises(SerializationError, match=said):
        merged_element(name, sides, function)


def test_an_answer_stands() -> None:
    """A map, a list of maps, newest first as the turn has it, or nothing at all."""
    asked: list[Any] = []

    def newest(*question: Any) -> Any:
        asked.append(question)
        return question[2]

    assert {"data": {"b": 1}} == merged_element("user", USERS, lambda *_: {"b": 1})
    assert {} == merged_element("user", USERS, lambda *_: NOTHING)
    assert [{"output": "ours"}, OLDER, {"output": "older"}] == merged_element("history", HISTORIES, newest)["items"]
    old, older = HISTORIES[0]["items"]
    assert [("history.items", [old, older], [OLDER, older], [{"output": "theirs"}, old, older])] == asked


def test_a_malformed_history_is_left_alone() -> None:
    """What another program stored meanwhile is not taken for entries."""
    with pytest.raises(MalformedItemError, match="history"):
        merged_element("history", (HISTORIES[0], HISTORIES[1], {"items": "text"}))


def test_an_id_that_another_program_made_a_number_is_the_same() -> None:
    """A session is merged if its id is the same, of whatever type it is."""
    sides = ({"id": 1}, {"id": 2, "data": {"a": "x"}}, {"id": 2, "data": {"b": "y"}})

    assert {"id": 2, "data": {"a": "x", "b": "y"}}.items() <= merged_element("session", sides).items()
