"""What a server says before it is asked for anything: its clock, and its certificate."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ssl import cert_time_to_seconds
from typing import Any

from attrs import frozen

from dynadb_async.connection.wire.endpoint import Endpoint

PATIENCE = 5.0


@frozen
class Probe:
    """
    An answer to a bare request.

    Attributes:
        offset: Seconds that this machine's clock is ahead of the server's; None where it does not tell.
        valid_until: When its certificate ends; None where it is not checked.
    """

    offset: float | None
    valid_until: datetime | None


async def probed(endpoint: Endpoint) -> Probe:
    """
    Ask the server for nothing in particular, and believe it as requests do.

    Raises:
        OSError: It does not answer, or its certificate is not to be trusted.
        EOFError, ValueError: It answers something else.
    """
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=endpoint.tls)
        try:
            writer.write(f"GET / HTTP/1.1\r\nHost: {endpoint.netloc}\r\nConnection: close\r\n\r\n".encode())
            head = await _head(reader)
            certificate: Any = writer.get_extra_info("peercert") or {}
        finally:
            writer.close()
    ends = certificate.get("notAfter")
    return Probe(_offset(head), None if ends is None else datetime.fromtimestamp(cert_time_to_seconds(ends), UTC))


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise ValueError("no HTTP") from error


def _offset(head: bytes) -> float | None:
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "date":
            try:
                return (datetime.now(UTC) - parsedate_to_datetime(value.strip())).total_seconds()
            except (ValueError, TypeError):
                return None
    return None
