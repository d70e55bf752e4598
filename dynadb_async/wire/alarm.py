"""One timer for all exchanges under way: nearly every one of them ends long before its time."""

import asyncio

from attrs import define, field


@define(eq=False)
class Alarm:
    """
    As `asyncio.timeout_at`, which has a timer for each, at a tenth of an exchange's cost.

    Attributes:
        loop: The event loop.
    """

    loop: asyncio.AbstractEventLoop
    _limits: dict["asyncio.Task[object]", "Limit"] = field(factory=dict, init=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False)

    def at(self, end: float) -> "Limit":
        """Raise TimeoutError out of a `with` block that is under way at the time *end*, on the event loop's clock."""
        return Limit(self, end)

    def add(self, limit: "Limit") -> None:
        """Ring for *limit*, unless it is removed before."""
        self._limits[limit.task] = limit
        self._set_by(limit.end)

    def remove(self, limit: "Limit") -> None:
        """Not needed any more."""
        self._limits.pop(limit.task, None)

    def hasten(self, end: float) -> None:
        """If the running task has a limit, let it be *end* at the latest."""
        task = asyncio.current_task()
        limit = self._limits.get(task) if task else None
        if limit is not None and limit.end > end:
            limit.end = end
            self._set_by(end)

    def _set_by(self, end: float) -> None:
        if self._timer is None or self._timer.when() > end:
            self._set(end)

    def _set(self, end: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(end, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self.loop.time()
        for limit in [limit for limit in self._limits.values() if limit.end <= now]:
            self.remove(limit)
            limit.ring()
        if self._limits:
            self._set(min(limit.end for limit in self._limits.values()))


class Limit:
    """The time of one block."""

    __slots__ = ("_alarm", "_cancelling", "_is_rung", "end", "task")

    def __init__(self, alarm: Alarm, end: float) -> None:
        self.end: float = end
        self._alarm = alarm
        self._is_rung = False

    def ring(self) -> None:
        """The time is up."""
        self._is_rung = True
        self.task.cancel()

    def __enter__(self) -> None:
        """Begin, in a task."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("outside of a task")
        self.task: asyncio.Task[object] = task
        self._cancelling = task.cancelling()
        self._alarm.add(self)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End. Only a cancellation that is the alarm's alone becomes a time-out."""
        self._alarm.remove(self)
        if self._is_rung and self.task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError
