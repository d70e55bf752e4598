import asyncio
import gc
import logging
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aioboto3
import anyio.from_thread
import pytest

from dynadb_async import AsyncDynamoDb, ConfigError, DynaDbError, DynamoDbConfig, TableConfig, UsageError
from tests.engines import Engine
from tests.names import UVLOOP_ENDS
from tests.sessions import RecordingSession, adapter_on, config_on, slow_session, visit

Db = AsyncDynamoDb[dict[str, Any]]

SECRET = "verySecret0123456789"

USES: dict[str, Callable[[Db], Awaitable[Any]]] = {
    "open": lambda db: db.open(),
    "ensure_table": lambda db: db.ensure_table(),
    "turn": lambda db: visit(db, "user-1"),
    "handle": lambda db: db.handle("user-1", _nothing),
    "load": lambda db: db.load("user-1"),
    "delete": lambda db: db.delete("user-1"),
    "export": lambda db: db.export("user-1"),
    "client": lambda db: db.client(),
}


async def _nothing(_: Any) -> None:
    """A handler."""


@pytest.fixture
def slow() -> RecordingSession:
    """A session whose credentials take a moment, as those of a role do."""
    return slow_session(0.1)


def keyless(engine: Engine, table_name: str, session: aioboto3.Session) -> Db:
    """An adapter that takes its credentials from *session*."""
    return adapter_on(engine, table_name, session=session, aws_access_key_id=None, aws_secret_access_key=None)


async def test_making_an_adapter_does_nothing(table_name: str) -> None:
    """Neither region nor credentials are asked for before the first use; closing it then is allowed."""
    session = RecordingSession()
    db = AsyncDynamoDb(table_name, aws_session=session)

    await db.close()
    await db.close()

    assert session.clients == 0


async def test_concurrent_first_uses(moto: Engine, table_name: str, slow: RecordingSession) -> None:
    """They make exactly one client, and closing closes it."""
    db = keyless(moto, table_name, slow)

    await asyncio.gather(*(visit(db, f"user-{n}") for n in range(20)), db.open(), db.open())

    assert (slow.clients, slow.closed) == (1, 0)
    await db.close()
    assert (slow.clients, slow.closed) == (1, 1)


async def test_the_first_use_is_cancelled(moto: Engine, table_name: str, slow: RecordingSession) -> None:
    """The others open without it, and no client is left over."""
    db = keyless(moto, table_name, slow)
    first = asyncio.create_task(db.open())
    others = [asyncio.create_task(visit(db, f"user-{n}")) for n in range(5)]
    await asyncio.sleep(0.03)

    first.cancel()

    assert await asyncio.gather(*others) == [1] * 5
    assert slow.clients - slow.closed == 1
    await db.close()
    assert slow.clients == slow.closed


async def test_open_again(moto: Engine, table_name: str) -> None:
    """Repeating it does nothing."""
    session = RecordingSession()
    async with adapter_on(moto, table_name, session=session) as db:
        sent = len(session.sent)
        await db.open()
        await db.ensure_table()

        assert (session.clients, len(session.sent)) == (1, sent)


@pytest.mark.parametrize("use", USES)
async def test_use_after_close(moto: Engine, table_name: str, use: str) -> None:
    """Each use is an error that says so, and opens nothing."""
    session = RecordingSession()
    async with adapter_on(moto, table_name, session=session) as db:
        await visit(db, "user-1")

    with pytest.raises(UsageError, match=r"used after close\(\)"):
        await USES[use](db)
    assert (session.clients, session.closed) == (1, 1)


async def test_save_after_close(moto: Engine, table_name: str) -> None:
    """A turn that was loaded by hand can't be saved any more."""
    async with adapter_on(moto, table_name) as db:
        turn = await db.load("user-1")

    with pytest.raises(UsageError, match=r"used after close\(\)"):
        await db.save(turn)


