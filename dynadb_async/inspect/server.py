"""Serves the page on this machine until it is told to stop."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from dynadb_async import AsyncDynamoDb, UsageError
from dynadb_async.inspect.app import make_app
from dynadb_async.inspect.door import Door
from dynadb_async.inspect.origin import Address
from dynadb_async.inspect.reading import PATIENCE

WARNING = (
    "warning: other machines can reach this page, and what goes to and fro is not encrypted; "
    "an SSH tunnel to the loopback interface is safer"
)


async def serve(
    db: AsyncDynamoDb[Any],
    *,
    announce: Callable[[str], object],
    warn: Callable[[str], object] | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    allow_delete: bool = False,
    door: Door | None = None,
    patience: float = PATIENCE,
) -> None:
    """
    Serve the page until the task is cancelled, or the process is interrupted.

    Args:
        db: What is looked at. Make it with `create_table_on_init=False`: who looks makes no tables.
        announce: Is told the address to open, its token included.
        warn: Is told if other machines can reach it; `announce` if None.
        host: The interface to listen on.
        port: 0 for any that is free.
        allow_delete: Users may be deleted.
        door: The secrets; new ones if None.
        patience: Seconds after which a page of users has whom it found by then.

    Raises:
        UsageError: It can't listen there.
        DynaDbError: The table can't be read.
    """
    door, address = Door() if door is None else door, Address(host)
    app = make_app(db, door=door, address=address, allow_delete=allow_delete, patience=patience)
    with _listening(host, port) as listener:
        await db.ping()
        if not address.is_loopback:
            (warn or announce)(WARNING)
        announce(f"http://{address.name}:{listener.getsockname()[1]}/?token={door.token}")
        # No log of its own: a request's path holds a user's id.
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        await _served(uvicorn.Server(config), listener)


async def _served(server: uvicorn.Server, listener: socket.socket) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    problem = f"can't listen on {host}, port {port}"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        problem += f": {getattr(error, 'strerror', None) or error}"
    else:
        with listener:
            yield listener
        return
    raise UsageError(problem)
