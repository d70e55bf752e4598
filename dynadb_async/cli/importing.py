"""`dynadb import`: users out of a file, many at a time, each on the condition that nobody is there."""

import asyncio
import hashlib
import json
import os
import time
from collections import Counter
from itertools import dropwhile, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from dynadb_async.cli.pace import Pace, bar
from dynadb_async.cli.reading import Line, lines_of
from dynadb_async.cli.shown import note, opened_for_owner
from dynadb_async.cli.working import Settings, fail, run

if TYPE_CHECKING:
    from dynadb_async import AsyncDynamoDb

# Users at the same time, and in how many steps of that how far it is is noted.
TOGETHER = 32
EVERY = 1.0


@define
class Done:
    """
    How far an import into one table is, in a file beside the one that is read.

    Attributes:
        file: Beside it; None where there is none.
        target: What names the table without saying it.
        number: All lines up to this one are in the table.
    """

    file: Path | None
    target: str
    number: int = 0
    _noted_at: float = field(factory=time.monotonic)

    @classmethod
    def of(cls, db: "AsyncDynamoDb[Any]", source: Path, *, notes: bool) -> "Done":
        """What an earlier import of the same file into the same table left."""
        client = db.config.client
        whole = f"{client.endpoint_url} {client.region_name} {db.config.table.name} {source.stat() if notes else ''}"
        done = cls(
            source.with_name(f"{source.name}.imported") if notes else None, hashlib.sha256(whole.encode()).hexdigest()
        )
        if done.file is not None and done.file.is_file():
            try:
                stored = json.loads(done.file.read_text())
                done.number = stored["number"] if stored["target"] == done.target else 0
            except (ValueError, TypeError, KeyError):
                done.number = 0
        return done

    def note(self, number: int, *, is_urgent: bool = False) -> None:
        """All lines up to *number* are there."""
        self.number = number
        if self.file is None or (time.monotonic() - self._noted_at < EVERY and not is_urgent):
            return
        beside = self.file.with_name(f"{self.file.name}.new")
        with os.fdopen(opened_for_owner(beside, os.O_TRUNC), "w") as out:
            json.dump({"target": self.target, "number": number}, out)
        beside.replace(self.file)
        self._noted_at = time.monotonic()

    def end(self) -> None:
        """All is there."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)


def import_file(settings: Settings, file: Path, *, overwrite: bool, dry_run: bool, max_capacity: float | None) -> None:
    """Store the users in *file*."""
    if str(file) != "-" and not file.exists():
        fail(f"{file}: No such file", 2)
    pace, notes = Pace(max_capacity), file.is_file() and not dry_run

    async def work(db: "AsyncDynamoDb[Any]") -> None:
        done = Done.of(db, file, notes=notes)
        skipped, began = done.number, time.monotonic()
        counts: Counter[bool] = Counter()
        left = dropwhile(lambda line: line.number <= skipped, lines_of(file))
        with bar("imported", None) as show:
            while chunk := list(islice(left, _size(max_capacity))):
                counts.update(await _stored(db, chunk, overwrite=overwrite, dry_run=dry_run))
                done.note(chunk[-1].number)
                show(counts.total())
                await pace.keep()
        done.end()
        _tell(counts, skipped, time.monotonic() - began, dry_run=dry_run)

    run(settings, work, creates=not dry_run, observer=pace)


def _size(max_capacity: float | None) -> int:
    return TOGETHER if max_capacity is None else max(1, min(TOGETHER, int(max_capacity / 8)))


async def _stored(db: "AsyncDynamoDb[Any]", chunk: list[Line], *, overwrite: bool, dry_run: bool) -> list[bool]:
    from dynadb_async import MalformedItemError

    work = [db.restore(line.copy, overwrite=overwrite, dry_run=dry_run) for line in chunk]
    stored = []
    for line, result in zip(chunk, await asyncio.gather(*work, return_exceptions=True), strict=True):
        if isinstance(result, MalformedItemError):
            fail(f"user {line.number} of the file: {result}")
        if isinstance(result, BaseException):
            raise result
        stored.append(result)
    return stored


def _tell(counts: Counter[bool], skipped: int, seconds: float, *, dry_run: bool) -> None:
    rate = counts.total() / max(seconds, 1e-9)
    told = f"{counts[True]} users {'would be ' if dry_run else ''}imported"
    told += f", {counts[False]} are there already and were left alone" if counts[False] else ""
    told += f", {skipped} were imported before" if skipped else ""
    note(f"{told}, {rate:.0f} a second")
