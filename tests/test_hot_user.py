"""Many turns of one user at once: nobody storms, and as many are answered as there is time for."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dynadb_async import (
    RequestTimeoutError,
    SerializationError,
    Turn,
    UsageError,
    VersionConflictError,
)
from dynadb_async.http_errors import http_error
from tests.engines import PATIENCE, Engine
from tests.hot_user import (
    SECONDS_OF_EACH,
    Counted,
    Db,
    adapter,
    count,
    handlers_at_once,
    outcomes,
    processes_at_once,
    turns_at_once,
    visits_of,
)
from tests.proxy import Fault, FaultProxy, no_fault, script
from tests.seam import with_faults
from tests.sessions import adapter_on, visit


@pytest.fixture
def counted() -> Counted:
    """Requests, counted."""
    return Counted()


@pytest.fixture(params=["slow", "dynamodb-local", "memory"])
async def db(request: pytest.FixtureRequest, table_name: str, counted: Counted) -> AsyncIterator[Db]:
    """An adapter that has taken a turn, on a server that is slow or fast."""
    if request.param == "slow":
        engine: Engine = request.getfixturevalue("slow")
    elif request.param == "memory":
        engine = Engine("memory", "memory:")
    else:
        engine = request.getfixturevalue("dynamodb_local")
    async with adapter(engine, table_name, counted, **PATIENCE) as db:
        await visit(db, "warm")
        counted.requests.clear()
        yield db


async def test_many_handlers_at_once(db: Db, counted: Counted) -> None:
    """They are answered one after another, and hardly a save is refused."""
    found = await handlers_at_once(db, counted, 40)
    assert {"answer": 40} == +found.ended
    assert found.is_as_promised, found


async def test_time_is_up_in_line(slow: Engine, table_name: str) -> None:
    """The time that a handler's turn waits is all that it was given, its error says so, and its webhook answers 503."""
    async with adapter_on(slow, table_name) as db:
        turns = [db.handle("user-1", count, io_timeout=0.5) for _ in range(200)]
        ended = await asyncio.gather(*turns, return_exceptions=True)
        assert sum(isinstance(one, int) for one in ended) == await visits_of(db)

    errors = [one for one in ended if isinstance(one, BaseException)]
    assert {RequestTimeoutError} == {type(error) for error in errors}
    assert all("other turns of the same user" in str(error) and "user-1" not in str(error) for error in errors)
    found = http_error(errors[0])  # type: ignore[arg-type]
    assert found is not None
    assert 503 == found.status


async def test_many_turns_that_merge(db: Db, counted: Counted) -> None:
    """50 at once are all applied, with at most 3 requests each, though most of them did not wait for their place."""
    found = await turns_at_once(db, counted)
    assert found.is_as_promised, found


@pytest.mark.parametrize("name", ["slow", "dynamodb-local"])
async def test_four_processes(request: pytest.FixtureRequest, name: str, table_name: str) -> None:
    """20 handlers in each: most are answered, with few refusals for each, and no outcome is unknown."""
    engine: Engine = request.getfixturevalue(name.replace("-", "_"))
    async with adapter_on(engine, table_name) as db:
        found = await processes_at_once(db, engine.client_settings, SECONDS_OF_EACH)
    assert {"answer", "RequestTimeoutError", "VersionConflictError"} >= set(+found.ended)
    assert found.is_as_promised, found


async def test_nothing_is_built_on_a_guess(memory: Engine, table_name: str, counted: Counted) -> None:
    """The save after one whose outcome is unknown reads what is there, and is not refused."""
    async with with_faults(memory) as proxy:
        db = adapter_on(memory, table_name, queue_timeout=0.01, max_attempts=1)
        db.observer = counted
        async with db:
            await visit(db, "user-1")
            both_loaded = asyncio.Barrier(2)
            proxy.plan = script(Fault.LOSE, operations=("UpdateItem",))
            counted.requests.clear()
            ended = await outcomes([_append(db, "user-1", number, both_loaded) for number in range(2)])
            assert {"OutcomeUnknownError": 1, "NoneType": 1} == ended
            assert (3, 2, 0) == tuple(counted.requests[kind] for kind in ("GetItem", "UpdateItem", "refused"))
            assert [0, 1] == sorted((await db.export("user-1"))["user"]["data"]["list"])


