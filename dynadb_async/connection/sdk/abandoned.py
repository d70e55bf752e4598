"""The sockets of a client whose event loop was closed first."""

from contextlib import suppress
from typing import Any

import aiohttp

from dynadb_async.connection.wire.exchange import end_abandoned


def abandon_session(session: aiohttp.ClientSession) -> None:
    """
    Let go of the sockets of *session*, whose event loop was closed.

    No public way leads to them: where a release of aiohttp keeps them elsewhere, Python's own warning remains.
    """
    connector: Any = session.connector
    with suppress(AttributeError):
        idle, busy = connector._conns, connector._acquired  # noqa: SLF001
        protocols = {protocol for connections in idle.values() for protocol, _ in connections} | set(busy)
        end_abandoned(connector._loop, [protocol.abort for protocol in protocols])  # noqa: SLF001
        idle.clear()
    session.detach()
