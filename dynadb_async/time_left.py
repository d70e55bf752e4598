"""The time that a turn has for its waiting, loading and saving."""

import asyncio
import contextlib
from collections.abc import Iterator

from attrs import define, field


@define(eq=False)
class TimeLeft:
    """
    The time for the waiting, loading and saving of one turn.

    Attributes:
        operation_timeout: Seconds for each operation.
        io_timeout: Seconds for all of them together, or None.
    """

    operation_timeout: float
    io_timeout: float | None
    _end: float | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Begin."""
        if self.io_timeout is not None:
            self._end = asyncio.get_running_loop().time() + self.io_timeout

    @property
    def seconds(self) -> float | None:
        """What is left of `io_timeout`; None if there is no such limit."""
        return None if self._end is None else max(0.0, self._end - asyncio.get_running_loop().time())

    def until(self) -> float:
        """When the operation that begins now has to end."""
        end = asyncio.get_running_loop().time() + self.operation_timeout
        return end if self._end is None else min(end, self._end)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """The handler's own time does not count."""
        began = asyncio.get_running_loop().time()
        yield
        if self._end is not None:
            self._end += asyncio.get_running_loop().time() - began
