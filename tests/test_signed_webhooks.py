"""What nobody signed is answered with 401 before anything is loaded, in FastAPI and in aiohttp, over real HTTP."""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import pytest
from aiohttp import web
from attrs import define, field
from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.responses import PlainTextResponse

import dynadb_async.aiohttp
import dynadb_async.fastapi
from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, Turn
from dynadb_async.aiohttp import ADAPTER, TURN, adapter_context, turns
from dynadb_async.fastapi import EXCEPTION_HANDLERS, AppDynamoDb, signed_route
from dynadb_async.platforms import Headers, MetaVerifier, PlatformRequest, SlackVerifier, Verifier, messenger
from examples.local import served_by_aiohttp, served_by_uvicorn

SECRET, TOKEN = "a-secret", "meatyhamhock"
PUBLIC = "https://bot.example.com"
META = MetaVerifier(SECRET, verify_token=TOKEN)
# Odd on purpose: read and written again, it is another text.
BODY = b'{"entry": [{"messaging":[ {"sender":{"id":"ada"},"message":{"mid":"m_1","text":"h\\u00e9llo"}}]}]}'


def meta_headers(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """As Meta signs a body."""
    made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={made}", "Content-Type": "application/json"}


@define(eq=False)
class Seen:
    """A verifier that remembers what it was asked, and what happened behind it."""

    verifier: Verifier = META
    urls: list[str] = field(factory=list)
    handled: list[str] = field(factory=list)

    async def check(self, method: str, url: str, headers: Headers, body: bytes) -> None:
        """As the verifier does."""
        self.urls.append(url)
        await self.verifier.check(method, url, headers, body)


def memory() -> AsyncDynamoDb[Any]:
    """A store of the test's own."""
    return AsyncDynamoDb(DynamoDbConfig("calls", client=ClientConfig(endpoint_url="memory:")))


def fastapi_app(seen: Seen, **settings: Any) -> FastAPI:
    """Messenger's webhook; the order of what happens is written down."""
    dynadb = AppDynamoDb(memory)
    app = FastAPI(lifespan=dynadb.lifespan, **settings)
    only_meta = [dynadb_async.fastapi.signed(seen, public_url=PUBLIC)]

    async def user_id(request: Request) -> str:
        seen.handled.append("user id")
        return messenger.requests_from_json(await request.json())[0].user_id

    @app.get("/messenger", dependencies=only_meta)
    async def handshake(request: Request) -> PlainTextResponse:
        return PlainTextResponse(META.challenge(str(request.url)))

    @app.post("/messenger", dependencies=only_meta)
    async def webhook(body: dict[str, Any], turn: Annotated[Turn[Any], dynadb.turn(user_id)]) -> dict[str, Any]:
        turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
        return {"visits": turn.user.data["visits"], "entries": len(body["entry"])}

    return app


def aiohttp_app(seen: Seen) -> web.Application:
    """The same."""

    async def read(request: web.Request) -> PlatformRequest | None:
        if request.method == "GET":
            return None
        seen.handled.append("user id")
        return messenger.requests_from_json(await request.json())[0]

    async def handshake(request: web.Request) -> web.Response:
        return web.Response(text=META.challenge(str(request.rel_url)))

    async def webhook(request: web.Request) -> web.Response:
        data = request[TURN].user.data
        data["visits"] = data.get("visits", 0) + 1
        return web.json_response({"visits": data["visits"], "entries": len((await request.json())["entry"])})

    app = web.Application(middlewares=[dynadb_async.aiohttp.signed(seen, public_url=PUBLIC), turns(read)])
    app.cleanup_ctx.append(adapter_context(memory))
    app.router.add_get("/messenger", handshake)
    app.router.add_post("/messenger", webhook)
    return app


@asynccontextmanager
async def fastapi_served(seen: Seen) -> AsyncIterator[str]:
    """By uvicorn."""
    async with served_by_uvicorn(fastapi_app(seen, exception_handlers=EXCEPTION_HANDLERS)) as url:
        yield url


@asynccontextmanager
async def closed_by_default(seen: Seen) -> AsyncIterator[str]:
    """By uvicorn, of an app that forgot our exception handlers."""
    async with served_by_uvicorn(fastapi_app(seen)) as url:
        yield url


@asynccontextmanager
async def aiohttp_served(seen: Seen) -> AsyncIterator[str]:
    """By aiohttp."""
    async with served_by_aiohttp(aiohttp_app(seen)) as url:
        yield url


SERVED = [fastapi_served, closed_by_default, aiohttp_served]
pytestmark = pytest.mark.parametrize("served", SERVED)


@pytest.fixture
def seen() -> Seen:
    """What this test's app was asked."""
    return Seen()


async def posted(http: aiohttp.ClientSession, body: bytes, headers: Any, path: str = "/messenger") -> tuple[int, Any]:
    """Status and JSON of one call."""
    async with http.post(path, data=body, headers=headers) as reply:
        return reply.status, await reply.json()


async def test_a_signed_call_has_its_turn(served: Any, seen: Seen) -> None:
    """The bytes are checked as they came, and the handler reads them after; the URL is the setting's."""
    forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Host": "evil.example"}
    async with served(seen) as url, aiohttp.ClientSession(url) as http:
        for visits in (1, 2):
            reply = await posted(http, BODY, meta_headers(BODY) | forwarded, "/messenger?a=%2B")
            assert reply == (200, {"visits": visits, "entries": 1})

    assert [f"{PUBLIC}/messenger?a=%2B"] * 2 == seen.urls


async def test_what_is_not_signed_is_401_before_anything_is_loaded(served: Any, seen: Seen) -> None:
    """No signature, another secret, another body, two headers: nobody is looked up, no turn is opened."""
    good = meta_headers(BODY)
    forged: list[tuple[bytes, Any]] = [
        (BODY, {"Content-Type": "application/json"}),
        (BODY, meta_headers(BODY, "another")),
        (BODY.replace(b"ada", b"eve"), good),
        (json.dumps(json.loads(BODY)).encode(), good),
        (b"{}", {"Content-Type": "application/json"}),
        (BODY, [*good.items(), ("X-Hub-Signature-256", "sha256=00")]),
    ]
    async with served(seen) as url, aiohttp.ClientSession(url) as http:
        for body, headers in forged:
            status, told = await posted(http, body, headers)
            assert (status, told) == (401, {"detail": "The request is not signed as its platform signs it."})

    assert [] == seen.handled


async def test_the_handshake(served: Any, seen: Seen) -> None:
    """Meta's GET passes with the token, and is told its challenge; 401 without, 400 without a challenge."""
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": TOKEN}
    async with served(seen) as url, aiohttp.ClientSession(url) as http:
        async with http.get(f"/messenger?{urlencode(asked)}") as reply:
            assert (reply.status, await reply.text()) == (200, "1158201444")
        async with http.get(f"/messenger?{urlencode(asked | {'hub.verify_token': 'x'})}") as reply:
            assert reply.status == 401
        async with http.get(f"/messenger?{urlencode(asked | {'hub.challenge': ''})}") as reply:
            assert reply.status == 400
        async with http.get("/nowhere") as reply:
            assert reply.status == 404


def slack_headers(body: bytes) -> dict[str, str]:
    """As Slack signs a form."""
    now = str(int(time.time()))
    made = hmac.new(SECRET.encode(), f"v0:{now}:".encode() + body, hashlib.sha256).hexdigest()
    form = "application/x-www-form-urlencoded"
    return {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": f"v0={made}", "Content-Type": form}


def slack_by_fastapi() -> FastAPI:
    """A slash command, whose form FastAPI reads for the handler: on a signed route, and by a dependency alone."""
    slack = SlackVerifier(SECRET)
    router = APIRouter(route_class=signed_route(slack, public_url=PUBLIC))
    app = FastAPI(exception_handlers=EXCEPTION_HANDLERS)

    @router.post("/slack")
    async def command(command: Annotated[str, Form()]) -> dict[str, str]:
        return {"command": command}

    @router.post("/json")
    async def event(body: dict[str, Any]) -> dict[str, Any]:
        return body

    @app.post("/wrong", dependencies=[dynadb_async.fastapi.signed(slack)])
    async def wrong(command: Annotated[str, Form()]) -> dict[str, str]:
        return {"command": command}

    app.include_router(router)
    return app


def slack_by_aiohttp() -> web.Application:
    """The same in an app of its own within another one, whose health is nobody's secret."""

    async def command(request: web.Request) -> web.Response:
        return web.json_response({"command": str((await request.post())["command"])})

    async def event(request: web.Request) -> web.Response:
        return web.json_response(await request.json())

    async def health(request: web.Request) -> web.Response:
        return web.json_response({"adapter": ADAPTER in request.config_dict})

    slack = web.Application(middlewares=[dynadb_async.aiohttp.signed(SlackVerifier(SECRET))])
    slack.router.add_post("/slack", command)
    slack.router.add_post("/json", event)
    app = web.Application()
    app.router.add_get("/health", health)
    app.add_subapp("/in", slack)
    return app


async def test_a_form_is_checked_too(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack's slash commands are forms; and what is neither signed nor JSON is 401, not an error of the reader."""
    body = urlencode({"command": "/pizza", "text": "é"}).encode()
    by_aiohttp = served is aiohttp_served
    serving = served_by_aiohttp(slack_by_aiohttp()) if by_aiohttp else served_by_uvicorn(slack_by_fastapi())
    start = "/in" if by_aiohttp else ""
    async with serving as url, aiohttp.ClientSession(url) as http:
        signed = slack_headers(body)
        assert await posted(http, body, signed, f"{start}/slack") == (200, {"command": "/pizza"})
        assert (await posted(http, body + b"x", signed, f"{start}/slack"))[0] == 401
        as_json = {"Content-Type": "application/json"}
        assert (await posted(http, b"no JSON", as_json, f"{start}/json"))[0] == 401
        assert await posted(http, b"{}", slack_headers(b"{}") | as_json, f"{start}/json") == (200, {})
        if by_aiohttp:
            async with http.get("/health") as reply:
                assert reply.status == 200
        else:
            async with http.post("/wrong", data=body, headers=signed) as reply:
                assert reply.status == 500


async def test_a_caller_who_hangs_up_in_the_body_is_no_error_of_the_apps(
    served: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Anybody may send half a body; the app's log stays clean."""
    by_aiohttp = served is aiohttp_served
    serving = served_by_aiohttp(slack_by_aiohttp()) if by_aiohttp else served_by_uvicorn(slack_by_fastapi())
    async with serving as url:
        place = urlsplit(url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        path = "/in/slack" if by_aiohttp else "/slack"
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: bot\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        await reader.readline()  # the app has begun to read
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.1)

    assert [] == [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "Traceback" not in capfd.readouterr().err
