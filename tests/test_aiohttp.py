"""The aiohttp webhook over real HTTP: aiohttp's own server, a DynamoDB API, and a fault proxy between."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from dynadb_async import AsyncDynamoDb, ReplyLostError, ThrottledError, Turn, VersionConflictError
from dynadb_async.aiohttp import ADAPTER, TURN, adapter_context, signed, turns
from dynadb_async.http_errors import HTTP_ERRORS, HttpError
from dynadb_async.platforms import MalformedRequestError, PlatformRequest, TelegramVerifier, alexa
from examples.local import LOOPBACK, served_by_aiohttp
from tests.proxy import Fault, FaultProxy, always
from tests.sessions import RecordingSession
from tests.tables import Table

PATIENCE = aiohttp.ClientTimeout(20)

Meanwhile = Callable[[web.Request, Turn[Any]], Awaitable[Any]]


async def read(request: web.Request) -> PlatformRequest | None:
    """User and turn id of the body; a request without a body has no turn."""
    if not request.can_read_body:
        return None
    body = await request.json()
    return PlatformRequest(user_id=body["user"], turn_id=body.get("turn"), raw=body)


async def nothing_happens(_request: web.Request, _turn: Turn[Any]) -> None:
    """By default a handler is alone."""


def make_app(
    make: Callable[[], AsyncDynamoDb[Any]], *, meanwhile: Meanwhile = nothing_happens, **options: Any
) -> web.Application:
    """An app that counts visits; *meanwhile* runs between a handler's read and its write."""

    async def visit(request: web.Request) -> web.StreamResponse:
        turn = request[TURN]
        if not turn.is_duplicate:
            turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
            turn.response = {"visits": turn.user.data["visits"]}
        return await meanwhile(request, turn) or web.json_response(turn.response)

    async def has_turn(request: web.Request) -> web.Response:
        return web.json_response(TURN in request)

    app = web.Application(middlewares=[turns(read, **options)])
    app.cleanup_ctx.append(adapter_context(make))
    app.router.add_post("/visit", visit)
    app.router.add_get("/health", has_turn)
    return app


@asynccontextmanager
async def calling(app: web.Application) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve *app*, and call it over HTTP."""
    async with served_by_aiohttp(app) as url, aiohttp.ClientSession(url, timeout=PATIENCE) as http:
        yield http


async def called(http: aiohttp.ClientSession, **body: Any) -> tuple[int, Any]:
    """Status and JSON of one visit."""
    async with http.post("/visit", json=body) as reply:
        return reply.status, await reply.json()


def visits(table: Table, user_id: str) -> Any:
    """What is really stored; None for nothing."""
    item = table.item(user_id)
    return item and int(item["user"]["M"]["data"]["M"]["visits"]["N"])


async def test_the_handler_finds_its_turn(table: Table, user_id: str) -> None:
    """What the handler changed is stored, and the next request sees it."""
    async with calling(make_app(table.adapter)) as http:
        replies = [await called(http, user=user_id) for _ in range(2)]

    assert replies == [(200, {"visits": 1}), (200, {"visits": 2})]
    assert visits(table, user_id) == 2


async def test_a_turn_delivered_twice_is_applied_once(table: Table, user_id: str) -> None:
    """The second delivery gets the first one's reply."""
    async with calling(make_app(table.adapter)) as http:
        replies = [await called(http, user=user_id, turn="t-1") for _ in range(2)]

    assert replies == [(200, {"visits": 1})] * 2
    assert visits(table, user_id) == 1


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.HANG])
@pytest.mark.parametrize("operation", ["GetItem", "UpdateItem"])
async def test_no_load_or_save_is_503(table: Table, user_id: str, fault: Fault, operation: str) -> None:
    """The caller is told to come again: the response never starts before the save."""
    async with FaultProxy(table.engine) as proxy:
        config = table.config(client=proxy.client_settings | {"operation_timeout": 0.5})
        async with calling(make_app(lambda: table.adapter(config=config))) as http:
            proxy.plan = always(fault, [operation])
            async with http.post("/visit", json={"user": user_id}) as refused:
                told = await refused.text()
            proxy.plan = always(fault, [])
            again = await called(http, user=user_id)

    assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
    assert user_id not in told
    assert again == (200, {"visits": 1})


async def test_a_fault_of_the_app_is_500(table: Table, user_id: str) -> None:
    """What another try can't mend, such as credentials that have expired, is not answered with 503."""
    async with FaultProxy(table.engine, always(Fault.EXPIRED, ["UpdateItem"])) as proxy:
        config = table.config(client=proxy.client_settings)
        async with (
            calling(make_app(lambda: table.adapter(config=config))) as http,
            http.post("/visit", json={"user": user_id}) as refused,
        ):
            assert refused.status == 500

    assert table.item(user_id) is None


