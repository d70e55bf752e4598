"""What is done to the file itself: read, replaced as a whole, flushed to the disk."""

import errno
import os
import stat
from contextlib import suppress

from dynadb_async.connection.embedded.content import DamagedError
from dynadb_async.connection.embedded.lock import Lock
from dynadb_async.connection.failures import AttemptFailedError, Failure

# Of a folder that can't be flushed, or not by us: then that is the system's matter.
NO_FLUSH = {errno.EINVAL, errno.ENOTSUP, errno.EACCES}

# Then somebody else may have another lock, and what we read is old.
LOCK_LOST = Failure(code="FileLockLost", advice="the lock beside the file was thrown away", may_have_happened=False)


def all_of(handle: int) -> bytes:
    """
    What is in an open file.

    Raises:
        DamagedError: It is none, and may have no end.
        OSError: It can't be read.
    """
    kind = os.fstat(handle).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise DamagedError("it is no file, but a pipe or a device")
    with os.fdopen(handle, "rb", closefd=False) as file:
        return file.read()


def replaced(path: str, content: bytes, lock: Lock) -> int:
    """
    The open file that has taken the place of the one at *path*; on an error that one is left as it was.

    Raises:
        AttemptFailedError: Somebody threw *lock* away.
        OSError: It can't be written.
    """
    beside = f"{path}.new"
    with suppress(FileNotFoundError):
        os.unlink(beside)  # noqa: PTH108 - a text; somebody was killed
    handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb", closefd=False) as file:
            file.write(content)
        os.fsync(handle)
        _check_kept(lock)
        os.replace(beside, path)  # noqa: PTH105 - a text
    except BaseException:
        os.close(handle)
        if lock.is_kept():
            with suppress(OSError):
                os.unlink(beside)  # noqa: PTH108 - a text
        raise
    return handle


def _check_kept(lock: Lock) -> None:
    if not lock.is_kept():
        raise AttemptFailedError(LOCK_LOST)


def flush_folder(path: str) -> None:
    """
    Make sure that the file at *path* has its name after a power cut, too, as far as the system can.

    Raises:
        OSError: The disk has a fault.
    """
    try:
        handle = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)  # noqa: PTH120 - a text
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in NO_FLUSH:
            raise
