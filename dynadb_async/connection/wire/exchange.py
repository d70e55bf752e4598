"""What every transport does: one signed request out, one whole answer back."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

from attrs import frozen

from dynadb_async.connection.retry import Attempts
from dynadb_async.connection.wire.answer import HttpAnswer


@frozen(eq=False, repr=False)
class Pace:
    """
    How long, and how many, in seconds and connections.

    Attributes:
        connect_timeout: For a connection.
        read_timeout: From the request to the end of its answer, at the most.
        connections: At the most.
        idle_timeout: An unused connection is closed then; opening one with TLS costs far more than a turn.
    """

    connect_timeout: float
    read_timeout: float
    connections: int
    idle_timeout: float = 60.0


class Transport(Protocol):
    """Connections to one endpoint, kept open."""

    async def exchange(
        self, request: bytes, until: float, attempts: Attempts | None = None, *, is_write: bool = False
    ) -> HttpAnswer:
        """
        The answer to *request*, the next of its *attempts*; without them it is the only one.

        Raises:
            AttemptFailedError: There was none by *until*, on the event loop's clock, or the connection failed.
            UnusualAnswerError: Its form is not DynamoDB's.
        """
        ...

    def abandon(self) -> None:
        """Let go of the sockets: their event loop was closed."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


def end_abandoned(loop: asyncio.AbstractEventLoop, ends: Iterable[Callable[[], object]]) -> None:
    """
    Call *ends*, which close the connections of an event loop that was closed first: it calls nothing any more itself.

    A loop of another kind, which can't be lent a `call_soon`, has closed its sockets itself.
    """
    lent: Any = loop
    with suppress(AttributeError, RuntimeError):
        lent.call_soon = lambda callback, *args, **_: callback(*args)
        try:
            for end in ends:
                end()
        finally:
            del lent.call_soon
