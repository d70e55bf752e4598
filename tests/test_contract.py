"""What every engine must see, with DynamoDB's own form of the elements and with a serializer of one's own."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import aioboto3
import pytest
from attrs import NOTHING, evolve

from dynadb_async import (
    AsyncDynamoDb,
    DynamoDbSerializer,
    MalformedItemError,
    RequestError,
    SerializationError,
    Serializer,
    Session,
    StoredElements,
    TableNotFoundError,
    TimeToLive,
    Turn,
    UsageError,
    VersionConflictError,
)
from examples.json_serializer import JsonSerializer
from tests.engines import Engine
from tests.names import shown
from tests.tables import Clock, Table, new_table

ALL_STORED = StoredElements(session=True, history=True)
DATA = {"name": "Zoë", "visits": 3, "score": 0.1, "big": 10**30, "tags": ["a", {"b": None}], "on": True, "none": {}}
CONTROL_PLANE = {"DescribeTable", "CreateTable", "DescribeTimeToLive", "UpdateTimeToLive"}


@pytest.fixture(scope="module")
def table(engine: Engine) -> Iterator[Table]:
    """One table for all tests of an engine; each has a user of its own."""
    with new_table(engine) as table:
        yield table


@pytest.fixture(params=[DynamoDbSerializer(), JsonSerializer()], ids=["native", "json"])
def serializer(request: pytest.FixtureRequest) -> Serializer:
    """Each serializer in turn."""
    serializer: Serializer = request.param
    return serializer


@pytest.fixture
def clock() -> Clock:
    """A clock that the test moves."""
    return Clock()


@pytest.fixture
async def db(table: Table, serializer: Serializer, clock: Clock) -> AsyncIterator[AsyncDynamoDb[Any]]:
    """An adapter that stores all elements."""
    async with table.adapter(serializer=serializer, clock=clock, stored_elements=ALL_STORED) as db:
        yield db


@pytest.fixture
async def other(db: AsyncDynamoDb[Any], table: Table, serializer: Serializer) -> AsyncIterator[AsyncDynamoDb[Any]]:
    """What another process has: the same settings, and nothing shared."""
    async with table.adapter(config=db.config, serializer=serializer, clock=db._clock) as other:
        yield other


async def store(db: AsyncDynamoDb[Any], user_id: str, **data: Any) -> None:
    """One ordinary turn that sets members of the user's data."""
    async with db.turn(user_id, session=Session("s-0", is_new=False)) as turn:
        turn.user.data.update(data)


async def stored_data(db: AsyncDynamoDb[Any], user_id: str) -> Any:
    """The user's data as the next turn sees it."""
    return (await db.load(user_id)).user.data


def recent(table: Table, user_id: str) -> list[dict[str, Any]]:
    """The item's own record of its recent turns."""
    item = table.item(user_id)
    assert item is not None
    return [entry["M"] for entry in item["recentTurns"]["L"]]


def count_calls(session: aioboto3.Session) -> list[str]:
    """The operations that clients of *session* send from now on."""
    operations: list[str] = []
    session._session.register("before-call.dynamodb", lambda model, **_: operations.append(model.name))
    return operations


# A turn and what it leaves


async def test_the_first_turn_makes_its_table(engine: Engine, serializer: Serializer, user_id: str) -> None:
    """A table's name is all that the very first turn needs."""
    with new_table(engine) as table:
        pass
    fresh = evolve(table, name=f"test-{uuid4().hex}")
    async with fresh.adapter(serializer=serializer) as db:
        await store(db, user_id, name="Ada")

        assert await stored_data(db, user_id) == {"name": "Ada"}


async def test_user_data_is_read_as_it_was_written(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str
) -> None:
    """Another process reads what the handler set, value and type."""
    await store(db, user_id, **DATA)

    read = await stored_data(other, user_id)
    assert read == DATA
    assert {name: type(value) for name, value in read.items()} == {name: type(value) for name, value in DATA.items()}


