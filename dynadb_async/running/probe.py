"""What a server says before it is asked for anything: its clock, and its certificate."""

import asyncio
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

PATIENCE = 5.0


@frozen
class Probe:
    """
    An answer to a bare request.

    Attributes:
        is_encrypted: Whether it came over TLS.
        offset: Seconds that this machine's clock is ahead of the server's; None where it does not tell.
        valid_until: When its certificate ends; None where it is not checked.
    """

    is_encrypted: bool
    offset: float | None
    valid_until: datetime | None


async def probed(url: str, *, verify: bool | str | None) -> Probe:
    """
    Ask the server at *url* for nothing in particular.

    Raises:
        OSError: It does not answer, or its certificate is not to be trusted.
    """
    parts = urlsplit(url)
    is_encrypted = parts.scheme == "https"
    context = _context(verify=verify) if is_encrypted else None
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or (443 if is_encrypted else 80), ssl=context
        )
        try:
            writer.write(f"GET / HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            certificate: Any = writer.get_extra_info("peercert") or {}
        finally:
            writer.close()
    ends = certificate.get("notAfter")
    valid_until = None if ends is None else datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)
    return Probe(is_encrypted, _offset(head), valid_until)


def _context(*, verify: bool | str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _offset(head: bytes) -> float | None:
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "date":
            try:
                return (datetime.now(UTC) - parsedate_to_datetime(value.strip())).total_seconds()
            except ValueError:
                return None
    return None
