"""What is under way in one event loop, for `close` to wait for."""

import asyncio
import contextlib

from attrs import define, field

from dynadb_async.errors import TableNotFoundError
from dynadb_async.running.table import Table


@define(eq=False, repr=False)
class Work:
    """
    The pieces of work that are under way; it is entered by each of them.

    Attributes:
        table: What they work on.
        waits_until: When those under way that wait for their turn will have it, on the event loop's clock.
    """

    table: Table
    waits_until: float = field(default=0.0, init=False)
    _pieces: int = field(default=0, init=False)
    _idle: asyncio.Event = field(factory=asyncio.Event, init=False)

    def __enter__(self) -> None:
        """Begin a piece."""
        self._pieces += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End it."""
        if kind is TableNotFoundError:
            self.table.vanished()
        self._pieces -= 1
        if not self._pieces:
            self.waits_until = 0.0
            self._idle.set()

    async def ended(self, seconds: float) -> None:
        """Return once nothing is under way any more, or after so many *seconds*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._pieces:
                    self._idle.clear()
                    await self._idle.wait()