async def test_a_user_is_new_once(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """`is_new` says that nothing was stored about this person."""
    async with db.turn(user_id) as first:
        assert first.user.is_new
    async with db.turn(user_id) as second:
        assert not second.user.is_new


@pytest.mark.parametrize("is_new", [True, False])
async def test_a_block_that_raises_saves_nothing(
    db: AsyncDynamoDb[Any], table: Table, user_id: str, is_new: bool
) -> None:
    """A handler's partial changes are not stored, and its error comes through unchanged."""
    if not is_new:
        await store(db, user_id, visits=1)
    before = table.item(user_id)

    async def failing_turn() -> None:
        async with db.turn(user_id) as turn:
            turn.user.data["visits"] = 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing_turn()

    assert table.item(user_id) == before
    await store(db, user_id, visits=3)
    assert await stored_data(db, user_id) == {"visits": 3}


async def test_foreign_attributes_and_disabled_elements_survive(
    table: Table, serializer: Serializer, user_id: str
) -> None:
    """What we don't store is not ours to delete, whatever it looks like."""
    foreign = {"email": {"S": "ada@example.com"}, "history": {"S": "not even a map"}, "session": {"NULL": True}}
    user = serializer.serialize({"data": {"visits": 1}})
    table.put(user_id, user=user, createdAt={"S": "a while ago"}, **foreign)

    async with table.adapter(serializer=serializer, stored_elements=StoredElements(created_at=False)) as db:
        await store(db, user_id, visits=2)

    item = table.item(user_id) or {}
    assert {name: item[name] for name in foreign} == foreign
    assert item["createdAt"] == {"S": "a while ago"}
    assert serializer.deserialize(item["user"]) == {"data": {"visits": 2}}


STORED_AT = datetime(2026, 3, 1, 11, 49, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stored", "at"),
    [
        ({"S": "2026-03-01T11:49:00.000Z"}, STORED_AT),
        ({"S": "2026-03-01T12:49+01:00"}, STORED_AT),
        ({"S": "2026-03-01T11:49:00"}, STORED_AT),
        ({"N": str(int(1000 * STORED_AT.timestamp()))}, STORED_AT),
        ({"S": "a while ago"}, None),
        ({"N": "1E+100"}, None),
        ({"BOOL": True}, None),
        (None, None),
    ],
    ids=["ours", "elsewhere", "nowhere", "epoch milliseconds", "unreadable", "out of range", "no time", "none"],
)
async def test_times_that_another_program_stored(
    db: AsyncDynamoDb[Any],
    table: Table,
    serializer: Serializer,
    clock: Clock,
    user_id: str,
    stored: Any,
    at: datetime | None,
) -> None:
    """What can be read is the turn's, and stored in our form; in place of what can't, it is now."""
    times = {} if stored is None else {"createdAt": stored, "updatedAt": stored}
    table.put(user_id, user=serializer.serialize({"data": {}}), **times)
    at = at or clock.now
    async with db.turn(user_id) as turn:
        assert turn.created_at == turn.updated_at == at

    text = f"{at.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"
    assert (table.item(user_id) or {})["createdAt"] == {"S": text}


async def test_unknown_members_of_elements_survive(
    db: AsyncDynamoDb[Any], table: Table, serializer: Serializer, user_id: str
) -> None:
    """Known members are laid over the stored element, which keeps the rest."""
    session = {"id": "s-1", "data": {}, "updatedAt": "2026-03-01T12:00:00.000Z", "_REPROMPTS_": ["hm?"]}
    elements = {"user": {"data": {}, "vip": True}, "session": session, "history": {"items": [], "since": "v3"}}
    table.put(user_id, **{name: serializer.serialize(element) for name, element in elements.items()})

    async with db.turn(user_id, session=Session("s-1", is_new=False)) as turn:
        turn.user.data["visits"] = 1

    item = table.item(user_id) or {}
    stored = {name: serializer.deserialize(item[name]) for name in elements}
    assert stored["user"] == {"data": {"visits": 1}, "vip": True}
    assert stored["session"]["_REPROMPTS_"] == ["hm?"]
    assert stored["history"]["since"] == "v3"


async def test_the_item_says_when_it_was_created_and_updated(
    db: AsyncDynamoDb[Any], table: Table, clock: Clock, user_id: str
) -> None:
    """`createdAt` stays; `updatedAt` is the time of the save, which the next turn sees."""
    await store(db, user_id)
    clock.move(seconds=1.5)
    async with db.turn(user_id) as turn:
        assert turn.updated_at == clock.now - timedelta(seconds=1.5)
        clock.move(seconds=0.25)

    item = table.item(user_id) or {}
    assert item["createdAt"] == {"S": "2026-03-01T12:00:00.000Z"}
    assert item["updatedAt"] == {"S": "2026-03-01T12:00:01.750Z"}


async def test_delete_is_idempotent_and_complete(db: AsyncDynamoDb[Any], table: Table, user_id: str) -> None:
    """Whoever is deleted is a new user; deleting nobody is fine."""
    await store(db, user_id, name="Ada")
    await db.delete(user_id)
    await db.delete(user_id)

    assert table.item(user_id) is None
    assert (await db.load(user_id)).user.is_new


@pytest.mark.parametrize("on_conflict", ["merge", "raise", "overwrite", lambda *_: 1], ids=shown)
async def test_a_stale_save_does_not_bring_a_deleted_user_back(
    db: AsyncDynamoDb[Any], table: Table, serializer: Serializer, user_id: str, on_conflict: Any
) -> None:
    """Whatever `on_conflict` says, deleted is deleted."""
    async with table.adapter(serializer=serializer, on_conflict=on_conflict) as stale:
        await store(stale, user_id, name="Ada")
        turn = await stale.load(user_id)
        await db.delete(user_id)

        with pytest.raises(VersionConflictError) as caught:
            await stale.save(turn)

    assert caught.value.deleted
    assert table.item(user_id) is None


async def test_handle_does_not_run_again_for_a_deleted_user(db: AsyncDynamoDb[Any], table: Table, user_id: str) -> None:
    """A re-run would make the user anew."""
    await store(db, user_id, name="Ada")
    runs = []

    async def handler(turn: Turn[Any]) -> None:
        runs.append(turn)
        await db.delete(user_id)

    with pytest.raises(VersionConflictError, match="deleted"):
        await db.handle(user_id, handler)
    assert len(runs) == 1
    assert table.item(user_id) is None


async def test_export_is_everything(db: AsyncDynamoDb[Any], table: Table, serializer: Serializer, user_id: str) -> None:
    """Also what other programs stored; nothing for somebody unknown."""
    assert await db.export(user_id) == {}
    table.put(user_id, user=serializer.serialize({"data": {"name": "Ada"}}), email={"S": "ada@example.com"})

    exported = {"userId": user_id, "user": {"data": {"name": "Ada"}}, "email": "ada@example.com"}
    assert await db.export(user_id) == exported


async def test_a_discarded_turn_saves_nothing(db: AsyncDynamoDb[Any], table: Table, user_id: str) -> None:
    """`discard()` leaves the item as it was."""
    await store(db, user_id, visits=1)
    before = table.item(user_id)

    async with db.turn(user_id) as turn:
        turn.user.data["visits"] = 2
        turn.discard()

    assert table.item(user_id) == before


async def test_a_forgotten_user_is_deleted_by_the_save(db: AsyncDynamoDb[Any], table: Table, user_id: str) -> None:
    """`forget()` deletes everything, and only if the block succeeds."""
    await store(db, user_id, name="Ada")
    with suppress(ZeroDivisionError):
        async with db.turn(user_id) as turn:
            turn.forget()
            raise ZeroDivisionError
    assert table.item(user_id) is not None

    async with db.turn(user_id) as turn:
        turn.forget()
    assert table.item(user_id) is None


async def test_a_disabled_adapter_neither_loads_nor_saves(table: Table, serializer: Serializer, user_id: str) -> None:
    """With `enabled=False` turns run, and there is not even a client."""
    table.put(user_id, email={"S": "ada@example.com"})
    before = table.item(user_id)
    session = aioboto3.Session()
    calls = count_calls(session)
    config = table.config(enabled=False)
    async with AsyncDynamoDb(config, serializer=serializer, aws_session=session) as db:
        async with db.turn(user_id, session=Session("s")) as turn:
            assert turn.user.is_new
            turn.user.data["name"] = "Ada"
        await db.delete(user_id)
        await db.ensure_table()
        assert await db.export(user_id) == {}

    assert calls == []
    assert table.item(user_id) == before


# Two turns at once


async def test_changes_of_different_things_merge(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str
) -> None:
    """Two turns that change different members both keep their changes, and both are in the history."""
    await store(db, user_id, kept=1)
    ours, theirs = await db.load(user_id), await other.load(user_id)
    ours.user.data["ours"], ours.output = "us", "we said"
    theirs.user.data["theirs"], theirs.output = "them", "they said"

    await other.save(theirs)
    await db.save(ours)

    turn = await other.load(user_id)
    assert turn.user.data == {"kept": 1, "ours": "us", "theirs": "them"}
    assert [entry.get("output") for entry in turn.history.items] == ["we said", "they said", None]


async def test_two_first_turns_merge(db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str) -> None:
    """Two processes may both meet a new user."""
    ours, theirs = await db.load(user_id), await other.load(user_id)
    ours.user.data["ours"], theirs.user.data["theirs"] = 1, 2

    await other.save(theirs)
    await db.save(ours)

    assert await stored_data(db, user_id) == {"ours": 1, "theirs": 2}


@pytest.mark.parametrize("is_earlier_saved_first", [True, False])
async def test_a_merge_keeps_the_older_begin_and_the_newer_end(
    db: AsyncDynamoDb[Any], table: Table, clock: Clock, user_id: str, is_earlier_saved_first: bool
) -> None:
    """Of two first turns at once, `createdAt` is the earlier and `updatedAt` the last save's, in either order."""
    earlier = await db.load(user_id)
    clock.move(seconds=1)
    later = await db.load(user_id)
    for turn in (earlier, later) if is_earlier_saved_first else (later, earlier):
        clock.move(seconds=1)
        await db.save(turn)

    item = table.item(user_id) or {}
    assert item["createdAt"] == {"S": "2026-03-01T12:00:00.000Z"}
    assert item["updatedAt"] == {"S": "2026-03-01T12:00:03.000Z"}


async def test_a_merge_keeps_the_newer_end_of_a_clock_ahead(
    db: AsyncDynamoDb[Any], table: Table, clock: Clock, user_id: str
) -> None:
    """`updatedAt` does not go back because the last saver's clock does."""
    ours, theirs = await db.load(user_id), await db.load(user_id)
    clock.move(seconds=5)
    await db.save(theirs)
    clock.move(seconds=-3)
    await db.save(ours)

    assert (table.item(user_id) or {})["updatedAt"] == {"S": "2026-03-01T12:00:05.000Z"}


async def test_changes_of_the_same_thing_are_told(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], table: Table, user_id: str
) -> None:
    """The error has every path, nothing is written, and no value or user id is in its text."""
    await store(db, user_id, name="Ada", pet={"name": "Rex"}, kept=1)
    ours, theirs = await db.load(user_id), await other.load(user_id)
    for turn, name in ((theirs, "Grace"), (ours, "Edsger")):
        turn.user.data |= {"name": name, "pet": {"name": f"{name}'s"}}
    await other.save(theirs)
    before = table.item(user_id)

    with pytest.raises(VersionConflictError) as caught:
        await db.save(ours)

    assert set(caught.value.paths) == {"user.data.name", "user.data.pet.name"}
    assert not caught.value.deleted
    assert not any(secret in str(caught.value) for secret in ("Grace", "Edsger", user_id))
    assert table.item(user_id) == before


