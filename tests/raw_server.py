"""A server on loopback that answers what a script says, byte for byte; and certificates for it."""

import asyncio
import os
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TURNS = 4
"""Of an event loop: enough for the other side to see what was sent."""


@define(eq=False)
class Asked:
    """
    One request, and the connection to answer on.

    Attributes:
        head: Up to the empty line.
        body: The tests send an id in it, which an honest answer repeats.
    """

    head: bytes
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *chunks: bytes) -> None:
        """Send *chunks*, each seen before the next one comes."""
        for chunk in chunks:
            self.writer.write(chunk)
            await self.writer.drain()
            for _ in range(TURNS):
                await asyncio.sleep(0)

    async def until_left(self) -> None:
        """Wait for the client to hang up."""
        while await self.reader.read(65536):
            pass

    def hang_up(self) -> None:
        """Close."""
        self.writer.close()

    def reset(self) -> None:
        """Close as a crashed machine does."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Asked], Awaitable[None]]


def answer(body: bytes, *fields: bytes, line: bytes = b"HTTP/1.1 200 OK", length: bytes | None = None) -> bytes:
    """An answer as DynamoDB forms it, and what a test adds."""
    length = str(len(body)).encode() if length is None else length
    return b"\r\n".join([line, b"Content-Length: " + length, *fields, b"", body])


async def echo(asked: Asked) -> None:
    """Script: the honest answer."""
    await asked.send(answer(asked.body))


@define(eq=False)
class RawServer:
    """
    The server.

    Attributes:
        script: What is done to each request.
        reads_bodies: Whether that begins after the body, or before.
        accepted: How many connections there were.
        open: How many there are.
        most_open: How many there were at once, at the most.
    """

    script: Script = echo
    reads_bodies: bool = True
    url: str = ""
    accepted: int = 0
    open: int = 0
    most_open: int = 0
    asked: list[Asked] = field(factory=list)
    _tasks: set[asyncio.Task[Any]] = field(factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.accepted += 1
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                stated = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                length = int(stated or 0) if self.reads_bodies else 0
                asked = Asked(head, await reader.readexactly(length), reader, writer)
                self.asked.append(asked)
                await self.script(asked)
        except (EOFError, OSError):
            pass  # the client left
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self.open -= 1
            writer.close()
            self._tasks.discard(task)

    def hang_up(self) -> None:
        """Close all connections, from whatever thread."""
        for asked in self.asked:
            # By a socket of our own: uvloop's can't.
            with socket.socket(fileno=os.dup(asked.writer.get_extra_info("socket").fileno())) as same:
                same.shutdown(socket.SHUT_WR)

    async def end(self) -> None:
        """End what hangs, also what was accepted just now."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(TURNS):
            await asyncio.sleep(0)


@asynccontextmanager
async def raw_server(
    script: Script = echo,
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    shown: str = "",
    reads_bodies: bool = True,
) -> AsyncIterator[RawServer]:
    """Run a server; its address shows *shown* in the place of *host*."""
    served = RawServer(script, reads_bodies)
    async with await asyncio.start_server(served.serve, host, 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        served.url = f"{'https' if tls else 'http'}://{shown or host}:{port}"
        try:
            yield served
        finally:
            server.close()
            await served.end()


@contextmanager
def raw_server_in_thread(*, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Run a server of honest answers that does not end with the event loop of its clients."""
    started: Future[tuple[RawServer, asyncio.AbstractEventLoop]] = Future()
    end = asyncio.Event()

    async def run() -> None:
        async with raw_server(tls=tls) as server:
            started.set_result((server, asyncio.get_running_loop()))
            await end.wait()

    def serve() -> None:
        # Not the client's kind of event loop, whichever that is: uvloop can't hang up as rudely.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(run())

    thread = threading.Thread(target=serve)
    thread.start()
    server, loop = started.result()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()


@frozen
class Authority:
    """
    One that signs certificates.

    Attributes:
        folder: Where its files are.
        name: Of its files.
    """

    folder: Path
    name: str
    _key: ec.EllipticCurvePrivateKey = field(factory=lambda: ec.generate_private_key(ec.SECP256R1()), init=False)

    @property
    def path(self) -> str:
        """What a client is told to trust."""
        path = self.folder / f"{self.name}.pem"
        if not path.exists():
            own = x509.BasicConstraints(ca=True, path_length=None)
            made = self._signed(self.name, self._key, own, days=(-1, 1))
            path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return str(path)

    def context(
        self, *names: str, days: tuple[int, int] = (-1, 1), extension: x509.ExtensionType | None = None
    ) -> ssl.SSLContext:
        """
        A server's, with a certificate for *names* that is valid from and to so many days from now.

        With an *extension* of another kind, only its subject has the name.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(names[0], key, extension or _for(names), days=days)
        path = self.folder / f"{self.name}-{'-'.join(names).replace(':', '_')}{days[1]}.pem"
        plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        pem = serialization.Encoding.PEM
        path.write_bytes(key.private_bytes(pem, *plain) + made.public_bytes(pem))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(path)
        return context

    def _signed(
        self, subject: str, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType, *, days: tuple[int, int]
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_named(subject))
            .issuer_name(_named(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(extension, critical=True)
            .sign(self._key, hashes.SHA256())
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _for(names: tuple[str, ...]) -> x509.SubjectAlternativeName:
    general: list[x509.GeneralName] = []
    for name in names:
        try:
            general.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            general.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(general)