async def test_conflicts_and_bad_users_are_told(table: Table, user_id: str) -> None:
    """409 where another turn was faster, 422 where there is no user at all."""

    async def faster(request: web.Request, turn: Turn[Any]) -> None:
        async with table.adapter() as other, other.turn(turn.user.id) as theirs:
            theirs.user.data["visits"] = 1

    async with calling(make_app(table.adapter, meanwhile=faster)) as http:
        conflict, nobody = await called(http, user=user_id), await called(http, user="")

    assert (conflict[0], nobody[0]) == (409, 422)
    assert visits(table, user_id) == 1


async def unreached(_request: web.Request) -> web.Response:
    """A handler that nobody comes to."""
    raise AssertionError


async def test_a_malformed_request_is_400(table: Table) -> None:
    """A body that a platform helper refuses is the caller's mistake."""

    async def read_alexa(request: web.Request) -> PlatformRequest:
        return alexa.request_from_json(await request.json())

    app = web.Application(middlewares=[turns(read_alexa)])
    app.cleanup_ctx.append(adapter_context(table.adapter))
    app.router.add_post("/visit", unreached)
    async with calling(app) as http:
        assert (await called(http, user="nobody"))[0] == 400
        for body in (b"", b"no JSON", b"\xff", b"[" * 100_000, b"[]", b"null", b'"text"', b"1" * 5000):
            async with http.post("/visit", data=body, headers={"Content-Type": "application/json"}) as reply:
                assert reply.status == 400, body
        for charset in ("nobody-knows-it", "hex", "undefined", "utf-16"):
            headers = {"Content-Type": f"application/json; charset={charset}"}
            async with http.post("/visit", data=b"{}", headers=headers) as reply:
                assert reply.status == 400, charset
        async with http.post("/visit", data=b"{}", headers={"Content-Encoding": "gzip"}) as reply:
            assert reply.status == 400


@pytest.mark.parametrize("error", [ValueError, KeyError])
async def test_a_fault_of_ones_own_reader_is_500(table: Table, error: type[Exception]) -> None:
    """What went wrong beside the body is not told as a fault of the caller's."""

    async def wrong(request: web.Request) -> PlatformRequest:
        await request.json()
        raise error

    app = web.Application(middlewares=[turns(wrong)])
    app.cleanup_ctx.append(adapter_context(table.adapter))
    app.router.add_post("/visit", unreached)
    async with calling(app) as http, http.post("/visit", json={}) as reply:
        assert reply.status == 500


@pytest.mark.parametrize(
    ("error", "status"),
    [
        *((ThrottledError("busy", operation="GetItem"), 503), (ReplyLostError(), 200)),
        *((VersionConflictError(), 409), (MalformedRequestError(), 400)),
    ],
)
async def test_where_calls_are_only_checked_errors_are_answered_alike(error: Exception, status: int) -> None:
    """A handler that calls the adapter itself needs no `turns`; a lost reply must not be sent again for ever."""

    async def raising(_request: web.Request) -> web.Response:
        raise error

    app = web.Application(middlewares=[signed(TelegramVerifier("a"))])
    app.router.add_post("/visit", raising)
    token = {"X-Telegram-Bot-Api-Secret-Token": "a"}
    async with calling(app) as http:
        async with http.post("/visit", headers=token) as reply:
            assert reply.status == status
        async with http.post("/visit", data=b"no gzip", headers=token | {"Content-Encoding": "gzip"}) as reply:
            assert reply.status == 400


async def test_answers_can_be_changed(table: Table, user_id: str) -> None:
    """The app's own answer to an error takes the place of ours."""

    async def conflict(_request: web.Request, _turn: Turn[Any]) -> None:
        raise VersionConflictError

    errors = {**HTTP_ERRORS, VersionConflictError: HttpError(418, "mine")}
    async with calling(make_app(table.adapter, meanwhile=conflict, errors=errors)) as http:
        assert await called(http, user=user_id) == (418, {"detail": "mine"})


async def test_nothing_is_saved_of_a_handler_that_raises(table: Table, user_id: str) -> None:
    """An HTTP exception ends the turn."""

    async def leave(_request: web.Request, _turn: Turn[Any]) -> None:
        raise web.HTTPPaymentRequired

    async with (
        calling(make_app(table.adapter, meanwhile=leave)) as http,
        http.post("/visit", json={"user": user_id}) as reply,
    ):
        assert reply.status == 402

    assert table.item(user_id) is None


