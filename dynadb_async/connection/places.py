"""How many may be under way at once, and who is next."""

import asyncio
from heapq import heappop, heappush
from itertools import count

from dynadb_async.connection.failures import ALL_BUSY, AttemptFailedError
from dynadb_async.connection.retry import SHORTEST_ATTEMPT

# So many connections in a row that say nothing are no accident: others are as dead.
SILENT_IN_A_ROW = 2


class Places:
    """
    A number of places; who finds none waits, and the next that is free goes to the one whose time ends first.

    A write counts as if half of its time were gone: mostly it ends a turn whose load is done already. With more work
    than time, turns then are finished rather than begun, and none gets its place at the last moment, in vain.
    """

    def __init__(self, number: int) -> None:
        self._number = self._free = number
        self._waiting: list[tuple[float, int, asyncio.Future[bool]]] = []
        self._order = count()

    @property
    def taken(self) -> int:
        """How many are not free."""
        return self._number - self._free

    def take_free(self) -> bool:
        """One of them, if one is free now; give it back by `leave`."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def take(self, until: float, needs: float = 0.0, *, is_write: bool) -> None:
        """
        One of them, when one is free.

        Raises:
            AttemptFailedError: There was none while an attempt, which *needs* so many seconds, could still be made by
                *until*, on the loop's clock.
        """
        if self.take_free():
            return
        loop = asyncio.get_running_loop()
        turn, now = loop.create_future(), loop.time()
        heappush(self._waiting, ((now + until) / 2 if is_write else until, next(self._order), turn))
        latest = until - max(SHORTEST_ATTEMPT, min(needs, (until - now) / 2))
        timer = loop.call_at(latest, _decide, turn, False)  # noqa: FBT003 - whether it is theirs
        try:
            is_theirs = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave()
            raise
        finally:
            timer.cancel()
        if not is_theirs:
            raise AttemptFailedError(ALL_BUSY)

    def leave(self) -> None:
        """Hand the place to who is next."""
        while self._waiting:
            if _decide(heappop(self._waiting)[2], True):  # noqa: FBT003 - whether the place is theirs
                return
        self._free += 1


def _decide(turn: "asyncio.Future[bool]", is_theirs: bool) -> bool:  # noqa: FBT001 - a timer's callback
    if turn.done():
        return False
    turn.set_result(is_theirs)
    return True
