"""Work that many ask for, and one task does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from attrs import define, field

from dynadb_async.errors import UsageError

R = TypeVar("R")

CLOSED = "closed while in use; close the adapter when no turn is open any more"


@define(eq=False, repr=False)
class Shared(Generic[R]):
    """
    Work of one event loop that goes on when those who asked for it are cancelled, or have no time left.

    A failure is seen by all who wait for it; the next to ask tries again.

    Attributes:
        work: Does it.
        name: Of its task.
    """

    work: Callable[[], Awaitable[R]]
    name: str
    _task: asyncio.Task[R] | None = field(default=None, init=False)
    _waiting: int = field(default=0, init=False)

    async def result(self) -> R:
        """
        What the work gives.

        Raises:
            UsageError: It was given up.
        """
        task = self.begin()
        self._waiting += 1
        try:
            # Not `await task`: its cancellation is not our own.
            await asyncio.wait([task])
        finally:
            self._waiting -= 1
        if task.cancelled():
            raise UsageError(CLOSED)
        return task.result()

    @property
    def is_under_way(self) -> bool:
        """Whether it has begun, and not ended."""
        return self._task is not None

    def begin(self) -> asyncio.Task[R]:
        """Let it begin, unless it is under way; nobody has to wait for it."""
        task = self._task
        if task is None:
            task = self._task = asyncio.create_task(self._done(), name=self.name)
            task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Give up what is under way, unless somebody still waits for it."""
        if not self._waiting:
            await self.give_up()

    async def give_up(self) -> None:
        """Give up what is under way, whoever waits for it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _done(self) -> R:
        return await self.work()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._task = None
        # Asking for the exception marks it as seen: those who waited may all be gone.
        if not task.cancelled():
            task.exception()
