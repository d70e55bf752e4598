import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynadb_async import AsyncDynamoDb, UsageError
from dynadb_async.running.queue import Queue, is_called
from tests.engines import Engine
from tests.sessions import adapter_on, visit
from tests.sizes import of_size

LONG = 30.0


async def settle(rounds: int = 5) -> None:
    """Let every task go as far as it can."""
    for _ in range(rounds):
        await asyncio.sleep(0)


class Turns:
    """
    Turns of users on one queue, each as a task that holds its place until it is let go.

    Attributes:
        begun: The turns' names, in the order in which they got their place.
        open: Which of them hold it now.
    """

    def __init__(self, patience: float = LONG) -> None:
        self.queue = Queue(patience)
        self.begun: list[str] = []
        self.open: set[str] = set()
        self.ends: dict[str, asyncio.Event] = {}

    async def take(self, user_id: str, name: str) -> None:
        """A turn that lasts until `end`."""
        end = self.ends[name] = asyncio.Event()
        async with self.queue.place(user_id):
            self.begun.append(name)
            self.open.add(name)
            try:
                await end.wait()
            finally:
                self.open.remove(name)

    async def begin(self, user_id: str, *names: str) -> list[asyncio.Task[None]]:
        """Turns of one user, asked for in this order."""
        tasks = [asyncio.create_task(self.take(user_id, name)) for name in names]
        await settle()
        return tasks

    async def end(self, name: str) -> None:
        """Let a turn end."""
        self.ends[name].set()
        await settle()


@pytest.fixture
async def db(moto: Engine, table_name: str) -> AsyncIterator[AsyncDynamoDb[dict[str, Any]]]:
    """An adapter on a real server, whose turns wait as long as a busy machine needs."""
    async with adapter_on(moto, table_name, queue_timeout=30) as db:
        yield db


async def test_first_come_first_served() -> None:
    """Turns of one user get their place one at a time, in the order in which they asked."""
    turns = Turns()
    names = ["a", "b", "c", "d"]
    tasks = await turns.begin("user", *names)

    for name in names:
        assert turns.open == {name}
        await turns.end(name)

    await asyncio.gather(*tasks)
    assert turns.begun == names
    assert not turns.queue._waiting


async def test_different_users_do_not_wait_for_each_other() -> None:
    """A place is a user's own."""
    turns = Turns()
    await turns.begin("user-1", "a")
    await turns.begin("user-2", "b")

    assert turns.open == {"a", "b"}
    await turns.end("a")
    await turns.end("b")
    assert not turns.queue._waiting


async def test_patience_ends() -> None:
    """A turn that waited long enough goes on beside the other one, and leaves the queue as it should be."""
    turns = Turns(patience=0.02)
    first, second = await turns.begin("user", "a", "b")
    await asyncio.sleep(0.05)

    assert turns.open == {"a", "b"}
    turns.queue.patience = LONG
    (third,) = await turns.begin("user", "c")
    await turns.end("b")
    assert turns.open == {"a"}, "the impatient turn had no place to pass on"
    await turns.end("a")
    assert turns.open == {"c"}
    await turns.end("c")
    await asyncio.gather(first, second, third)
    assert not turns.queue._waiting


async def test_no_patience_at_all() -> None:
    """A turn whose time is up goes on at once, and a caller's patience never exceeds the queue's."""
    queue = Queue(0.01)
    async with queue.place("user"):
        await asyncio.create_task(_own_context(queue, 0.0))
        began = asyncio.get_running_loop().time()
        await asyncio.create_task(_own_context(queue, LONG))
        assert asyncio.get_running_loop().time() - began < 1
    assert not queue._waiting


async def _own_context(queue: Queue, patience: float) -> None:
    from dynadb_async.running.queue import _held  # noqa: PLC0415 - this one test plays a request that is not inside

    _held.set(())
    async with queue.place("user", patience=patience):
        pass


async def test_a_waiting_turn_is_cancelled() -> None:
    """Those behind it move up, and nothing is left of it."""
    turns = Turns()
    _, second, _ = await turns.begin("user", "a", "b", "c")

    second.cancel()
    await settle()
    assert len(turns.queue._waiting["user"]) == 1, "a queue that does not move must not grow"
    await turns.end("a")

    assert turns.open == {"c"}
    await turns.end("c")
    assert not turns.queue._waiting


