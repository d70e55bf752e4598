"""One save of a turn: its attempts, in the order in which DynamoDB has to hear them, until it is stored or refused."""

import asyncio
import random
from collections.abc import Awaitable
from datetime import datetime
from typing import Any

from attrs import define

from dynadb_async import item as items
from dynadb_async.connection.failures import ConditionFailedError
from dynadb_async.errors import DynaDbError, OutcomeUnknownError, RequestError, VersionConflictError
from dynadb_async.item import Item, Layout, Loaded, Snapshot
from dynadb_async.item.recent import Entry, write_of
from dynadb_async.running.line import Line, others_took_all
from dynadb_async.running.store import Store
from dynadb_async.turn import Turn

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5


@define(kw_only=True, eq=False, repr=False)
class Attempt:
    """
    One attempt to store a turn.

    Attributes:
        entry: What it adds to the recent turns; the same for all attempts of a save.
        write: The write id in it, which names the save.
        ours: What the turn itself holds, the base of a later merge.
        update: What is written, which may have another turn's changes in it, and the request.
    """

    entry: Entry
    write: str
    ours: Snapshot
    update: items.Update

    def left_of(self, loaded: Loaded) -> Snapshot:
        """The item, *loaded* before, once this is stored."""
        before, written = loaded.stored, self.update.written
        return written if before is None or loaded.is_expired else before.with_written(written)


