"""A proxy on loopback that leads tunnels to where CONNECT asks, as a company's does."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from attrs import define, field

from tests.tls import copied

CONNECT, ESTABLISHED = b"CONNECT ", b"HTTP/1.1 200 Connection established\r\n\r\n"


@define(eq=False)
class ConnectProxy:
    """
    The proxy.

    Attributes:
        url: Its address.
        tunnels: How many it was asked for.
    """

    url: str = ""
    tunnels: int = 0
    _tasks: set[asyncio.Task[None]] = field(factory=set)

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(EOFError, OSError):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(CONNECT), head
            self.tunnels += 1
            host, _, port = head.split()[1].decode().rpartition(":")
            inner, outer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.write(ESTABLISHED)
            await asyncio.gather(copied(reader, outer), copied(inner, writer))

    async def end(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def connect_proxy(tls: ssl.SSLContext | None = None) -> AsyncIterator[ConnectProxy]:
    """Run one, itself behind TLS or not."""
    proxy = ConnectProxy()
    async with await asyncio.start_server(proxy.connected, "127.0.0.1", 0, ssl=tls) as server:
        proxy.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield proxy
        finally:
            server.close()
            await proxy.end()
