"""What every way to an answer does."""

from collections.abc import Awaitable
from typing import Protocol

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
