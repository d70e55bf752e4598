"""How the server is reached: region, credentials, way, endpoint, certificate, clock."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from botocore.utils import get_environ_proxies

from dynadb_async.connection.sdk.plain_client import verify_of
from dynadb_async.connection.trust import is_too_old
from dynadb_async.connection.wire.endpoint import Endpoint
from dynadb_async.errors import DynaDbError, RequestError
from dynadb_async.running.check import Check
from dynadb_async.running.live import Live
from dynadb_async.running.probe import probed

# Beyond, AWS refuses what is signed: 5 minutes. Half of it is a reason to look.
LARGEST_OFFSET = 150
ENDS_SOON = timedelta(days=14)
WITHOUT_KEYS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role"
# The key is unknown, the secret wrong, or both are over.
NOT_THESE = {
    *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch"),
    *("IncompleteSignature", "MissingAuthenticationToken", "NoCredentials", "ExpiredToken", "ExpiredTokenException"),
}
LOCAL = ("127.", "localhost", "::1")
# OpenSSL's numbers for what is wrong with a certificate, and what to do.
FLAWS = {
    **dict.fromkeys((9, 10), "renew it on the server; if it is not over, set this machine's clock"),
    **dict.fromkeys((62, 64), "let client.endpoint_url name a host that it is for"),
    **dict.fromkeys((18, 19, 20, 21), "name its authority's file in client.verify, or in AWS_CA_BUNDLE"),
}


async def server_checks(live: Live) -> AsyncIterator[Check]:
    """All of it."""
    ways = live.connection.ways
    yield Check("region", bool(ways.region), ways.region or "none", "" if ways.region else "set AWS_REGION")
    yield await _credentials(live)
    is_fast = len(ways.all) > 1
    way = "the fast path" if is_fast else "the SDK's client"
    because = f"; the SDK was asked first, since {ways.not_plain}" if ways.not_plain else ""
    yield Check.good("way", way + because, "" if is_fast else "it is slower; see `fast_path` in the configuration")
    async for check in _endpoint(live):
        yield check


async def _credentials(live: Live) -> Check:
    try:
        provider = await _provider(live)
    except DynaDbError as error:
        return Check.bad("credentials", str(error), WITHOUT_KEYS)
    if provider is None:
        return Check.bad("credentials", "none", WITHOUT_KEYS)
    try:
        await live.store.ping(until=live.time_left().until())
    except DynaDbError as error:
        # What else there is to be said of it, other checks say.
        if isinstance(error, RequestError) and error.code in NOT_THESE:
            return Check.bad("credentials", f"{provider}; {error}", f"renew them, or {WITHOUT_KEYS}")
    return Check.good("credentials", provider)


async def _provider(live: Live) -> str | None:
    if live.connection.config.aws_access_key_id is not None:
        return "the settings"
    client = await live.connection.client()
    # The SDK tells nobody else.
    found = getattr(getattr(client, "_request_signer", None), "_credentials", None)
    return None if found is None else f"provider: {getattr(found, 'method', 'unknown')}"


async def _endpoint(live: Live) -> AsyncIterator[Check]:
    client, place = await live.connection.client(), live.connection.ways.place
    url = client.meta.endpoint_url
    if _is_proxied(client, url):
        # Only the SDK knows the way; the round trip says whether it leads there.
        yield Check("endpoint", None, f"{place}, through a proxy: its certificate and clock were not looked at")
        return
    try:
        endpoint = Endpoint.of(url, verify_of(client))
        probe = await probed(endpoint)
    except ssl.SSLError as error:
        yield Check.good("endpoint", place)
        yield Check.bad("certificate", *_flaw(error))
        return
    except (OSError, EOFError, ValueError) as error:
        yield _unreachable(place, error)
        return
    yield Check.good("endpoint", place)
    yield _certificate(endpoint, probe.valid_until)
    yield _clock(probe.offset)


def _unreachable(place: str, error: Exception) -> Check:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return Check.bad(
        "endpoint", f"{place}: {reason}", "see whether it runs there, and whether this machine may go there"
    )


def _is_proxied(client: Any, url: str) -> bool:
    proxies = getattr(client.meta.config, "proxies", None) or get_environ_proxies(url)
    return bool(proxies.get(urlsplit(url).scheme))


def _flaw(error: ssl.SSLError) -> tuple[str, str]:
    """What is wrong, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"refused: {error.verify_message}", FLAWS.get(error.verify_code, "see who it is that answers there")
    if is_too_old(error):
        return "none: there is no version of TLS and no cipher in common", "let the server speak TLS 1.2 or later"
    return f"none: TLS failed ({error.reason})", "see whether the server speaks TLS; if it does not, use http://"


def _certificate(endpoint: Endpoint, valid_until: datetime | None) -> Check:
    if endpoint.tls is None:
        is_local = endpoint.host.startswith(LOCAL)
        advice = "" if is_local else "use https: everything is sent in the clear"
        return Check("certificate", is_local, "none, without TLS", advice)
    if valid_until is None:
        return Check.bad("certificate", "not checked", "leave client.verify out, or name a CA bundle")
    is_good = valid_until - datetime.now(UTC) > ENDS_SOON
    return Check("certificate", is_good, f"valid until {valid_until:%Y-%m-%d}", "" if is_good else "renew it soon")


def _clock(offset: float | None) -> Check:
    if offset is None:
        return Check("clock", None, "the server does not tell its time")
    is_good = abs(offset) < LARGEST_OFFSET
    advice = "" if is_good else "set this machine's clock: AWS refuses what is signed 5 minutes off"
    return Check("clock", is_good, f"{offset:+.0f} s against the server's", advice)
