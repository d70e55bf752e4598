"""The FastAPI webhook over real HTTP: uvicorn, a DynamoDB API, and a fault proxy between."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import httpx2
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from dynadb_async import AsyncDynamoDb, TableError, Turn, VersionConflictError
from dynadb_async.fastapi import EXCEPTION_HANDLERS, signed, signed_route
from dynadb_async.platforms import TelegramVerifier
from examples.local import served_by_uvicorn
from tests.engines import Engine
from tests.fastapi_app import make_app
from tests.proxy import Fault, FaultProxy, always
from tests.sessions import RecordingSession
from tests.tables import Table, new_table

USERS, TURNS = 200, 5


@asynccontextmanager
async def calling(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve *app* by uvicorn, and call it over HTTP."""
    async with served_by_uvicorn(app) as url, httpx2.AsyncClient(base_url=url, timeout=20) as http:
        yield http


def visits(table: Table, user_id: str) -> Any:
    """What is really stored; None for nothing."""
    item = table.item(user_id)
    return item and int(item["user"]["M"]["data"]["M"]["visits"]["N"])


async def test_the_handler_is_given_its_turn(table: Table, user_id: str) -> None:
    """User and session are those of the app's own dependencies, and what the handler changed is stored."""
    async with calling(make_app(table.adapter)) as http:
        replies = [await http.post("/visit", json={"user": user_id, "session": f"s-{n}"}) for n in (1, 2)]

    assert [reply.json() for reply in replies] == [{"visits": 1, "session": "s-1"}, {"visits": 2, "session": "s-2"}]
    assert visits(table, user_id) == 2


async def test_a_turn_delivered_twice_is_applied_once(table: Table, user_id: str) -> None:
    """The second delivery gets the first one's reply."""
    call = {"user": user_id, "turn": "t-1"}
    async with calling(make_app(table.adapter)) as http:
        replies = [(await http.post("/visit", json=call)).json() for _ in range(2)]

    assert replies == [{"visits": 1, "session": None}] * 2
    assert visits(table, user_id) == 1


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.HANG, Fault.ERROR_503])
@pytest.mark.parametrize("operation", ["GetItem", "UpdateItem"])
async def test_no_load_or_save_is_503(table: Table, user_id: str, fault: Fault, operation: str) -> None:
    """The caller is told to come again: the reply never leaves before the save."""
    async with FaultProxy(table.engine) as proxy:
        config = table.config(client=proxy.client_settings | {"operation_timeout": 0.5})
        async with calling(make_app(lambda: table.adapter(config=config))) as http:
            proxy.plan = always(fault, [operation])
            refused = await http.post("/visit", json={"user": user_id})
            proxy.plan = always(fault, [])
            again = await http.post("/visit", json={"user": user_id})

    expected = 500 if (fault, operation) == (Fault.ERROR_503, "GetItem") else 503
    assert (refused.status_code, refused.headers.get("Retry-After")) == (expected, "1" if expected == 503 else None)
    assert user_id not in refused.text
    assert again.json() == {"visits": 1, "session": None}


async def test_a_fault_of_the_app_is_500(table: Table, user_id: str) -> None:
    """What another try can't mend, such as credentials that have expired, is not answered with 503."""
    async with FaultProxy(table.engine) as proxy:
        config = table.config(client=proxy.client_settings)
        async with calling(make_app(lambda: table.adapter(config=config))) as http:
            proxy.plan = always(Fault.EXPIRED, ["UpdateItem"])
            refused = await http.post("/visit", json={"user": user_id})

    assert refused.status_code == 500
    assert visits(table, user_id) is None


async def test_a_conflict_is_409(table: Table, user_id: str) -> None:
    """Two turns counted at the same time: one is told to come again, neither is lost."""
    async with table.adapter() as other:

        async def faster(turn: Turn[Any]) -> None:
            async with other.turn(turn.user.id) as theirs:
                theirs.user.data["visits"] = 1

        async with calling(make_app(table.adapter, meanwhile=faster)) as http:
            refused = await http.post("/visit", json={"user": user_id})

    assert refused.status_code == 409
    assert visits(table, user_id) == 1


async def test_a_bad_user_id_is_422(table: Table) -> None:
    """No user at all is the caller's mistake."""
    async with calling(make_app(table.adapter)) as http:
        assert (await http.post("/visit", json={"user": ""})).status_code == 422


