"""What writing costs, kept under a number of units per second; and how far it is, where a person looks."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from attrs import define, field

from dynadb_async.cli.shown import is_terminal


@define
class Pace:
    """
    An observer that adds up what DynamoDB says that requests cost.

    Attributes:
        most: Units per second; None for as many as there are.
    """

    most: float | None
    units: float = 0.0
    _began: float = field(factory=time.monotonic)

    def doing(self, _: str) -> AbstractContextManager[None]:
        """See `Observer`."""
        return nullcontext()

    def attempted(self, operation: str, code: str, capacity_units: float) -> None:  # noqa: ARG002 - the protocol's
        """See `Observer`."""
        self.units += capacity_units

    def duplicate(self) -> None:
        """See `Observer`."""

    async def keep(self) -> None:
        """Wait until what was consumed is as little as it should be by now."""
        if self.most is None:
            return
        paid_at = self._began + self.units / self.most
        late = paid_at - time.monotonic()
        if late > 0:
            await asyncio.sleep(late)
        else:
            # What was left over is not kept for a burst.
            self._began -= late


Show = Callable[[int, int | None], None]
"""Is told how many there are so far, and about how many there will be, if anybody knows."""


@contextmanager
def bar(what: str) -> Iterator[Show]:
    """A bar with rate and time left on a terminal's standard error; nothing in a pipe."""
    if not is_terminal(sys.stderr):
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}/s"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=None, rate=0)
        began = time.monotonic()

        def show(done: int, total: int | None) -> None:
            rate = f"{done / max(time.monotonic() - began, 1e-9):.0f}"
            progress.update(task, completed=done, total=max(total, done) if total else None, rate=rate)

        yield show