async def _append(db: Db, user_id: str, number: int, loaded: asyncio.Barrier) -> None:
    async with db.turn(user_id) as turn:
        turn.user.data.setdefault("list", []).append(number)
        await loaded.wait()


async def test_a_conflict_is_seen_without_a_request(memory: Engine, table_name: str, counted: Counted) -> None:
    """What two turns of a process both changed is a conflict all the same, told before anything is sent."""
    db = adapter_on(memory, table_name, queue_timeout=0.01)
    db.observer = counted
    async with db:
        await visit(db, "user-1")
        async with db.turn("user-1") as first:
            with pytest.raises(VersionConflictError) as caught:  # noqa: PT012 - the end of the block raises
                async with asyncio.timeout(5), _turn_beside(db, "user-1") as second:
                    await db.save(first)
                    second.user.data["visits"] = 7
                    first.user.data["visits"] = 3
                    await db.save(first)
            first.user.data["other"] = True
    assert ("user.data.visits",) == caught.value.paths
    assert 0 == counted.requests["refused"]


async def test_a_user_who_was_deleted_in_line(memory: Engine, table_name: str) -> None:
    """A turn that was loaded before does not bring the data back, though this process knew it well."""
    async with adapter_on(memory, table_name, queue_timeout=0.01) as db:
        await visit(db, "user-1")
        async with db.turn("user-1") as first:
            await db.save(first)
            with pytest.raises(VersionConflictError) as caught:
                async with _turn_beside(db, "user-1"):
                    await db.delete("user-1")
            first.discard()
        assert caught.value.deleted
        assert {} == await db.export("user-1")
        assert 1 == await visit(db, "user-1")


@contextlib.asynccontextmanager
async def _turn_beside(db: Db, user_id: str) -> AsyncIterator[Turn[dict[str, Any]]]:
    """A turn that another request opens: it does not know of the one around."""
    turn = db.turn(user_id)
    entered = await _beside(turn.__aenter__())
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_exit(turn)
        yield entered


async def test_what_is_handed_on_is_what_is_stored(engine: Engine, table_name: str) -> None:
    """A turn that waited sees, without a request, what a read would show: whatever the types, and what others store."""
    data = {"text": "ä", "none": None, "bytes": b"\x00\xff", "set": {1, 2}, "list": [[], {}, 1.5], "map": {"a.b": True}}
    async with engine.client() as client, adapter_on(engine, table_name) as db:
        await visit(db, "user-1")
        key = {"userId": {"S": "user-1"}}
        values = {":v": {"S": "theirs"}}
        await client.update_item(
            TableName=table_name, Key=key, UpdateExpression="SET x = :v", ExpressionAttributeValues=values
        )
        seen: list[Any] = []

        async def look(turn: Turn[Any]) -> None:
            seen.append((turn.user.data, turn.created_at, turn.updated_at, turn.user.is_new))
            turn.user.data.update(data)

        await asyncio.gather(*(db.handle("user-1", look) for _ in range(3)))
        last = await db.load("user-1")
        assert [data | {"visits": 1}] * 2 == [one for one, *_ in seen[1:]]
        assert last.user.data == seen[2][0]
        assert {False} == {is_new for *_, is_new in seen}
        assert {last.created_at} == {created for _, created, *_ in seen}
        assert seen[1][2] <= seen[2][2] <= last.updated_at
        assert "theirs" == (await db.export("user-1"))["x"]


async def test_who_waited_needs_no_read(slow: Engine, table_name: str, counted: Counted) -> None:
    """Not the last in line either, beside whom nobody is left: between two requests another process could be faster."""
    db = adapter_on(slow, table_name)
    db.observer = counted
    async with db:
        await visit(db, "user-1")
        counted.requests.clear()
        assert [2, 3, 4] == await asyncio.gather(*(db.handle("user-1", count) for _ in range(3)))
    assert (1, 2) == (counted.requests["GetItem"], counted.requests["UpdateItem"])


async def test_a_handler_waits_longer_than_a_turn(memory: Engine, table_name: str) -> None:
    """A turn goes on after `queue_timeout`; a handler that counts waits, and finds what it counts up."""
    async with adapter_on(memory, table_name, queue_timeout=0.01) as db:
        async with db.turn("user-1") as turn:
            waiting = _beside(db.handle("user-1", count, io_timeout=20))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            turn.user.data["visits"] = 1
        assert 2 == await waiting


