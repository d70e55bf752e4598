"""The history: what a turn leaves for the turns after it, and how much of it is kept."""

import logging
from typing import Any

import pytest
from attrs import NOTHING, fields_dict

from dynadb_async import AsyncDynamoDb, DynamoDbSerializer, Session, StoredElements, StoredHistory, Turn
from dynadb_async.values.size import attribute_size
from tests.tables import Table

ELEMENTS = ("output", "nlu", "asr", "state", "input", "entities", "request", "response")


def adapter(table: Table, **history: Any) -> AsyncDynamoDb[Any]:
    """An adapter that stores a history with these settings."""
    return table.adapter(stored_elements=StoredElements(history=StoredHistory(**history)))


async def say(db: AsyncDynamoDb[Any], user_id: str, *outputs: Any) -> None:
    """One turn for each output."""
    for output in outputs:
        async with db.turn(user_id) as turn:
            turn.output = output


def items(table: Table, user_id: str) -> list[Any]:
    """The history as it is stored."""
    stored: list[Any] = DynamoDbSerializer().deserialize((table.item(user_id) or {})["history"])["items"]
    return stored


def outputs(table: Table, user_id: str) -> list[Any]:
    """What was said, newest first."""
    return [entry["output"] for entry in items(table, user_id)]


async def everything(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """A turn that sets all that a history can hold, each to its own name."""
    async with db.turn(user_id, session=Session("s-1", state="state")) as turn:
        for name in ELEMENTS:
            if name != "state":
                setattr(turn, name, name)


async def test_the_newest_is_first_and_the_current_turn_is_not_in_it(table: Table, user_id: str) -> None:
    """`prev` is the turn before this one."""
    async with adapter(table) as db:
        async with db.turn(user_id) as turn:
            assert turn.history.prev is None
            turn.output = "first"
        await say(db, user_id, "second")
        async with db.turn(user_id) as turn:
            turn.output = "third"
            assert turn.history.prev == {"output": "second"}
            assert [entry["output"] for entry in turn.history.items] == ["second", "first"]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
async def test_so_many_turns_are_kept_as_size_says(table: Table, user_id: str, size: int) -> None:
    """The oldest go."""
    async with adapter(table, size=size) as db:
        await say(db, user_id, "a", "b", "c", "d")
    assert outputs(table, user_id) == ["d", "c", "b", "a"][:size]


async def test_a_smaller_size_cuts_on_the_next_save(table: Table, user_id: str) -> None:
    """What is stored already is loaded whole, and cut by the save."""
    async with adapter(table, size=5) as db:
        await say(db, user_id, "a", "b", "c", "d", "e")
    async with adapter(table, size=2) as db:
        assert len((await db.load(user_id)).history.items) == 5
        await say(db, user_id, "f")
    assert outputs(table, user_id) == ["f", "e"]


async def test_the_defaults_are_output_and_nlu(table: Table, user_id: str) -> None:
    """As the reference's documentation says."""
    async with adapter(table) as db:
        await everything(db, user_id)
    assert items(table, user_id) == [{"output": "output", "nlu": "nlu"}]


@pytest.mark.parametrize("name", ELEMENTS)
async def test_each_element_has_its_switch(table: Table, user_id: str, name: str) -> None:
    """On is stored, off is off, whatever the others are."""
    async with adapter(table, **(dict.fromkeys(ELEMENTS, False) | {name: True})) as only:
        await everything(only, user_id)
    async with adapter(table, **(dict.fromkeys(ELEMENTS, True) | {name: False})) as without:
        await everything(without, user_id)

    newest, before = items(table, user_id)
    assert before == {name: name}
    assert newest == {element: element for element in ELEMENTS if element != name}


def test_no_element_was_forgotten_here() -> None:
    """The tests above know all switches there are."""
    assert set(ELEMENTS) == set(fields_dict(StoredHistory)) - {"size", "max_bytes", "custom"}


async def test_what_a_handler_did_not_set_is_absent(table: Table, user_id: str) -> None:
    """An entry is there for each turn all the same; what is set to something false is stored."""
    async with adapter(table, **dict.fromkeys(ELEMENTS, True)) as db:
        await say(db, user_id, None, "", [])
    assert items(table, user_id) == [{"output": []}, {"output": ""}, {}]


async def test_state_is_the_sessions_at_the_save(table: Table, user_id: str) -> None:
    """Of what the handler made of it."""
    async with adapter(table, state=True, output=False) as db, db.turn(user_id, session=Session("s")) as turn:
        turn.session.state = ["Order"]
    assert items(table, user_id) == [{"state": ["Order"]}]


async def test_custom_elements_are_functions_of_the_turn(table: Table, user_id: str) -> None:
    """Sync or async, called at the save; NOTHING is left out, None is stored."""

    async def awaited(turn: Turn[Any]) -> str:
        return f"awaited {turn.response}"

    async def nothing(_: Turn[Any]) -> Any:
        return NOTHING

    custom = {
        "called": lambda turn: [turn.response],
        "awaited": awaited,
        "none": lambda _: None,
        "left_out": lambda _: NOTHING,
        "nothing": nothing,
    }
    async with adapter(table, custom=custom) as db, db.turn(user_id) as turn:
        turn.response = "ok"
    assert items(table, user_id) == [{"called": ["ok"], "awaited": "awaited ok", "none": None}]


async def test_a_custom_element_that_raises_fails_the_turn(table: Table, user_id: str) -> None:
    """Its error comes through unchanged, and nothing is saved."""
    async with adapter(table, custom={"bad": lambda _: 1 // 0}) as db:
        with pytest.raises(ZeroDivisionError):
            await say(db, user_id, "hello")
    assert table.item(user_id) is None


@pytest.mark.parametrize("max_bytes", [200, 1_000, 10_000])
async def test_the_oldest_go_when_all_are_too_large(table: Table, user_id: str, max_bytes: int) -> None:
    """As many of the newest are kept as fit, by DynamoDB's count of the whole element."""
    said = [f"{number:02}" + "x" * 90 for number in range(20)]
    async with adapter(table, size=50, max_bytes=max_bytes) as db:
        await say(db, user_id, *said)

    kept = outputs(table, user_id)
    assert kept == said[::-1][: len(kept)]
    element = (table.item(user_id) or {})["history"]
    assert attribute_size(element) <= max_bytes
    one_more = attribute_size(element["M"]["items"]["L"][0]) + 1
    assert len(kept) == 20 or attribute_size(element) + one_more > max_bytes


async def test_an_entry_too_large_by_itself_is_not_kept(
    table: Table, user_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The turn is saved without it, and a warning says so, without its content."""
    async with adapter(table, max_bytes=100) as db:
        await say(db, user_id, "short", "secret " * 100)
        assert items(table, user_id) == []
        await say(db, user_id, "short again")
    assert outputs(table, user_id) == ["short again"]
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("dynadb_async", logging.WARNING)
    assert "max_bytes" in record.getMessage()
    assert "secret" not in record.getMessage()


async def test_a_checkpoint_leaves_one_entry_that_the_last_save_decides(table: Table, user_id: str) -> None:
    """However often a turn is saved, it is one turn."""
    async with adapter(table) as db:
        await say(db, user_id, "before")
        async with db.turn(user_id) as turn:
            for output in ("thinking", "still thinking", "done"):
                turn.output = output
                await db.save(turn)
                assert outputs(table, user_id) == [output, "before"]
    assert outputs(table, user_id) == ["done", "before"]


async def test_two_turns_at_once_are_both_in_it(table: Table, user_id: str) -> None:
    """Newest first by their saves, and within size."""
    async with adapter(table) as db:
        await say(db, user_id, "a", "b")
        ours, theirs = await db.load(user_id), await db.load(user_id)
        ours.output, theirs.output = "ours", "theirs"
        await db.save(theirs)
        await db.save(ours)
    assert outputs(table, user_id) == ["ours", "theirs", "b"]


async def test_a_handler_may_rewrite_the_history(table: Table, user_id: str) -> None:
    """To take words out of it, say; another turn at once keeps its own entry."""
    async with adapter(table, size=5) as db:
        await say(db, user_id, "a", "b")
        turn = await db.load(user_id)
        turn.history.items.clear()
        turn.output = "forgotten"
        await db.save(turn)
        assert outputs(table, user_id) == ["forgotten"]
