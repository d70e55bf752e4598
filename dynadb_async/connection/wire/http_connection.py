"""
One HTTP/1.1 connection as a bare asyncio protocol, in exactly the form that DynamoDB speaks it.

That is a status line, header fields without folding, a Content-Length, and a body of that length. An answer in any
other form ends its connection and is reported as unusual, never guessed at.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Any

from dynadb_async.connection.failures import BROKEN_OFF, CORRUPT, LATE, UNREACHABLE, AttemptFailedError
from dynadb_async.connection.retry import Attempts
from dynadb_async.connection.wire.answer import HttpAnswer, UnusualAnswerError

LARGEST_HEAD = 32 * 1024
FIRST_BUFFER = 16 * 1024
# Of a body that is announced, so much is believed before it comes.
BELIEVED = 128 * 1024
# Seconds. What a server says so soon after an answer, nearly always came with it and was seen.
A_MOMENT = 0.001
# Seconds. A timer that rings later than that was kept waiting by a busy event loop, or machine; so was the answer.
A_STALL = 0.02

Looks = Callable[[Attempts, float, float], float]
"""
Until when to wait for the answer to an attempt, asked for and looked at at two times: no longer than now to give it up.

All three are on the event loop's clock.
"""


class Connection(asyncio.BufferedProtocol):
    """
    One connection: one request at a time.

    Attributes:
        idle_since: When it last had an answer, on the event loop's clock.
        answers: How many it had.
        is_usable: Whether more may be asked.
        is_reset: It was broken off, as by one who knows nothing of it any more.
        is_heard: Something was said since the last request.
        is_early: The last request was given up before its time.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, when_lost: Callable[["Connection"], object], looks: Looks
    ) -> None:
        self._loop = loop
        self._when_lost = when_lost
        self._looks = looks
        self._transport: Any = None
        self._below: Any = None
        self._poll: Any = None
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._buffer = bytearray(FIRST_BUFFER)
        self._view = memoryview(self._buffer)
        self._end = 0
        self._head: HttpAnswer | None = None
        self._body_at = 0
        self._latest_id = b""
        # One timer for all requests, one after the other: it is moved on when it rings too early.
        self._asked = self._until = self._look = 0.0
        self._attempts: Attempts | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_looked_at = False
        self.idle_since: float = 0.0
        self.answers: int = 0
        self.is_usable: bool = True
        self.is_reset: bool = False
        self.is_early: bool = False

    def connection_made(self, transport: Any) -> None:
        """The connection stands."""
        self.stands(transport, transport)

    def stands(self, transport: Any, below: Any) -> None:
        """It stands over *transport*; what was not sent yet, *below* holds, which is the socket's own."""
        self._transport, self._below = transport, below
        socket = transport.get_extra_info("socket")
        if socket is not None and hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(socket.fileno(), select.POLLIN)

    def eof_received(self) -> None:
        """The server says no more: from now on nothing may be asked."""
        self._fail(AttemptFailedError(BROKEN_OFF))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is no more."""
        self.is_reset = isinstance(exc, ConnectionError)
        self._fail(AttemptFailedError(BROKEN_OFF))
        self._transport = self._below = None
        self._when_lost(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        """Where the next bytes go."""
        if self._end == len(self._buffer):
            self._grow()
        return self._view[self._end :] if self._end else self._view

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes came."""
        self._end += nbytes
        if self._answer is None or self._answer.done():
            # Nobody asked for anything.
            self._fail(UnusualAnswerError())
            return
        try:
            head = self._head or self._read_head()
            if head is not None and self._end >= self._body_at + head.length:
                self._finish(head)
        except UnusualAnswerError as error:
            error.is_first = not self.answers
            self._fail(error)

    def ask(
        self, request: bytes, now: float, until: float, look: float, attempts: Attempts | None = None
    ) -> "asyncio.Future[HttpAnswer]":
        """
        Send *request* now; the whole answer to it, or an error at the time *until*.

        An attempt of several is looked at from the time *look* on: it may be given up earlier.
        """
        answer: asyncio.Future[HttpAnswer] = self._loop.create_future()
        if self._transport is None or not self.is_usable:
            # It broke before anything was sent.
            answer.set_exception(AttemptFailedError(UNREACHABLE))
            return answer
        self._end, self._head, self._answer, self._is_looked_at = 0, None, answer, False
        self._asked, self._until, self._look, self._attempts = now, until, look, attempts
        if self._timer is None or self._timer.when() > look:
            self._set_timer(look)
        self._transport.write(request)
        return answer

    @property
    def is_heard(self) -> bool:
        """See above."""
        return self._end > 0

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        if self._answer is None:
            return
        if now < self._look:
            self._set_timer(self._look)
        elif not self._is_looked_at and self._poll is not None and self._poll.poll(0):
            # The event loop was busy with something else, and has not looked at what came meanwhile.
            self._is_looked_at = True
            self._set_timer(now + A_MOMENT)
        elif self._look < self._until and (later := self._later(now)) > now:
            self._look, self._is_looked_at = min(later, self._until), False
            self._set_timer(self._look)
        else:
            self.is_early = self._look < self._until
            self._fail(AttemptFailedError(LATE))

    def _later(self, now: float) -> float:
        """Until when to wait before it is looked at again; no longer than *now* to give up."""
        kept_waiting = now - self._look
        if kept_waiting > A_STALL:
            return now + kept_waiting
        return self._until if self._attempts is None else self._looks(self._attempts, self._asked, now)

    def is_quiet(self, now: float) -> bool:
        """Whether an idle connection can be used: no end and no stray bytes wait behind the event loop's back."""
        if not self.is_usable:
            return False
        if self._poll is None or now - self.idle_since < A_MOMENT:
            return True
        return not self._poll.poll(0)

    def abort(self) -> None:
        """Close at once."""
        self.is_usable = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()

    def abandon(self) -> None:
        """Close; who waited for an answer is no more."""
        self._answer = None
        self.abort()

    def _read_head(self) -> HttpAnswer | None:
        at = self._buffer.find(b"\r\n\r\n", 0, self._end)
        if at < 0:
            if self._end > LARGEST_HEAD:
                raise UnusualAnswerError
            return None
        self._body_at = at + 4
        self._head = head = HttpAnswer(self._buffer, self._body_at)
        return head

    def _finish(self, head: HttpAnswer) -> None:
        end = self._body_at + head.length
        if self._end > end:
            raise UnusualAnswerError
        head.body, head.distrust = bytes(self._view[self._body_at : end]), self.abort
        is_copy = head.id == self._latest_id != b""
        below, transport = self._below, self._transport
        unsent = below.get_write_buffer_size() or (below is not transport and transport.get_write_buffer_size())
        # What was answered before it was sent whole would be read on as the next request; and with a copy of the
        # last answer, one has come to the wrong request.
        if is_copy or unsent or not head.keeps:
            self.abort()
        self._latest_id, self._head = head.id, None
        self._end = 0
        self.answers += 1
        if len(self._buffer) > FIRST_BUFFER:
            self._keep(bytearray(FIRST_BUFFER))
        answer, self._answer = self._answer, None
        if answer is None or answer.done():
            return
        if is_copy:
            answer.set_exception(AttemptFailedError(CORRUPT))
        else:
            answer.set_result(head)

    def _grow(self) -> None:
        size = 2 * self._end
        if self._head is not None:
            size = min(max(size, BELIEVED), self._body_at + self._head.length)
        # A new one: the event loop may still hold a view of the old.
        buffer = bytearray(size)
        buffer[: self._end] = self._view[: self._end]
        self._keep(buffer)

    def _keep(self, buffer: bytearray) -> None:
        self._buffer, self._view = buffer, memoryview(buffer)

    def _fail(self, error: Exception) -> None:
        self.abort()
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)