async def test_answers_can_be_changed(table: Table, user_id: str) -> None:
    """A handler of the app's own takes the place of ours, for its error only."""

    async def mine(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"mine": True}, 418)

    async def conflict(_turn: Turn[Any]) -> None:
        raise VersionConflictError

    handlers = EXCEPTION_HANDLERS | {VersionConflictError: mine}
    async with calling(make_app(table.adapter, meanwhile=conflict, exception_handlers=handlers)) as http:
        changed = await http.post("/visit", json={"user": user_id})
        kept = await http.post("/visit", json={"user": ""})

    assert (changed.status_code, kept.status_code) == (418, 422)


async def test_nothing_is_saved_of_a_handler_that_fails(table: Table, user_id: str) -> None:
    """An HTTPException ends the turn, and so does a reply that is not of the promised type."""

    async def leave(_turn: Turn[Any]) -> None:
        raise HTTPException(402)

    async with calling(make_app(table.adapter, meanwhile=leave)) as http:
        refused = await http.post("/visit", json={"user": user_id})
        invalid = await http.post("/invalid", json={"user": user_id})

    assert (refused.status_code, invalid.status_code) == (402, 500)
    assert table.item(user_id) is None


# Streams


async def test_a_stream_is_saved_at_its_end(table: Table, user_id: str) -> None:
    """A turn that is opened within the stream holds until the last word."""
    async with calling(make_app(table.adapter)) as http:
        reply = await http.post("/stream", json={"user": user_id})

    assert reply.text == "You were here 1 times."
    assert visits(table, user_id) == 1


async def test_a_stream_whose_save_fails_breaks_off(table: Table, user_id: str) -> None:
    """After the first word there is no status to send any more, but no caller takes the reply for whole."""
    async with FaultProxy(table.engine, always(Fault.THROTTLE, ["UpdateItem"])) as proxy:
        config = table.config(client=proxy.client_settings | {"operation_timeout": 0.3})
        async with calling(make_app(lambda: table.adapter(config=config))) as http:
            with pytest.raises(httpx2.RemoteProtocolError):
                await http.post("/stream", json={"user": user_id})

    assert table.item(user_id) is None


async def test_a_caller_who_leaves_a_stream_blocks_nobody(table: Table, user_id: str) -> None:
    """Nothing is saved of the half reply, and the user's next turn does not wait for it."""
    never = asyncio.Event()

    async def wait(turn: Turn[Any]) -> None:
        if turn.user.is_new and not never.is_set():
            never.set()
            await asyncio.sleep(60)

    async with calling(make_app(table.adapter, meanwhile=wait)) as http:
        async with http.stream("POST", "/stream", json={"user": user_id}) as begun:
            assert await anext(begun.aiter_text()) == "You were here "
            await never.wait()
        began = time.monotonic()
        reply = await http.post("/visit", json={"user": user_id})

    assert reply.json()["visits"] == 1
    assert time.monotonic() - began < 2


# The app's life


async def test_the_adapter_lives_as_long_as_the_app(moto: Engine, table: Table) -> None:
    """It is open before the first request, within a lifespan of the app's own, and closed after the last one."""
    session = RecordingSession()
    stages: list[tuple[str, int, int]] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with app.state.memory.lifespan(app):
            stages.append(("started", session.clients, session.closed))
            yield
        stages.append(("stopped", session.clients, session.closed))

    app = make_app(lambda: AsyncDynamoDb(table.config(), aws_session=session), lifespan=lifespan)
    async with calling(app) as http:
        await http.post("/visit", json={"user": "lifespan"})

    assert stages == [("started", 1, 0), ("stopped", 1, 1)]


def test_an_app_whose_table_does_not_fit_does_not_start(moto: Engine) -> None:
    """A wrong table is told at the start, not to the first user."""
    with new_table(moto, key="somethingElse") as table:
        client = TestClient(make_app(table.adapter))
        with pytest.raises(TableError), client:
            pass


def test_a_test_client_may_run_the_lifespan(table: Table, user_id: str) -> None:
    """`with TestClient(app)` runs the app's whole life, and may do so again."""
    app = make_app(table.adapter)
    for expected in (1, 2):
        with TestClient(app) as client:
            assert client.post("/visit", json={"user": user_id}).json()["visits"] == expected


