"""
A transport on a bare asyncio protocol: HTTP/1.1 in exactly the form that DynamoDB sends it.

That is a status line, header fields without folding, a Content-Length, and a body of that length. An answer in any
other form ends its connection and is reported as unusual, never guessed at.
"""

import asyncio
import re
import ssl
from collections import deque

from dynadb_async.failures import ALL_BUSY, BROKEN_OFF, LATE, UNREACHABLE, UNTRUSTED, AttemptFailedError, Failure
from dynadb_async.wire.endpoint import Endpoint
from dynadb_async.wire.exchange import HttpAnswer, Pace, UnusualAnswerError
from dynadb_async.wire.signature import CONTENT_TYPE, SignedRequest

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [^\r\n]*)?\r\n")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\x00]*?)[ \t]*\r\n")

LARGEST_HEAD = 32 * 1024
# 400 KB of the shortest values are several times that in JSON.
LARGEST_BODY = 16 * 1024 * 1024
FIRST_BUFFER = 16 * 1024


class Head:
    """The status line and header fields of an answer."""

    def __init__(self, raw: bytes) -> None:
        line = STATUS_LINE.match(raw)
        if line is None:
            raise UnusualAnswerError
        self.status = int(line[1])
        fields: dict[bytes, bytes] = {}
        at = line.end()
        while at < len(raw):
            field = FIELD.match(raw, at)
            if field is None:
                raise UnusualAnswerError
            name = field[1].lower()
            # Two lengths, or two of anything that we read, are nobody's honest answer.
            if name in fields and name in (b"content-length", b"x-amz-crc32", b"connection"):
                raise UnusualAnswerError
            fields[name] = field[2]
            at = field.end()
        length = fields.get(b"content-length", b"")
        if not length.isdigit() or b"transfer-encoding" in fields or b"content-encoding" in fields:
            raise UnusualAnswerError
        self.length = int(length)
        if self.length > LARGEST_BODY:
            raise UnusualAnswerError
        self.keeps = fields.get(b"connection", b"keep-alive").lower() == b"keep-alive"
        checksum = fields.get(b"x-amz-crc32")
        self.checksum = None if checksum is None else checksum.decode("latin-1")
        self.request_id = fields.get(b"x-amzn-requestid", b"").decode("latin-1")