async def test_two_increments_conflict_and_handle_counts_both(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str
) -> None:
    """1 → 2 twice is 3: `handle()` runs again on what the other turn stored, with the request's own session."""
    await store(db, user_id, visits=1)
    seen: list[dict[str, Any]] = []

    async def handler(turn: Turn[Any]) -> str:
        seen.append(dict(turn.session.data))
        turn.session.data["run"] = len(seen)
        turn.user.data["visits"] += 1
        if len(seen) == 1:
            await store(other, user_id, visits=2)
        return f"visit {turn.user.data['visits']}"

    response = await db.handle(user_id, handler, session=Session("s-1", data={"from": "request"}))

    assert response == "visit 3"
    assert await stored_data(db, user_id) == {"visits": 3}
    assert seen == [{"from": "request"}, {"from": "request"}]


async def test_handle_gives_up_after_five_runs(db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str) -> None:
    """A handler that always conflicts ends in the conflict, and not in an endless loop."""
    await store(db, user_id, visits=0)
    runs: list[int] = []

    async def handler(turn: Turn[Any]) -> None:
        runs.append(len(runs) + 1)
        await store(other, user_id, visits=turn.user.data["visits"] + 1)
        turn.user.data["visits"] += 1

    with pytest.raises(VersionConflictError) as caught:
        await db.handle(user_id, handler)
    assert caught.value.paths == ("user.data.visits",)
    assert runs == [1, 2, 3, 4, 5]