def test_a_test_client_may_leave_the_lifespan_out(table: Table, user_id: str) -> None:
    """Without `with`, each request is an event loop of its own, and the adapter goes from one to the next."""
    session = RecordingSession()
    client = TestClient(make_app(lambda: AsyncDynamoDb(table.config(), aws_session=session)))

    counted = [client.post("/visit", json={"user": user_id}).json()["visits"] for _ in range(3)]

    assert counted == [1, 2, 3]
    assert (session.clients, session.closed) == (3, 3)


def signed_app() -> FastAPI:
    """A route that checks by itself, and a websocket among those that a dependency guards."""
    telegram = TelegramVerifier("a")
    route = APIRouter(route_class=signed_route(telegram, max_bytes=1000))
    guarded = APIRouter(dependencies=[signed(telegram)])

    @route.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    @guarded.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()

    app = FastAPI()
    app.include_router(route)
    app.include_router(guarded)
    return app


async def test_a_signed_route_reads_so_much_and_no_more() -> None:
    """An endless body from whoever is refused while it comes; what is allowed comes whole to the handler."""
    sent: list[int] = []

    async def body(chunks: int) -> AsyncIterator[bytes]:
        for _ in range(chunks):
            sent.append(100)
            yield b"x" * 100

    asgi = httpx2.ASGITransport(signed_app())
    token = {"X-Telegram-Bot-Api-Secret-Token": "a"}
    async with httpx2.AsyncClient(transport=asgi, base_url="http://bot.example") as http:
        allowed = await http.post("/length", content=body(10), headers=token)
        assert (200, "1000") == (allowed.status_code, allowed.text)
        sent.clear()
        for headers in (token, {}):
            assert 413 == (await http.post("/length", content=body(1000), headers=headers)).status_code
    assert sum(sent) < 3000


def test_a_websocket_is_refused_in_words() -> None:
    """No platform opens one: it is closed as against the rules, and nothing breaks."""
    with (
        pytest.raises(WebSocketDisconnect) as caught,
        TestClient(signed_app()).websocket_connect("/socket", headers={"X-Telegram-Bot-Api-Secret-Token": "a"}),
    ):
        pass
    assert 1008 == caught.value.code


# Under load


@contextmanager
def two_workers(table: Table) -> Iterator[str]:
    """Run the app in two processes behind one port; its address."""
    settings = table.engine.client_settings
    environment = {f"DYNADB_CLIENT__{name.upper()}": str(value) for name, value in settings.items()}
    with socket.create_server(("127.0.0.1", 0), backlog=USERS) as listener:
        command = [sys.executable, "-m", "uvicorn", "tests.fastapi_app:app", "--workers=2", "--log-level=warning"]
        with subprocess.Popen(
            [*command, f"--fd={listener.fileno()}"],
            env=os.environ | environment | {"DYNADB_TABLE__NAME": table.name},
            pass_fds=[listener.fileno()],
            start_new_session=True,
        ) as workers:
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
                workers.terminate()
                workers.wait(20)
            finally:
                if workers.poll() is None:
                    os.killpg(workers.pid, signal.SIGKILL)


async def test_every_visit_counts_under_load(dynamodb_local: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """200 users at once, five turns each, on two workers: no error, and every visit is counted."""
    seconds: list[float] = []

    async def visit_often(http: aiohttp.ClientSession, user: str) -> list[int]:
        counted = []
        for _ in range(TURNS):
            began = time.monotonic()
            async with http.post("/visit", json={"user": user}) as reply:
                counted.append((await reply.json())["visits"])
            seconds.append(time.monotonic() - began)
        return counted

    with new_table(dynamodb_local) as table, two_workers(table) as url:
        pool = aiohttp.TCPConnector(limit=USERS)
        async with aiohttp.ClientSession(url, connector=pool, raise_for_status=True) as http:
            counted = await asyncio.gather(*(visit_often(http, f"user-{n}") for n in range(USERS)))

    assert counted == [list(range(1, TURNS + 1))] * USERS
    seconds.sort()
    p50, p99 = (seconds[int(len(seconds) * share)] * 1000 for share in (0.5, 0.99))
    with capsys.disabled():
        sys.stdout.write(f"\nFastAPI, {USERS} users x {TURNS} turns, 2 workers: p50 {p50:.0f} ms, p99 {p99:.0f} ms\n")


def test_without_fastapi_the_error_names_the_extra() -> None:
    """Whoever lacks FastAPI is told what to install."""
    program = "import sys; sys.modules['fastapi'] = None; import dynadb_async.fastapi"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.stderr.splitlines()[-1] == "ImportError: this needs FastAPI: pip install 'dynadb-async[fastapi]'"