async def test_a_handler_behind_a_turn_that_does_not_end(memory: Engine, table_name: str) -> None:
    """Half of its time is its own: it goes on beside a turn that lasts long, and so does the next."""
    async with adapter_on(memory, table_name, operation_timeout=2) as db:
        async with db.turn("user-1") as turn:
            waiting = [_beside(db.handle("user-1", count, io_timeout=seconds)) for seconds in (0.4, 0.4, None)]
            assert [1, 2, 3] == await asyncio.gather(*waiting)
            turn.user.data["name"] = "Ada"
        assert {"visits": 3, "name": "Ada"} == (await db.export("user-1"))["user"]["data"]


def _beside(work: Any) -> asyncio.Task[Any]:
    """As another request: not inside the turn around."""
    return asyncio.get_running_loop().create_task(work, context=contextvars.Context())


async def test_a_turn_that_two_tasks_enter(memory: Engine, table_name: str) -> None:
    """The second is told so, and nothing is left behind; when it has ended, the turn may be used once more."""
    async with adapter_on(memory, table_name) as db:
        turn = db.turn("user-1")
        async with turn as first:
            with pytest.raises(UsageError, match="entered twice"):
                await _beside(turn.__aenter__())
            first.user.data["visits"] = 1
        entering = [_beside(turn.__aenter__()) for _ in range(3)]
        ended = await asyncio.gather(*entering, return_exceptions=True)
        assert [Turn, UsageError, UsageError] == [type(one) for one in ended]
        await turn.__aexit__(None, None, None)
        assert 2 == await visit(db, "user-1")
        assert not db._running().queue._waiting
        assert not db._running().lines._lines


async def test_a_turn_that_was_cancelled_while_it_was_entered(slow: Engine, table_name: str) -> None:
    """It can be entered again."""
    async with adapter_on(slow, table_name) as db:
        turn = db.turn("user-1")
        entering = _beside(turn.__aenter__())
        await asyncio.sleep(0.01)
        entering.cancel()
        await asyncio.wait([entering])
        async with turn as entered:
            entered.user.data["visits"] = 1
        assert 2 == await visit(db, "user-1")
        assert not db._running().lines._lines


async def test_a_turns_user_stays(memory: Engine, table_name: str) -> None:
    """Nothing is written to another user: an id can't be changed, and a user who was exchanged is refused."""
    async with adapter_on(memory, table_name) as db:
        await visit(db, "user-2")
        async with db.turn("user-1") as turn:
            with pytest.raises(AttributeError):
                turn.user.id = "user-2"
        other = await db.load("user-2")
        for way in (db.save, db.delete):
            turn = await db.load("user-1")
            turn.user = other.user
            turn.is_forgotten = way == db.delete
            with pytest.raises(UsageError, match="exchanged") as caught:
                await db.save(turn)
            assert "user-2" not in str(caught.value)
        assert {"visits": 1} == (await db.export("user-2"))["user"]["data"]


@pytest.mark.parametrize("turn_id", ["", "x" * 257, 7, "\ud800"])
async def test_a_turn_id_that_is_set_later(memory: Engine, table_name: str, turn_id: Any) -> None:
    """It is checked by the save, before anything is written."""
    async with adapter_on(memory, table_name) as db:
        turn = await db.load("user-1")
        turn.turn_id = turn_id
        with pytest.raises(SerializationError, match="turn_id"):
            await db.save(turn)
        assert {} == await db.export("user-1")


async def test_cancelled_anywhere_in_line(moto: Engine, table_name: str) -> None:
    """Of turns that are cancelled at any point nothing is left, and those that are not are all applied."""
    async with FaultProxy(moto) as proxy:
        proxy.plan = no_fault
        db = adapter_on(moto, table_name, **{**proxy.client_settings, "queue_timeout": 0.01})
        async with db:
            tasks = [_beside(db.handle("user-1", count, turn_id=f"m-{number}")) for number in range(20)]
            tasks += [_beside(visit(db, "user-2")) for _ in range(5)]
            for number, task in enumerate(tasks):
                await asyncio.sleep(0.003)
                if number % 3 == 0:
                    task.cancel()
            ended = await asyncio.gather(*tasks[:20], return_exceptions=True)
            await asyncio.wait(tasks)
            answered = sum(isinstance(one, int) for one in ended)
            assert answered >= 13
            assert answered <= await visits_of(db) <= 20
            assert not db._running().lines._lines
