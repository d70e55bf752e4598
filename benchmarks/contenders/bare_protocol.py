"""
The practical limit: the adapter's own requests on a bare asyncio protocol. Nothing checked, retried, timed or queued.

Its option `transport` leaves out even encoding, signing and decoding.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from os import environ
from typing import Any
from urllib.parse import urlsplit

import orjson

from benchmarks.contenders.bare import Requests, requests_of_adapter
from benchmarks.driver import Turn

LENGTH = re.compile(rb"[Cc]ontent-[Ll]ength: ?(\d+)")

Ask = Callable[[bytes], Awaitable[bytes]]


class Connection(asyncio.BufferedProtocol):
    """One request at a time."""

    def __init__(self) -> None:
        # Large enough for every answer here: asyncio's own buffer costs a system call for each read.
        self._buffer = bytearray(1 << 20)
        self._view = memoryview(self._buffer)
        self._end = 0

    def connection_made(self, transport: Any) -> None:
        """The connection stands."""
        self.transport = transport

    def get_buffer(self, _hint: int) -> memoryview:
        """Where the next bytes go."""
        return self._view[self._end :]

    def buffer_updated(self, count: int) -> None:
        """*count* bytes came."""
        self._end += count
        head = self._buffer.find(b"\r\n\r\n", 0, self._end)
        if head < 0:
            return
        length = LENGTH.search(self._buffer, 0, head)
        end = head + 4 + int(length[1] if length else 0)
        if self._end >= end:
            self._answer.set_result(bytes(self._view[head + 4 : end]))

    def ask(self, request: bytes) -> "asyncio.Future[bytes]":
        """The body of the answer."""
        self._end = 0
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer


@asynccontextmanager
async def contender(endpoint: str, way: str) -> AsyncIterator[Turn]:
    """GetItem and the adapter's UpdateItem."""
    place = urlsplit(endpoint)
    host = place.hostname or ""
    context = ssl.create_default_context(cafile=environ["AWS_CA_BUNDLE"]) if place.scheme == "https" else None
    every: list[Connection] = []
    idle: list[Connection] = []

    async def ask(request: bytes) -> bytes:
        if idle:
            connection = idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, host, place.port or 443, ssl=context)
            every.append(connection)
        answer = await connection.ask(request)
        idle.append(connection)
        return answer

    requests = await requests_of_adapter(endpoint, place.netloc)
    yield (_turns if way == "turn" else _exchanges)(requests, ask)
    for connection in every:
        connection.transport.abort()


def _turns(requests: Requests, ask: Ask) -> Turn:
    async def turn(user: str) -> None:
        data = requests.data_of(await ask(requests.load(user)))
        data["visits"] += 1
        orjson.loads(await ask(requests.save(user, data)))

    return turn


def _exchanges(requests: Requests, ask: Ask) -> Turn:
    """The same bytes each time."""
    load = requests.load("user-1")
    save = b""

    async def turn(user: str) -> None:
        nonlocal save
        answer = await ask(load)
        save = save or requests.save(user, requests.data_of(answer))
        await ask(save)

    return turn
