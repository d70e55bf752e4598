"""The requests about one user's conversations, each within its time, and what comes back of each."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from attrs import frozen

from dynadb_async.config import TableConfig
from dynadb_async.connection.connection import Connection
from dynadb_async.connection.failures import TransactionRefusedError
from dynadb_async.connection.request import Request
from dynadb_async.conversations.layout import LAST_NUMBER, NAME, WRITE, Head, Names, number_of
from dynadb_async.errors import RequestError, ThrottledError
from dynadb_async.item.layout import Item
from dynadb_async.values.attribute_json import encoded

BATCH = 25
CUTS: dict[str, Any] = {"ProjectionExpression": "#key, #name, #cut", "named": (("#cut", "cut"),)}
# A round finds what was appended during the one before it: so many in a row are no chance.
MOST_ROUNDS = 32
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0


@frozen(kw_only=True)
class Calls:
    """
    What is asked of the second table.

    Attributes:
        table: Its settings.
        connection: How it is reached.
    """

    table: TableConfig
    connection: Connection

    def until(self) -> float:
        """When a request that begins now has to end, on the event loop's clock."""
        return asyncio.get_running_loop().time() + self.connection.config.operation_timeout

    async def head(self, names: Names, *, until: float, is_consistent: bool) -> Head | None:
        """The conversation's head, whether or not it has expired; None if there is none."""
        parameters = {
            "TableName": self.table.name,
            "Key": names.key(names.head),
            "ConsistentRead": is_consistent,
        }
        answer = await self.connection.call(Request.of("GetItem", parameters), until=until)
        item = answer.members.get("Item")
        return None if item is None else Head.of(item)

    async def write_of_entry(self, names: Names, number: int, *, until: float) -> str | None:
        """The id of the write that made the entry with *number*; None if there is none."""
        parameters = {"TableName": self.table.name, "Key": names.key(names.entry(number)), "ConsistentRead": True}
        answer = await self.connection.call(Request.of("GetItem", parameters), until=until)
        write: str | None = answer.members.get("Item", {}).get(WRITE, {}).get("S")
        return write

    async def transact(self, members: Sequence[Any], *, until: float) -> None:
        """
        Write all of *members*, or none.

        Raises:
            TransactionRefusedError: With the items that are there instead.
        """
        request = Request("TransactWriteItems", self.table.name, encoded({"TransactItems": list(members)}))
        try:
            await self.connection.call(request, until=until)
        except TransactionRefusedError as refused:
            refused.is_first = request.attempts is None or not request.attempts.made
            raise

    async def page(
        self,
        names: Names,
        first: str,
        last: str,
        *,
        until: float | None = None,
        start: Item | None = None,
        **more: Any,
    ) -> tuple[list[Item], str | None]:
        """The items with names of *first* to *last*, the last first; and where they end, if there are more."""
        table, between = self.table.name, (NAME, first, last)
        body = _beginning(table, names.key_name, **more)
        body += encoded({":key": {"S": names.user_id}, ":first": {"S": first}, ":last": {"S": last}})
        body += b"}" if start is None else b',"ExclusiveStartKey":' + encoded(start) + b"}"
        request = Request("Query", table, body, key=names.partition, between=between, after=start)
        answer = await self.connection.call(request, until=self.until() if until is None else until)
        more_at = answer.members.get("LastEvaluatedKey")
        return answer.members["Items"], None if more_at is None else more_at[NAME]["S"]

    async def pages(self, names: Names, first: str, last: str, **more: Any) -> AsyncIterator[list[Item]]:
        """All of them, page by page, each within the time of an operation."""
        start: Item | None = None
        while True:
            items, at = await self.page(names, first, last, start=start, **more)
            yield items
            if at is None:
                return
            start = names.key(at)

    async def cuts(self, names: Names, above: int, *, until: float) -> list[int]:
        """From which numbers on the entries with numbers of *above* and more replaced what was there."""
        cuts: list[int] = []
        last: str | None = names.entry(LAST_NUMBER)
        while last is not None:
            items, at = await self.page(names, names.entry(above), last, until=until, ConsistentRead=True, **CUTS)
            cuts += [int(item["cut"]["N"]) for item in items if "cut" in item]
            last = None if at is None or number_of(at) <= above else names.entry(number_of(at) - 1)
        return cuts

    async def delete_between(self, names: Names, first: str, last: str) -> int:
        """Delete the items with names of *first* to *last*, in as many requests as that takes; how many there were."""
        count = 0
        only_keys = self.pages(names, first, last, ConsistentRead=True, ProjectionExpression="#key, #name")
        async for keys in only_keys:
            for at in range(0, len(keys), BATCH):
                await self.write(names, [{"DeleteRequest": {"Key": key}} for key in keys[at : at + BATCH]])
            count += len(keys)
        return count

    async def delete_all(self, names: Names, *ranges: tuple[str, str]) -> None:
        """
        Delete the items with names in *ranges*, the first range first, until there are none.

        Raises:
            RequestError: Each time that all were deleted there were some again.
        """
        for _ in range(MOST_ROUNDS):
            if not sum([await self.delete_between(names, first, last) for first, last in ranges]):
                return
        advice = "there was something again each time that all was deleted; end what appends, and delete again"
        raise RequestError(advice, operation="Query", code="StillThere")

    async def write(self, names: Names, requests: list[Any]) -> None:
        """Write, or delete, up to 25 items of the user of *names*, on no condition."""
        until, pause = self.until(), FIRST_PAUSE
        while True:
            body = encoded({"RequestItems": {self.table.name: requests}})
            request = Request("BatchWriteItem", self.table.name, body, key=names.partition)
            answer = await self.connection.call(request, until=until)
            left = [_name_of(one) for one in answer.members.get("UnprocessedItems", {}).get(self.table.name, [])]
            # Our own, rather than what was answered.
            requests = [one for one in requests if _name_of(one) in left]
            if not requests:
                return
            if asyncio.get_running_loop().time() + pause > until:
                advice = "DynamoDB left some of a batch undone; raise the table's capacity, or try later"
                raise ThrottledError(advice, operation="BatchWriteItem", code="UnprocessedItems")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _name_of(request: Mapping[str, Mapping[str, Item]]) -> Any:
    """Which item of the user's one request of a batch is about."""
    (written,) = request.values()
    return written.get("Key", written.get("Item", {})).get(NAME)


@lru_cache(64)
def _beginning(table: str, key_name: str, *, named: tuple[tuple[str, str], ...] = (), **more: Any) -> bytes:
    """Of the JSON of a Query, the last first, the same for every user; the values of its condition follow."""
    parameters = {
        "TableName": table,
        "KeyConditionExpression": "#key = :key AND #name BETWEEN :first AND :last",
        "ScanIndexForward": False,
        "ExpressionAttributeNames": {"#key": key_name, "#name": NAME, **dict(named)},
        **more,
    }
    return encoded(parameters)[:-1] + b',"ExpressionAttributeValues":'


@frozen(kw_only=True)
class NoCalls(Calls):
    """What is asked where everything is switched off: nothing. Nothing is found, and what is written is forgotten."""

    async def head(self, names: Names, *, until: float, is_consistent: bool) -> Head | None:
        """None."""

    async def transact(self, members: Sequence[Any], *, until: float) -> None:
        """Write none of *members*."""

    async def page(self, *_: Any, **__: Any) -> tuple[list[Item], str | None]:
        """No items, and no more of them."""
        return [], None

    async def write(self, names: Names, requests: list[Any]) -> None:
        """Write nothing."""
