"""Whom we talk to: on every way and route, only to a server with a certificate for its name that is trusted."""

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import aioboto3
import aiobotocore.session
import aiohttp
import pytest
import uvloop
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from botocore.config import Config
from cryptography.x509 import BasicConstraints

from dynadb_async import AsyncDynamoDb, ClientConfig, ConfigError, DynamoDbConfig, RequestError, TableConfig
from tests.connect_proxy import connect_proxy
from tests.raw_server import Asked, Authority, RawServer, answer, raw_server
from tests.tables import AWS_SESSION, PATIENCE

KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
DESCRIBED = {
    "TableName": "users",
    "TableStatus": "ACTIVE",
    "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "userId", "AttributeType": "S"}],
}


async def honest(asked: Asked) -> None:
    """Script: a table without items."""
    table = {"Table": DESCRIBED} if b"DescribeTable" in asked.head else {}
    await asked.send(answer(json.dumps(table).encode()))


class Attempts:
    """An observer that counts them."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []

    def doing(self, _: str) -> Any:
        """Nothing."""
        return nullcontext()

    def attempted(self, operation: str, code: str, _: float) -> None:
        """One more."""
        self.made.append((operation, code))

    def duplicate(self) -> None:
        """Nothing."""


OPERATIONS: dict[str, Callable[[AsyncDynamoDb[Any]], Awaitable[Any]]] = {
    "DescribeTable": lambda db: db.ensure_table(),
    "GetItem": lambda db: db.load("me"),
    "DeleteItem": lambda db: db.delete("me"),
}


async def tried(operation: str, session: aioboto3.Session | None = AWS_SESSION, **client: Any) -> list[tuple[str, str]]:
    """The attempts that were made, each with why it failed."""
    table = TableConfig("users", create_table_on_init=operation == "DescribeTable")
    config = DynamoDbConfig(table, client=ClientConfig(**{**KEYS, **PATIENCE, "connect_timeout": 10, **client}))
    db = AsyncDynamoDb(config, aws_session=session)
    db.observer = attempts = Attempts()
    try:
        with suppress(RequestError):
            await OPERATIONS[operation](db)
    finally:
        await db.close()
    return attempts.made


def in_loop(loop: str, coroutine: Coroutine[Any, Any, None]) -> None:
    """Run it in a loop of this kind."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(coroutine)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The one that is trusted."""
    return Authority(tmp_path_factory.mktemp("certificates"), "ours")


@pytest.fixture(scope="module")
def flaws(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ssl.SSLContext]:
    """What may be wrong with a certificate."""
    other = Authority(tmp_path_factory.mktemp("others"), "other")
    return {
        "another host": authority.context("example.com"),
        "another address": authority.context("127.0.0.2"),
        "unknown authority": other.context("127.0.0.1"),
        "expired": authority.context("127.0.0.1", days=(-3, -1)),
        "not yet valid": authority.context("127.0.0.1", days=(1, 3)),
    }


# As an old server says it, byte for byte: asyncio's own would reset the connection before it says anything.
OLD_TLS = {
    "TLS 1.1": b"\x16\x03\x02\0\x2a\x02\0\0\x26\x03\x02" + bytes(32) + b"\0\xc0\x13\0",
    "no version in common": b"\x15\x03\x01\0\x02\x02\x46",
    "no cipher in common": b"\x15\x03\x03\0\x02\x02\x28",
}


@asynccontextmanager
async def old_server(says: bytes) -> AsyncIterator[RawServer]:
    """A server that answers the first bytes of a handshake so; what comes after an alert counts as asked."""
    served = RawServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(says)
        rest = await reader.read()
        if len(rest) > len(says):
            served.asked.append(Asked(b"", rest, reader, writer))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        served.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield served
        server.close()


@asynccontextmanager
async def route(kind: str, authority: Authority) -> AsyncIterator[dict[str, Any]]:
    """The options of a client that leads this way."""
    async with AsyncExitStack() as stack:
        if kind == "direct":
            yield {}
            return
        tls = authority.context("127.0.0.1", days=(-1, 9)) if kind.startswith("https") else None
        proxy = await stack.enter_async_context(connect_proxy(tls))
        bundle = {"proxies_config": {"proxy_ca_bundle": authority.path}} if "bundle" in kind else {}
        yield {"proxies": {"https": proxy.url}, **bundle}
        assert proxy.tunnels


FLAWS = ("another host", "another address", "unknown authority", "expired", "not yet valid", *OLD_TLS)
ROUTES = ("direct", "http proxy", "http proxy with bundle")


