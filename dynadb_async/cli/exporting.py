"""`dynadb export`: all users as JSON Lines, resumable after whatever ended it."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, Self

from attrs import asdict, define, field, frozen
from attrs.validators import instance_of, optional

from dynadb_async.cli.pace import bar
from dynadb_async.cli.progress import ProgressFile
from dynadb_async.cli.shown import note, opened_for_owner
from dynadb_async.cli.working import WRONG, Settings, fail, run

if TYPE_CHECKING:
    from dynadb_async import AsyncDynamoDb, Scan, UserCopy

GOES_ON = "the same command goes on from here"


@frozen
class Noted:
    """
    How far an export is.

    Attributes:
        token: Where the scan goes on; None for its beginning.
        size: The bytes of the file that belong to what is before.
        count: How many users those are.
    """

    token: str | None = field(default=None, validator=optional(instance_of(str)))
    size: int = field(default=0, validator=instance_of(int))
    count: int = field(default=0, validator=instance_of(int))


@define(repr=False)
class Output:
    """
    What is written, and the note beside it, which says how much of it counts.

    Attributes:
        progress: The note; None where what is written is no file.
        noted: How far it is.
    """

    progress: ProgressFile | None
    noted: Noted
    _out: IO[bytes]

    @classmethod
    def at(cls, file: Path, db: "AsyncDynamoDb[Any]") -> "Output":
        """Begin, or go on where an earlier one ended."""
        if str(file) == "-":
            return cls(None, Noted(), sys.stdout.buffer)
        if file.exists() and not file.is_file():
            return cls(None, Noted(), os.fdopen(os.open(file, os.O_WRONLY), "wb"))
        progress = ProgressFile.beside(file, "progress", db)
        noted = _earlier(file, progress)
        out = os.fdopen(opened_for_owner(file, 0), "wb")
        # What was written after the note, perhaps half a line, is read again.
        out.truncate(noted.size)
        out.seek(noted.size)
        output = cls(progress, noted, out)
        output.note(noted)
        return output

    def note(self, noted: Noted) -> None:
        """Say how far it is, once that is on the disk."""
        self._out.flush()
        if self.progress is not None:
            os.fsync(self._out.fileno())
            self.progress.write(**asdict(noted))

    def add(self, copy: "UserCopy", scan: "Scan[Any]") -> None:
        """Write one user."""
        text = copy.to_json() + b"\n"
        self._out.write(text)
        self.noted = Noted(None, self.noted.size + len(text), self.noted.count + 1)
        if self.progress is not None and self.progress.is_due and scan.token is not None:
            self.note(Noted(scan.token, self.noted.size, self.noted.count))

    def done(self) -> None:
        """All is there."""
        self._out.flush()
        if self.progress is not None:
            os.fsync(self._out.fileno())
            self.progress.remove()

    def left(self, token: str | None) -> None:
        """Something ended it: note how far it is, if that is possible."""
        with suppress(OSError):
            if token is not None:
                self.note(Noted(token, self.noted.size, self.noted.count))

    def __enter__(self) -> Self:
        """Write within."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it. What could not be written was told before."""
        with suppress(OSError):
            if self._out is not sys.stdout.buffer:
                self._out.close()


def _earlier(file: Path, progress: ProgressFile) -> Noted:
    """What an earlier export into *file* left."""
    try:
        content = progress.read()
        noted = None if content is None else Noted(**{name: content.pop(name) for name in ("token", "size", "count")})
    except (ValueError, TypeError, KeyError):
        _begin_anew(file, progress, "can't be read")
    if content is None or noted is None:
        if file.exists():
            fail(f"{file} is there already; name another file, or delete it", WRONG)
        return Noted()
    if content != {"target": progress.target}:
        _begin_anew(file, progress, "is of another table")
    if (file.stat().st_size if file.exists() else 0) < noted.size:
        _begin_anew(file, progress, f"says that {file} was longer")
    return noted


def _begin_anew(file: Path, progress: ProgressFile, problem: str) -> NoReturn:
    fail(f"{progress.path} {problem}; delete it and {file}, and begin anew", WRONG)


def export(settings: Settings, file: Path, *, max_capacity: float | None, segments: int) -> None:
    """Write all users to *file*."""

    async def work(db: "AsyncDynamoDb[Any]") -> None:
        found = (await db.describe_tables())[db.config.table.name]
        with Output.at(file, db) as output:
            scan = db.copies(token=output.noted.token, segments=segments, max_capacity=max_capacity)
            began, before = time.monotonic(), output.noted.count
            # About so many: DynamoDB counts every six hours.
            await _written(scan, output, found.get("ItemCount"))
        rate = (output.noted.count - before) / max(time.monotonic() - began, 1e-9)
        others = f", {scan.skipped} items that are no user's" if scan.skipped else ""
        note(f"{output.noted.count} users exported{others}, {rate:.0f} a second")

    run(settings, work, told="what was written is not all" if str(file) == "-" else GOES_ON)


async def _written(scan: "Scan[UserCopy]", output: Output, about: int | None) -> None:
    try:
        with bar("exported") as show:
            async for copy in scan:
                output.add(copy, scan)
                show(output.noted.count, about)
            output.done()
            show(output.noted.count, output.noted.count)
    except BaseException:
        output.left(scan.token if scan.count else None)
        raise
