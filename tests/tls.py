"""A TLS terminator in front of an engine, which counts the connections that a client makes."""

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CHUNK = 65_536


def certificate(folder: Path) -> Path:
    """
    Make a certificate for 127.0.0.1 that signs itself, and its key.

    Returns:
        The PEM file with the two, which is also the bundle that a client has to trust.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dynadb-async tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8, unencrypted = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "tls.pem"
    file.write_bytes(key.private_bytes(pem, pkcs8, unencrypted) + made.public_bytes(pem))
    return file


@define(eq=False)
class TlsTerminator:
    """
    TLS on a free port of 127.0.0.1 in front of an engine, while its `async with` block runs.

    Attributes:
        engine_url: The engine's address.
        certificate: The PEM file with certificate and key.
        connections: How many were made.
    """

    engine_url: str
    certificate: Path
    connections: int = field(default=0, init=False)
    _server: asyncio.Server = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(factory=set, init=False)

    @property
    def url(self) -> str:
        """Its address."""
        host, port = self._server.sockets[0].getsockname()
        return f"https://{host}:{port}"

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate)
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=context)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self.engine_url)
        from_engine, to_engine = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            await asyncio.gather(copied(reader, to_engine), copied(from_engine, writer))
        finally:
            writer.close()
            to_engine.close()


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what comes, until one side is gone."""
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass  # one side is gone: so must the other be
    finally:
        writer.close()
