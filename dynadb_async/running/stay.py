"""What a turn has while it lasts: its user's place in the queue, and its time."""

import asyncio
import sys
from collections.abc import Awaitable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from dynadb_async.item import Snapshot, history_entry
from dynadb_async.observer import Observer
from dynadb_async.running.group import Group
from dynadb_async.running.line import Line, others_took_all
from dynadb_async.running.live import Live
from dynadb_async.running.queue import Place
from dynadb_async.running.saving import Save, pause_after
from dynadb_async.running.time_left import TimeLeft
from dynadb_async.turn import Session, Turn


class Stay(Place):
    """
    A turn's place in its user's queue, and the time that it has, as an async context manager.

    Attributes:
        live: The event loop's.
        left: The time, which begins to run when this is made.
        line: What this process knows of the user's item.
        ground: The group that the turn builds on, if that was not stored when it was loaded.
    """

    __slots__ = (
        "_group",
        "_known_from",
        "_observer",
        "_served_before",
        "_until",
        "_work",
        "ground",
        "left",
        "line",
        "live",
    )

    def __init__(self, live: Live, user_id: str, io_timeout: float | None, *, is_patient: bool = False) -> None:
        live.store.layout.key(user_id)
        self.live: Live = live
        self.left: TimeLeft = TimeLeft(live.operation_timeout, io_timeout)
        most = live.queue.patience
        super().__init__(live.queue, user_id, most if io_timeout is None else max(0.0, min(io_timeout, most)))
        self.ground: Group | None = None
        self._group: Group | None = None
        if is_patient:
            self.is_patient = True
            self.patience = self.left.operation_timeout if io_timeout is None else io_timeout
            self._until = live.loop.time() + self.patience
            live.work.waits_until = max(live.work.waits_until, self._until)
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
        self.line.served += self.is_first
        self._leave_line(kind, error, traceback)

    def _leave_line(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.live.lines.leave(self.user_id, self.line)
        self._work.__exit__(kind, error, traceback)

    def load(self, session: Session | None, turn_id: str | None) -> Awaitable[Turn[Any]]:
        """The user's turn, to be awaited at once."""
        self.ground = None
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
        """The item as it will be, if what the turns before left is stored; else what is as good as to read it."""
        while (group := self.line.group) is not None:
            if self.is_patient and not (group.is_lost or group.is_full):
                self.ground = group
                return group.tail
            if not await (group.awaited if self.is_patient else group).ended(self.left.until()):
                raise others_took_all("GetItem")
            if group.is_lost:
                await self._return()
        # What another turn stored since we wait is as good as to read it.
        return self.line.known_since(self._known_from)

    def check_turn_came(self) -> None:
        """
        Go on only if our turn came, and leaves time for itself.

        Raises:
            RequestTimeoutError: The turns before it took all of its time.
        """
        requests = 2 if self.line.known_since(self._known_from) is None else 1
        is_called = self.is_first or self.is_stuck()
        if not is_called or (self._has_waited() and self._is_late(requests=requests)):
            raise others_took_all("GetItem")

    async def save(self, turn: Turn[Any]) -> None:
        """
        Store *turn*.

        Raises:
            RequestTimeoutError: The turns before it left so little time that nobody would know what became of it.
        """
        if self._has_waited() and self._is_late():
            raise others_took_all("UpdateItem")
        await self.live.save(turn, self.left, self.line)

    async def is_grounded(self) -> bool:
        """
        Whether what the turn builds on is stored, rather than lost.

        Raises:
            RequestTimeoutError: It takes too long.
        """
        if self.ground is None:
            return True
        if not await self.ground.ended(self.left.until()):
            raise others_took_all("UpdateItem")
        return not self.ground.is_lost

    async def has_stored(self, turn: Turn[Any]) -> bool:
        """
        Whether *turn* is stored, rather than that it has to begin anew: what it was built on was lost.

        Raises:
            RequestTimeoutError: The turns before it left so little time that nobody would know what became of it.
        """
        if (
            self.ground is not None or self.queue.next_number(self.user_id) is not None
        ) and self.live.may_wait_for_others(turn):
            # The request that is under way, and then their own.
            if self._is_late(requests=1 + self.line.is_taken):
                raise others_took_all("UpdateItem")
            together = await self._together(turn)
            if together is not None:
                with self.live.under_way("save", self._observer):
                    return await together
        if not await self.is_grounded():
            return False
        await self.save(turn)
        return True

    async def _together(self, turn: Turn[Any]) -> Awaitable[bool] | None:
        try:
            return await self._join(turn)
        except Exception:
            # Perhaps that is so only of what was never stored.
            if not await self.is_grounded():
                return None
            with self.live.under_way("save", self._observer):
                raise

    async def _join(self, turn: Turn[Any]) -> Awaitable[bool] | None:
        """What becomes of it in a group, if it may be in one; then the next one's turn begins."""
        line, save = self.line, Save(self.live.store, turn, self.line, self.left.until())
        history = save.layout.config.stored_elements.history
        entry = None if history is None else await history_entry(history, turn)
        # Nothing is waited for from here on, until it has joined.
        group, ground = line.group, self.ground
        if group is not (None if ground is None or ground.is_ended else ground) or (ground and ground.is_lost):
            return None
        if group is None or group.is_closed:
            group = Group(self.live, line, turn.loaded, group)
        attempt = save.first_attempt(entry, group.base)
        if attempt is None:
            return None
        group.join(save, attempt)
        self._group = group
        self.leave()
        line.served += self.is_first
        self.is_first = False
        return group.has_stored(save)

    async def begin_anew(self) -> None:
        """Wait for our turn once more."""
        if self.ground is not None or self._group is not None:
            self._known_from = self.live.loop.time()
        self.ground = self._group = None
        await self._return()
        self.check_turn_came()

    async def _return(self) -> None:
        """Wait until all who came before, and lost what they left, had their turn once more; but for no others."""
        if not self.is_left:
            next_number = self.queue.next_number(self.user_id)
            if next_number is None or next_number > self.number:
                return
            self.leave()
        self.is_left, self.is_first = False, self.queue.is_free(self.user_id)
        if not self.is_first:
            patience = max(0.0, self._until - self.live.loop.time()) if self.is_patient else self.patience
            self.is_first = await self.queue.wait(self.user_id, patience, None, self.number)

    async def can_go_on(self, turn: Turn[Any], run: int) -> bool:
        """Whether there is time for *turn* once more; after a pause, if another process was faster in this *run*."""
        if turn.loaded.refusals:
            pause, seconds = pause_after(run), self.left.seconds
            await asyncio.sleep(pause if seconds is None else min(pause, seconds))
            self._known_from = self.live.loop.time()
        return not self._is_late()

    def _has_waited(self) -> bool:
        return not self.is_first or not self.is_stuck()

    def is_stuck(self) -> bool:
        """Whether one turn has lasted all this time, such as a language model's: no reason not to go on."""
        return self.line.served == self._served_before

    def _is_late(self, *, requests: int = 1) -> bool:
        seconds = self.left.seconds
        return seconds is not None and not self.line.has_time(seconds / requests)
