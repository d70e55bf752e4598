"""
A fault proxy: it stands between a client and an engine, forwards each request, or does to it what its plan says.

Loopback only, and HTTP/1.1 with Content-Length only, which is all that a client of DynamoDB sends.
"""

import asyncio
import json
import random
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any, Self

import aiohttp
from attrs import define, evolve, field, frozen

from tests.engines import Engine

ITEM_OPERATIONS = ("GetItem", "UpdateItem", "DeleteItem", "Query", "TransactWriteItems", "BatchWriteItem")
OPERATIONS = (*ITEM_OPERATIONS, "DescribeTable", "CreateTable", "DescribeTimeToLive", "UpdateTimeToLive")

TRICKLE_PAUSE = 0.05


class Fault(Enum):
    """What befalls a request. Its text says so in reports."""

    DROP = "dropped before it was applied"
    LOSE = "applied, then the connection dropped"
    RESET = "applied, then the connection reset"
    HANG = "no answer, not applied"
    HANG_AFTER = "no answer, but applied"
    TRICKLE = "applied, one byte per 50 ms"
    THROTTLE = "throttled"
    ERROR_500 = "applied, answered 500"
    ERROR_503 = "answered 503"
    CORRUPT = "applied, one byte wrong"
    TRUNCATE = "applied, half an answer"
    HTML = "a web page with status 200"
    EMPTY = "an empty 200"
    LIST = "`[]` with status 200"
    EXPIRED = "credentials expired"
    CONFLICT = "another transaction holds the item"
    NOT_ACTIVE = "the table is still CREATING"

    @property
    def is_applied(self) -> bool:
        """Whether the engine sees the request."""
        return self.value.startswith("applied") or self in (Fault.HANG_AFTER, Fault.NOT_ACTIVE)


Plan = Callable[[str], Fault | None]
"""What shall befall the next request of an operation such as `GetItem`."""


def no_fault(_operation: str) -> None:
    """Plan: forward everything."""


def always(fault: Fault, operations: Collection[str] = ITEM_OPERATIONS) -> Plan:
    """Plan: *fault* for each request of *operations*."""
    return lambda operation: fault if operation in operations else None


def script(*faults: Fault | None, operations: Collection[str] = ITEM_OPERATIONS) -> Plan:
    """Plan: *faults* for the first requests of *operations*, in this order; then none."""
    rest = iter(faults)
    return lambda operation: next(rest, None) if operation in operations else None


def sometimes(share: float, *faults: Fault, seed: int, operations: Collection[str] = ITEM_OPERATIONS) -> Plan:
    """Plan: one of *faults* for this *share* of the requests of *operations*, the same ones for the same *seed*."""
    dice = random.Random(seed)
    return lambda operation: dice.choice(faults) if operation in operations and dice.random() < share else None


@frozen
class Request:
    """What a client asked."""

    head: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """DynamoDB's name for it."""
        return self.headers["x-amz-target"].partition(".")[2]


@frozen
class Answer:
    """What the engine, or the fault, answers."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def encoded(self) -> bytes:
        """As it goes over the wire."""
        headers = {**self.headers, "Content-Length": str(len(self.body))}
        lines = [f"HTTP/1.1 {self.status} -", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def _canned(fault: Fault, request: Request, request_id: str) -> Answer:
    """The answer that *fault* gives by itself; to make things worse, an error's text quotes the request."""

    def error(status: int, code: str, **more: Any) -> Answer:
        said = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": request.body.decode(), **more}
        return Answer(status, {"x-amzn-RequestId": request_id}, json.dumps(said).encode())

    match fault:
        case Fault.THROTTLE if request.operation in ITEM_OPERATIONS:
            return error(400, "ProvisionedThroughputExceededException")
        case Fault.THROTTLE:
            return error(400, "ThrottlingException")
        case Fault.CONFLICT:
            is_one = request.operation != "TransactWriteItems"
            code = "TransactionConflictException" if is_one else "TransactionCanceledException"
            return error(400, code, CancellationReasons=[{"Code": "TransactionConflict"}])
        case Fault.ERROR_500:
            return error(500, "InternalServerError")
        case Fault.ERROR_503:
            return error(503, "ServiceUnavailable")
        case Fault.EXPIRED:
            return error(400, "ExpiredTokenException")
        case Fault.HTML:
            return Answer(200, {"Content-Type": "text/html"}, b"<html><body>Please log in</body></html>")
        case Fault.LIST:
            return Answer(200, {}, b"[]")
        case _:
            return Answer(200, {}, b"")


