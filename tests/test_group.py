"""Turns of one user that wait in one process are stored together: each as if it had been alone."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from attrs import define, evolve, field

from dynadb_async import (
    AsyncDynamoDb,
    DynaDbError,
    ItemTooLargeError,
    OutcomeUnknownError,
    RequestError,
    RequestTimeoutError,
    StoredElements,
    StoredHistory,
    Turn,
)
from dynadb_async.connection.answers import Answer
from dynadb_async.connection.embedded.way import Embedded
from dynadb_async.connection.request import Request
from tests.engines import PATIENCE, Engine
from tests.hot_user import USER, Counted, Db, count, visits_of
from tests.proxy import Fault, FaultProxy, script, sometimes
from tests.sessions import adapter_on, visit

Handled = Turn[dict[str, Any]]

TOGETHER = 7


@pytest.fixture
def counted() -> Counted:
    """Requests, counted."""
    return Counted()


@pytest.fixture
async def proxy(slow: Engine) -> AsyncIterator[FaultProxy]:
    """What stands before that server."""
    async with FaultProxy(slow) as proxy:
        yield proxy


@pytest.fixture
async def db(proxy: FaultProxy, slow: Engine, table_name: str, counted: Counted) -> AsyncIterator[Db]:
    """An adapter that knows the user."""
    db = _adapter(proxy, slow, table_name)
    db.observer = counted
    async with db:
        assert 1 == await db.handle(USER, count)
        counted.requests.clear()
        yield db


def _adapter(proxy: FaultProxy, slow: Engine, table_name: str, **settings: Any) -> Db:
    return adapter_on(slow, table_name, **{**proxy.client_settings, **PATIENCE, **settings})


async def _all(db: Db, *turn_ids: str) -> list[Any]:
    turns = [db.handle(USER, count, turn_id=turn_id) for turn_id in turn_ids]
    return await asyncio.gather(*turns, return_exceptions=True)


NAMES = [f"m-{number}" for number in range(TOGETHER)]


async def test_one_request_stores_several(db: Db, counted: Counted) -> None:
    """The first goes at once, and all that came meanwhile go together; each has its entry among the recent turns."""
    assert list(range(2, TOGETHER + 2)) == await _all(db, *NAMES)

    # Two, unless the machine is very slow.
    assert 2 <= counted.requests["UpdateItem"] < TOGETHER
    assert 0 == counted.requests["refused"]
    live = db._running()
    recent = (await live.read(USER) or {})["recentTurns"]["L"]
    assert list(reversed(NAMES)) == [entry["M"]["turn"]["S"] for entry in recent[:TOGETHER]]
    assert [str(TOGETHER + 1), str(TOGETHER)] == [entry["M"]["response"]["N"] for entry in recent[:2]]
    assert not live.lines._lines
    assert not live.queue._waiting


async def test_each_has_its_history(slow: Engine, table_name: str) -> None:
    """As if each had been stored alone."""
    elements = StoredElements(history=StoredHistory(size=4))
    config = evolve(adapter_on(slow, table_name, **PATIENCE).config, stored_elements=elements)

    async def say(turn: Handled) -> None:
        turn.output = turn.turn_id

    async with AsyncDynamoDb(config) as db:
        await asyncio.gather(*(db.handle(USER, say, turn_id=name) for name in NAMES))
        history = (await db.export(USER))["history"]["items"]
    assert list(reversed(NAMES))[:4] == [entry["output"] for entry in history]


async def test_the_same_turn_twice(db: Db) -> None:
    """It is applied once, and both deliveries get the first one's reply, though neither was stored then."""
    ended = await _all(db, "m-0", "m-1", "m-2", "m-2")

    assert [2, 3, 4, 4] == ended
    assert 4 == await visits_of(db)