async def test_closing_lets_open_turns_save(moto: Engine, table_name: str) -> None:
    """It refuses new turns, returns when the open ones are saved, and so does every other call of it."""
    db = adapter_on(moto, table_name)
    end = asyncio.Event()

    async def slow_turn() -> None:
        async with db.turn("user-1") as turn:
            turn.user.data["first"] = True
            await end.wait()
            await db.save(turn)
            turn.user.data["last"] = True

    await db.open()
    turn = asyncio.create_task(slow_turn())
    await asyncio.sleep(0.1)
    closing = [asyncio.create_task(db.close()) for _ in range(2)]
    await asyncio.sleep(0.1)

    with pytest.raises(UsageError, match=r"used after close\(\)"):
        await visit(db, "user-2")
    assert not any(task.done() for task in closing)
    end.set()
    await asyncio.gather(turn, *closing)

    async with adapter_on(moto, table_name) as other:
        assert (await other.export("user-1"))["user"] == {"data": {"first": True, "last": True}}


async def test_closing_is_bounded(moto: Engine, table_name: str) -> None:
    """A turn that does not end is not waited for for ever; its save then fails, and opens nothing."""
    session = RecordingSession()
    db = adapter_on(moto, table_name, session=session, queue_timeout=0.1, operation_timeout=0.5)

    async def at_once(_: object) -> None:
        """However long it would have waited: it did not."""

    await db.handle("user-1", at_once, io_timeout=60)
    begun, end = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        async with db.turn("user-1"):
            begun.set()
            await end.wait()

    turn = asyncio.create_task(endless())
    await begun.wait()
    began = time.monotonic()
    await db.close()
    assert 1 < time.monotonic() - began < 15
    end.set()

    with pytest.raises(UsageError, match="closed while"):
        await turn
    assert (session.clients, session.closed) == (1, 1)


async def test_closing_waits_for_who_waits(memory: Engine, table_name: str) -> None:
    """A handler that was ready to wait longer than `queue_timeout` for its turn still gets it, and answers."""
    db = adapter_on(memory, table_name, queue_timeout=0.01, operation_timeout=0.1)
    await visit(db, "user-1")
    end = asyncio.Event()

    async def long_turn() -> None:
        async with db.turn("user-1"):
            await end.wait()

    async def answer(_: object) -> str:
        end.set()
        return "Hello"

    turn = asyncio.create_task(long_turn())
    await asyncio.sleep(0.05)
    # Half of that it waits for the turn before it, which does not end.
    waiting = asyncio.create_task(db.handle("user-1", answer, io_timeout=2))
    await asyncio.sleep(0.05)
    await db.close()
    assert waiting.done()
    assert "Hello" == await waiting
    await turn


async def test_closing_while_opening(moto: Engine, table_name: str) -> None:
    """An opening that takes longer than the wait ends in an error, and leaves no client."""
    session = slow_session(0.6)
    db = AsyncDynamoDb(
        config_on(
            moto,
            table_name,
            aws_access_key_id=None,
            aws_secret_access_key=None,
            queue_timeout=0.1,
            operation_timeout=0.1,
        ),
        aws_session=session,
    )
    opening = asyncio.create_task(db.open())
    await asyncio.sleep(0.05)

    await db.close()

    with pytest.raises(UsageError, match="closed while in use"):
        await opening
    assert session.clients == session.closed == 1


async def test_closing_is_cancelled(moto: Engine, table_name: str) -> None:
    """Another call completes it."""
    session = RecordingSession()
    db = adapter_on(moto, table_name, session=session)
    end = asyncio.Event()

    async def turn() -> None:
        async with db.turn("user-1"):
            await end.wait()

    running = asyncio.create_task(turn())
    await asyncio.sleep(0.2)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await db.close()
    end.set()
    await db.close()
    await running

    assert (session.clients, session.closed) == (1, 1)