# No attrs class: it is made for each save, and its parts are looked up again and again.
class Save:
    """
    One save of a turn.

    Attributes:
        store: Where to.
        turn: What is saved.
        line: What this process knows of the item; this save is the only one of its user that is under way here.
        until: When it has to end, on the event loop's clock.
        layout: How a turn is laid out as an item.
    """

    __slots__ = ("_loaded", "_now", "layout", "line", "store", "turn", "until")

    def __init__(self, store: Store, turn: Turn[Any], line: Line, until: float) -> None:
        self.store: Store = store
        self.turn: Turn[Any] = turn
        self.line: Line = line
        self.until: float = until
        self.layout: Layout = store.layout
        self._loaded: Loaded = turn.loaded
        self._now = store.connection.now

    async def run(self) -> None:
        """
        Store the turn over whatever other turns stored meanwhile, or find that it was stored already.

        Raises:
            VersionConflictError: Another turn changed the same thing, or the user was deleted.
            OutcomeUnknownError: The write may or may not have happened.
            RequestTimeoutError: Other saves of the user took all of its time.
        """
        line, history = self.line, self.layout.config.stored_elements.history
        # Before our place in the line: an element of the app's own may take its time, or save another turn.
        entry = None if history is None else await items.history_entry(history, self.turn)
        if line.is_taken:
            await line.wait(self.until)
        line.is_taken = True
        try:
            if line.is_in_doubt:
                await self._look()
            attempt = self.first_attempt(entry)
            while attempt is not None:
                asked_at = self._now()
                try:
                    await self._sent(attempt.update)
                except ConditionFailedError as error:
                    refused = error
                else:
                    self.saved(attempt, None, asked_at)
                    return
                line.pace = self._now() - asked_at
                attempt = await self._after_refusal(attempt, refused, asked_at)
        except BaseException as error:
            self.note(error)
            raise
        finally:
            line.call_next()

    def _sent(self, update: items.Update) -> Awaitable[Any]:
        """Send it, to be awaited at once; in one transaction with what the turn stores besides the item."""
        beside = self.turn.beside
        call = beside.commit if beside is not None and beside.is_pending else self.store.connection.call
        return call(update.request, until=self.until)

    def note(self, error: BaseException) -> None:
        """Whether nobody knows any more what is stored."""
        if isinstance(error, OutcomeUnknownError):
            error.turn_id = self.turn.turn_id
        elif isinstance(error, DynaDbError):
            return
        self.line.doubt()

    async def _look(self) -> None:
        """Read what is stored, before anything is built on a guess."""
        asked_at = self._now()
        current = await self.store.read(self._loaded.user_id, until=self.until)
        if current is None:
            self.line.gone()
        else:
            found = Snapshot.of(self.layout, current, is_stored=True)
            self.line.told(found, before=self._loaded.stored, asked_at=asked_at)

    async def _after_refusal(self, attempt: Attempt, refused: ConditionFailedError, asked_at: float) -> Attempt | None:
        """The next attempt; None if it turns out that there is nothing left to do."""
        current = refused.item or await self.read_after_refusal()
        if self._is_settled(attempt, current, asked_at):
            return None
        self._loaded.refusals += 1
        # The first time what came with the refusal is as fresh as can be. Then others are at it just as quickly.
        if self._loaded.refusals > 1:
            await asyncio.sleep(pause_after(self._loaded.refusals - 1))
            asked_at = self._now()
            current = await self.store.read(self._loaded.user_id, until=self.until)
            if self._is_settled(attempt, current, asked_at):
                return None
        attributes = self._rebased(attempt.ours.item(), current, asked_at)
        if not self.line.has_time(self.until - self._now()):
            raise others_took_all("UpdateItem")
        return self._attempt(attributes, attempt.entry, attempt.ours, self.store.clock())

    async def read_after_refusal(self) -> Item | None:
        """What is there instead, where the server (dynalite, for one) does not send it along."""
        try:
            return await self.store.read(self._loaded.user_id, until=self.until)
        except RequestError as error:
            # Perhaps what was refused is a second attempt, and the first one, whose answer was lost, is what is there.
            problem = f"refused, and why could not be read: {error.code}; repeat it with the same turn_id"
            details = {"operation": "UpdateItem", "code": error.code, "request_id": error.request_id}
        raise OutcomeUnknownError(problem, **details)

    def first_attempt(self, history_entry: dict[str, Any] | None, over: Loaded | None = None) -> Attempt | None:
        """What to send; None if there is nothing to do. *over*: what a group begins with, of which this is the last."""
        turn, loaded, now = self.turn, self._loaded, self.store.clock()
        is_behind = self.line.latest is not None and self.line.is_ahead_of(loaded)
        is_looked_at = is_behind or loaded.is_merged or self.layout.config.touch_every is not None
        ours = items.attributes_of_turn(self.layout, turn, history_entry, now, is_whole=is_looked_at)
        has_more = turn.beside is not None and turn.beside.is_pending
        if is_looked_at and not has_more and items.is_unchanged(self.layout, turn, ours, now):
            return None
        if is_behind and self._is_caught_up(now):
            return None
        recent = self._recent_entry(ours)
        if loaded.is_merged and loaded.stored is not None:
            merged = items.rebased(self.layout, turn, ours, loaded.stored.item())
            return self._attempt(merged, recent, Snapshot.of(self.layout, ours), now, over)
        return self._attempt(ours, recent, None, now, over)

    def _recent_entry(self, ours: Item) -> Entry:
        """What this save is remembered by."""
        turn, write = self.turn, items.new_write_id()
        if self._loaded.is_open:
            # What was read and what is written now are as much as a turn may hold while it goes on.
            self._loaded.kept = None
            # A second delivery after a checkpoint alone is no duplicate: the first may never have come to its end.
            return items.open_entry(self.layout, write, turn.turn_id, ours)
        return items.new_entry(self.layout, write, turn.turn_id, turn.response)

    def _is_caught_up(self, now: datetime) -> bool:
        """Go on from what other turns of this process stored; whether another delivery of this one was among them."""
        latest, loaded = self.line.latest, self._loaded
        current = {} if latest is None else latest.item()
        if self._is_duplicate(current):
            return True
        loaded.stored, loaded.is_expired = latest, self.layout.is_expired(current, now)
        loaded.is_merged = not loaded.is_expired
        return False

    def _attempt(
        self, attributes: Item, entry: Entry, ours: Snapshot | None, now: datetime, over: Loaded | None = None
    ) -> Attempt:
        """The attempt that writes *attributes*; *ours*, what the turn itself held, if that is something else."""
        loaded = self._loaded
        update = items.update_of_save(self.layout, attributes, entry, loaded, loaded.user_id, now, over)
        write, ours = write_of(entry), update.written if ours is None else ours
        loaded.attempts[write] = ours
        return Attempt(entry=entry, write=write, ours=ours, update=update)

    def _is_settled(self, attempt: Attempt, current: Item | None, asked_at: float) -> bool:
        """Whether *current*, which is stored instead of what was loaded, leaves nothing to do."""
        if current is None:
            return False
        if items.is_written(self.layout, current, attempt.write):
            self.saved(attempt, current, asked_at)
            return True
        return self._is_duplicate(current)

    def saved(self, attempt: Attempt, current: Item | None, asked_at: float) -> None:
        """The save succeeded; *current* is the item, where it had to be looked at to know that."""
        loaded, written = self._loaded, attempt.update.written
        before = loaded.stored
        stored = attempt.left_of(loaded) if current is None else Snapshot.of(self.layout, current, is_stored=True)
        is_merged = current is not None or attempt.ours is not written
        loaded.saved(attempt.write, attempt.ours, stored, is_merged=is_merged)
        if self.line.guests > 1:
            self.line.pace = self._now() - asked_at
            self.line.told(stored, before=before, asked_at=asked_at)
        else:
            self.line.latest = None
        if self.turn.beside is not None:
            self.turn.beside.saved()

    def _is_duplicate(self, current: Item) -> bool:
        """Whether another delivery of the same turn was faster; *turn* then knows."""
        turn, loaded = self.turn, self._loaded
        own = loaded.writes.union(loaded.attempts)
        earlier = items.entry_of_turn(items.recent_turns(self.layout, current), turn.turn_id, own)
        if earlier is None:
            return False
        items.note_duplicate(self.layout, turn, earlier)
        return True

    def _rebased(self, ours: Item, current: Item | None, asked_at: float) -> Item:
        """What to write over *current* instead; what was loaded then is *current*."""
        loaded = self._loaded
        if current is None:
            self.line.gone()
            if loaded.stored is not None and not loaded.is_expired:
                raise VersionConflictError(deleted=True)
            loaded.stored, loaded.is_expired = None, False
            return ours
        found = Snapshot.of(self.layout, current, is_stored=True)
        self.line.told(found, before=loaded.stored, asked_at=asked_at)
        if self.layout.is_expired(current, self.store.clock()):
            loaded.stored, loaded.is_expired = found, True
            return ours
        attributes = items.rebased(self.layout, self.turn, ours, current)
        loaded.stored, loaded.is_expired, loaded.is_merged = found, False, True
        return attributes


def pause_after(refusals: int) -> float:
    """Seconds to stay away once other processes were faster so often: all who wait should come back one by one."""
    return random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**refusals))  # noqa: S311 - no secret