class Connection(asyncio.BufferedProtocol):
    """One connection: one request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._buffer = bytearray(FIRST_BUFFER)
        self._end = 0
        self._head: Head | None = None
        self._body_at = 0
        self.idle_since = 0.0
        self.is_usable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection is no more."""
        self._fail(AttemptFailedError(BROKEN_OFF))

    def get_buffer(self, _hint: int) -> memoryview:
        """Where the next bytes go."""
        if self._end == len(self._buffer):
            self._grow(2 * self._end)
        return memoryview(self._buffer)[self._end :]

    def buffer_updated(self, count: int) -> None:
        """*count* bytes came."""
        self._end += count
        if self._answer is None or self._answer.done():
            # Nobody asked for anything.
            self._fail(UnusualAnswerError())
            return
        try:
            if self._head is None:
                self._read_head()
            if self._head is not None and self._end >= self._body_at + self._head.length:
                self._finish(self._head)
        except UnusualAnswerError as error:
            self._fail(error)

    async def exchange(self, request: bytes, until: float) -> HttpAnswer:
        """Send *request*; the whole answer to it."""
        assert self._transport is not None
        self._end, self._head = 0, None
        self._answer = answer = self._loop.create_future()
        timer = self._loop.call_at(until, self._fail, AttemptFailedError(LATE))
        try:
            self._transport.write(request)
            return await answer
        except BaseException:
            # Cancelled, too: the answer to this request must not be taken for the next one's.
            self.abort()
            raise
        finally:
            timer.cancel()
            self._answer = None

    def abort(self) -> None:
        """Close at once."""
        self.is_usable = False
        if self._transport is not None:
            self._transport.abort()

    def _read_head(self) -> None:
        at = self._buffer.find(b"\r\n\r\n", 0, self._end)
        if at < 0:
            if self._end > LARGEST_HEAD:
                raise UnusualAnswerError
            return
        self._head = Head(bytes(self._buffer[: at + 2]))
        self._body_at = at + 4
        if len(self._buffer) < self._body_at + self._head.length:
            self._grow(self._body_at + self._head.length)

    def _finish(self, head: Head) -> None:
        end = self._body_at + head.length
        if self._end > end:
            raise UnusualAnswerError
        body = bytes(memoryview(self._buffer)[self._body_at : end])
        if not head.keeps:
            self.abort()
        if len(self._buffer) > FIRST_BUFFER:
            self._buffer = bytearray(FIRST_BUFFER)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(HttpAnswer(head.status, head.checksum, head.request_id, body))

    def _grow(self, size: int) -> None:
        # A new one: the event loop may still hold a view of the old.
        buffer = bytearray(size)
        buffer[: self._end] = memoryview(self._buffer)[: self._end]
        self._buffer = buffer

    def _fail(self, error: Exception) -> None:
        self.abort()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class ProtocolTransport:
    """Connections to one endpoint, the last used first; who finds all of them busy waits in a fair queue."""

    def __init__(self, endpoint: Endpoint, pace: Pace, user_agent: str) -> None:
        self._endpoint = endpoint
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._constant = (
            f"POST / HTTP/1.1\r\nHost: {endpoint.netloc}\r\nUser-Agent: {user_agent}\r\n"
            f"Content-Type: {CONTENT_TYPE}\r\nAccept-Encoding: identity\r\n"
        )
        self._idle: deque[Connection] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._all: set[Connection] = set()
        self._places = pace.connections

    async def exchange(self, request: SignedRequest, until: float) -> HttpAnswer:
        """See `Transport`."""
        token = f"X-Amz-Security-Token: {request.token}\r\n" if request.token else ""
        head = (
            f"{self._constant}X-Amz-Target: {request.target}\r\nX-Amz-Date: {request.date}\r\n{token}"
            f"Authorization: {request.authorization}\r\nContent-Length: {len(request.body)}\r\n\r\n"
        )
        if self._places:
            self._places -= 1
        else:
            await self._place(until)
        try:
            connection = self._last_used() or await self._connected(until)
            until = min(until, self._loop.time() + self._pace.read_timeout)
            answer = await connection.exchange(head.encode("latin-1") + request.body, until)
            if connection.is_usable:
                connection.idle_since = self._loop.time()
                self._idle.append(connection)
            return answer
        finally:
            self._leave()

    async def close(self) -> None:
        """See `Transport`."""
        for connection in self._all:
            connection.abort()
        self._idle.clear()
        # Transports close in the next turns of the event loop.
        for _ in range(3):
            await asyncio.sleep(0)

    def _last_used(self) -> Connection | None:
        oldest = self._loop.time() - self._pace.idle_timeout
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
        return None

    async def _connected(self, until: float) -> Connection:
        endpoint = self._endpoint
        failure: Failure
        try:
            async with asyncio.timeout_at(min(until, self._loop.time() + self._pace.connect_timeout)):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop), endpoint.host, endpoint.port, ssl=endpoint.tls
                )
        except ssl.SSLCertVerificationError:
            failure = UNTRUSTED
        except (OSError, TimeoutError):
            failure = UNREACHABLE
        else:
            self._all = {other for other in self._all if other.is_usable} | {connection}
            return connection
        raise AttemptFailedError(failure)

    async def _place(self, until: float) -> None:
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(min(until, self._loop.time() + self._pace.connect_timeout)):
                await turn
        except TimeoutError:
            raise AttemptFailedError(ALL_BUSY) from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        """Hand the place to the one who has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._places += 1