async def test_one_that_fails(db: Db) -> None:
    """Only that one; the others go on from what was before it."""

    async def spoil(turn: Handled) -> None:
        turn.user.data["visits"] = 1000
        raise LookupError

    turns = [db.handle(USER, spoil if number == 3 else count) for number in range(TOGETHER)]
    ended = await asyncio.gather(*turns, return_exceptions=True)

    assert LookupError is type(ended.pop(3))
    assert list(range(2, TOGETHER + 1)) == ended
    assert TOGETHER == await visits_of(db)


async def test_one_that_is_too_large(db: Db) -> None:
    """It is told, and nothing of it is stored."""

    async def fill(turn: Handled) -> None:
        turn.user.data["filled"] = "x" * 410_000

    turns = [db.handle(USER, fill if number == 3 else count) for number in range(TOGETHER)]
    ended = await asyncio.gather(*turns, return_exceptions=True)

    assert ItemTooLargeError is type(ended.pop(3))
    assert TOGETHER == await visits_of(db)
    assert "filled" not in (await db.export(USER))["user"]["data"]


async def test_one_that_is_cancelled(db: Db) -> None:
    """The others are stored all the same, and answered."""

    async def cancel(turn: Handled) -> int:
        turns[3].cancel()
        return await count(turn)

    handlers = [cancel if number == 4 else count for number in range(TOGETHER)]
    turns = [asyncio.create_task(db.handle(USER, handler)) for handler in handlers]
    ended = await asyncio.gather(*turns, return_exceptions=True)

    assert asyncio.CancelledError is type(ended.pop(3))
    assert [2, 3, 4, 6, 7, 8] == ended
    assert TOGETHER + 1 == await visits_of(db)
    assert not db._running().lines._lines


async def test_discarded_and_forgotten_ones(db: Db) -> None:
    """They go alone, in their turn: what came before them is stored by then."""

    async def look(turn: Handled) -> int:
        turn.discard()
        return int(turn.user.data["visits"])

    async def leave(turn: Handled) -> None:
        turn.forget()

    handlers = [count, count, look, count, leave, count, count]
    ended = await asyncio.gather(*(db.handle(USER, handler) for handler in handlers))

    assert [2, 3, 3, 4, None, 1, 2] == ended
    assert 2 == await visits_of(db)


async def test_a_block_comes_after_them(db: Db) -> None:
    """It sees what they left, and is not refused."""
    turns = [db.handle(USER, count), db.handle(USER, count), _add(db), db.handle(USER, count)]
    assert [2, 3, 4, 5] == await asyncio.gather(*turns)


async def _add(db: Db) -> int:
    async with db.turn(USER) as turn:
        return await count(turn)


async def test_no_group_grows_for_ever(db: Db, counted: Counted) -> None:
    """The recent turns, of which there are 8, remember each of them."""
    assert list(range(2, 22)) == await _all(db, *[f"m-{number}" for number in range(20)])
    assert counted.requests["UpdateItem"] >= 1 + (20 - 1) / 8


async def test_a_lost_answer(db: Db, proxy: FaultProxy, counted: Counted) -> None:
    """All of them find that they were stored."""
    proxy.plan = script(None, Fault.LOSE, operations=("UpdateItem",))
    assert list(range(2, TOGETHER + 2)) == await _all(db, *NAMES)

    assert 1 == counted.requests["refused"]
    assert counted.requests["UpdateItem"] < TOGETHER
    assert TOGETHER + 1 == await visits_of(db)


@pytest.mark.parametrize("policy", ["merge", "raise"])
async def test_another_process_was_faster(
    db: Db, proxy: FaultProxy, slow: Engine, table_name: str, policy: Any, counted: Counted
) -> None:
    """All of them begin anew, in order, on what it left."""

    async def add_one(turn: Handled) -> int:
        turn.on_conflict = policy
        return await count(turn)

    async with _adapter(proxy, slow, table_name) as other:
        faster = asyncio.create_task(visit(other, USER))
        await asyncio.sleep(0)
        ended = await asyncio.gather(*(db.handle(USER, add_one) for _ in range(2 * TOGETHER)), faster)

    assert sorted(ended[:-1]) == ended[:-1]
    assert 2 * TOGETHER + 2 == await visits_of(db)
    assert set(range(2, 2 * TOGETHER + 3)) == set(ended)


