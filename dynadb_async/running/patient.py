"""What a turn of `handle()` has while it lasts: more patience, and others that it may be stored with."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from dynadb_async.item import Snapshot, history_entry
from dynadb_async.running.group import Group
from dynadb_async.running.line import others_took_all
from dynadb_async.running.live import Live
from dynadb_async.running.saving import Save, pause_after
from dynadb_async.running.stay import Stay
from dynadb_async.turn import Session, Turn


class PatientStay(Stay):
    """
    The stay of a turn that can begin anew: it waits as long as its time lasts, and builds on what is not stored yet.

    Attributes:
        ground: The group that the turn builds on, if that was not stored when it was loaded.
    """

    __slots__ = ("_group", "_until", "ground")

    def __init__(self, live: Live, user_id: str, io_timeout: float | None) -> None:
        super().__init__(live, user_id, io_timeout)
        self.is_patient = True
        self.patience: float = self.left.operation_timeout if io_timeout is None else io_timeout
        self.ground: Group | None = None
        self._group: Group | None = None
        self._until = live.loop.time() + self.patience
        live.work.waits_until = max(live.work.waits_until, self._until)

    def load(self, session: Session | None, turn_id: str | None) -> Awaitable[Turn[Any]]:
        """The user's turn, to be awaited at once."""
        self.ground = None
        return super().load(session, turn_id)

    async def _known(self) -> Snapshot | None:
        """The item as it will be, if what the turns before left is stored; else what is as good as to read it."""
        while (group := self.line.group) is not None:
            if not (group.is_lost or group.is_full):
                self.ground = group
                return group.tail
            await self._outwait(group, group.awaited)
        return await super()._known()

    def check_turn_came(self) -> None:
        """
        Go on only if our turn came, and leaves time for itself.

        Raises:
            RequestTimeoutError: The turns before it took all of its time.
        """
        if not self._has_waited():
            return
        requests = 2 if self.line.known_since(self._known_from) is None else 1
        if not (self.is_first or self.is_stuck()) or self._is_late(requests=requests):
            raise others_took_all("GetItem")

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
        if self.ground is not None and not await self.is_grounded():
            return False
        if self._has_waited() and self._is_late():
            raise others_took_all("UpdateItem")
        await self.live.save(turn, self.left, self.line)
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

    async def can_go_on(self, turn: Turn[Any], run: int) -> bool:
        """Whether there is time for *turn* once more; after a pause, if another process was faster in this *run*."""
        if turn.loaded.refusals:
            pause, seconds = pause_after(run), self.left.seconds
            await asyncio.sleep(pause if seconds is None else min(pause, seconds))
            self._known_from = self.live.loop.time()
        return not self._is_late()

    def _patience_left(self) -> float:
        return max(0.0, self._until - self.live.loop.time())

    def _has_waited(self) -> bool:
        return not self.is_first or not self.is_stuck()

    def is_stuck(self) -> bool:
        """Whether one turn has lasted all this time, such as a language model's: no reason not to go on."""
        return self.line.served == self._served_before

    def _is_late(self, *, requests: int = 1) -> bool:
        seconds = self.left.seconds
        return seconds is not None and not self.line.has_time(seconds / requests)