async def test_a_checkpoint_is_part_of_its_turn(db: AsyncDynamoDb[Any], table: Table, user_id: str) -> None:
    """Two saves of one turn store what each adds, in one history entry and one recent turn."""
    async with db.turn(user_id, turn_id="t-1") as turn:
        turn.user.data["asked"], turn.output = 1, "one moment"
        await db.save(turn)
        assert await stored_data(db, user_id) == {"asked": 1}
        turn.user.data["answered"], turn.output = 2, "done"

    last = await db.load(user_id)
    assert last.user.data == {"asked": 1, "answered": 2}
    assert last.history.items == [{"output": "done"}]
    assert len(recent(table, user_id)) == 1


async def test_saves_of_one_turn_are_no_conflict(table: Table, serializer: Serializer, user_id: str) -> None:
    """Each knows the one before, so that even `on_conflict="raise"` has nothing to say."""
    async with table.adapter(serializer=serializer, on_conflict="raise") as db:
        for visits in (3, 6):
            async with db.turn(user_id) as turn:
                for _ in range(2):
                    turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
                    await db.save(turn)
                turn.user.data["visits"] += 1
            assert await stored_data(db, user_id) == {"visits": visits}
    assert len(recent(table, user_id)) == 2


async def test_what_a_turn_leaves_is_merged_at_each_of_its_saves(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str
) -> None:
    """Lists and maps that this turn never touched take the other turn's changes, and stay at the second save."""
    async with db.turn(user_id) as turn:
        turn.user.data.update(seen=["a"], likes={"tea": True}, kept=["x"])
    turn = await db.load(user_id)
    async with other.turn(user_id) as theirs:
        theirs.user.data["seen"].append("b")
        theirs.user.data["likes"]["cake"] = True
    turn.user.data["visits"] = 1
    await db.save(turn)
    turn.user.data["visits"] = 2
    await db.save(turn)

    assert await stored_data(db, user_id) == {
        "seen": ["a", "b"],
        "likes": {"tea": True, "cake": True},
        "kept": ["x"],
        "visits": 2,
    }


async def test_a_second_save_after_somebody_elses_loses_nothing(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str
) -> None:
    """Neither the other turn's changes nor ours, before and after, and each turn has its history entry."""
    turn = await db.load(user_id, turn_id="t-1")
    turn.user.data["first"], turn.output = 1, "one moment"
    await db.save(turn)
    async with other.turn(user_id, turn_id="t-2") as between:
        between.user.data["between"], between.output = 2, "hello"
    turn.user.data["second"], turn.output = 3, "done"
    await db.save(turn)
    turn.user.data["third"] = 4
    await db.save(turn)

    last = await other.load(user_id)
    assert last.user.data == {"first": 1, "between": 2, "second": 3, "third": 4}
    assert sorted(entry["output"] for entry in last.history.items) == ["done", "hello"]


async def test_a_turn_merged_into_another_conflicts_over_what_it_had_not_seen(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str
) -> None:
    """A checkpoint that was merged still knows what it loaded: a later change of a counter is no overwrite."""
    await store(db, user_id, visits=1)
    turn = await db.load(user_id)
    turn.user.data["ours"] = True
    await store(other, user_id, visits=2)
    await db.save(turn)
    turn.user.data["visits"] = 2

    with pytest.raises(VersionConflictError) as caught:
        await db.save(turn)
    assert caught.value.paths == ("user.data.visits",)


def overwrite_as_jovo(table: Table, serializer: Serializer, user_id: str, data: dict[str, Any], at: str) -> None:
    """Store an item as the reference does: whole, unconditionally, without what it does not know."""
    table.put(user_id, user=serializer.serialize({"data": data}), createdAt={"S": at}, updatedAt={"S": at})


async def test_an_overwrite_by_jovo_is_seen(
    db: AsyncDynamoDb[Any], table: Table, serializer: Serializer, user_id: str
) -> None:
    """Jovo drops our record of turns; its changes are merged or told all the same."""
    await store(db, user_id, visits=1)
    merged, conflicting = await db.load(user_id), await db.load(user_id)
    overwrite_as_jovo(table, serializer, user_id, {"visits": 2}, "2026-03-01T12:00:07.000Z")
    merged.user.data["ours"] = True
    conflicting.user.data["visits"] = 2

    await db.save(merged)
    assert await stored_data(db, user_id) == {"visits": 2, "ours": True}
    with pytest.raises(VersionConflictError):
        await db.save(conflicting)


