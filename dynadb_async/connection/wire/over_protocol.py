"""A transport over bare asyncio protocols: a pool of connections, the last used first."""

import asyncio
import math
import ssl
from collections import deque

from dynadb_async.connection.failures import LATE, UNREACHABLE, AttemptFailedError, failure_of_handshake
from dynadb_async.connection.places import SILENT_IN_A_ROW, Places
from dynadb_async.connection.retry import Attempts
from dynadb_async.connection.wire.answer import HttpAnswer
from dynadb_async.connection.wire.endpoint import Endpoint
from dynadb_async.connection.wire.exchange import Pace, end_abandoned
from dynadb_async.connection.wire.http_connection import Connection
from dynadb_async.connection.wire.opening import opened
from dynadb_async.connection.wire.patience import Patience


class ProtocolTransport:
    """Connections to one endpoint, the last used first; who finds all of them busy waits in a fair queue."""

    def __init__(self, endpoint: Endpoint, pace: Pace) -> None:
        self._endpoint = endpoint
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._places = Places(pace.connections)
        self._patience = Patience(pace.read_timeout)
        # How many attempts in a row had not a byte in all of their time.
        self._silent = 0
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()
        self._is_closed = False

    async def exchange(
        self, request: bytes, until: float, attempts: Attempts | None = None, *, is_write: bool = False
    ) -> HttpAnswer:
        """See `Transport`."""
        loop = self._loop
        if not self._places.take_free():
            await self._places.take(until, self._patience.seconds, is_write=is_write)
        try:
            now = loop.time()
            connection = self._last_used(now, attempts)
            if connection is None:
                connection = await self._connected(until)
                now = loop.time()
            look = latest = min(until, now + self._pace.read_timeout)
            if attempts is not None:
                patience = self._patience.after(attempts.made) if attempts.made else self._patience.seconds
                attempts.patience, look = patience, min(latest, now + patience)
            answer = connection.ask(request, now, latest, look, attempts)
            try:
                found = await answer
            except BaseException:
                self._failed(connection, answer, now, attempts)
                raise
            connection.idle_since = then = loop.time()
            self._patience.learn(then - now)
            self._silent = 0
            if connection.is_usable:
                self._idle.append(connection)
            return found
        finally:
            self._places.leave()

    def _looked_at(self, attempts: Attempts, asked: float, now: float) -> float:
        """Until when to wait for what was *asked* then: no longer, if it may be given up as answers take by now."""
        # Of many that were asked at once the quick ones are answered first, and say nothing of the others.
        attempts.patience = self._patience.after(attempts.made)
        if asked + attempts.patience > now:
            return asked + attempts.patience
        return now if attempts.may_end_early(now) else math.inf

    def _failed(
        self, connection: Connection, answer: "asyncio.Future[HttpAnswer]", asked: float, attempts: Attempts | None
    ) -> None:
        """What an attempt that failed says about the other connections: those that were not heard since it began."""
        # Cancelled, too: the answer to this request must not be taken for the next one's.
        connection.abort()
        error = answer.exception() if answer.done() and not answer.cancelled() else None
        if error is None:
            return
        if attempts is not None:
            attempts.trusted = asked
        is_silent = isinstance(error, AttemptFailedError) and error.failure is LATE and not connection.is_heard
        if connection.is_early:
            self._patience.ended()
        elif is_silent:
            self._silent += 1
        if self._silent >= SILENT_IN_A_ROW or (connection.is_reset and connection.answers):
            while self._idle and self._idle[0].idle_since <= asked:
                self._idle.popleft().abort()

    def abandon(self) -> None:
        """See `Transport`."""
        end_abandoned(self._loop, [connection.abandon for connection in self._all])

    async def close(self) -> None:
        """See `Transport`."""
        self._is_closed = True
        for connection in self._all:
            connection.abort()
        # Transports close in the next turns of the event loop.
        for _ in range(3):
            await asyncio.sleep(0)

    def _last_used(self, now: float, attempts: Attempts | None) -> Connection | None:
        oldest = now - self._pace.idle_timeout
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().abort()
        while self._idle:
            if attempts is not None and self._idle[-1].idle_since <= attempts.trusted:
                break
            connection = self._idle.pop()
            if connection.is_quiet(now):
                return connection
            connection.abort()
        return None

    def _connection(self) -> Connection:
        return Connection(self._loop, self._all.discard, self._looked_at)

    async def _connected(self, until: float) -> Connection:
        while self._idle and len(self._idle) + self._places.taken > self._pace.connections:
            self._idle.popleft().abort()
        seconds = min(until - self._loop.time(), self._pace.connect_timeout)
        try:
            connection = await opened(self._endpoint, self._connection, seconds)
        except ssl.SSLError as error:
            failure = failure_of_handshake(error)
        except (OSError, UnicodeError, RuntimeError):
            # A time-out is an OSError; a name that is none in the DNS's form, and uvloop, have others.
            failure = UNREACHABLE
        else:
            if connection.is_usable:
                self._all.add(connection)
            if self._is_closed:
                connection.abort()
            return connection
        raise AttemptFailedError(failure)
