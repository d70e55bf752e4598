"""The stores by their addresses, and where the tables of `memory:` and `memory:NAME` are."""

import sys
import threading
import time
from typing import Any

from attrs import define, field

from dynadb_async.connection.embedded.answering import answered
from dynadb_async.connection.embedded.tables import Tables
from dynadb_async.connection.failures import NOT_BEGUN, AttemptFailedError
from dynadb_async.connection.request import Request
from dynadb_async.connection.way import Faults, Store
from dynadb_async.errors import ConfigError

MEMORY, FILE = "memory:", "file:"


@define(eq=False, repr=False)
class MemoryStore:
    """Tables that end with their process."""

    waits: bool = field(default=False, init=False)
    faults: Faults | None = field(default=None, init=False)
    tables: Tables = field(factory=Tables, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def answer(self, request: Request, until: float) -> dict[str, Any]:
        """See `Store`. Another thread has the lock for no longer than one answer takes."""
        if not self._lock.acquire(timeout=max(0.0, until - time.monotonic())):
            raise AttemptFailedError(NOT_BEGUN)
        try:
            return answered(self.tables, request)
        finally:
            self._lock.release()

    def close(self) -> None:
        """See `Store`: what is stored stays."""


SHARED: dict[str, MemoryStore] = {}
"""By their names, for all adapters of the process."""


def store_at(url: str, users: str | None = None) -> Store:
    """The store that *url* names: a new one for `memory:`, the process's own for `memory:NAME`, a file's of *users*."""
    if url.startswith(FILE):
        if sys.platform == "win32":
            raise ConfigError("file: needs the file locks of POSIX; use memory: on Windows - at client.endpoint_url")
        from dynadb_async.connection.embedded.file import FileStore  # noqa: PLC0415 - most never have one

        return FileStore.at(url.removeprefix(FILE), users)
    name = url.removeprefix(MEMORY)
    # In one step, whichever thread is first.
    return SHARED.setdefault(name, MemoryStore()) if name else MemoryStore()