def _tampered(fault: Fault | None, answer: Answer) -> Answer:
    """The engine's *answer* as *fault* lets it through; its checksum stays that of the original."""
    body = bytearray(answer.body)
    if fault is Fault.CORRUPT:
        body[len(body) // 2] ^= 1
    if fault is Fault.NOT_ACTIVE and answer.status == 200:
        described: dict[str, Any] = json.loads(body)
        described["Table"]["TableStatus"] = "CREATING"
        body = bytearray(json.dumps(described).encode())
        return Answer(200, {**answer.headers, "x-amz-crc32": str(zlib.crc32(body))}, bytes(body))
    return evolve(answer, body=bytes(body))


@define(eq=False)
class FaultProxy:
    """
    A proxy on a free port of 127.0.0.1, while its `async with` block runs.

    Attributes:
        engine: What it stands in front of.
        plan: What befalls the next request; it may be exchanged at any time.
        seen: How many requests came, by operation.
        injected: How many of them met which fault.
        last: The request that came last.
        open_connections: How many connections clients hold at present.
    """

    engine: Engine
    plan: Plan = no_fault
    seen: Counter[str] = field(factory=Counter, init=False)
    injected: Counter[Fault] = field(factory=Counter, init=False)
    last: Request | None = field(default=None, init=False, repr=False)
    open_connections: int = field(default=0, init=False)
    _client: aiohttp.ClientSession = field(init=False)
    _server: asyncio.Server = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(factory=set, init=False)

    @property
    def client_settings(self) -> dict[str, Any]:
        """What reaches the engine through it, with the limits that everybody has: a test of a fault says its own."""
        host, port = self._server.sockets[0].getsockname()
        return {**self.engine.reached, "endpoint_url": f"http://{host}:{port}"}

    async def __aenter__(self) -> Self:
        # No limit: a request that waits within the proxy would be a fault that nobody planned.
        self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_connections += 1
        try:
            while await self._answer(await _request(reader), reader, writer):
                pass
        except (EOFError, OSError, aiohttp.ClientError):
            pass  # the client left, or the engine did
        finally:
            self.open_connections -= 1
            writer.close()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Do as planned; whether the connection goes on."""
        self.last = request
        fault = self.plan(request.operation)
        self.seen[request.operation] += 1
        if fault is None or fault.is_applied:
            answer = _tampered(fault, await self._forwarded(request))
        if fault is not None:
            self.injected[fault] += 1
            if not fault.is_applied or fault is Fault.ERROR_500:
                answer = _canned(fault, request, f"fault-{self.injected.total()}")
        return await _deliver(fault, answer, reader, writer)

    async def _forwarded(self, request: Request) -> Answer:
        """What the engine answers, with a checksum also where it states none."""
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "connection")}
        async with self._client.post(self.engine.endpoint_url, data=request.body, headers=headers) as answer:
            body = await answer.read()
            names = ("x-amzn-RequestId", "Content-Type")
            kept = {name: answer.headers[name] for name in names if name in answer.headers}
            return Answer(answer.status, {**kept, "x-amz-crc32": str(zlib.crc32(body))}, body)


async def _request(reader: asyncio.StreamReader) -> Request:
    """
    The connection's next request.

    Raises:
        EOFError: There is none any more.
    """
    head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Request(head, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def _deliver(
    fault: Fault | None, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Send the answer, or what *fault* leaves of it; whether the connection goes on."""
    encoded = answer.encoded()
    match fault:
        case Fault.DROP | Fault.LOSE:
            return False
        case Fault.RESET:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        case Fault.HANG | Fault.HANG_AFTER:
            await reader.read(1)
            return False
        case Fault.TRUNCATE:
            writer.write(encoded[: -(len(answer.body) + 1) // 2])
            return False
        case Fault.TRICKLE:
            for byte in encoded:
                if reader.at_eof() or writer.is_closing():
                    return False
                writer.write(bytes([byte]))
                await asyncio.sleep(TRICKLE_PAUSE)
        case _:
            writer.write(encoded)
    await writer.drain()
    return True
