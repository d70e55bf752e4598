"""Turns of one user that one request stores: each was made of what the one before left, and did not wait for it."""

import asyncio
import copy
from typing import TYPE_CHECKING

from attrs import define, field

from dynadb_async import item as items
from dynadb_async.connection.failures import ConditionFailedError
from dynadb_async.errors import OutcomeUnknownError, VersionConflictError
from dynadb_async.item import Loaded, Snapshot
from dynadb_async.running.line import Line, others_took_all
from dynadb_async.running.saving import Attempt, Save, pause_after

if TYPE_CHECKING:
    from dynadb_async.running.live import Live

# Of them, what the last one leaves remembers no more than `recent_turns`.
MOST_MEMBERS = 8


@define(eq=False, repr=False)
class Group:
    """
    Turns that have ended and are not stored yet. What becomes of one becomes of all of them.

    All saves write the same attributes: the last one's request stores them all, on the first one's condition.

    Attributes:
        live: The event loop's.
        line: Their user's.
        base: What the first of them was made of.
        before: The group that left that, if it was not stored by then.
        until: When they have to be stored, on the event loop's clock.
        tail: The item as the last of them leaves it.
        is_closed: Nobody joins it any more.
        is_lost: It is not stored, not as a whole, and won't be: who built on it has to begin anew.
        failure: Why, if that is an error for its members.
    """

    live: "Live"
    line: Line
    base: Loaded
    before: "Group | None"
    until: float = 0.0
    tail: Snapshot | None = None
    is_closed: bool = False
    is_lost: bool = False
    failure: BaseException | None = None
    _members: list[tuple[Save, Attempt]] = field(factory=list, init=False)
    _stored: list[Save] = field(factory=list, init=False)
    _ended: asyncio.Future[None] = field(init=False)
    _task: "asyncio.Task[None] | None" = None

    @property
    def is_full(self) -> bool:
        """Whether it takes nobody any more, though it is not on its way."""
        return not self.is_closed and len(self._members) >= min(
            MOST_MEMBERS, self.live.store.layout.config.recent_turns
        )

    @property
    def awaited(self) -> "Group":
        """What has to end before it takes others again, once it is full."""
        return self if self.before is None or self.before.is_ended else self.before

    @property
    def is_ended(self) -> bool:
        """Whether it is known what became of it."""
        return self._ended.done()

    def join(self, save: Save, attempt: Attempt) -> None:
        """One more, made of what the last one left."""
        loaded: Loaded = save.turn.loaded
        self._members.append((save, attempt))
        self.until = max(self.until, save.until)
        self.tail = attempt.left_of(loaded)
        if self._task is None:
            self.line.group = self
            self._ended = self.live.loop.create_future()
            # In a task of its own: whoever of them is cancelled, the others go on.
            self._task = self.live.loop.create_task(self._go())

    async def ended(self, until: float) -> bool:
        """Whether it was known by the time *until* what became of it."""
        if not self._ended.done():
            await asyncio.wait([self._ended], timeout=max(0.0, until - self.live.loop.time()))
        return self._ended.done()

    async def has_stored(self, save: Save) -> bool:
        """
        Whether the turn of *save*, a member's, is stored; else it has to begin anew.

        Raises:
            OutcomeUnknownError: Its time was over before that was known.
            RequestTimeoutError: There was no time to begin anew.
            DynaDbError: DynamoDB or the network refused.
        """
        is_known = await self.ended(save.until)
        if not (is_known or self.is_closed):
            # It is not on its way, and goes without this one.
            self._leave_behind(save.until)
        if not any(save is member for member, _ in self._members):
            if is_known:
                return False
            raise others_took_all("UpdateItem")
        unknown = OutcomeUnknownError("no answer in time", operation="UpdateItem", code="Timeout")
        problem = copy.copy(self.failure) if is_known else unknown
        if isinstance(problem, OutcomeUnknownError):
            problem.turn_id = save.turn.turn_id
        if problem is not None:
            raise problem
        return save in self._stored

    async def _go(self) -> None:
        line, lines, user_id = self.line, self.live.lines, self.base.user_id
        lines.join(user_id)
        try:
            with self.live.work:
                if line.is_taken:
                    await line.wait(self.until)
                line.is_taken = True
                try:
                    if not await self._sent():
                        self.is_lost = True
                finally:
                    line.call_next()
        except BaseException as error:
            self.is_lost, self.failure = True, error
            for save, _ in self._members[-1:]:
                save.note(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self.is_closed = True
            if line.group is self:
                line.group = None
            self._ended.set_result(None)
            lines.leave(user_id, line)

    async def _sent(self) -> bool:
        """Whether all of it is stored now."""
        self.is_closed, line, before, self.before = True, self.line, self.before, None
        if (before is not None and before.is_lost) or line.is_ahead_of(self.base):
            return False
        self._leave_behind(asked_at := self.live.loop.time())
        if not self._members:
            return False
        update = self._members[-1][1].update
        try:
            await self.live.store.connection.call(update.request, until=self.until)
        except ConditionFailedError as refused:
            return await self._is_there(refused, asked_at)
        self._note_stored(asked_at)
        return True

    def _leave_behind(self, now: float) -> None:
        """Go without the first who has no time left, and those who built on it."""
        for place, (save, _) in enumerate(self._members):
            if not self.line.has_time(save.until - now):
                del self._members[place:]
                self.is_lost = True
                return

    async def _is_there(self, refused: ConditionFailedError, asked_at: float) -> bool:
        """Whether it was stored, by an attempt whose answer was lost."""
        line, (save, attempt) = self.line, self._members[-1]
        before, layout = self.base.stored, self.live.store.layout
        current = refused.item or await save.read_after_refusal()
        if current is None:
            line.gone()
            if before is not None and not self.base.is_expired:
                raise VersionConflictError(deleted=True)
            return False
        is_there = items.is_written(layout, current, attempt.write)
        if is_there:
            self._note_stored(asked_at)
            before = save.turn.loaded.stored
        else:
            # Whoever is called now builds on nothing of this.
            self.is_lost = True
            self._members.clear()
            line.losses += 1
        line.told(Snapshot.of(layout, current, is_stored=True), before=before, asked_at=asked_at)
        if not is_there:
            await asyncio.sleep(pause_after(line.losses))
        return is_there

    def _note_stored(self, asked_at: float) -> None:
        self.line.losses = 0
        for save, attempt in self._members:
            save.saved(attempt, None, asked_at)
            self._stored.append(save)
