"""A command at a terminal, as a person has it: what is seen, what is typed, and Ctrl-C."""

import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fcntl import ioctl

from attrs import define, field

PATIENCE = 60.0
CTRL_C, CTRL_D = "\x03", "\x04"
# What moves the cursor, paints, and hides.
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@define(eq=False)
class Terminal:
    """
    A pseudo-terminal with a command in it.

    Attributes:
        process: The command.
        seen: All that it wrote, codes and all.
    """

    process: "subprocess.Popen[bytes]"
    seen: str = field(default="", init=False)
    _handle: int

    @property
    def text(self) -> str:
        """What a person read."""
        return CODES.sub("", self.seen)

    def until(self, text: str) -> None:
        """Wait until *text* was written."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.text:
            is_in_time = time.monotonic() < deadline and self._read(deadline)
            assert is_in_time, f"{text!r} never came; there was {self.text[-500:]!r}"

    def while_so(self, is_so: Callable[[], bool]) -> None:
        """Look on for as long as that is so."""
        deadline = time.monotonic() + PATIENCE
        while is_so():
            assert self.process.poll() is None, f"it ended; there was {self.text[-500:]!r}"
            assert time.monotonic() < deadline, f"it goes on for ever; there was {self.text[-500:]!r}"
            if select.select([self._handle], [], [], 0.05)[0]:
                self._read(deadline)

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._handle, text.encode())

    def end(self) -> int:
        """Wait for the command's end; its exit status."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            # What moves writes for ever.
            assert time.monotonic() < deadline, f"it did not end; there was {self.text[-500:]!r}"
        return self.process.wait(PATIENCE)

    def _read(self, deadline: float) -> bool:
        """Whether there was more to be seen; the last who has the terminal open takes it away."""
        ready, _, _ = select.select([self._handle], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"it did not end; there was {self.text[-500:]!r}"
        chunk = b""
        with suppress(OSError):
            chunk = os.read(self._handle, 65_536)
        self.seen += chunk.decode(errors="replace")
        return bool(chunk)


@contextmanager
def at_terminal(*arguments: str, env: Mapping[str, str]) -> Iterator[Terminal]:
    """`dynadb` with *arguments*, in a terminal of 100 columns, whose Ctrl-C reaches it as it does a person's."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    # What runs in the background, as the tests themselves may, is begun deaf to Ctrl-C.
    program = (
        "import fcntl, signal, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "signal.signal(signal.SIGINT, signal.default_int_handler); from dynadb_async.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**env, "TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
