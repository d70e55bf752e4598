"""`dynadb import`: users out of a file, many at a time, each on the condition that nobody is there."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from itertools import dropwhile, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from dynadb_async.cli.exporting import GOES_ON
from dynadb_async.cli.pace import Pace, bar
from dynadb_async.cli.progress import ProgressFile
from dynadb_async.cli.reading import Line, Source
from dynadb_async.cli.shown import note
from dynadb_async.cli.waiting import interruptible
from dynadb_async.cli.working import Settings, run

if TYPE_CHECKING:
    from dynadb_async import AsyncDynamoDb

# Users at the same time, and in how many steps of that how far it is is noted.
TOGETHER = 32


class Outcome(Enum):
    """What became of a line."""

    STORED = "imported"
    LEFT = "there already"
    STRANGE = "no user's"


@define(eq=False, repr=False)
class Import:
    """
    One run.

    Attributes:
        db: Where to.
        source: Where from.
        progress: How far it is; None where that can't be noted.
        done: All lines up to this one are in the table.
        counts: What became of those of this run.
        strange: The first line that is no user's.
    """

    db: "AsyncDynamoDb[Any]"
    source: Source
    progress: ProgressFile | None
    done: int = field(init=False)
    counts: Counter[Outcome] = field(factory=Counter, init=False)
    strange: int | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Go on after what an earlier run into the same table has done."""
        self.done = 0
        with suppress(ValueError, TypeError):
            earlier = None if self.progress is None else self.progress.read()
            if earlier is not None and self.progress is not None and earlier.get("target") == self.progress.target:
                self.done = int(earlier.get("number", 0))

    def chunks(self, size: int) -> Iterator[list[Line]]:
        """What is left to do, so many at a time."""
        done = self.done
        left = dropwhile(lambda line: line.number <= done, self.source.lines())
        while True:
            with interruptible():
                chunk = list(islice(left, size))
            if not chunk:
                return
            yield chunk

    async def store(self, chunk: list[Line], *, overwrite: bool, dry_run: bool) -> None:
        """Store these, all or as many as go."""
        from dynadb_async import MalformedItemError

        work = [self.db.restore(line.copy, overwrite=overwrite, dry_run=dry_run) for line in chunk]
        for line, result in zip(chunk, await asyncio.gather(*work, return_exceptions=True), strict=True):
            if isinstance(result, MalformedItemError):
                self.counts[Outcome.STRANGE] += 1
                self.strange = self.strange or line.number
                continue
            if isinstance(result, BaseException):
                raise result
            self.counts[Outcome.STORED if result else Outcome.LEFT] += 1
        self.done = chunk[-1].number
        if self.progress is not None and self.progress.is_due:
            self.progress.write(number=self.done)

    def left(self) -> None:
        """Something ended it: note how far it is, if that is possible."""
        with suppress(OSError):
            if self.progress is not None and self.done:
                self.progress.write(number=self.done)


def import_file(settings: Settings, file: Path, *, overwrite: bool, dry_run: bool, max_capacity: float | None) -> None:
    """Store the users in *file*."""
    source, pace = Source.at(file), Pace(max_capacity)

    async def work(db: "AsyncDynamoDb[Any]") -> None:
        this = Import(db, source, None if dry_run else _progress(db, file, source))
        began, before = time.monotonic(), this.done
        try:
            with bar("imported") as show:
                for chunk in this.chunks(_size(max_capacity)):
                    await this.store(chunk, overwrite=overwrite, dry_run=dry_run)
                    show(this.done, source.total(this.done))
                    await pace.keep()
                show(this.done, this.done)
        except BaseException:
            this.left()
            raise
        if this.progress is not None:
            this.progress.remove()
        _tell(this, before, time.monotonic() - began, dry_run=dry_run)

    run(settings, work, creates=not dry_run, observer=pace, told=GOES_ON)


def _progress(db: "AsyncDynamoDb[Any]", file: Path, source: Source) -> ProgressFile | None:
    """Beside what is read: not of a pipe."""
    return None if source.size is None else ProgressFile.beside(file, "imported", db, source.size, source.changed)


def _size(max_capacity: float | None) -> int:
    return TOGETHER if max_capacity is None else max(1, min(TOGETHER, int(max_capacity / 8)))


def _tell(this: Import, before: int, seconds: float, *, dry_run: bool) -> None:
    counts = this.counts
    rate = counts.total() / max(seconds, 1e-9)
    told = f"{counts[Outcome.STORED]} users {'would be ' if dry_run else ''}imported"
    told += f", {counts[Outcome.LEFT]} are there already and were left alone" if counts[Outcome.LEFT] else ""
    strange = counts[Outcome.STRANGE]
    told += f", {strange} items that are no user's (the first is number {this.strange})" if strange else ""
    told += f", {before} were imported before" if before else ""
    note(f"{told}, {rate:.0f} a second")