async def test_a_request_that_fails(proxy: FaultProxy, slow: Engine, table_name: str) -> None:
    """Those of its group are told; who built on them begins anew, and is stored."""
    async with _adapter(proxy, slow, table_name, max_attempts=1) as db:
        await db.handle(USER, count)
        proxy.plan = script(Fault.THROTTLE, operations=("UpdateItem",))
        first, *others = await _all(db, *NAMES)

        assert isinstance(first, RequestError)
        assert not isinstance(first, OutcomeUnknownError)
        assert list(range(2, TOGETHER + 1)) == others
        assert TOGETHER == await visits_of(db)


async def test_what_was_never_stored(proxy: FaultProxy, slow: Engine, table_name: str) -> None:
    """Nobody is answered, and nothing is raised, of what a turn left that was lost."""

    async def refuse_two(turn: Handled) -> int:
        if turn.user.data["visits"] == 2:
            raise LookupError
        return await count(turn)

    async def look(turn: Handled) -> int:
        turn.discard()
        return int(turn.user.data["visits"])

    async with _adapter(proxy, slow, table_name, max_attempts=1) as db:
        await db.handle(USER, count)
        proxy.plan = script(Fault.THROTTLE, operations=("UpdateItem",))
        turns = [db.handle(USER, handler) for handler in (count, refuse_two, look)]
        assert [2, 2] == (await asyncio.gather(*turns, return_exceptions=True))[1:]
        proxy.plan = script(Fault.THROTTLE, operations=("UpdateItem",))
        turns = [db.handle(USER, count), db.handle(USER, look), _add(db)]
        assert [2, 3] == (await asyncio.gather(*turns, return_exceptions=True))[1:]


async def test_an_outcome_that_nobody_knows(proxy: FaultProxy, slow: Engine, table_name: str) -> None:
    """Each of its group is told with its own turn's id; who comes then looks first."""
    async with _adapter(proxy, slow, table_name, max_attempts=1) as db:
        await db.handle(USER, count)
        proxy.plan = script(None, Fault.LOSE, operations=("UpdateItem",))
        ended = dict(zip(NAMES, await _all(db, *NAMES), strict=True))

        unknown = {name: error for name, error in ended.items() if isinstance(error, OutcomeUnknownError)}
        assert unknown
        assert [*unknown] == [error.turn_id for error in unknown.values()]
        assert TOGETHER + 2 == await db.handle(USER, count)


@define
class Held:
    """What the store in the process answers to saves comes no sooner than it is `let`, one after another."""

    let: list[asyncio.Event] = field(factory=lambda: [asyncio.Event() for _ in range(2)])

    def begin(self, patch: pytest.MonkeyPatch) -> None:
        """From here on; and others may run while an item is read."""
        call, saves = Embedded.call, iter(self.let)

        async def held(way: Embedded, request: Request, until: float) -> Answer:
            answer = await call(way, request, until)
            await asyncio.sleep(0)
            if request.operation == "UpdateItem" and (let := next(saves, None)):
                await let.wait()
            return answer

        patch.setattr(Embedded, "call", held)