async def test_the_last_waiting_turn_is_cancelled() -> None:
    """Nothing is left of a user whose only waiting turn went away."""
    turns = Turns()
    _, second = await turns.begin("user", "a", "b")

    second.cancel()
    await turns.end("a")

    assert not turns.queue._waiting


async def test_an_open_turn_is_cancelled() -> None:
    """The next one is called."""
    turns = Turns()
    first, _ = await turns.begin("user", "a", "b")

    first.cancel()
    await settle()

    assert turns.open == {"b"}
    await turns.end("b")
    assert not turns.queue._waiting


async def test_cancelled_in_the_moment_of_being_called() -> None:
    """The call is passed on: the user is not stuck."""
    turns = Turns()
    _, second, _ = await turns.begin("user", "a", "b", "c")

    turns.ends["a"].set()
    await asyncio.sleep(0)  # the place is passed to b, which has not run yet
    second.cancel()
    await settle()

    assert turns.begun == ["a", "c"]
    await turns.end("c")
    assert not turns.queue._waiting


@pytest.mark.asyncio_only("it takes asyncio's order of things that happen in one round of the loop")
async def test_patience_ends_in_the_moment_of_being_called() -> None:
    """The turn has the place, and passes it on when it ends."""
    turns = Turns(patience=0.05)
    (second,) = await _called_too_late(turns)
    turns.queue.patience = LONG
    (third,) = await turns.begin("user", "c")

    assert turns.open == {"b"}
    await turns.end("b")
    assert turns.open == {"c"}
    await turns.end("c")
    await asyncio.gather(second, third)
    assert not turns.queue._waiting


async def _called_too_late(turns: Turns) -> list[asyncio.Task[None]]:
    """A turn that waits, is called, and finds in the same round of the loop that its patience is at its end."""
    async with turns.queue.place("user"):
        fresh = asyncio.get_running_loop().create_task
        tasks = [fresh(_without_places(turns.take("user", "b")))]
        await settle()
        time.sleep(0.1)  # noqa: ASYNC251 - the loop has to be late
        await asyncio.sleep(0)
    await settle()
    return tasks


async def _without_places(turn: Any) -> None:
    from dynadb_async.running.queue import _held  # noqa: PLC0415 - this one test plays a request that is not inside

    _held.set(())
    await turn


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, int, int, int | None]]:
    """Turns as their user, the round in which they begin, how many rounds they last, and when they are cancelled."""
    rounds = st.integers(0, 8)
    story = st.tuples(st.sampled_from("xyz"), rounds, rounds, st.none() | st.integers(0, 20))
    return draw(st.lists(story, min_size=1, max_size=12))


@given(stories())
@pytest.mark.long
@settings(max_examples=of_size(100, large=2_000))
def test_cancelled_at_any_point(story: list[tuple[str, int, int, int | None]]) -> None:
    """Two turns of one user never overlap, each that is not cancelled gets its place, and nothing is left behind."""
    queue, holders, served = Queue(LONG), Counter[str](), set[int]()

    async def turn(number: int, user_id: str, begin: int, length: int) -> None:
        await settle(begin)
        async with queue.place(user_id):
            holders[user_id] += 1
            try:
                assert holders[user_id] == 1
                await settle(length)
                served.add(number)
            finally:
                holders[user_id] -= 1

    async def play() -> None:
        tasks = [asyncio.create_task(turn(n, *parts[:3])) for n, parts in enumerate(story)]
        for now in range(25):
            for task, parts in zip(tasks, story, strict=True):
                if parts[3] == now:
                    task.cancel()
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
        assert served >= {n for n, parts in enumerate(story) if parts[3] is None}

    asyncio.run(play())
    assert not queue._waiting


