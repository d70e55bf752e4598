"""A transport over aiohttp: its HTTP parser, its connection pool."""

import asyncio
import ssl
from contextlib import suppress
from io import BytesIO
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from dynadb_async.failures import BROKEN_OFF, LATE, UNREACHABLE, UNTRUSTED, AttemptFailedError
from dynadb_async.wire.alarm import Alarm
from dynadb_async.wire.endpoint import Endpoint
from dynadb_async.wire.exchange import HttpAnswer, Pace, end_abandoned
from dynadb_async.wire.places import Places
from dynadb_async.wire.signature import CONTENT_TYPE, Scope, SignedRequest

# Above that, aiohttp warns that bytes are written in one go, and asks for a file of them.
LARGE_BODY = 2**20


class _Connector(aiohttp.TCPConnector):
    """Once there is a connection, whether a new one or not, the time for the answer runs."""

    def __init__(self, *, alarm: Alarm, pace: Pace, **options: Any) -> None:
        super().__init__(**options)
        self._alarm = alarm
        self._pace = pace

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        self._alarm.hasten(self._loop.time() + self._pace.read_timeout)
        return connection


class AiohttpTransport:
    """Connections to one endpoint, kept open by aiohttp."""

    def __init__(self, endpoint: Endpoint, pace: Pace, user_agent: str) -> None:
        self._url = URL(endpoint.url, encoded=True)
        self._pace = pace
        self._places = Places(pace.connections)
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._loop)
        constant = {
            "Host": endpoint.netloc,
            "Content-Type": CONTENT_TYPE,
            "User-Agent": user_agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        # By operation, what the requests of one second have in common.
        self._latest: dict[str, tuple[Scope, CIMultiDict[str]]] = {}
        # `places` limits the connections, since aiohttp can't tell that none was free from that none was to be had.
        connector = _Connector(
            alarm=self._alarm, pace=pace, limit=0, keepalive_timeout=pace.idle_timeout, ssl=endpoint.tls or True
        )
        timeout = aiohttp.ClientTimeout(total=None, connect=pace.connect_timeout)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=constant,
            auto_decompress=False,
        )

    async def exchange(self, request: SignedRequest, until: float) -> HttpAnswer:
        """See `Transport`."""
        if not self._places.take_free():
            await self._places.take(min(until, self._loop.time() + self._pace.connect_timeout))
        try:
            limit = self._loop.time() + self._pace.connect_timeout + self._pace.read_timeout
            with self._alarm.at(min(until, limit)):
                return await self._post(request)
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError):
            failure = UNTRUSTED
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, UnicodeError):
            failure = UNREACHABLE
        except TimeoutError:
            failure = LATE
        except aiohttp.ClientError:
            failure = BROKEN_OFF
        finally:
            self._places.leave()
        raise AttemptFailedError(failure)

    async def _post(self, request: SignedRequest) -> HttpAnswer:
        if self._session.closed:
            raise AttemptFailedError(UNREACHABLE)
        headers = self._headers(request.scope).copy()
        headers["Authorization"] = request.authorization
        body: Any = aiohttp.BytesPayload(request.body) if len(request.body) <= LARGE_BODY else BytesIO(request.body)
        answer = await self._session.post(self._url, data=body, headers=headers, allow_redirects=False)
        try:
            read = await answer.read()
        except BaseException:
            answer.close()
            raise
        found = answer.headers
        return HttpAnswer(answer.status, found.get("x-amz-crc32"), found.get("x-amzn-RequestId", ""), read)

    def _headers(self, scope: Scope) -> CIMultiDict[str]:
        latest = self._latest.get(scope.target)
        if latest is not None and latest[0] is scope:
            return latest[1]
        headers = CIMultiDict({"X-Amz-Target": scope.target, "X-Amz-Date": scope.date})
        if scope.token:
            headers["X-Amz-Security-Token"] = scope.token
        self._latest[scope.target] = scope, headers
        return headers

    def abandon(self) -> None:
        """See `Transport`."""
        abandon_session(self._session)

    async def close(self) -> None:
        """See `Transport`."""
        await self._session.close()


def abandon_session(session: aiohttp.ClientSession) -> None:
    """
    Let go of the sockets of *session*, whose event loop was closed.

    No public way leads to them: where a release of aiohttp keeps them elsewhere, Python's own warning remains.
    """
    connector: Any = session.connector
    with suppress(AttributeError):
        idle, busy = connector._conns, connector._acquired  # noqa: SLF001
        protocols = {protocol for connections in idle.values() for protocol, _ in connections} | set(busy)
        end_abandoned(connector._loop, [protocol.abort for protocol in protocols])  # noqa: SLF001
        idle.clear()
    session.detach()