async def test_requests_without_a_turn_cost_nothing(table: Table, user_id: str) -> None:
    """Neither a health check nor an unknown address loads anything, though a body names a user."""
    async with FaultProxy(table.engine) as proxy:
        config = table.config(client=proxy.client_settings)
        async with calling(make_app(lambda: table.adapter(config=config))) as http:
            async with http.get("/health") as healthy:
                assert await healthy.json() is False
            async with http.post("/unknown", json={"user": user_id}) as unknown:
                assert unknown.status == 404

    assert proxy.seen["GetItem"] == 0


async def test_an_app_within_an_app_finds_the_adapter(table: Table, user_id: str) -> None:
    """The outer app has the adapter, the inner one the turns."""
    inner, outer = web.Application(middlewares=[turns(read)]), web.Application()

    async def visit(request: web.Request) -> web.Response:
        request[TURN].user.data["visits"] = 1
        return web.Response()

    inner.router.add_post("/visit", visit)
    outer.add_subapp("/inner/", inner)
    outer.cleanup_ctx.append(adapter_context(table.adapter))
    async with calling(outer) as http, http.post("/inner/visit", json={"user": user_id}) as reply:
        assert reply.status == 200

    assert visits(table, user_id) == 1


async def test_the_adapter_lives_as_long_as_the_app(table: Table) -> None:
    """It is open before the first request, and closed when the app stops."""
    session = RecordingSession()
    async with calling(make_app(lambda: AsyncDynamoDb(table.config(), aws_session=session))):
        assert (session.clients, session.closed) == (1, 0)

    assert (session.clients, session.closed) == (1, 1)


async def test_a_response_that_has_begun_breaks_off(table: Table, user_id: str) -> None:
    """Where the handler sends bit by bit and the save then fails, no caller takes the response for whole."""

    async def send(request: web.Request, _turn: Turn[Any]) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"You were here ")
        return response

    async with FaultProxy(table.engine, always(Fault.THROTTLE, ["UpdateItem"])) as proxy:
        config = table.config(client=proxy.client_settings | {"operation_timeout": 0.3})
        async with calling(make_app(lambda: table.adapter(config=config), meanwhile=send)) as http:
            with pytest.raises(aiohttp.ClientPayloadError):
                async with http.post("/visit", json={"user": user_id}) as reply:
                    await reply.read()


@pytest.mark.parametrize("stage", ["the handler", "GetItem", "UpdateItem"])
async def test_a_caller_who_hangs_up_leaves_nothing_behind(table: Table, user_id: str, stage: str) -> None:
    """With `handler_cancellation`: nothing half saved, nobody in the queue, nothing under way, no connection busy."""
    begun = asyncio.Event()

    async def wait(_request: web.Request, _turn: Turn[Any]) -> None:
        if stage == "the handler" and not begun.is_set():
            begun.set()
            await asyncio.sleep(60)

    async with FaultProxy(table.engine) as proxy:
        config = table.config(client=proxy.client_settings | {"max_pool_connections": 1, "read_timeout": 30})
        app = make_app(lambda: table.adapter(config=config), meanwhile=wait)
        async with serving_impatient_callers(app) as http:
            proxy.plan = hanging(stage, begun)
            call = asyncio.create_task(called(http, user=user_id))
            await begun.wait()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            live = app[ADAPTER]._live
            assert live is not None
            async with asyncio.timeout(5):
                await live.work.ended(5)
            assert (live.work._pieces, live.queue._waiting) == (0, {})
            assert table.item(user_id) is None
            began = time.monotonic()
            assert await called(http, user=user_id) == (200, {"visits": 1})

    assert time.monotonic() - began < 2


def hanging(operation: str, begun: asyncio.Event) -> Callable[[str], Fault | None]:
    """Plan: the first request of *operation* hangs, and then *begun* is set."""

    def plan(asked: str) -> Fault | None:
        if asked != operation or begun.is_set():
            return None
        begun.set()
        return Fault.HANG

    return plan


@asynccontextmanager
async def serving_impatient_callers(app: web.Application) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve *app* such that a handler is cancelled when its caller hangs up."""
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        async with aiohttp.ClientSession(f"http://{LOOPBACK}:{runner.addresses[0][1]}") as http:
            yield http
    finally:
        await runner.cleanup()


def test_with_an_older_aiohttp_the_error_names_the_extra() -> None:
    """There is always an aiohttp, but perhaps without typed keys for requests."""
    program = "import aiohttp.web; del aiohttp.web.RequestKey; import dynadb_async.aiohttp"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.stderr.splitlines()[-1] == "ImportError: this needs aiohttp 3.14: pip install 'dynadb-async[aiohttp]'"
