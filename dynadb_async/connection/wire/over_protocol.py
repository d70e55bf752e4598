"""A transport over bare asyncio protocols: a pool of connections, the last used first."""

import asyncio
import ssl
from collections import deque

from dynadb_async.connection.failures import UNREACHABLE, AttemptFailedError, failure_of_handshake
from dynadb_async.connection.wire.endpoint import Endpoint
from dynadb_async.connection.wire.exchange import HttpAnswer, Pace, end_abandoned
from dynadb_async.connection.wire.http_connection import Connection
from dynadb_async.connection.wire.places import Places
from dynadb_async.connection.wire.signature import CONTENT_TYPE, Scope, SignedRequest


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
        # By operation, what the requests of one second have in common.
        self._heads: dict[str, tuple[Scope, str]] = {}
        self._places = Places(pace.connections)
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()
        self._is_closed = False

    async def exchange(self, request: SignedRequest, until: float) -> HttpAnswer:
        """See `Transport`."""
        loop, pace = self._loop, self._pace
        if not self._places.take_free():
            await self._places.take(min(until, loop.time() + pace.connect_timeout))
        try:
            now = loop.time()
            connection = self._last_used(now)
            if connection is None:
                connection = await self._connected(until)
                now = loop.time()
            answer = connection.ask(self._encoded(request), min(until, now + pace.read_timeout))
            try:
                return await answer
            finally:
                if connection.is_idle:
                    connection.idle_since = loop.time()
                    self._idle.append(connection)
                else:
                    # Cancelled, too: the answer to this request must not be taken for the next one's.
                    connection.abort()
                    if answer.done() and not answer.cancelled():
                        answer.exception()  # asyncio reports one that nobody looked at
        finally:
            self._places.leave()

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

    def _encoded(self, request: SignedRequest) -> bytes:
        scope = request.scope
        latest = self._heads.get(scope.target)
        if latest is not None and latest[0] is scope:
            head = latest[1]
        else:
            token = f"X-Amz-Security-Token: {scope.token}\r\n" if scope.token else ""
            head = (
                f"{self._constant}X-Amz-Target: {scope.target}\r\nX-Amz-Date: {scope.date}\r\n{token}"
                f"Authorization: {scope.authorization}"
            )
            self._heads[scope.target] = scope, head
        return f"{head}{request.signature}\r\nContent-Length: {len(request.body)}\r\n\r\n".encode() + request.body

    def _last_used(self, now: float) -> Connection | None:
        oldest = now - self._pace.idle_timeout
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_quiet(now):
                return connection
            connection.abort()
        return None

    async def _connected(self, until: float) -> Connection:
        endpoint, failure = self._endpoint, UNREACHABLE
        try:
            async with asyncio.timeout_at(min(until, self._loop.time() + self._pace.connect_timeout)):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop, self._all.discard), endpoint.host, endpoint.port, ssl=endpoint.tls
                )
        except ssl.SSLError as error:
            failure = failure_of_handshake(error)
        except (OSError, UnicodeError):  # a time-out is an OSError, a name that is none in the DNS's form the other
            pass
        else:
            if connection.is_usable:
                self._all.add(connection)
            if self._is_closed:
                connection.abort()
            return connection
        raise AttemptFailedError(failure)