async def another_schema(moto: Engine, table_name: str) -> dict[str, Any]:
    """The table is not ours."""
    async with moto.client() as client:
        await client.create_table(
            TableName=table_name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return {}


async def nobody_there(_moto: Engine, _table_name: str) -> dict[str, Any]:
    """No server listens."""
    return {"endpoint_url": "http://127.0.0.1:9", "operation_timeout": 0.5, "max_attempts": 1}


async def no_credentials(_moto: Engine, _table_name: str) -> dict[str, Any]:
    """The session has none."""
    return {"aws_access_key_id": None, "aws_secret_access_key": None}


@pytest.mark.parametrize("fast_path", [True, False], ids=["wire", "sdk"])
@pytest.mark.parametrize("fault", [another_schema, nobody_there, no_credentials])
async def test_a_block_that_fails_to_open_leaves_nothing_open(
    fault: Callable[..., Awaitable[dict[str, Any]]], moto: Engine, table_name: str, fast_path: bool
) -> None:
    """However often it is tried: no client, no socket, no task; and the adapter is not closed by it."""
    settings = await fault(moto, table_name)
    session = RecordingSession()
    db = adapter_on(moto, table_name, session=session, fast_path=fast_path, **settings)
    before, tasks = sockets(), len(asyncio.all_tasks())
    for _ in range(3):
        with pytest.raises(DynaDbError) as told:
            async with db:
                pytest.fail("it opened")
        assert not isinstance(told.value, UsageError)
        assert session.clients == session.closed
    await asyncio.sleep(0.05)
    gc.collect()

    assert (sockets(), len(asyncio.all_tasks())) == (before, tasks)


async def test_a_block_that_is_cancelled_while_it_opens_leaves_nothing_open(moto: Engine, table_name: str) -> None:
    """Neither a client nor a task that makes one; the next try works."""
    session = slow_session(0.3)
    unset = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"))
    db = AsyncDynamoDb(config_on(moto, table_name, **unset), aws_session=session)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), db:
            pytest.fail("it opened")

    assert session.clients == session.closed
    async with db:
        assert await visit(db, "user-1") == 1
    assert session.clients == session.closed


async def test_a_block_in_a_second_loop_leaves_the_first_ones_open(moto: Engine, table_name: str) -> None:
    """What it could not open was not its own."""

    async def enter() -> None:
        async with db:
            pytest.fail("it opened")

    async with adapter_on(moto, table_name) as db:
        with pytest.raises(UsageError, match="second event loop"):
            await asyncio.to_thread(lambda: asyncio.run(enter()))
        assert await visit(db, "user-1") == 1


def test_asyncio_run_twice(moto: Engine, table_name: str) -> None:
    """Each event loop gets a client, and the first one's is closed with its loop, though nobody called `close`."""
    session = RecordingSession()
    db = adapter_on(moto, table_name, session=session)

    assert asyncio.run(visit(db, "user-1")) == 1
    assert (session.clients, session.closed) == (1, 1)
    assert asyncio.run(visit(db, "user-1")) == 2
    asyncio.run(db.close())

    assert (session.clients, session.closed) == (2, 2)


def test_close_after_the_loop_ended(moto: Engine, table_name: str) -> None:
    """`close` in another loop finds nothing left to do, and the adapter is closed."""
    session = RecordingSession()
    db = adapter_on(moto, table_name, session=session)
    asyncio.run(visit(db, "user-1"))

    asyncio.run(db.close())

    assert (session.clients, session.closed) == (1, 1)
    with pytest.raises(UsageError, match=r"used after close\(\)"):
        asyncio.run(db.open())


def run_and_close(use: Awaitable[Any]) -> Any:
    """An event loop as it should not be ended: it closes none of its generators."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(use)
    finally:
        loop.close()


async def several(db: Db, table_name: str) -> int:
    """Turns that leave more than one connection behind."""
    await asyncio.gather(*(visit(db, f"user-{n}") for n in range(5)))
    return await visit(db, "user-0")


@pytest.mark.parametrize("fast_path", [False, True])
@pytest.mark.parametrize("use", ["turn", "close"])
@pytest.mark.asyncio_only(UVLOOP_ENDS)
def test_a_loop_that_was_just_closed(
    dynalite: Engine, table_name: str, caplog: pytest.LogCaptureFixture, use: str, fast_path: bool
) -> None:
    """The next loop works, and the old client's sockets are closed without a warning or a line in the log."""
    db = adapter_on(dynalite, table_name, fast_path=fast_path)
    before = sockets()
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.WARNING):
        warnings.simplefilter("always")
        assert run_and_close(several(db, table_name)) == 2
        assert sockets() > before
        asyncio.run(db.close() if use == "close" else visit(db, "user-0"))
        gc.collect()

    assert [str(warning.message) for warning in caught] == []
    # In debug mode asyncio says how long each of its steps took.
    told = [record for record in caplog.records if "Executing" not in record.msg]
    assert [record for record in told if record.name.startswith(("asyncio", "aiohttp"))] == []
    assert sockets() == before


