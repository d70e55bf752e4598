"""A lock between processes: a file of its own, since a rename puts another file in the place of what is locked."""

import fcntl
import os
import time
from contextlib import suppress
from typing import Any

import orjson
from attrs import frozen

FIRST_PAUSE, LONGEST_PAUSE = 0.0005, 0.01


@frozen
class Lock:
    """
    A lock that is held.

    It holds a note, too: what a bare list of items can't say about its table.
    """

    handle: int
    path: str

    @classmethod
    def taken(cls, path: str, until: float) -> "Lock | None":
        """
        The lock at *path*, made if it is missing; None if another process had it until *until*, on `time.monotonic`.

        Raises:
            OSError: It can't be made.
        """
        # As the reference does: a folder that is missing is made.
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)  # noqa: PTH103, PTH120 - a text
        pause = FIRST_PAUSE
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _is_locked(handle, path):
                return cls(handle, path)
            os.close(handle)
            if time.monotonic() + pause > until:
                return None
            # To wait within the system would have no end.
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def is_kept(self) -> bool:
        """Whether it is still the one that others look for: somebody may have thrown it away."""
        return _is_at(self.handle, self.path)

    def note(self) -> Any:
        """What was noted; None if that is nothing, or unreadable."""
        size = os.fstat(self.handle).st_size
        with suppress(ValueError):
            return orjson.loads(os.pread(self.handle, size, 0))
        return None

    def set_note(self, note: dict[str, Any]) -> None:
        """Note something else, if it is something else."""
        if note != self.note():
            text = orjson.dumps(note)
            os.ftruncate(self.handle, os.pwrite(self.handle, text, 0))
            os.fsync(self.handle)

    def release(self) -> None:
        """Let others have it."""
        os.close(self.handle)


def _is_locked(handle: int, path: str) -> bool:
    """Whether the lock is ours, and still the one that others will look for."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return _is_at(handle, path)


def _is_at(handle: int, path: str) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), os.stat(path))  # noqa: PTH116 - a text
    return False
