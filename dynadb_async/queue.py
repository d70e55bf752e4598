"""One turn of a user at a time, within the process."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextvars import ContextVar

from attrs import define, field

from dynadb_async.errors import UsageError


@define(eq=False)
class Place:
    """A turn's place in its user's queue: it belongs to the turn, whichever task ends it."""

    queue: "Queue"
    user_id: str = field(repr=False)
    is_left: bool = False


# The places held by the turns around the running code, in this task and those that it was started from.
_held: ContextVar[tuple[Place, ...]] = ContextVar("dynadb_async_places", default=())


@define(eq=False)
class Queue:
    """
    First come, first served, by user; nothing is kept of a user who has no turn.

    Attributes:
        patience: How many seconds a turn waits before it goes on unqueued: the save's condition protects it still.
    """

    patience: float
    _waiting: dict[str, deque[asyncio.Future[None]]] = field(factory=dict, init=False, repr=False)

    @contextlib.asynccontextmanager
    async def place(self, user_id: str, *, patience: float | None = None) -> AsyncIterator[None]:
        """
        Hold the user's place for a turn.

        Raises:
            UsageError: The turn is inside a turn of the same user, which would wait for itself.
        """
        outer = tuple(place for place in _held.get() if not place.is_left)
        if any(place.queue is self and place.user_id == user_id for place in outer):
            msg = "a turn inside a turn of the same user; use the outer turn, or begin this one after it ended"
            raise UsageError(msg)
        is_first = await self._wait(user_id, self.patience if patience is None else min(patience, self.patience))
        place = Place(self, user_id)
        _held.set((*outer, place))
        try:
            yield
        finally:
            place.is_left = True
            # No token: a fixture, for one, may end the turn in another task than it began in.
            _held.set(tuple(held for held in _held.get() if not held.is_left))
            if is_first:
                self._next(user_id)

    async def _wait(self, user_id: str, patience: float) -> bool:
        """Whether it is our turn, rather than that our patience is at its end."""
        waiting = self._waiting.get(user_id)
        if waiting is None:
            self._waiting[user_id] = deque()
            return True
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            async with asyncio.timeout(patience):
                await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn.done() and not turn.cancelled():
                # Called in the very moment in which we gave up.
                if isinstance(error, TimeoutError):
                    return True
                self._next(user_id)
            else:
                with contextlib.suppress(ValueError):
                    waiting.remove(turn)
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def _next(self, user_id: str) -> None:
        waiting = self._waiting[user_id]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._waiting[user_id]