def sockets() -> int:
    """How many sockets this process has open."""
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("open sockets are counted in /proc")
    return sum(str(file.readlink()).startswith("socket:") for file in folder.iterdir() if file.is_symlink())


def test_a_loop_that_ends_while_a_turn_is_open(moto: Engine, table_name: str) -> None:
    """A turn that its loop's end cut off leaves nothing that a later loop stumbles over."""
    db = adapter_on(moto, table_name)

    async def cut_off() -> None:
        turn = asyncio.create_task(visit(db, "user-1"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not turn.done()

    asyncio.run(cut_off())

    assert asyncio.run(visit(db, "user-1")) == 1
    asyncio.run(db.close())


async def test_two_live_loops(moto: Engine, table_name: str) -> None:
    """A use from a second loop is a clear error, also to close; the first loop goes on."""
    async with adapter_on(moto, table_name) as db:
        await visit(db, "user-1")
        failures: list[str] = []

        def elsewhere() -> None:
            for use in (*USES.values(), lambda db: db.close()):
                try:
                    asyncio.run(use(db))
                except UsageError as error:
                    failures.append(str(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        await asyncio.to_thread(thread.join)

        assert len(failures) == len(USES) + 1
        assert all("second event loop" in failure for failure in failures)
        assert await visit(db, "user-1") == 2


def test_a_test_client(moto: Engine, table_name: str) -> None:
    """Two portals, one after the other, as a web framework's test client makes them: each has its own loop."""
    db = adapter_on(moto, table_name)

    for visits in (1, 2):
        with anyio.from_thread.start_blocking_portal() as portal:
            assert portal.call(visit, db, "user-1") == visits
    with anyio.from_thread.start_blocking_portal() as portal:
        portal.call(db.close)


async def test_without_a_region(table_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the setting, the variables, and how to start a local server."""
    db = AsyncDynamoDb(table_name)

    said = r"no region; .*client\.region_name, .*AWS_REGION .*local_server.*memory:"
    with pytest.raises(ConfigError, match=said) as caught:
        await visit(db, "user-1")
    assert "AWS_DEFAULT_REGION" in str(caught.value)
    assert "AWS_ENDPOINT_URL_DYNAMODB" in str(caught.value)
    await db.close()


async def test_without_credentials(table_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same; once they are there, the same adapter works on."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    session = RecordingSession()
    db = AsyncDynamoDb(table_name, aws_session=session)

    for _ in range(2):
        with pytest.raises(ConfigError, match=r"no credentials; .*client\.aws_access_key_id .*local_server") as caught:
            await db.open()
    assert "AWS_ACCESS_KEY_ID" in str(caught.value)
    assert "AWS_SECRET_ACCESS_KEY" in str(caught.value)
    await db.close()
    assert session.clients == session.closed


@pytest.mark.parametrize("region", ["AWS_REGION", "AWS_DEFAULT_REGION"])
async def test_standard_variables(moto: Engine, table_name: str, monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    """Region, keys and endpoint may come from the variables that every AWS tool reads."""
    monkeypatch.setenv(region, "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", moto.endpoint_url)

    async with AsyncDynamoDb(table_name) as db:
        assert await visit(db, "user-1") == 1


async def test_an_injected_session(moto: Engine, table_name: str) -> None:
    """Region and credentials may be the session's; many adapters may share it, and it has no end."""
    session = RecordingSession(region_name="us-east-1", aws_access_key_id="local", aws_secret_access_key="local")
    unset = dict.fromkeys(moto.reached.keys() - {"endpoint_url"})

    for visits in (1, 2):
        async with adapter_on(moto, table_name, session=session, **unset) as db:
            assert await visit(db, "user-1") == visits

    assert (session.clients, session.closed) == (2, 2)


def test_secrets_are_not_shown(moto: Engine, table_name: str) -> None:
    """Neither the adapter nor its configuration shows a key, a secret or a token."""
    secrets = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key", "aws_session_token"), SECRET)
    config = config_on(moto, table_name, **secrets)
    table = TableConfig(table_name, create_options={"Tags": [{"Key": "owner", "Value": SECRET}]})
    db = AsyncDynamoDb(DynamoDbConfig(table, client=config.client))

    for shown in (db, db.config, db.config.client, db.config.table, db.__dict__):
        assert SECRET not in repr(shown)
        assert SECRET not in str(shown)