async def test_one_whose_time_is_up(memory: Engine, table_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not stored, and nobody is answered from it: its second delivery neither, which is applied once more."""
    held = Held()
    async with adapter_on(memory, table_name) as db:
        await db.handle(USER, count)
        held.begin(monkeypatch)
        named = [("m-0", None), ("m-1", None), ("late", 0.2), ("late", None), ("m-2", None)]
        turns = [_begun(db, turn_id, seconds) for turn_id, seconds in named]
        turns[2].add_done_callback(lambda _: [let.set() for let in held.let])
        ended = await asyncio.gather(*turns, return_exceptions=True)
        assert RequestTimeoutError is type(ended.pop(2))
        assert [2, 3, 4, 5] == ended
        assert 5 == await visits_of(db)


async def test_one_whose_time_is_up_later(memory: Engine, table_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That nothing of it was written is told only where it is so, also where the group went without another one."""
    held = Held()
    async with adapter_on(memory, table_name) as db:
        await db.handle(USER, count)
        held.begin(monkeypatch)
        turns = [_begun(db, name, seconds) for name, seconds in (("m-0", None), ("m-1", 0.6), ("m-2", 0.2))]
        for let, turn in zip(held.let, turns[::-1], strict=False):
            await asyncio.wait([turn])
            let.set()
        ended = await asyncio.gather(*turns, return_exceptions=True)
        assert [2, RequestTimeoutError] == [ended[0], type(ended[2])]
        assert isinstance(ended[1], OutcomeUnknownError) == (await visits_of(db) == 3)


def _begun(db: Db, turn_id: str, seconds: float | None) -> asyncio.Task[Any]:
    return asyncio.create_task(db.handle(USER, count, turn_id=turn_id, io_timeout=seconds))


class Spans(Counted):
    """What was done, and how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.done = Counter[str]()

    @contextlib.contextmanager
    def doing(self, name: str) -> Any:  # type: ignore[override]
        """Count it."""
        try:
            yield
        finally:
            self.done[name] += 1


async def test_what_is_heard_of_them(slow: Engine, table_name: str) -> None:
    """One turn, one load and one save for each, and the requests as they were sent."""
    db, spans = adapter_on(slow, table_name, **PATIENCE), Spans()
    db.observer = spans
    async with db:
        await db.handle(USER, count)
        await _all(db, *NAMES)
    assert {"turn": TOGETHER + 1, "load": TOGETHER + 1, "save": TOGETHER + 1} == spans.done
    assert 2 == spans.requests["GetItem"]
    assert 3 <= spans.requests["UpdateItem"] <= TOGETHER


@pytest.mark.parametrize("engine", ["dynamodb-local"], indirect=True)
async def test_several_processes_and_lost_answers(engine: Engine, table_name: str) -> None:
    """What was answered is stored exactly once, in order; what failed at most once; delivered twice, applied once."""
    async with FaultProxy(engine) as proxy, contextlib.AsyncExitStack() as stack:
        settings = {**proxy.client_settings, **PATIENCE}
        config = evolve(adapter_on(engine, table_name, **settings).config, recent_turns=100)
        dbs = [await stack.enter_async_context(AsyncDynamoDb(config)) for _ in range(2)]
        await visit(dbs[0], USER)
        proxy.plan = sometimes(0.25, Fault.LOSE, Fault.ERROR_500, Fault.THROTTLE, seed=1, operations=("UpdateItem",))

        async def append(turn: Handled) -> int:
            turn.user.data.setdefault("list", []).append(turn.turn_id)
            return await count(turn)

        names = [f"{number}" for number in range(9)]
        turns = [db.handle(USER, append, turn_id=f"{place}-{name}") for place, db in enumerate(dbs) for name in names]
        turns += [dbs[1 - place].handle(USER, append, turn_id=f"{place}-0") for place in range(2)]
        ended = await asyncio.gather(*turns, return_exceptions=True)
        proxy.plan = script()
        data = (await dbs[0].export(USER))["user"]["data"]

    assert not [error for error in ended if isinstance(error, BaseException) and not isinstance(error, DynaDbError)]
    assert len(set(data["list"])) == len(data["list"]) == data["visits"] - 1
    answered = {turn: reply for turn, reply in zip(turn_ids_of(names), ended, strict=False) if isinstance(reply, int)}
    assert set(answered) <= set(data["list"])
    assert all(data["list"][reply - 2] == turn for turn, reply in answered.items())


def turn_ids_of(names: list[str]) -> list[str]:
    """In the order in which they were begun."""
    return [f"{place}-{name}" for place in range(2) for name in names]
