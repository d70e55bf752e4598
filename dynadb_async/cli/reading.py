"""Users in a file: JSON Lines, a DynamoDB export, a FileDb file, each perhaps in gzip."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BufferedReader, FileIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from attrs import define, field, frozen

from dynadb_async.cli.manifest import DataFile, data_files
from dynadb_async.cli.shown import note
from dynadb_async.cli.waiting import Awaited
from dynadb_async.cli.working import fail

if TYPE_CHECKING:
    from dynadb_async import UserCopy

GZIP = b"\x1f\x8b"
LOOK = 64
INPUT = "-"


@frozen
class Line:
    """
    A user in a file.

    Attributes:
        number: Of the line, or of the item in a file that is one JSON value; from 1, over all files.
        copy: The user.
    """

    number: int
    copy: "UserCopy"


@define(eq=False)
class Source:
    """
    What is imported.

    Attributes:
        files: One; or those of a DynamoDB export, one after another.
        size: The bytes of all of them; None of standard input.
    """

    files: list[DataFile]
    size: int | None
    _read: int = field(default=0, init=False)
    _raw: BufferedReader | None = field(default=None, init=False)
    _total: int | None = field(default=None, init=False)

    @classmethod
    def at(cls, file: Path) -> "Source":
        """*file*, standard input, or the folder of a DynamoDB export."""
        if str(file) == INPUT:
            return cls([DataFile(file)], None)
        if not file.exists():
            fail(f"{file}: No such file", 2)
        files = data_files(file) if file.is_dir() else [DataFile(file)]
        return cls(files, sum(one.path.stat().st_size for one in files) if file.is_dir() or file.is_file() else None)

    @property
    def changed(self) -> int:
        """When any of it was last written to."""
        return max(one.path.stat().st_mtime_ns for one in self.files)

    def total(self, count: int) -> int | None:
        """About how many users there are, if *count* of them were read by now; None where nobody can know."""
        if self._total is not None or not self.size or not count:
            return self._total
        read = self._read + (0 if self._raw is None else self._raw.tell())
        return round(count * self.size / read) if read else None

    def lines(self) -> Iterator[Line]:
        """
        The users, one at a time.

        What can't be read ends the command; half a line at the end, as a kill leaves it, is left out and told.
        """
        number = 0
        for one in self.files:
            before = number
            for copy in self._copies_in(one.path):
                number += 1
                yield Line(number, copy)
            if one.count not in (None, number - before):
                fail(f"{one.path} has {number - before} items, but the manifest says {one.count}: it is not whole")

    def _copies_in(self, file: Path) -> "Iterator[UserCopy]":
        try:
            with _raw(file) as raw, _unpacked(raw) as text:
                self._raw = raw if self.size else None
                start = text.peek(LOOK)[:LOOK].translate(None, b" \r\n\t")
                yield from (self._one_value if start.startswith((b"[", b'{"tables":')) else _of_lines)(file, text)
                self._read, self._raw = self._read + (raw.tell() if self.size else 0), None
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            fail(f"{file} is no whole gzip file: {error}")
        except OSError as error:
            fail(f"{file}: {error.strerror or error}")

    def _one_value(self, file: Path, text: BufferedReader) -> "Iterator[UserCopy]":
        from dynadb_async import MalformedItemError, UserCopy

        try:
            copies = UserCopy.all_in(text.read())
        except MalformedItemError as error:
            fail(f"{file}: {error}")
        if len(self.files) == 1:
            self._total = len(copies)
        yield from copies


@contextmanager
def _raw(file: Path) -> Iterator[BufferedReader]:
    if str(file) == INPUT:
        yield _awaited(sys.stdin.buffer)
        return
    with file.open("rb") as raw:
        yield raw if file.is_file() else _awaited(raw)


def _awaited(stream: BinaryIO) -> BufferedReader:
    if not isinstance(stream, BufferedReader):
        # Nobody's wait: a program calls the command with a text of its own.
        return cast("BufferedReader", stream)
    return BufferedReader(Awaited(cast("FileIO", stream.raw)))


def _unpacked(raw: BufferedReader) -> AbstractContextManager[BufferedReader]:
    is_packed = raw.peek(2)[:2] == GZIP
    return cast("BufferedReader", gzip.open(raw)) if is_packed else nullcontext(raw)


def _of_lines(file: Path, text: BufferedReader) -> "Iterator[UserCopy]":
    from dynadb_async import MalformedItemError, UserCopy

    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            yield UserCopy.from_json(line)
        except MalformedItemError as error:
            if not line.endswith(b"\n") and number > 1:
                note(f"line {number}, the last, is torn and was left out")
                return
            fail(f"{file}, line {number}: {error}")
