"""What every transport does: one signed request out, one whole answer back."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

from attrs import define, field, frozen

from dynadb_async.connection.retry import Attempts
from dynadb_async.connection.wire.signature import SignedRequest


@define(repr=False)
class HttpAnswer:
    """
    A whole HTTP answer.

    Attributes:
        status: Such as 200.
        checksum: The server's CRC32 of the body, in decimal, where it sends one.
        request_id: The server's handle for the request, where it sends one.
        body: As it came.
        date: What time it is, as an answer says it that is no success.
        distrust: Closes its connection: what comes next on it may not belong to the next request.
    """

    status: int
    checksum: str | None
    request_id: str
    body: bytes
    date: str = field(default="", eq=False)
    distrust: Callable[[], object] = field(default=object, eq=False)


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


class UnusualAnswerError(Exception):
    """
    An answer that is not in the form that DynamoDB sends: the ordinary client may understand it.

    Attributes:
        is_first: The first on its connection: it is no remainder of another.
    """

    is_first: bool = False


class Transport(Protocol):
    """Connections to one endpoint, kept open."""

    async def exchange(
        self, request: SignedRequest, until: float, attempts: Attempts | None = None, *, is_write: bool = False
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
