"""Users in a file: JSON Lines, a DynamoDB export, a FileDb file, each perhaps in gzip."""

import gzip
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, cast

from attrs import frozen

from dynadb_async.cli.shown import note
from dynadb_async.cli.working import fail

if TYPE_CHECKING:
    from dynadb_async import UserCopy

GZIP = b"\x1f\x8b"
LOOK = 64


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


def lines_of(file: Path) -> Iterator[Line]:
    """
    The users in *file*, one at a time; those of all data files, where it is the folder of a DynamoDB export.

    What can't be read ends the command; half a line at the end, as a kill leaves it, is left out and told.
    """
    number = 0
    for one in sorted(file.rglob("*.json.gz")) if file.is_dir() else [file]:
        for copy in _copies_in(one):
            number += 1
            yield Line(number, copy)


def _copies_in(file: Path) -> "Iterator[UserCopy]":
    try:
        with _raw(file) as raw, _unpacked(raw) as text:
            start = text.peek(LOOK)[:LOOK].translate(None, b" \r\n\t")
            yield from (_of_one_value if start.startswith((b"[", b'{"tables":')) else _of_lines)(file, text)
    except (EOFError, gzip.BadGzipFile) as error:
        fail(f"{file} is no whole gzip file: {error}")
    except OSError as error:
        fail(f"{file}: {error.strerror or error}")


def _raw(file: Path) -> "BufferedReader":
    return cast("BufferedReader", sys.stdin.buffer) if str(file) == "-" else file.open("rb")


def _unpacked(raw: BufferedReader) -> AbstractContextManager[BufferedReader]:
    is_packed = raw.peek(2)[:2] == GZIP
    return cast("BufferedReader", gzip.open(raw)) if is_packed else nullcontext(raw)


def _of_one_value(file: Path, text: BufferedReader) -> "Iterator[UserCopy]":
    from dynadb_async import MalformedItemError, UserCopy

    try:
        yield from UserCopy.all_in(text.read())
    except MalformedItemError as error:
        fail(f"{file}: {error}")


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
