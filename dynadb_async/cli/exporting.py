"""`dynadb export`: all users as JSON Lines, resumable after whatever ended it."""

import asyncio
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from attrs import define, field, frozen

from dynadb_async.cli.pace import bar
from dynadb_async.cli.shown import note, opened_for_owner
from dynadb_async.cli.working import WRONG, Settings, fail, run

if TYPE_CHECKING:
    from dynadb_async import AsyncDynamoDb, Scan, UserCopy

# Seconds between two notes of how far it is: what a kill costs to read again.
EVERY = 1.0


@frozen
class Noted:
    """
    How far an export is.

    Attributes:
        token: Where the scan goes on; None for its beginning.
        size: The bytes of the file that belong to what is before.
        count: How many users those are.
    """

    token: str | None = None
    size: int = 0
    count: int = 0


@define(repr=False)
class Output:
    """
    The file that is written, and the note beside it, which says how much of it counts.

    Attributes:
        file: Where.
        notes: Whether there is a note: not of what is no file.
    """

    file: Path
    notes: bool
    noted: Noted = Noted()
    _out: IO[bytes] = field(init=False)
    _noted_at: float = field(factory=time.monotonic, init=False)

    @property
    def note_file(self) -> Path:
        """Beside the file."""
        return self.file.with_name(f"{self.file.name}.progress")

    @classmethod
    def at(cls, file: Path) -> "Output":
        """Begin, or go on where an earlier one ended."""
        output = cls(file, notes=not file.exists() or file.is_file())
        if not output.notes:
            output._out = os.fdopen(os.open(file, os.O_WRONLY), "wb")
            return output
        output.noted = output._read_note()
        if output.noted.token is None and file.exists() and not output.note_file.exists():
            fail(f"{file} is there already; name another file, or delete it", WRONG)
        output._out = os.fdopen(opened_for_owner(file, 0), "wb")
        # What was written after the note, perhaps half a line, is read again.
        output._out.truncate(output.noted.size)
        output._out.seek(output.noted.size)
        output.write_note(output.noted)
        return output

    def _read_note(self) -> Noted:
        try:
            return Noted(**json.loads(self.note_file.read_text()))
        except FileNotFoundError:
            return Noted()
        except (ValueError, TypeError):
            fail(f"{self.note_file} can't be read; delete it and {self.file}, and begin anew", WRONG)

    def write_note(self, noted: Noted) -> None:
        """Say how far it is, once that is on the disk."""
        self._out.flush()
        if not self.notes:
            return
        os.fsync(self._out.fileno())
        beside = self.note_file.with_name(f"{self.note_file.name}.new")
        with os.fdopen(opened_for_owner(beside, os.O_TRUNC), "w") as out:
            json.dump({"token": noted.token, "size": noted.size, "count": noted.count}, out)
        beside.replace(self.note_file)
        self._noted_at = time.monotonic()

    def add(self, copy: "UserCopy", scan: "Scan[Any]") -> None:
        """Write one user."""
        text = copy.to_json() + b"\n"
        self._out.write(text)
        self.noted = Noted(None, self.noted.size + len(text), self.noted.count + 1)
        if time.monotonic() - self._noted_at > EVERY and scan.token is not None:
            self.write_note(Noted(scan.token, self.noted.size, self.noted.count))

    def done(self) -> None:
        """All is there."""
        self._out.flush()
        if self.notes:
            os.fsync(self._out.fileno())
            self.note_file.unlink()
        self._out.close()

    def left(self, token: str | None) -> None:
        """Something ended it: note how far it is, if that is possible."""
        with suppress(OSError):
            if token is not None:
                self.write_note(Noted(token, self.noted.size, self.noted.count))
        with suppress(OSError):
            self._out.close()


def export(settings: Settings, file: Path, *, max_capacity: float | None, segments: int) -> None:
    """Write all users to *file*."""

    async def work(db: "AsyncDynamoDb[Any]") -> None:
        found = (await db.describe_tables())[db.config.table.name]
        output = Output.at(Path("/dev/stdout") if str(file) == "-" else file)
        began, before = time.monotonic(), output.noted.count
        scan = db.copies(token=output.noted.token, segments=segments, max_capacity=max_capacity)
        try:
            with bar("exported", found.get("ItemCount") or None) as show:
                async for copy in scan:
                    output.add(copy, scan)
                    show(output.noted.count)
            output.done()
        except BaseException as error:
            output.left(scan.token if scan.count else None)
            if isinstance(error, asyncio.CancelledError):
                note("interrupted; the same command goes on from here")
            raise
        rate = (output.noted.count - before) / max(time.monotonic() - began, 1e-9)
        others = f", {scan.skipped} items that are no user's" if scan.skipped else ""
        note(f"{output.noted.count} users exported{others}, {rate:.0f} a second")

    run(settings, work)
