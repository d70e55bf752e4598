"""A table that is scanned for users: a page of it, and what an item in it is."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from attrs import field, frozen

from dynadb_async.connection.connection import Connection
from dynadb_async.connection.request import Request
from dynadb_async.errors import TableError
from dynadb_async.item.layout import Item
from dynadb_async.running.scan_token import Key, Segment


@frozen(kw_only=True, repr=False)
class Seen:
    """
    An item that a scan came by.

    Attributes:
        after: The key after which the next one comes.
        user_id: Whose it is; None if it is no item of ours.
        item: All of it, where that was read.
        is_expired: TTL says that it is gone.
    """

    after: Key
    user_id: str | None
    item: Item | None = None
    is_expired: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class Source:
    """
    A table in which there are users.

    Attributes:
        table: Its name.
        keys: The names of its key's attributes.
        is_consistent: Whether it is read so.
        seen: What an item is.
        more: What its scans are asked besides.
        ready: Waits for the table.
    """

    table: str
    keys: tuple[str, ...]
    is_consistent: bool
    seen: Callable[[Item, datetime], Seen]
    ready: Callable[[], Awaitable[None]]
    more: dict[str, Any] = field(factory=dict)

    async def page(
        self, connection: Connection, segment: Segment, of: int, limit: int
    ) -> tuple[list[Item], Key | None]:
        """The next items of *segment*, and the key after which there are more."""
        parameters = {
            "TableName": self.table,
            "ConsistentRead": self.is_consistent,
            "Limit": limit,
            "Segment": segment.number,
            "TotalSegments": of,
            **self.more,
        }
        if segment.after is not None:
            start = zip(self.keys, segment.after, strict=True)
            parameters["ExclusiveStartKey"] = {name: {"S": text} for name, text in start}
        until = asyncio.get_running_loop().time() + connection.config.operation_timeout
        request = Request.of("Scan", parameters)
        request.after = parameters.get("ExclusiveStartKey")
        answer = await connection.call(request, until=until)
        more_at = answer.members.get("LastEvaluatedKey")
        return answer.members["Items"], None if not more_at else key_of(more_at, self.keys)


def key_of(item: Item, keys: tuple[str, ...]) -> Key:
    """
    The texts of an item's key.

    Raises:
        TableError: It has another key.
    """
    try:
        return tuple(item[name]["S"] for name in keys)
    except KeyError:
        problem = f"the table's key is not {', '.join(keys)}, each a text; is it the table that you mean?"
    raise TableError(problem)
