"""The time that a turn has for its waiting, loading and saving."""

from collections.abc import Callable

from dynadb_async.running.arguments import seconds


class TimeLeft:
    """
    The time for the waiting, loading and saving of one turn, which begins to run now.

    Attributes:
        operation_timeout: Seconds for each operation.
    """

    __slots__ = ("_end", "_now", "_paused_at", "operation_timeout")

    def __init__(self, now: Callable[[], float], operation_timeout: float, io_timeout: float | None) -> None:
        self.operation_timeout: float = operation_timeout
        self._now = now
        self._end = None if io_timeout is None else now() + seconds(io_timeout)
        self._paused_at = 0.0

    @property
    def seconds(self) -> float | None:
        """What is left of *io_timeout*; None if there is no such limit."""
        return None if self._end is None else max(0.0, self._end - self._now())

    def until(self) -> float:
        """When the operation that begins now has to end, on the event loop's clock."""
        end = self._now() + self.operation_timeout
        return end if self._end is None else min(end, self._end)

    def pause(self) -> None:
        """The handler's own time, which begins now, does not count."""
        if self._end is not None:
            self._paused_at = self._now()

    def resume(self) -> None:
        """The handler is done."""
        if self._end is not None:
            self._end += self._now() - self._paused_at
