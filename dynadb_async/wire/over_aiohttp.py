"""A transport over aiohttp: its HTTP parser, its connection pool."""

import asyncio
import ssl

import aiohttp
from multidict import CIMultiDict

from dynadb_async.failures import BROKEN_OFF, LATE, UNREACHABLE, UNTRUSTED, AttemptFailedError
from dynadb_async.wire.endpoint import Endpoint
from dynadb_async.wire.exchange import HttpAnswer, Pace
from dynadb_async.wire.signature import CONTENT_TYPE, SignedRequest


class AiohttpTransport:
    """Connections to one endpoint, kept open by aiohttp."""

    def __init__(self, endpoint: Endpoint, pace: Pace, user_agent: str) -> None:
        self._url = endpoint.url
        self._limit = pace.connect_timeout + pace.read_timeout
        self._loop = asyncio.get_running_loop()
        self._constant = {
            "Host": endpoint.netloc,
            "Content-Type": CONTENT_TYPE,
            "User-Agent": user_agent,
            "Accept-Encoding": "identity",
        }
        connector = aiohttp.TCPConnector(
            limit=pace.connections, keepalive_timeout=pace.idle_timeout, ssl=endpoint.tls or True
        )
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=pace.connect_timeout, sock_read=pace.read_timeout)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), skip_auto_headers=("Accept",)
        )

    async def exchange(self, request: SignedRequest, until: float) -> HttpAnswer:
        """See `Transport`."""
        headers = CIMultiDict(self._constant)
        headers["X-Amz-Target"] = request.target
        headers["X-Amz-Date"] = request.date
        headers["Authorization"] = request.authorization
        if request.token:
            headers["X-Amz-Security-Token"] = request.token
        try:
            async with (
                asyncio.timeout_at(min(until, self._loop.time() + self._limit)),
                self._session.post(self._url, data=request.body, headers=headers, allow_redirects=False) as answer,
            ):
                body = await answer.read()
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError):
            raise AttemptFailedError(UNTRUSTED) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise AttemptFailedError(UNREACHABLE) from None
        except TimeoutError:
            raise AttemptFailedError(LATE) from None
        except aiohttp.ClientError:
            raise AttemptFailedError(BROKEN_OFF) from None
        found = answer.headers
        return HttpAnswer(answer.status, found.get("x-amz-crc32"), found.get("x-amzn-RequestId", ""), body)

    async def close(self) -> None:
        """See `Transport`."""
        await self._session.close()
