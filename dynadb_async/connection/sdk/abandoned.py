"""
The sockets of a client: those whose event loop was closed first, and those that are trusted no more.

No public way leads to them: where a release of the SDK or of aiohttp keeps them elsewhere, the first end with Python's
own warning, and the others are used on.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import aiohttp

from dynadb_async.connection.wire.exchange import end_abandoned


def abandon_sessions(client: Any) -> None:
    """Let go of the sockets of *client*, whose event loop was closed."""
    for session in _sessions(client):
        connector: Any = session.connector
        with suppress(AttributeError):
            idle, busy = connector._conns, connector._acquired  # noqa: SLF001
            protocols = {protocol for connections in idle.values() for protocol, _ in connections} | set(busy)
            end_abandoned(connector._loop, [protocol.abort for protocol in protocols])  # noqa: SLF001
            idle.clear()
        session.detach()


def drop_idle(client: Any) -> None:
    """Close the connections of *client* that wait for a request."""
    for session in _sessions(client):
        connector: Any = session.connector
        with suppress(AttributeError):
            for connections in connector._conns.values():  # noqa: SLF001
                for protocol, _ in connections:
                    protocol.close()


def _sessions(client: Any) -> Iterator[aiohttp.ClientSession]:
    with suppress(AttributeError):
        yield from client._endpoint.http_session._sessions.values()  # noqa: SLF001
