"""One user's item, read and written: what the rooms below decide, in the order in which DynamoDB has to hear it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from attrs import frozen

from dynadb_async import item as items
from dynadb_async.connection import Connection
from dynadb_async.errors import VersionConflictError
from dynadb_async.failures import ConditionFailedError
from dynadb_async.item import Item, Layout, Loaded, Save
from dynadb_async.turn import Session, Turn


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
        item = await self.read(user_id, is_consistent=self.layout.config.table.consistent_read, until=until)
        return self.turn(user_id, item, session=session, turn_id=turn_id)

    def turn(self, user_id: str, item: Item | None, *, session: Session | None, turn_id: str | None) -> Turn[Any]:
        """The turn that *item* makes."""
        now = self.clock()
        return items.turn_from_item(self.layout, item, user_id, now=now, session=session, turn_id=turn_id)

    async def read(self, user_id: str, *, is_consistent: bool = True, until: float) -> Item | None:
        """The item as it is stored, or None."""
        parameters = {
            "TableName": self.layout.config.table.name,
            "Key": self.layout.key(user_id),
            "ConsistentRead": is_consistent,
        }
        answer = await self.connection.call("GetItem", parameters, until=until)
        return answer.get("Item")

    async def delete(self, user_id: str, *, until: float) -> None:
        """Delete the item, if there is one."""
        parameters = {"TableName": self.layout.config.table.name, "Key": self.layout.key(user_id)}
        await self.connection.call("DeleteItem", parameters, until=until)

    async def save(self, turn: Turn[Any], *, until: float) -> None:
        """
        Store *turn* over whatever other turns stored meanwhile, or find that it was stored already.

        Raises:
            VersionConflictError: Another turn changed the same thing, or the user was deleted.
            OutcomeUnknownError: The write may or may not have happened.
        """
        loaded: Loaded = turn.loaded
        entry = await items.history_entry(self.layout, turn)
        now = self.clock()
        ours = items.attributes_of_turn(self.layout, turn, entry, now)
        if items.is_unchanged(self.layout, turn, ours, now):
            return
        write = items.new_write_id()
        # A second delivery after a checkpoint alone is no duplicate: the first may never have come to its end.
        recent = items.new_entry(self.layout, write, None if loaded.is_open else turn.turn_id, turn.response)
        attributes = ours
        if loaded.is_merged and loaded.stored is not None:
            attributes = items.rebased(self.layout, ours, loaded, loaded.stored)
        while True:
            save = Save(attributes=attributes, entry=recent)
            stored = items.item_of_save(self.layout, save, loaded, self.clock())
            loaded.attempts[write] = ours
            current = await self._written(turn, stored, until)
            if current is stored or (current is not None and items.is_written(self.layout, current, write)):
                loaded.saved(write, ours, current, is_merged=attributes is not ours or current is not stored)
                return
            if current is not None and self._is_duplicate(turn, current):
                return
            attributes = self._rebased(ours, loaded, current)

    async def _written(self, turn: Turn[Any], stored: Item, until: float) -> Item | None:
        """*stored* if it was written, else what is there instead."""
        parameters = items.parameters_of_update(self.layout, stored, turn.loaded, turn.user.id)
        try:
            await self.connection.call("UpdateItem", parameters, until=until)
        except ConditionFailedError as refused:
            found = refused.item
        else:
            return stored
        # dynalite, for one, does not send the item along.
        return await self.read(turn.user.id, until=until) if found is None else found

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
        if self.layout.is_expired(current, self.clock()):
            loaded.stored, loaded.is_expired = current, True
            return ours
        attributes = items.rebased(self.layout, ours, loaded, current)
        loaded.stored, loaded.is_expired, loaded.is_merged = current, False, True
        return attributes