@pytest.mark.parametrize("fast_path", [True, False], ids=["wire", "sdk"])
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", ROUTES)
@pytest.mark.parametrize("flaw", FLAWS)
def test_a_server_that_may_be_another_is_refused(
    flaw: str, kind: str, loop: str, fast_path: Any, authority: Authority, flaws: dict[str, ssl.SSLContext]
) -> None:
    """By item and table operations alike, at the first attempt, before anything is sent."""
    is_old = flaw in OLD_TLS
    code = "TlsRefused" if is_old else "CertificateRefused"

    async def ask() -> None:
        served = old_server(OLD_TLS[flaw]) if is_old else raw_server(honest, tls=flaws[flaw])
        async with served as server, route(kind, authority) as options:
            settings = {"endpoint_url": server.url, "fast_path": fast_path, "verify": authority.path}
            # Without a session of the user's, the wire goes by settings alone.
            session = None if fast_path and not options else AWS_SESSION
            for operation in OPERATIONS:
                assert [(operation, code)] == await tried(operation, session, **settings, options=options)
            assert (0, []) == (server.accepted, server.asked)

    in_loop(loop, ask())


@pytest.mark.parametrize("fast_path", [True, False], ids=["wire", "sdk"])
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", [*ROUTES, "https proxy", "https proxy with bundle"])
def test_the_right_server_is_trusted(kind: str, loop: str, fast_path: Any, authority: Authority) -> None:
    """On each way and route, by its CA file."""
    if kind.startswith("https") and loop == "uvloop":
        pytest.skip("aiohttp has no TLS within TLS on uvloop")

    async def ask() -> None:
        async with (
            raw_server(honest, tls=authority.context("127.0.0.1")) as server,
            route(kind, authority) as options,
        ):
            settings = {"endpoint_url": server.url, "fast_path": fast_path, "verify": authority.path}
            for operation in OPERATIONS:
                assert [(operation, "")] == await tried(operation, **settings, options=options)

    in_loop(loop, ask())