async def test_patience_ends_in_the_moment_of_looking() -> None:
    """Whoever looks then, in an event loop that was blocked, changes nothing, and nothing is logged."""
    loop, told = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _loop, context: told.append(context))
    looks = iter([False])

    def is_stuck() -> bool:
        if not (is_last := next(looks, True)):
            time.sleep(0.045)  # the next look would come after the end
            loop.call_soon(time.sleep, 0.05)  # and both are due at once
        return is_last

    assert not await is_called(deque(), 0, lambda: None, 0.1, is_stuck)
    await asyncio.sleep(0)
    assert [] == told


async def test_random_patience_and_cancellation() -> None:
    """In a crowd of impatient and cancelled turns nobody is stuck, and nothing is left behind."""
    queue, chance = Queue(0.01), random.Random(7)

    async def turn() -> None:
        async with queue.place(chance.choice("xyz")):
            await asyncio.sleep(chance.uniform(0, 0.004))

    tasks = [asyncio.create_task(turn()) for _ in range(150)]
    for task in chance.sample(tasks, 50):
        await asyncio.sleep(0.001)
        task.cancel()

    async with asyncio.timeout(5):
        await asyncio.gather(*tasks, return_exceptions=True)
    assert not queue._waiting


async def test_a_turn_inside_a_turn_of_the_same_user(db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """An immediate error, which shows no user id; the outer turn is not harmed."""
    async with db.turn("user-1") as outer:
        began = time.perf_counter()
        with pytest.raises(UsageError, match="inside a turn of the same user") as caught:
            await visit(db, "user-1")
        assert time.perf_counter() - began < 0.5
        outer.user.data["visits"] = 1

    assert "user-1" not in str(caught.value)
    assert await visit(db, "user-1") == 2


async def test_a_turn_inside_a_turn_by_way_of_handle(db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """The same for a handler."""

    async def handler(_: Any) -> None:
        await visit(db, "user-1")

    with pytest.raises(UsageError, match="inside a turn of the same user"):
        await db.handle("user-1", handler)


async def test_a_turn_inside_a_turn_by_way_of_a_child_task(db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """A task that the turn waits for is inside it as well; one that begins its turn afterwards is not."""

    async def afterwards(ended: asyncio.Event) -> int:
        await ended.wait()
        return await visit(db, "user-1")

    ended = asyncio.Event()
    async with db.turn("user-1"):
        with pytest.raises(UsageError, match="inside a turn of the same user"):
            await asyncio.create_task(visit(db, "user-1"))
        child = asyncio.create_task(afterwards(ended))
    ended.set()

    assert await child == 1


async def test_what_may_be_inside_a_turn(db: AsyncDynamoDb[dict[str, Any]], moto: Engine, table_name: str) -> None:
    """Another user, another adapter, and hand-made load and save: none of them waits for this turn."""
    async with adapter_on(moto, f"{table_name}-other") as other, db.turn("user-1"):
        assert await visit(db, "user-2") == 1
        assert await visit(other, "user-1") == 1
        await db.save(await db.load("user-1"))


async def test_one_turn_after_the_other(db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """In one task, also after a turn that raised, a turn is not inside the one before."""
    with pytest.raises(ZeroDivisionError):
        async with db.turn("user-1"):
            raise ZeroDivisionError

    assert [await visit(db, "user-1") for _ in range(2)] == [1, 2]


async def test_a_turn_that_ends_in_another_task(db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """The place belongs to the turn: a fixture may be torn down in another task than it was set up in."""

    async def begin(turn: Any) -> None:
        (await turn.__aenter__()).user.data["visits"] = 1

    async def end(turn: Any) -> None:
        await turn.__aexit__(None, None, None)

    turn = db.turn("user-1")
    await asyncio.create_task(begin(turn))
    waiting = asyncio.create_task(visit(db, "user-1"))
    await asyncio.create_task(end(turn))

    assert await waiting == 2
    assert await visit(db, "user-1") == 3


async def test_turns_of_one_user_through_an_adapter(db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """Turns that overlap are queued, so that none of them conflicts, and a turn's user is forgotten by the queue."""
    answers = await asyncio.gather(*(visit(db, "user-1") for _ in range(8)))

    assert sorted(answers) == list(range(1, 9))
    assert not db._running().queue._waiting
