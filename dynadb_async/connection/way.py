"""What every way to an answer does, and every store in the process that is one."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from dynadb_async.connection.answers import Answer
from dynadb_async.connection.request import Request


class Way(Protocol):
    """One way to DynamoDB's answers, of one event loop."""

    def takes(self, operation: str) -> bool:
        """Whether *operation* can go this way now."""
        ...

    def call(self, request: Request, until: float) -> Awaitable[Answer]:
        """
        One attempt, to be awaited at once.

        Raises:
            AttemptFailedError: There was no answer by *until*, on the event loop's clock, or it was an error.
            ConditionFailedError: With the item that is there instead.
        """
        ...

    def abandon(self) -> None:
        """Let go of what belongs to an event loop that was closed first: its end can't be awaited any more."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class Faults(Protocol):
    """What befalls the requests to a store."""

    def answer(self, answered: Callable[[], Answer], operation: str, until: float) -> Awaitable[Answer]:
        """What comes of a request that *answered* would answer."""
        ...


class Store(Protocol):
    """
    The tables of an adapter that has no server: over one event loop after another, and from any thread.

    Attributes:
        waits: Whether an answer may take a while, so that it must not be waited for on an event loop's thread.
        faults: What a test lets befall the requests to a store that does not wait, if it does.
    """

    waits: bool
    faults: Faults | None

    def answer(self, request: Request, until: float) -> dict[str, Any]:
        """
        The members of the answer, by the time *until* on `time.monotonic`.

        Raises:
            AttemptFailedError: There was none, or it is an error.
            ConditionFailedError: With the item that is there instead.
        """
        ...

    def close(self) -> None:
        """Let go of what is kept open; the next answer opens it again."""
        ...
