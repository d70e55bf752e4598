"""
A server in a process of its own that takes 50 ms for each request: near enough to DynamoDB for turns of hot users.

It knows tables that are there, GetItem, DeleteItem, and UpdateItem as this package sends it: `SET` and `REMOVE` of
whole attributes on the conditions of a save.
"""

import asyncio
import json
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from tests.engines import Engine

Item = dict[str, Any]

SECONDS = 0.05


class Items:
    """
    The items of all tables.

    Attributes:
        answered: How many requests were.
    """

    def __init__(self) -> None:
        self._items: dict[tuple[str, str], Item] = {}
        self.answered = 0

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        self.answered += 1
        if operation == "DescribeTable":
            schema = {"KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}]}
            types = {"AttributeDefinitions": [{"AttributeName": "userId", "AttributeType": "S"}]}
            return 200, {"Table": {"TableStatus": "ACTIVE", **schema, **types}}
        key = asked["TableName"], json.dumps(asked["Key"])
        if operation == "GetItem":
            return 200, {"Item": self._items[key]} if key in self._items else {}
        if operation == "DeleteItem":
            self._items.pop(key, None)
            return 200, {}
        return self._updated(key, asked)

    def _updated(self, key: tuple[str, str], asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        item, names, values = (
            self._items.get(key),
            asked["ExpressionAttributeNames"],
            asked["ExpressionAttributeValues"],
        )
        if not holds(asked["ConditionExpression"], item, names, values):
            kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
            return 400, {"__type": kind, "message": "refused"} | ({} if item is None else {"Item": item})
        item = {**(item or {}), **asked["Key"]}
        assignments, _, removed = asked["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")
        for assignment in assignments.split(", "):
            name, _, value = assignment.partition(" = ")
            item[names[name]] = values[value]
        for name in removed.split(", ") if removed else ():
            item.pop(names[name], None)
        self._items[key] = item
        return 200, {}


def holds(condition: str, item: Item | None, names: dict[str, str], values: dict[str, Any]) -> bool:
    """Whether the item is as a save expects it."""
    if condition == "attribute_not_exists(#key)":
        return item is None
    if condition == "#recent[0].#write = :loaded":
        recent = (item or {}).get(names["#recent"], {"L": []})["L"]
        return bool(recent) and recent[0]["M"]["write"] == values[":loaded"]
    raise ValueError(condition)


async def serve() -> None:
    """Until the input ends."""
    items = Items()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for operation, asked in requests(reader):
            await asyncio.sleep(SECONDS)
            status, answer = items.answer(operation, asked)
            body = json.dumps(answer).encode()
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nx-amz-crc32: {zlib.crc32(body)}\r\n"
            head += f"x-amzn-RequestId: {items.answered}\r\nContent-Type: application/x-amz-json-1.0\r\n\r\n"
            writer.write(head.encode() + body)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=2**20)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


async def requests(reader: asyncio.StreamReader) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Each request's operation and parameters."""
    while True:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        fields = dict(line.split(": ", 1) if ": " in line else line.split(":", 1) for line in head.split("\r\n")[1:-2])
        body = await reader.readexactly(int(fields["content-length"]))
        operation = fields["x-amz-target"].rpartition(".")[2]
        yield OPERATIONS[operation], json.loads(body)


OPERATIONS = {name.lower(): name for name in ("GetItem", "UpdateItem", "DeleteItem", "DescribeTable")}


@contextmanager
def slow_server() -> Iterator[Engine]:
    """Run it."""
    command = [sys.executable, "-m", "tests.slow_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        try:
            yield Engine("slow", f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.stdin.close()


if __name__ == "__main__":
    asyncio.run(serve())
