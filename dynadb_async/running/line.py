"""What the turns of one user in this process tell one another: who saves next, and what the last save left."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from attrs import define, field

from dynadb_async.errors import RequestTimeoutError
from dynadb_async.item import Loaded, Snapshot
from dynadb_async.running.queue import Waiting, is_called, is_somebody_called

if TYPE_CHECKING:
    from dynadb_async.running.group import Group

# Beyond it the oldest is forgotten: a turn that knows no more than that is refused once, and merged with what is there.
MOST_PASSED = 1000

# Seconds for a request that is slow, but no more: begun with less than it takes, nobody knew what became of it.
LONGEST_RESERVE = 0.1


@define(eq=False, repr=False)
class Line:
    """
    One user's item, as the saves of this process know it. Each begins when the one before has ended.

    Attributes:
        latest: The item as the last request left or found it; None if that is not known.
        asked_at: When that request began, on the event loop's clock.
        is_in_doubt: Something may have been written that nobody has seen: the next save has to look first.
        pace: Seconds that the last request took.
        guests: How many turns, and saves by hand, are under way.
        served: How many turns that had their place in the queue have ended since there was one under way.
        is_taken: A save is under way, or about to begin.
        group: The turns that ended last, and are to be stored together; None if all are stored.
        losses: How often another process was faster than them, one after the other.
    """

    latest: Snapshot | None = None
    asked_at: float = 0.0
    is_in_doubt: bool = False
    pace: float = 0.0
    guests: int = 0
    served: int = 0
    is_taken: bool = False
    group: "Group | None" = None
    losses: int = 0
    _waiting: Waiting | None = None
    # By the write id that was the newest then, when it was passed; None stands for an item that was not ours, or none.
    _passed: dict[str | None, float] | None = None

    async def wait(self, until: float) -> None:
        """
        Wait until the saves before this one have ended, as it is taken.

        Raises:
            RequestTimeoutError: They took all of its time.
        """
        clock = asyncio.get_running_loop().time
        waiting = self._waiting = deque() if self._waiting is None else self._waiting
        if await is_called(waiting, 0, self.call_next, max(0.0, until - clock())):
            if self.has_time(until - clock()):
                return
            self.call_next()
        raise others_took_all("UpdateItem")

    def call_next(self) -> None:
        """The save has ended."""
        self.is_taken = self._waiting is not None and is_somebody_called(self._waiting)

    def told(self, latest: Snapshot, *, before: Snapshot | None, asked_at: float) -> None:
        """A request that began *asked_at* left or found *latest* where *before* had been."""
        newest = None if before is None else before.newest
        self._passed = passed = self._passed or {}
        if newest is None or newest != latest.newest:
            passed[newest] = asked_at
        if len(passed) > MOST_PASSED:
            del passed[next(iter(passed))]
        self.latest, self.asked_at, self.is_in_doubt = latest, asked_at, False

    def doubt(self) -> None:
        """Something may have been written, or deleted, that nobody saw."""
        self.latest, self.is_in_doubt = None, True

    def gone(self) -> None:
        """The item is not there any more."""
        self.latest, self.is_in_doubt = None, False
        self._passed = None

    def is_ahead_of(self, loaded: Loaded) -> bool:
        """Whether *latest* is what became of the item that was *loaded*: others have saved since."""
        if self.latest is None or self._passed is None:
            return False
        newest = None if loaded.stored is None else loaded.stored.newest
        passed_at = self._passed.get(newest)
        # A write id does not come again; an item that is not there may have gone after it was there.
        return passed_at is not None and (newest is not None or loaded.read_at < passed_at)

    def known_since(self, moment: float) -> Snapshot | None:
        """The item as a request that began after *moment* left it: as good as a read of one's own."""
        return self.latest if self.asked_at >= moment else None

    def has_time(self, seconds: float) -> bool:
        """Whether *seconds* are enough for a request, as the last one went."""
        return seconds > min(1.5 * self.pace, LONGEST_RESERVE)


@define(eq=False, repr=False)
class Lines:
    """The lines by user; nothing is kept of a user of whom nothing is under way."""

    _lines: dict[str, Line] = field(factory=dict, init=False)

    def join(self, user_id: str) -> Line:
        """The user's line, until one `leave` for each `join`."""
        line = self._lines.get(user_id)
        if line is None:
            line = self._lines[user_id] = Line()
        line.guests += 1
        return line

    def leave(self, user_id: str, line: Line) -> None:
        """A turn, or a save by hand, has ended."""
        line.guests -= 1
        if not line.guests:
            del self._lines[user_id]


def others_took_all(operation: str) -> RequestTimeoutError:
    """The error of a turn whose time went by in line."""
    problem = "other turns of the same user took all of its time, and nothing was written; send it again"
    return RequestTimeoutError(problem, operation=operation, code="UserBusy")