async def test_one_of_two_gets_an_item_of_jovo_in_the_other_merges(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], table: Table, serializer: Serializer, user_id: str
) -> None:
    """An item without our record lets exactly one saver in; the other one has to merge, and both are stored."""
    overwrite_as_jovo(table, serializer, user_id, {"visits": 1}, "2026-03-01T11:00:00.000Z")
    async with table.adapter(serializer=serializer, on_conflict="raise") as strict:
        turns = [await strict.load(user_id) for _ in range(2)]
        results = await asyncio.gather(*map(strict.save, turns), return_exceptions=True)
    assert sorted(type(result) for result in results if result) == [VersionConflictError]

    overwrite_as_jovo(table, serializer, user_id, {"visits": 1}, "2026-03-01T11:00:00.000Z")
    ours, theirs = await db.load(user_id), await other.load(user_id)
    ours.user.data["ours"], theirs.user.data["theirs"] = 1, 2
    await asyncio.gather(db.save(ours), other.save(theirs))
    assert await stored_data(db, user_id) == {"visits": 1, "ours": 1, "theirs": 2}


@pytest.mark.parametrize(
    ("loaded", "now"),
    [("11:00", "11:01"), (None, "11:01"), ("11:00", None)],
    ids=["changed", "appeared", "gone"],
)
async def test_jovos_time_of_update_is_the_lock_of_its_items(
    table: Table, serializer: Serializer, user_id: str, loaded: str | None, now: str | None
) -> None:
    """Between two items without our record, `updatedAt` tells them apart, also where it is missing."""

    def put(clock: str | None) -> None:
        updated = {"updatedAt": {"S": f"2026-03-01T{clock}:00.000Z"}} if clock else {}
        table.put(user_id, user=serializer.serialize({"data": {}}), **updated)

    put(loaded)
    async with table.adapter(serializer=serializer, on_conflict="raise") as db:
        unchanged, stale = await db.load(user_id), await db.load(user_id)
        put(now)
        with pytest.raises(VersionConflictError):
            await db.save(stale)
        put(loaded)
        await db.save(unchanged)


async def both_change_the_name(table: Table, serializer: Serializer, user_id: str, on_conflict: Any) -> Any:
    """The name that is stored when the turn that saves last has *on_conflict*, and where it started from nothing."""
    async with table.adapter(serializer=serializer, on_conflict=on_conflict) as db:
        await store(db, user_id, kept=1)
        ours, theirs = await db.load(user_id), await db.load(user_id)
        ours.user.data["name"], theirs.user.data["name"], theirs.user.data["theirs"] = "ours", "theirs", 2
        await db.save(theirs)
        await db.save(ours)
        return await stored_data(db, user_id)


async def test_on_conflict_raise_does_not_merge(
    db: AsyncDynamoDb[Any], table: Table, serializer: Serializer, user_id: str
) -> None:
    """Any other turn in between is a conflict, even of different things."""
    async with table.adapter(serializer=serializer, on_conflict="raise") as strict:
        turn = await strict.load(user_id)
        await store(db, user_id, theirs=1)
        turn.user.data["ours"] = 2
        with pytest.raises(VersionConflictError):
            await strict.save(turn)
    assert await stored_data(db, user_id) == {"theirs": 1}


async def test_on_conflict_overwrite_wins_whole(table: Table, serializer: Serializer, user_id: str) -> None:
    """The last save stores its own elements, whatever came between."""
    assert await both_change_the_name(table, serializer, user_id, "overwrite") == {"kept": 1, "name": "ours"}


async def test_on_conflict_function_decides(table: Table, serializer: Serializer, user_id: str) -> None:
    """It gets the path and three sides, NOTHING for a missing one, and only what a merge can't decide."""
    asked: list[Any] = []

    def decide(*question: Any) -> str:
        asked.append(question)
        return "both"

    stored = await both_change_the_name(table, serializer, user_id, decide)
    assert stored == {"kept": 1, "name": "both", "theirs": 2}
    assert asked == [("user.data.name", NOTHING, "ours", "theirs")]


async def test_on_conflict_function_may_delete(table: Table, serializer: Serializer, user_id: str) -> None:
    """What it answers with NOTHING is not stored."""
    assert await both_change_the_name(table, serializer, user_id, lambda *_: NOTHING) == {"kept": 1, "theirs": 2}