@pytest.mark.parametrize("fast_path", [True, False])
async def test_a_name_is_one_that_the_authority_vouches_for(
    fast_path: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With or without the dot at a name's end; the subject's common name is nobody's proof."""
    look_up: Any = socket.getaddrinfo
    # Not every machine's resolver knows it with a dot.
    known = {b"localhost.": "localhost", "localhost.": "localhost"}
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: look_up(known.get(host, host), *rest, **more)
    )
    label = BasicConstraints(ca=False, path_length=None)
    for context, code in (
        (authority.context("localhost"), ""),
        (authority.context("localhost", extension=label), "CertificateRefused"),
    ):
        async with raw_server(honest, tls=context) as server:
            for name in ("localhost", "localhost."):
                url = server.url.replace("127.0.0.1", name)
                settings = {"endpoint_url": url, "fast_path": fast_path, "verify": authority.path}
                assert [("GetItem", code)] == await tried("GetItem", **settings), name


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize("kind", ROUTES)
async def test_who_wants_no_check_has_none(fast_path: Any, kind: str, authority: Authority) -> None:
    """`verify=False` is a wish; it works."""
    async with raw_server(honest, tls=authority.context("example.com")) as server, route(kind, authority) as options:
        settings = {"endpoint_url": server.url, "fast_path": fast_path, "verify": False}
        for operation in OPERATIONS:
            assert [(operation, "")] == await tried(operation, **settings, options=options)


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize("kind", ROUTES[:2])
async def test_an_empty_variable_is_no_such_wish(
    fast_path: Any, name: str, kind: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is unset: then the usual authorities are trusted."""
    monkeypatch.setenv(name, "")
    async with raw_server(honest, tls=authority.context("127.0.0.1")) as server, route(kind, authority) as options:
        settings = {"endpoint_url": server.url, "fast_path": fast_path}
        for operation in OPERATIONS:
            assert [(operation, "CertificateRefused")] == await tried(operation, **settings, options=options)
        assert not server.asked


@pytest.mark.parametrize("fast_path", [True, False])
async def test_a_proxy_that_may_be_another_is_refused(
    fast_path: Any, authority: Authority, flaws: dict[str, ssl.SSLContext]
) -> None:
    """It would see where requests go, and get its own password."""
    async with raw_server(honest, tls=authority.context("127.0.0.1")) as server:
        for flaw, context in flaws.items():
            async with connect_proxy(context) as proxy:
                bundle = {"proxy_ca_bundle": authority.path}
                options = {"proxies": {"https": proxy.url}, "proxies_config": bundle}
                settings = {"endpoint_url": server.url, "fast_path": fast_path, "verify": authority.path}
                assert [("GetItem", "CertificateRefused")] == await tried("GetItem", **settings, options=options), flaw
                assert not proxy.tunnels


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary Redirect", b"308 Permanent Redirect"])
@pytest.mark.parametrize("fast_path", [True, False])
async def test_a_request_goes_where_it_was_sent_only(status: bytes, fast_path: Any) -> None:
    """A redirect is not followed: it would lead a signed request with its session token to anybody."""
    async with raw_server(honest) as other:

        async def redirect(asked: Asked) -> None:
            await asked.send(answer(b"", b"Location: " + other.url.encode(), line=b"HTTP/1.1 " + status))

        async with raw_server(redirect) as server:
            for operation in OPERATIONS:
                made = await tried(operation, endpoint_url=server.url, fast_path=fast_path, aws_session_token="token")
                assert made[-1][1], operation
        assert not other.asked


# Settings that come between


def session_with(default: Any) -> aioboto3.Session:
    """A user's session whose clients have these settings by default."""
    session = aiobotocore.session.get_session()
    session.set_default_client_config(default)
    return aioboto3.Session(botocore_session=session)


class Own(AIOHTTPSession):  # type: ignore[misc] # it ships no types
    """Somebody's own connections."""


@pytest.mark.parametrize("fast_path", [True, False])
async def test_the_defaults_of_a_session_do_not_put_the_check_off(
    fast_path: Any, authority: Authority, flaws: dict[str, ssl.SSLContext]
) -> None:
    """The SDK would forget it when it lays our settings over them; what it keeps of them stays."""
    session = session_with(AioConfig(user_agent_extra="theirs"))
    settings = {"fast_path": fast_path, "verify": authority.path}
    async with raw_server(honest, tls=flaws["another host"]) as server:
        for operation in OPERATIONS:
            made = await tried(operation, session, endpoint_url=server.url, **settings)
            assert [(operation, "CertificateRefused")] == made
    async with raw_server(honest, tls=authority.context("127.0.0.1")) as server:
        assert [("GetItem", "")] == await tried("GetItem", session, endpoint_url=server.url, **settings)
        assert b"theirs" in server.asked[0].head


async def test_what_can_not_be_checked_is_refused() -> None:
    """Defaults that drop the check are told, rather than followed."""
    with pytest.raises(ConfigError, match=r"aiobotocore\.config\.AioConfig"):
        await tried("GetItem", session_with(Config()), fast_path=False)


async def test_a_release_that_verifies_in_another_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent unchecked because a method of the SDK's has another name now."""
    monkeypatch.setattr(AIOHTTPSession, "_create_connector", lambda *_: aiohttp.TCPConnector(ssl=False))
    async with raw_server(honest) as server:
        with pytest.raises(ConfigError, match="use an older one"):
            await tried("GetItem", endpoint_url=server.url, fast_path=False)
        assert not server.asked


@pytest.mark.parametrize("place", ["options", "session"])
async def test_a_class_of_ones_own_stays(
    place: str, caplog: pytest.LogCaptureFixture, flaws: dict[str, ssl.SSLContext]
) -> None:
    """It takes all requests, and one warning says that it has to check by itself."""
    own = {"http_session_cls": Own}
    session = session_with(AioConfig(**own)) if place == "session" else AWS_SESSION
    options = own if place == "options" else {}
    with caplog.at_level(logging.WARNING):
        async with raw_server(honest, tls=flaws["unknown authority"]) as server:
            settings = {"endpoint_url": server.url, "verify": False, "options": options}
            assert [("GetItem", "")] == await tried("GetItem", session, **settings)

    assert ["http_session_cls: Own has to check host names of certificates by itself"] == caplog.messages
    assert b"amz-sdk-request" in server.asked[0].head.lower()


CREDENTIALS = {
    "sts": "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = source",
    "web identity": "role_arn = arn:aws:iam::123456789012:role/x\nweb_identity_token_file = {token}",
}


@pytest.mark.parametrize("kind", CREDENTIALS)
async def test_credentials_are_fetched_from_the_right_server_only(
    kind: str, tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch, flaws: dict[str, ssl.SSLContext]
) -> None:
    """With a session of ours, that holds for the clients, too, which the SDK makes for it by itself."""
    (tmp_path / "token").write_text("token")
    source = "[profile source]\naws_access_key_id = AKID\naws_secret_access_key = secret\n"
    profile = CREDENTIALS[kind].format(token=tmp_path / "token")
    (tmp_path / "config").write_text(f"[default]\nregion = eu-central-1\n{profile}\n{source}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_CA_BUNDLE", authority.path)
    async with raw_server(honest, tls=flaws["another host"]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        async with AsyncDynamoDb(DynamoDbConfig(TableConfig("users", create_table_on_init=False))) as db:
            with pytest.raises(RequestError):
                await db.load("me")
        assert not server.accepted
