"""
A store in a file that a person can read: `file:PATH`.

Each change replaces the file as a whole: the new one is written beside it, flushed to the disk, and takes its name, so
that whoever reads, or is killed, sees the one or the other. A lock that is a file of its own, `PATH.lock`, keeps two
processes apart; under it the file is read again if it is not the one that was seen last.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from attrs import define, field, frozen

from dynadb_async.connection.embedded import disk
from dynadb_async.connection.embedded.answering import answered
from dynadb_async.connection.embedded.content import DamagedError, content_of, tables_in
from dynadb_async.connection.embedded.lock import Lock
from dynadb_async.connection.embedded.tables import Tables
from dynadb_async.connection.failures import AttemptFailedError, Failure
from dynadb_async.connection.request import Request
from dynadb_async.connection.way import Faults

logger: logging.Logger = logging.getLogger("dynadb_async")

# A file is written whole at each save.
LARGE = 10 * 1024 * 1024


def failed(code: str, advice: str, *, may_have_happened: bool = False, is_late: bool = False) -> AttemptFailedError:
    """What ends an attempt; trying again at once would not help."""
    return AttemptFailedError(
        Failure(code=code, advice=advice, is_retryable=False, may_have_happened=may_have_happened, is_late=is_late)
    )


@frozen
class Seen:
    """
    Which file was read or written last, held open so that no other one can get its number.

    Attributes:
        handle: The open file.
        stamp: What tells a file that somebody changed in its place.
    """

    handle: int
    stamp: tuple[int, ...]

    @classmethod
    def of(cls, handle: int) -> "Seen":
        """The file as it is now."""
        return cls(handle, stamp_of(os.fstat(handle)))


def stamp_of(status: os.stat_result) -> tuple[int, ...]:
    """What differs between two files, and mostly between a file before and after a change in its place."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@define(eq=False, repr=False)
class FileStore:
    """
    The store of one adapter in the file at `path`, which others may have open, too.

    Attributes:
        path: Absolute.
        shown: As it was given, for messages.
        users: The table that a list is whose table nobody noted; None for the one that is asked for first.
    """

    path: str
    shown: str
    users: str | None = None
    waits: bool = field(default=True, init=False)
    faults: Faults | None = field(default=None, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _tables: Tables = field(factory=Tables, init=False)
    _seen: Seen | None = field(default=None, init=False)
    _is_large: bool = field(default=False, init=False)

    @classmethod
    def at(cls, path: str, users: str | None = None) -> "FileStore":
        """*path* as in the URL: from the present folder, from ~, or absolute; a link's file is what it leads to."""
        # As URLs of files are written elsewhere: file:///absolute, or file://localhost/absolute.
        plain = path.removeprefix("//localhost" if path.startswith("//localhost/") else "//")
        return cls(os.path.realpath(os.path.expanduser(plain)), path, users)  # noqa: PTH111 - a text

    def answer(self, request: Request, until: float) -> dict[str, Any]:
        """See `Store`."""
        if not self._lock.acquire(timeout=max(0.0, until - time.monotonic())):
            raise self._busy()
        try:
            with self._locked(until) as lock:
                return self._answered(request, lock)
        finally:
            self._lock.release()

    def _answered(self, request: Request, lock: Lock) -> dict[str, Any]:
        with self._telling("read"):
            self._read(lock)
        self._tables.name_unnamed(self.users or request.table)
        changes = self._tables.changes
        try:
            with self._telling("read"):
                members = answered(self._tables, request)
            if self._tables.changes != changes:
                self._write(lock)
        except BaseException:
            if self._tables.changes != changes:
                self._forget()
            raise
        return members

    def close(self) -> None:
        """See `Store`."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        """What is in memory is not what is in the file, or is not needed any more."""
        seen, self._seen = self._seen, None
        if seen is not None:
            os.close(seen.handle)

    @contextmanager
    def _locked(self, until: float) -> Iterator[Lock]:
        with self._telling("locked"):
            lock = Lock.taken(f"{self.path}.lock", until)
        if lock is None:
            raise self._busy()
        try:
            yield lock
        finally:
            lock.release()

    def _busy(self) -> AttemptFailedError:
        return failed("FileBusy", f"file {self.shown} was locked by another process all the time", is_late=True)

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """An error of the system's, in one sentence."""
        try:
            yield
        except OSError as error:
            problem = f"file {self.shown} can't be {what}: {error.strerror or type(error).__name__}; it was not changed"
        except (DamagedError, RecursionError) as error:
            # An item is made of what was read only when it is asked for.
            why = "it is nested too deep" if isinstance(error, RecursionError) else error
            problem = f"file {self.shown} is damaged: {why}; repair it or move it away, it was not changed"
        else:
            return
        raise failed("FileUnusable", problem)

    def _read(self, lock: Lock) -> None:
        """The tables are what is in the file."""
        if self._seen is not None:
            with suppress(FileNotFoundError):
                if stamp_of(os.stat(self.path)) == self._seen.stamp:  # noqa: PTH116 - a text
                    return
        self._forget()
        try:
            # A pipe, which has no end, would be waited for.
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            self._tables = Tables()
            return
        try:
            self._tables = tables_in(disk.all_of(handle), lock.note())
            self._seen = Seen.of(handle)
        except BaseException:
            os.close(handle)
            raise

    def _write(self, lock: Lock) -> None:
        """What is in the file is the tables."""
        content, note = content_of(self._tables)
        self._warn_once(len(content))
        with self._telling("written"):
            if note is not None:
                lock.set_note(note)
            handle = disk.replaced(self.path, content, lock)
        self._forget()
        self._seen = Seen.of(handle)
        try:
            disk.flush_folder(self.path)
        except OSError as error:
            problem = f"file {self.shown} was written, and perhaps not to the disk: {error.strerror}"
        else:
            return
        raise failed("FileUnusable", problem, may_have_happened=True)

    def _warn_once(self, size: int) -> None:
        if size > LARGE and not self._is_large:
            logger.warning(
                "file %s has grown over %d MB, and is written whole at each save: for so much, use DynamoDB, or a "
                "DynamoDB Local on this machine (client.endpoint_url='http://127.0.0.1:8000')",
                self.shown,
                LARGE // 1024**2,
            )
        self._is_large = size > LARGE