async def test_a_turn_has_an_on_conflict_of_its_own(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """It holds for that turn, where the configuration says to merge; what is none is refused at once."""
    await store(db, user_id, kept=1)
    strict, whole, asking, plain = [await db.load(user_id) for _ in range(4)]
    for name, turn in {"strict": strict, "whole": whole, "asking": asking, "plain": plain}.items():
        turn.user.data["name"] = name
    plain.user.data["plain"] = 1
    await db.save(plain)

    strict.on_conflict, whole.on_conflict, asking.on_conflict = "raise", "overwrite", lambda *_: "both"
    strict.user.data.pop("name")
    with pytest.raises(VersionConflictError, match="the item"):
        await db.save(strict)
    await db.save(asking)
    assert await stored_data(db, user_id) == {"kept": 1, "name": "both", "plain": 1}
    await db.save(whole)
    assert await stored_data(db, user_id) == {"kept": 1, "name": "whole"}
    plain.on_conflict = "ours"  # type: ignore[assignment]
    with pytest.raises(UsageError, match=r"turn\.on_conflict: expected 'merge'"):
        await db.save(plain)


async def test_handle_runs_again_where_its_turn_may_not_merge(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """So what a handler decides by one member is still true when it writes another."""
    seen = []

    async def handler(turn: Turn) -> None:
        turn.on_conflict = "raise"
        seen.append(turn.user.data.get("theirs"))
        turn.user.data["ours"] = 1
        if len(seen) == 1:
            theirs = await db.load(user_id)
            theirs.user.data["theirs"] = 2
            await db.save(theirs)

    await db.handle(user_id, handler)

    assert [None, 2] == seen
    assert await stored_data(db, user_id) == {"ours": 1, "theirs": 2}


async def test_a_revision_names_the_newest_write(
    db: AsyncDynamoDb[Any], table: Table, serializer: Serializer, user_id: str
) -> None:
    """Each write has another one, whoever loads it has the same, and what another program wrote has none."""
    turn = await db.load(user_id)
    assert turn.revision is None
    revisions = [None]
    for visits in range(2):
        turn.user.data["visits"] = visits
        await db.save(turn)
        revisions.append(turn.revision)
        assert turn.revision == (await db.load(user_id)).revision
    assert 3 == len({*revisions})

    overwrite_as_jovo(table, serializer, user_id, {"visits": 2}, "2026-03-01T12:00:07.000Z")
    assert (await db.load(user_id)).revision is None


# A turn delivered twice


async def test_a_later_delivery_is_not_applied(db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str) -> None:
    """The block of a duplicate sees the stored response, and what it changes is not saved."""
    async with db.turn(user_id, turn_id="t-1") as first:
        first.user.data["visits"], first.response = 1, {"say": "hello"}
        assert not first.is_duplicate

    for adapter in (db, other):
        async with adapter.turn(user_id, turn_id="t-1") as again:
            assert again.is_duplicate
            assert again.response == {"say": "hello"}
            again.user.data["visits"] += 1
    assert await stored_data(db, user_id) == {"visits": 1}


async def test_a_stored_response_outlasts_the_turns_after_it(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """The recent turns are stored again with each save; whatever is in them stays as it was."""
    response = {
        "audio": b"\x00\xff",
        "tags": {"a", "b"},
        "parts": [b"", {"say": 'h\u00e9 "B" \\ud800', "at": 0.1}, None],
    }
    async with db.turn(user_id, turn_id="t-1") as first:
        first.response = response
    for _ in range(2):
        async with db.turn(user_id) as later:
            later.user.data["visits"] = 1

    async with db.turn(user_id, turn_id="t-1") as again:
        assert again.is_duplicate
        assert again.response == response


async def test_handle_answers_a_later_delivery_from_the_item(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str
) -> None:
    """The handler is not run again."""

    async def handler(turn: Turn[Any]) -> dict[str, int]:
        turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
        return {"visits": turn.user.data["visits"]}

    answers = [await adapter.handle(user_id, handler, turn_id="t-1") for adapter in (db, other, db)]
    assert answers == [{"visits": 1}] * 3
    assert await db.handle(user_id, handler, turn_id="t-2") == {"visits": 2}


async def test_deliveries_at_the_same_time_are_applied_once(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str
) -> None:
    """In one process they queue, between processes the save finds out; all get the one answer."""
    runs = 0

    async def handler(turn: Turn[Any]) -> str:
        nonlocal runs
        runs += 1
        run = f"run {runs}"
        turn.user.data[run] = turn.user.data["visits"] = 1
        await asyncio.sleep(0.02)
        return run

    adapters = (db, other, db, other)
    answers = await asyncio.gather(*(adapter.handle(user_id, handler, turn_id="t-1") for adapter in adapters))
    data = await stored_data(db, user_id)
    assert len(set(answers)) == 1
    assert data == {"visits": 1, answers[0]: 1}
    assert runs <= 2  # one in each process at most


async def test_a_duplicate_is_found_by_the_save(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], table: Table, user_id: str
) -> None:
    """Both deliveries were loaded before either was saved: the second writes nothing and learns the response."""
    ours, theirs = await db.load(user_id, turn_id="t-1"), await other.load(user_id, turn_id="t-1")
    theirs.user.data["by"], theirs.response = "them", "hello"
    ours.user.data["by"], ours.response = "us", "hi"
    await other.save(theirs)
    before = table.item(user_id)

    await db.save(ours)

    assert ours.is_duplicate
    assert ours.response == "hello"
    assert table.item(user_id) == before


async def test_a_duplicate_is_found_behind_other_turns(
    db: AsyncDynamoDb[Any], other: AsyncDynamoDb[Any], user_id: str
) -> None:
    """The item remembers more than its last turn."""
    late = await db.load(user_id, turn_id="t-1")
    late.user.data["late"] = True
    for turn_id in ("t-1", "t-2", "t-3"):
        async with other.turn(user_id, turn_id=turn_id) as turn:
            turn.user.data[turn_id] = True

    await db.save(late)
    assert late.is_duplicate
    assert await stored_data(db, user_id) == {"t-1": True, "t-2": True, "t-3": True}


async def test_the_memory_of_turns_is_bounded(table: Table, serializer: Serializer, user_id: str) -> None:
    """So many turns are kept as `recent_turns` says, replies for the newest only, and none over 4 KB."""
    async with table.adapter(serializer=serializer, recent_turns=4, recent_responses=2) as db:
        for number in range(5):
            async with db.turn(user_id, turn_id=f"t-{number}") as turn:
                turn.response = "x" * (4096 if number != 3 else 4097)
        kept = recent(table, user_id)
        await store(db, user_id)

    assert [entry["turn"]["S"] for entry in kept] == ["t-4", "t-3", "t-2", "t-1"]
    assert [len(entry.get("response", {}).get("S", "")) for entry in kept] == [4096, 0, 4096, 0]
    assert [entry.get("turn", {}).get("S") for entry in recent(table, user_id)] == [None, "t-4", "t-3", "t-2"]
    assert len({entry["write"]["S"] for entry in kept}) == 4


# How an adapter is used


async def test_a_nested_turn_of_the_same_user_is_refused(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """At once and clearly, instead of waiting for itself; another user's turn may be inside."""
    async with db.turn(user_id) as turn:
        with pytest.raises(UsageError, match="turn inside a turn"):
            async with db.turn(user_id):
                pass
        with pytest.raises(UsageError, match="turn inside a turn"):
            await db.handle(user_id, lambda turn: asyncio.sleep(0))
        await store(db, f"{user_id}-other", name="Grace")
        turn.user.data["name"] = "Ada"

    assert await stored_data(db, user_id) == {"name": "Ada"}


async def test_use_after_close_is_refused(table: Table, serializer: Serializer, user_id: str) -> None:
    """New turns are refused, and the client is not opened again."""
    db = table.adapter(serializer=serializer)
    async with db:
        turn = await db.load(user_id)
    await db.close()

    for use in (db.open, db.ensure_table, lambda: db.load(user_id), lambda: db.delete(user_id), lambda: db.save(turn)):
        with pytest.raises(UsageError, match=r"close\(\)"):
            await use()
    with pytest.raises(UsageError, match=r"close\(\)"):
        async with db.turn(user_id):
            pass


async def test_close_lets_open_turns_save(table: Table, serializer: Serializer, user_id: str) -> None:
    """A server that stops does not lose the turns under way."""
    db = table.adapter(serializer=serializer)
    loaded, closing = asyncio.Event(), asyncio.Event()

    async def turn() -> None:
        async with db.turn(user_id) as turn:
            turn.user.data["saved"] = True
            loaded.set()
            await closing.wait()

    task = asyncio.create_task(turn())
    await loaded.wait()
    close = asyncio.create_task(db.close())
    await asyncio.sleep(0.01)
    closing.set()
    await asyncio.gather(task, close)

    async with table.adapter(serializer=serializer) as reader:
        assert await stored_data(reader, user_id) == {"saved": True}


async def test_a_second_live_loop_is_refused(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """Sockets of one loop must not be used from another while both live."""
    with pytest.raises(UsageError, match="second event loop"):
        await asyncio.to_thread(lambda: asyncio.run(store(db, user_id)))
    await store(db, user_id, name="Ada")


def test_one_adapter_serves_one_loop_after_another(table: Table, serializer: Serializer, user_id: str) -> None:
    """`asyncio.run` twice, as Lambda and test clients do, with no socket left open."""
    db = table.adapter(serializer=serializer)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(store(db, user_id, first=1))
        asyncio.run(store(db, user_id, second=2))
        gc.collect()
    assert [str(warning.message) for warning in caught] == []

    async def last() -> Any:
        async with db:
            return await stored_data(db, user_id)

    assert asyncio.run(last()) == {"first": 1, "second": 2}


# The table


async def test_without_creation_the_control_plane_is_not_called(
    table: Table, serializer: Serializer, user_id: str
) -> None:
    """`create_table_on_init=False` needs no permission but for items, TTL or not."""
    session = aioboto3.Session()
    calls = count_calls(session)
    settings = {"create_table_on_init": False, "ttl": TimeToLive(timedelta(days=1))}
    async with AsyncDynamoDb(table.config(table=settings), serializer=serializer, aws_session=session) as db:
        await db.ensure_table()
        await store(db, user_id, name="Ada")
        assert await stored_data(db, user_id) == {"name": "Ada"}

    assert CONTROL_PLANE.isdisjoint(calls)


async def test_a_missing_table_that_may_not_be_created_is_told(
    table: Table, serializer: Serializer, user_id: str
) -> None:
    """`create_table_on_init=False` on a table that is not there."""
    missing = evolve(table, name=f"test-{uuid4().hex}")
    async with missing.adapter(serializer=serializer, table={"create_table_on_init": False}) as db:
        with pytest.raises(TableNotFoundError, match=rf"table {missing.name} does not exist; .*create_table_on_init"):
            await store(db, user_id)


async def test_a_table_that_vanishes_is_made_again(engine: Engine, serializer: Serializer, user_id: str) -> None:
    """The turn that notices fails clearly; the next one has a table again."""
    with new_table(engine) as table:
        async with table.adapter(serializer=serializer) as db:
            await store(db, user_id, name="Ada")
            table.raw.delete_table(TableName=table.name)
            table.raw.get_waiter("table_not_exists").wait(TableName=table.name, WaiterConfig={"Delay": 0.05})

            with pytest.raises(TableNotFoundError):
                await store(db, user_id)
            await store(db, user_id, name="Grace")
            assert await stored_data(db, user_id) == {"name": "Grace"}


# Time to live


def ttl_settings(**settings: Any) -> dict[str, Any]:
    """TTL of one hour. The control plane stays out of it: dynalite has no TTL of its own."""
    return {"table": {"ttl": TimeToLive(timedelta(hours=1)), "create_table_on_init": False}, **settings}


async def test_each_save_says_when_the_item_expires(
    table: Table, serializer: Serializer, clock: Clock, user_id: str
) -> None:
    """As DynamoDB wants it: a number of seconds, counted from the save."""
    async with table.adapter(serializer=serializer, clock=clock, **ttl_settings()) as db:
        await store(db, user_id)
        clock.move(minutes=10)
        await store(db, user_id)

    expires_at = int((clock.now + timedelta(hours=1)).timestamp())
    assert (table.item(user_id) or {})["expiresAt"] == {"N": str(expires_at)}


async def test_an_expired_item_is_a_new_user(table: Table, serializer: Serializer, clock: Clock, user_id: str) -> None:
    """DynamoDB may take days to delete; until then the item reads as none, and the save removes what it held."""
    async with table.adapter(serializer=serializer, clock=clock, **ttl_settings()) as db:
        async with db.turn(user_id, turn_id="t-1") as turn:
            turn.user.data["name"] = "Ada"
        table.add(user_id, email={"S": "ada@example.com"})
        clock.move(hours=1, seconds=-1)
        assert not (await db.load(user_id)).user.is_new
        clock.move(seconds=1)
        async with db.turn(user_id, turn_id="t-1") as turn:
            assert turn.user.is_new
            assert turn.user.data == {}
            assert not turn.is_duplicate
            assert turn.created_at == clock.now

    item = table.item(user_id) or {}
    assert set(item) == {"userId", "user", "createdAt", "updatedAt", "recentTurns", "expiresAt"}
    assert serializer.deserialize(item["user"]) == {"data": {}}
    assert len(recent(table, user_id)) == 1


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_an_expired_item_may_be_deleted_meanwhile(
    table: Table, serializer: Serializer, clock: Clock, user_id: str, is_deleted: bool
) -> None:
    """DynamoDB's own deletion of an expired item is no conflict; another new first turn is merged."""
    async with table.adapter(serializer=serializer, clock=clock, **ttl_settings()) as db:
        await store(db, user_id, old=1)
        clock.move(hours=2)
        turn = await db.load(user_id)
        if is_deleted:
            await db.delete(user_id)
        else:
            await store(db, user_id, theirs=2)
        turn.user.data["ours"] = 3
        await db.save(turn)

        assert await stored_data(db, user_id) == ({"ours": 3} if is_deleted else {"theirs": 2, "ours": 3})


@pytest.mark.parametrize(
    "engine", ["moto", "dynamodb-local", "memory", "file"], indirect=True
)  # of dynalite, which has no TTL: below
async def test_ttl_is_enabled_on_the_table(engine: Engine) -> None:
    """`ensure_table()` switches TTL on, also on a table that was there before, and twice is fine."""
    with new_table(engine) as table:
        for _ in range(2):
            async with table.adapter(table={"ttl": TimeToLive(timedelta(days=1), attribute="ttl")}) as db:
                await db.ensure_table()
        description = table.raw.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]

    assert description == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


async def test_a_server_without_ttl_is_told(dynalite: Engine) -> None:
    """Where TTL can't be switched on, the error names the operation and the server's own code."""
    with new_table(dynalite) as table, pytest.raises(RequestError, match="UpdateTimeToLive") as caught:
        async with table.adapter(table={"ttl": TimeToLive(timedelta(days=1))}):
            pass
    assert caught.value.code == "UnknownOperationException"


# The example of a serializer of one's own


async def test_the_json_serializer_takes_a_table_over(table: Table, user_id: str) -> None:
    """What was stored in DynamoDB's own form is read, and is one text from then on."""
    async with table.adapter() as native:
        await store(native, user_id, **DATA)
    async with table.adapter(serializer=JsonSerializer()) as json:
        await store(json, user_id, more=1)
        assert await stored_data(json, user_id) == DATA | {"more": 1}
    assert set((table.item(user_id) or {})["user"]) == {"S"}


@pytest.mark.parametrize("value", [b"x", {1}, Decimal(1), float("nan"), "\ud83d", {7: "x"}, object()], ids=shown)
def test_the_json_serializer_says_where_it_has_no_form(value: Any) -> None:
    """In the same words as the default one."""
    with pytest.raises(SerializationError) as caught:
        JsonSerializer().serialize({"data": {"scores": [1, value]}})
    assert caught.value.path == ("data", "scores", 1)


def test_the_json_serializer_leaves_out_what_is_undefined() -> None:
    """And writes times and UUIDs as the default one does."""
    moment, uuid = datetime(2026, 3, 1, tzinfo=UTC), uuid4()
    element = {"gone": NOTHING, "list": (NOTHING, 1), "at": moment, "day": moment.date(), "id": uuid}
    written = JsonSerializer().serialize(element)
    assert JsonSerializer().deserialize(written) == DynamoDbSerializer().deserialize(
        DynamoDbSerializer().serialize(element)
    )


@pytest.mark.parametrize("text", ["", "{", "NULL"])
async def test_a_text_that_is_no_json_is_malformed(table: Table, user_id: str, text: str) -> None:
    """What a serializer can't read is named, and left as it is."""
    table.put(user_id, user={"S": text})
    before = table.item(user_id)
    async with table.adapter(serializer=JsonSerializer()) as db:
        with pytest.raises(MalformedItemError, match="user"):
            await store(db, user_id)
    assert table.item(user_id) == before
