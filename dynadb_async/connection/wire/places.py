"""How many may be under way at once, and who is next."""

import asyncio
from collections import deque

from dynadb_async.connection.failures import ALL_BUSY, AttemptFailedError


class Places:
    """A number of places; who finds none waits, and who came first gets the next that is free."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[bool]] = deque()

    def take_free(self) -> bool:
        """One of them, if one is free now; give it back by `leave`."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def take(self, until: float) -> None:
        """
        One of them, when one is free.

        Raises:
            AttemptFailedError: There was none by *until*, on the event loop's clock.
        """
        if self.take_free():
            return
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_at(until, _decide, turn, False)  # noqa: FBT003 - whether the place is theirs
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
        """Hand the place to the one who has waited longest."""
        while self._waiting:
            if _decide(self._waiting.popleft(), True):  # noqa: FBT003 - whether the place is theirs
                return
        self._free += 1


def _decide(turn: "asyncio.Future[bool]", is_theirs: bool) -> bool:  # noqa: FBT001 - a timer's callback
    if turn.done():
        return False
    turn.set_result(is_theirs)
    return True
