"""A new connection: to the first of an endpoint's addresses that answers, with TLS where that is asked."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dynadb_async.connection.wire.endpoint import Endpoint
from dynadb_async.connection.wire.http_connection import Connection

# Seconds until the next address is tried beside those before: https://www.rfc-editor.org/rfc/rfc8305#section-5
NEXT_ADDRESS = 0.25


async def opened(endpoint: Endpoint, new: Callable[[], Connection], seconds: float) -> Connection:
    """
    A connection that stands, at the latest after so many seconds.

    Raises:
        OSError, UnicodeError: There is none.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        found = _literal(endpoint) or await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        # However many of them are dead, each gets its try.
        sock = await _connected(found, min(NEXT_ADDRESS, seconds / (len(found) + 1)))
        try:
            if endpoint.tls is None:
                return (await loop.create_connection(new, sock=sock))[1]
            # The dot that ends a name is the resolver's alone: https://www.rfc-editor.org/rfc/rfc6066#section-3
            return await _encrypted(new(), sock, endpoint.tls, endpoint.host.rstrip("."))
        except BaseException:
            sock.close()
            raise


def _literal(endpoint: Endpoint) -> Any:
    """The address that a host is, where it is none that has to be looked up."""
    with suppress(OSError, UnicodeError):
        return socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return None


async def _connected(found: Any, pause: float) -> socket.socket:
    from aiohappyeyeballs import start_connection  # noqa: PLC0415 - a turn in memory needs none

    try:
        return await start_connection(found, happy_eyeballs_delay=pause, interleave=1)
    except RuntimeError as error:
        # As uvloop raises some of its own.
        raise OSError from error


async def _encrypted(connection: Connection, sock: socket.socket, tls: ssl.SSLContext, host: str) -> Connection:
    # In two steps, for only the socket's own transport knows what was not sent yet: TLS hands it all it has.
    loop = asyncio.get_running_loop()
    below, _ = await loop.create_connection(asyncio.Protocol, sock=sock)
    try:
        above = await loop.start_tls(below, connection, tls, server_hostname=host)
    except BaseException:
        below.abort()
        raise
    connection.stands(above, below)
    return connection
