"""One user's item, read, deleted, and made into a turn."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from attrs import frozen

from dynadb_async import item as items
from dynadb_async.connection.connection import Connection
from dynadb_async.connection.request import Request
from dynadb_async.item import Item, Layout, Snapshot
from dynadb_async.turn import Session, Turn
from dynadb_async.values.attribute_json import encoded

# Whom a health check asks for: no platform has such a user.
NOBODY = "dynadb-async ping"


@frozen(kw_only=True, eq=False, repr=False)
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
        read_at = self.connection.now()
        members, body = await self.connection.call(request, until=until)
        item = members.get("Item")
        turn = items.turn_from_item(
            self.layout, item, user_id, body=body, now=self.clock(), session=session, turn_id=turn_id
        )
        turn.loaded.read_at = read_at
        return turn

    def turn(self, user_id: str, stored: Snapshot | None, session: Session | None, turn_id: str | None) -> Turn[Any]:
        """The turn of what is known to be *stored*."""
        item = None if stored is None else stored.item()
        return items.turn_from_item(
            self.layout, item, user_id, stored=stored, now=self.clock(), session=session, turn_id=turn_id
        )

    async def read(self, user_id: str, *, until: float) -> Item | None:
        """The item as it is stored, or None."""
        request = self._read_request(user_id, is_consistent=True)
        return (await self.connection.call(request, until=until)).members.get("Item")

    async def ping(self, *, until: float) -> None:
        """Read the item of nobody."""
        await self.connection.call(self._read_request(NOBODY, is_consistent=False), until=until)

    def _read_request(self, user_id: str, *, is_consistent: bool) -> Request:
        table, key = self.layout.config.table.name, self.layout.key(user_id)
        return Request("GetItem", table, _beginning(table, is_consistent=is_consistent) + encoded(key) + b"}", key)

    async def delete(self, user_id: str, *, until: float) -> None:
        """Delete the item, if there is one."""
        parameters = {"TableName": self.layout.config.table.name, "Key": self.layout.key(user_id)}
        await self.connection.call(Request.of("DeleteItem", parameters), until=until)


@lru_cache(64)
def _beginning(table: str, *, is_consistent: bool) -> bytes:
    """Of the JSON that asks for an item, the same for every user; the key follows."""
    return encoded({"TableName": table, "ConsistentRead": is_consistent})[:-1] + b',"Key":'
