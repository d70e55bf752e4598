"""One turn of a user at a time, within the process."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Self, TypeAlias

from attrs import define, field

from dynadb_async.errors import UsageError

Waiting: TypeAlias = deque[tuple[int, asyncio.Future[None]]]
"""Those who wait to be called, and the number that each drew when it came."""


# No attrs class: it is made for each turn.


class Place:
    """
    A turn's place in its user's queue, an async context manager: it belongs to it, whichever task ends it.

    Attributes:
        queue: Where it is.
        number: Drawn when it came; who waits a second time comes before those who came later.
        user_id: The user.
        patience: How many seconds it waits.
        is_patient: It looks, while it waits, whether the queue moves at all, and waits half as long for one that does
            not, if it is the next.
        is_first: Whether it was called, rather than that its patience came to its end.
        is_left: The turn has ended.
    """

    __slots__ = ("is_first", "is_left", "is_patient", "number", "patience", "queue", "user_id")

    def __init__(self, queue: "Queue", user_id: str, patience: float) -> None:
        self.queue: Queue = queue
        self.user_id: str = user_id
        self.patience: float = patience
        self.number: int = 0
        self.is_patient: bool = False
        self.is_first: bool = False
        self.is_left: bool = False

    async def __aenter__(self) -> Self:
        """
        Wait for our turn, as long as our patience lasts.

        Raises:
            UsageError: The turn is inside a turn of the same user, which would wait for itself.
        """
        if not self.take():
            await self.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the next one in."""
        self.leave()

    def take(self) -> bool:
        """
        Whether it is our turn at once; else `wait` for it.

        Raises:
            UsageError: The turn is inside a turn of the same user, which would wait for itself.
        """
        outer = _held.get()
        if outer:
            outer = tuple([place for place in outer if not place.is_left])
        if outer and any(place.queue is self.queue and place.user_id == self.user_id for place in outer):
            msg = "a turn inside a turn of the same user; use the outer turn, or begin this one after it ended"
            raise UsageError(msg)
        self.queue.drawn += 1
        self.number = self.queue.drawn
        self.is_first = self.queue.is_free(self.user_id)
        if self.is_first:
            _held.set((*outer, self))
        return self.is_first

    async def wait(self) -> None:
        """Wait for our turn, as long as our patience lasts."""
        is_stuck = self.is_stuck if self.is_patient else None
        self.is_first = await self.queue.wait(self.user_id, self.patience, is_stuck, self.number)
        _held.set((*_places_around(), self))

    def leave(self) -> None:
        """Let the next one in."""
        # In `_held` it stays until the next turn looks there: a fixture, for one, may end it in another task.
        self.is_left = True
        if self.is_first:
            self.queue.call_next(self.user_id)

    def is_stuck(self) -> bool:
        """Whether the queue does not move."""
        return False


# The places taken by the turns around the running code, in this task and those that it was started from; some are left.
_held: ContextVar[tuple[Place, ...]] = ContextVar("dynadb_async_places", default=())


def _places_around() -> tuple[Place, ...]:
    return tuple([place for place in _held.get() if not place.is_left])


@define(eq=False, repr=False)
class Queue:
    """
    First come, first served, by user; nothing is kept of a user who has no turn.

    Attributes:
        patience: How many seconds a turn waits before it goes on unqueued: the save's condition protects it still.
        drawn: How many numbers.
    """

    patience: float
    # By user who has a turn; the first who has to wait brings the deque.
    _waiting: dict[str, Waiting | None] = field(factory=dict, init=False)
    drawn: int = field(default=0, init=False)

    def place(self, user_id: str, *, patience: float | None = None) -> Place:
        """
        Hold the user's place for a turn, as an async context manager.

        Raises:
            UsageError: On entering: the turn is inside a turn of the same user, which would wait for itself.
        """
        return Place(self, user_id, self.patience if patience is None else min(patience, self.patience))

    def is_free(self, user_id: str) -> bool:
        """Whether it is our turn at once."""
        if user_id in self._waiting:
            return False
        self._waiting[user_id] = None
        return True

    def next_number(self, user_id: str) -> int | None:
        """Of who is next, if anybody waits."""
        waiting = self._waiting.get(user_id)
        return waiting[0][0] if waiting else None

    async def wait(
        self, user_id: str, patience: float, is_stuck: Callable[[], bool] | None = None, number: int | None = None
    ) -> bool:
        """Whether it is our turn, rather than that our patience is at its end; only if it is not ours at once."""
        waiting = self._waiting[user_id]
        if waiting is None:
            waiting = self._waiting[user_id] = deque()
        return await is_called(
            waiting, self.drawn if number is None else number, partial(self.call_next, user_id), patience, is_stuck
        )

    def call_next(self, user_id: str) -> None:
        """Whoever waited longest for the user is next."""
        waiting = self._waiting[user_id]
        if not waiting or not is_somebody_called(waiting):
            del self._waiting[user_id]


async def is_called(
    waiting: Waiting,
    number: int,
    pass_on: Callable[[], None],
    patience: float,
    is_stuck: Callable[[], bool] | None = None,
) -> bool:
    """Whether one more of those *waiting* is called, rather than that its patience is at its end."""
    turn = asyncio.get_running_loop().create_future()
    place = len(waiting)
    while place and waiting[place - 1][0] > number:
        place -= 1
    waiting.insert(place, (number, turn))
    try:
        async with asyncio.timeout(patience) as limit:
            with contextlib.nullcontext() if is_stuck is None else _looking(waiting, turn, limit, is_stuck):
                await turn
    except (TimeoutError, asyncio.CancelledError) as error:
        if turn.done() and not turn.cancelled():
            # Called in the very moment in which we gave up.
            if isinstance(error, TimeoutError):
                return True
            pass_on()
        else:
            with contextlib.suppress(ValueError):
                waiting.remove((number, turn))
        if isinstance(error, TimeoutError):
            return False
        raise
    return True


def is_somebody_called(waiting: Waiting) -> bool:
    """Whether there was anybody to be called."""
    while waiting:
        _, turn = waiting.popleft()
        if not turn.done():
            turn.set_result(None)
            return True
    return False


@contextlib.contextmanager
def _looking(
    waiting: Waiting,
    turn: asyncio.Future[None],
    limit: asyncio.Timeout,
    is_stuck: Callable[[], bool],
) -> Iterator[None]:
    """Meanwhile look, from half of the time on: if *turn* is the next and the queue *is_stuck*, that is the end."""
    loop = asyncio.get_running_loop()
    seconds = (limit.when() or loop.time()) - loop.time()
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        if limit.expired():
            return
        if waiting and waiting[0][1] is turn and is_stuck():
            limit.reschedule(loop.time())
        else:
            timer = loop.call_later(seconds / 8, look)

    timer = loop.call_later(seconds / 2, look)
    try:
        yield
    finally:
        timer.cancel()
