"""Waiting for a person, or for a pipe, in a way that Ctrl-C ends."""

import asyncio
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO, RawIOBase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike, WriteableBuffer

# Seconds. Nobody notices them, and looking so seldom costs nothing.
LOOK_UP = 0.2


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it Ctrl-C ends what blocks a task; the event loop's own handler would wait until it does not any more."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # It came just before.
            raise KeyboardInterrupt
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def until_readable(file: "FileDescriptorLike") -> None:
    """
    Wait until *file* has something, or has ended.

    A signal wakes a system call that waits, but not one that begins just after it: so none waits for long.
    """
    # Windows waits for sockets only.
    while sys.platform != "win32" and not select.select([file], [], [], LOOK_UP)[0]:
        pass


class Awaited(RawIOBase):
    """A pipe, or a terminal, whose reads are ended by Ctrl-C whenever it comes."""

    def __init__(self, raw: FileIO) -> None:
        """Over *raw*, which is left open."""
        self._raw = raw

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        """What comes next, as soon as there is any."""
        until_readable(self._raw)
        return self._raw.readinto(buffer)
