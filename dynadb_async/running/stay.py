"""What a turn has while it lasts: its user's place in the queue, and its time."""

import sys
from collections.abc import Awaitable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from dynadb_async.item import Snapshot, check_user_id
from dynadb_async.observer import Observer
from dynadb_async.running.group import Group
from dynadb_async.running.line import Line, others_took_all
from dynadb_async.running.live import Live
from dynadb_async.running.queue import Place
from dynadb_async.running.time_left import TimeLeft
from dynadb_async.turn import Session, Turn


class Stay(Place):
    """
    A turn's place in its user's queue, and the time that it has, as an async context manager.

    Attributes:
        live: The event loop's.
        left: The time, which begins to run when this is made.
        line: What this process knows of the user's item.
    """

    __slots__ = ("_known_from", "_observer", "_served_before", "_work", "left", "line", "live")

    def __init__(self, live: Live, user_id: str, io_timeout: float | None) -> None:
        check_user_id(user_id)
        self.live: Live = live
        self.left: TimeLeft = TimeLeft(live.connection.now, live.operation_timeout, io_timeout)
        most = live.queue.patience
        super().__init__(live.queue, user_id, most if io_timeout is None else max(0.0, min(io_timeout, most)))
        self._work: AbstractContextManager[Observer | None] = (
            live.work if live.observer is None else live.under_way("turn")
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the next one in."""
        self.end(kind, error, traceback)

    def take(self) -> bool:
        """Whether it is our turn at once; else `wait` for it."""
        self._observer = self._work.__enter__()
        self.line: Line = self.live.lines.join(self.user_id)
        # A line without other guests knows nothing from before.
        self._known_from = 0.0 if self.line.guests == 1 else self.live.loop.time()
        self._served_before = self.line.served
        try:
            return super().take()
        except BaseException:
            self._leave_line(*sys.exc_info())
            raise

    async def wait(self) -> None:
        """Wait for our turn."""
        try:
            await super().wait()
        except BaseException:
            self._leave_line(*sys.exc_info())
            raise

    def end(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the next one in."""
        self.leave()
        line = self.line
        line.served += self.is_first
        self.live.lines.leave(self.user_id, line)
        self._work.__exit__(kind, error, traceback)

    def _leave_line(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.live.lines.leave(self.user_id, self.line)
        self._work.__exit__(kind, error, traceback)

    def load(self, session: Session | None, turn_id: str | None) -> Awaitable[Turn[Any]]:
        """The user's turn, to be awaited at once."""
        if self.line.guests == 1 and self.line.latest is None:
            live, left = self.live, self.left
            return live.load(self.user_id, session, turn_id, left, None, self._observer, is_within=True)
        return self._load_beside_others(session, turn_id)

    async def _load_beside_others(self, session: Session | None, turn_id: str | None) -> Turn[Any]:
        known, clock = await self._known(), self.live.loop.time
        began = clock()
        turn = await self.live.load(self.user_id, session, turn_id, self.left, known, self._observer, is_within=True)
        if known is None:
            self.line.pace = clock() - began
        return turn

    async def _known(self) -> Snapshot | None:
        """What is as good as to read the item, if anything is; once all is stored that turns before have left."""
        while (group := self.line.group) is not None:
            await self._outwait(group, group)
        # What another turn stored since we wait is as good as to read it.
        return self.line.known_since(self._known_from)

    async def _outwait(self, group: Group, first: Group) -> None:
        """Wait for *first*, which *group* is or builds on; if that is lost, its turns come before us once more."""
        if not await first.ended(self.left.until()):
            raise others_took_all("GetItem")
        if group.is_lost:
            await self._return()

    async def _return(self) -> None:
        """Wait until all who came before, and lost what they left, had their turn once more; but for no others."""
        if not self.is_left:
            next_number = self.queue.next_number(self.user_id)
            if next_number is None or next_number > self.number:
                return
            self.leave()
        self.is_left: bool = False
        self.is_first: bool = self.queue.is_free(self.user_id)
        if not self.is_first:
            self.is_first = await self.queue.wait(self.user_id, self._patience_left(), None, self.number)

    def _patience_left(self) -> float:
        return self.patience
