"""One user's item, read and written: what the rooms below decide, in the order in which DynamoDB has to hear it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from attrs import define, frozen

from dynadb_async import item as items
from dynadb_async.connection.connection import Connection
from dynadb_async.connection.failures import ConditionFailedError
from dynadb_async.connection.request import Request
from dynadb_async.errors import OutcomeUnknownError, RequestError, VersionConflictError
from dynadb_async.item import Item, Layout, Loaded, Snapshot
from dynadb_async.item.recent import Entry, write_of
from dynadb_async.turn import Session, Turn


@define(kw_only=True, eq=False, repr=False)
class Attempt:
    """
    One attempt to store a turn.

    Attributes:
        entry: What it adds to the recent turns; the same for all attempts of a save, as its write id names the save.
        ours: What the turn itself holds, the base of a later merge.
        written: What is written, which may have another turn's changes in it.
        request: The UpdateItem.
    """

    entry: Entry
    ours: Snapshot
    written: Snapshot
    request: Request


@frozen(kw_only=True)
class Store:
    """
    The items of one table, over one connection.

    Attributes:
        connection: How DynamoDB is reached.
        layout: How a turn is laid out as an item.
        clock: What time it is, aware and in UTC.
    """

    connection: Connection
    layout: Layout
    clock: Callable[[], datetime]

    async def load(self, user_id: str, session: Session | None, turn_id: str | None, *, until: float) -> Turn[Any]:
        """The user's turn that begins now."""
        request = self._read_request(user_id, is_consistent=self.layout.config.table.consistent_read)
        members, body = await self.connection.call(request, until=until)
        return self.turn(user_id, members.get("Item"), body, session=session, turn_id=turn_id)

    def turn(
        self,
        user_id: str,
        item: Item | None,
        body: bytes | None = None,
        *,
        session: Session | None,
        turn_id: str | None,
    ) -> Turn[Any]:
        """The turn that *item* makes, which was read from *body* if that is known."""
        return items.turn_from_item(
            self.layout, item, user_id, body=body, now=self.clock(), session=session, turn_id=turn_id
        )

    async def read(self, user_id: str, *, until: float) -> Item | None:
        """The item as it is stored, or None."""
        request = self._read_request(user_id, is_consistent=True)
        return (await self.connection.call(request, until=until)).members.get("Item")

    def _read_request(self, user_id: str, *, is_consistent: bool) -> Request:
        table, key = self.layout.config.table.name, self.layout.key(user_id)
        return Request.of("GetItem", {"TableName": table, "Key": key, "ConsistentRead": is_consistent})

    async def delete(self, user_id: str, *, until: float) -> None:
        """Delete the item, if there is one."""
        parameters = {"TableName": self.layout.config.table.name, "Key": self.layout.key(user_id)}
        await self.connection.call(Request.of("DeleteItem", parameters), until=until)

    async def save(self, turn: Turn[Any], *, until: float) -> None:
        """
        Store *turn* over whatever other turns stored meanwhile, or find that it was stored already.

        Raises:
            VersionConflictError: Another turn changed the same thing, or the user was deleted.
            OutcomeUnknownError: The write may or may not have happened.
        """
        history = self.layout.config.stored_elements.history
        entry = None if history is None else await items.history_entry(history, turn)
        attempt = self._first_attempt(turn, entry)
        while attempt is not None:
            try:
                await self.connection.call(attempt.request, until=until)
            except ConditionFailedError as refused:
                current = refused.item or await self._read_after_refusal(turn.user.id, until)
                attempt = self._next_attempt(turn, attempt, current)
            else:
                self._saved(turn, attempt, None)
                return

    async def _read_after_refusal(self, user_id: str, until: float) -> Item | None:
        """What is there instead, where the server (dynalite, for one) does not send it along."""
        try:
            return await self.read(user_id, until=until)
        except RequestError as error:
            # Perhaps what was refused is a second attempt, and the first one, whose answer was lost, is what is there.
            problem = f"refused, and why could not be read: {error.code}; repeat it with the same turn_id"
            details = {"operation": "UpdateItem", "code": error.code, "request_id": error.request_id}
        raise OutcomeUnknownError(problem, **details)

    def _first_attempt(self, turn: Turn[Any], entry: dict[str, Any] | None) -> Attempt | None:
        loaded: Loaded = turn.loaded
        now = self.clock()
        is_looked_at = loaded.is_merged or self.layout.config.touch_every is not None
        ours = items.attributes_of_turn(self.layout, turn, entry, now, is_whole=is_looked_at)
        if items.is_unchanged(self.layout, turn, ours, now):
            return None
        # A second delivery after a checkpoint alone is no duplicate: the first may never have come to its end.
        turn_id = None if loaded.is_open else turn.turn_id
        recent = items.new_entry(self.layout, items.new_write_id(), turn_id, turn.response)
        if loaded.is_merged and loaded.stored is not None:
            merged = items.rebased(self.layout, ours, loaded, loaded.stored.item())
            return self._attempt(turn, merged, recent, Snapshot.of(self.layout, ours), now)
        return self._attempt(turn, ours, recent, None, now)

    def _attempt(
        self, turn: Turn[Any], attributes: Item, entry: Entry, ours: Snapshot | None, now: datetime
    ) -> Attempt:
        """The attempt that writes *attributes*; *ours*, what the turn itself held, if that is something else."""
        loaded: Loaded = turn.loaded
        update = items.update_of_save(self.layout, attributes, entry, loaded, turn.user.id, now)
        attempt = Attempt(
            entry=entry,
            ours=update.written if ours is None else ours,
            written=update.written,
            request=update.request,
        )
        loaded.attempts[write_of(entry)] = attempt.ours
        return attempt

    def _next_attempt(self, turn: Turn[Any], attempt: Attempt, current: Item | None) -> Attempt | None:
        """What to do now that *current* is stored instead of what was loaded; None if there is nothing left to do."""
        if current is not None:
            if items.is_written(self.layout, current, write_of(attempt.entry)):
                self._saved(turn, attempt, current)
                return None
            if self._is_duplicate(turn, current):
                return None
        attributes = self._rebased(attempt.ours.item(), turn.loaded, current)
        return self._attempt(turn, attributes, attempt.entry, attempt.ours, self.clock())

    def _saved(self, turn: Turn[Any], attempt: Attempt, current: Item | None) -> None:
        """The save succeeded; *current* is the item, where it had to be looked at to know that."""
        loaded: Loaded = turn.loaded
        if current is not None:
            stored = Snapshot.of(self.layout, current, is_stored=True)
        elif loaded.stored is None or loaded.is_expired:
            stored = attempt.written
        else:
            stored = loaded.stored.with_written(attempt.written)
        is_merged = current is not None or attempt.ours is not attempt.written
        loaded.saved(write_of(attempt.entry), attempt.ours, stored, is_merged=is_merged)

    def _is_duplicate(self, turn: Turn[Any], current: Item) -> bool:
        """Whether another delivery of the same turn was faster; *turn* then knows."""
        loaded: Loaded = turn.loaded
        own = loaded.writes.union(loaded.attempts)
        earlier = items.entry_of_turn(items.recent_turns(self.layout, current), turn.turn_id, own)
        if earlier is None:
            return False
        turn.is_duplicate = True
        turn.response = items.stored_response(self.layout, earlier)
        return True

    def _rebased(self, ours: Item, loaded: Loaded, current: Item | None) -> Item:
        """What to write over *current* instead; *loaded* then is *current*."""
        if current is None:
            if loaded.stored is not None and not loaded.is_expired:
                raise VersionConflictError(deleted=True)
            loaded.stored, loaded.is_expired = None, False
            return ours
        found = Snapshot.of(self.layout, current, is_stored=True)
        if self.layout.is_expired(current, self.clock()):
            loaded.stored, loaded.is_expired = found, True
            return ours
        attributes = items.rebased(self.layout, ours, loaded, current)
        loaded.stored, loaded.is_expired, loaded.is_merged = found, False, True
        return attributes
