import asyncio
import logging
import random
import socket
import time
import traceback
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    DynaDbError,
    DynamoDbConfig,
    OutcomeUnknownError,
    RequestError,
    RequestTimeoutError,
    TableConfig,
    TableNotReadyError,
    ThrottledError,
    TimeToLive,
    Turn,
    UsageError,
)
from dynadb_async.connection.retry import COST, TOKENS
from tests.engines import PATIENCE, Engine
from tests.proxy import ITEM_OPERATIONS, Fault, FaultProxy, always, no_fault, script, sometimes

# So that a permanent fault ends soon, by its time or by its attempts; tests.reliability measures the defaults.
QUICK = {"connect_timeout": 1, "read_timeout": 0.3, "operation_timeout": 0.9}
FEW = {"max_attempts": 3}
SLACK = 10.0  # the machine may be busy; tests.reliability reports the real figure
# The table is there, and whoever hurries does not look.
THERE = {"create_table_on_init": False}

# The fault, the error's code, and its class for a read and for a write.
PERMANENT = [
    (Fault.DROP, "ConnectionLost", RequestError, OutcomeUnknownError),
    (Fault.LOSE, "ConnectionLost", RequestError, OutcomeUnknownError),
    (Fault.RESET, "ConnectionLost", RequestError, OutcomeUnknownError),
    (Fault.HANG, "Timeout", RequestTimeoutError, OutcomeUnknownError),
    (Fault.HANG_AFTER, "Timeout", RequestTimeoutError, OutcomeUnknownError),
    (Fault.TRICKLE, "Timeout", RequestTimeoutError, OutcomeUnknownError),
    (Fault.THROTTLE, "ProvisionedThroughputExceededException", ThrottledError, ThrottledError),
    (Fault.ERROR_500, "InternalServerError", RequestError, OutcomeUnknownError),
    (Fault.ERROR_503, "ServiceUnavailable", RequestError, OutcomeUnknownError),
    (Fault.CORRUPT, "CorruptAnswer", RequestError, OutcomeUnknownError),
    (Fault.TRUNCATE, "ConnectionLost", RequestError, OutcomeUnknownError),
    (Fault.HTML, "CorruptAnswer", RequestError, OutcomeUnknownError),
    (Fault.EMPTY, "CorruptAnswer", RequestError, OutcomeUnknownError),
    (Fault.LIST, "CorruptAnswer", RequestError, OutcomeUnknownError),
    (Fault.EXPIRED, "ExpiredTokenException", RequestError, RequestError),
]
SILENT = {Fault.HANG, Fault.HANG_AFTER, Fault.TRICKLE}
WITH_REQUEST_ID = {Fault.THROTTLE, Fault.ERROR_500, Fault.ERROR_503, Fault.EXPIRED}

MARKERS = {"user": "qqUSERqq", "content": "qqWORDqq", "key": "qqKEYqq", "secret": "qqSECRETqq", "token": "qqTOKENqq"}

Open = Callable[..., AsyncDynamoDb[dict[str, Any]]]


@pytest.fixture(scope="session", autouse=True)
def _warm(moto: Engine) -> None:
    """Let moto load what it needs for its first request, which takes longer than these tests wait."""
    headers = {
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request",
    }
    urllib.request.urlopen(urllib.request.Request(moto.endpoint_url, b"{}", headers), timeout=10).close()


@pytest.fixture
async def proxy(moto: Engine) -> AsyncIterator[FaultProxy]:
    """A fault proxy in front of moto."""
    async with FaultProxy(moto) as proxy:
        yield proxy


@pytest.fixture
def adapter(proxy: FaultProxy, table_name: str, client_options: dict[str, Any]) -> Open:
    """Makes an adapter behind the proxy, with these settings of the client and the table."""

    def adapter(*, table: dict[str, Any] | None = None, **client: Any) -> AsyncDynamoDb[dict[str, Any]]:
        settings: dict[str, Any] = {**proxy.client_settings, **PATIENCE, **client_options, **client}
        return AsyncDynamoDb(DynamoDbConfig(TableConfig(table_name, **(table or {})), client=ClientConfig(**settings)))

    return adapter


@pytest.fixture
async def made_table(moto: Engine, table_name: str) -> None:
    """The table, made by an adapter that has time."""
    async with AsyncDynamoDb(DynamoDbConfig(TableConfig(table_name), client=ClientConfig(**moto.client_settings))):
        pass


@pytest.fixture
async def db(adapter: Open, made_table: None) -> AsyncIterator[AsyncDynamoDb[dict[str, Any]]]:
    """An open adapter that tries few times."""
    async with adapter(**FEW) as db:
        yield db


async def said(db: AsyncDynamoDb[dict[str, Any]], word: str, **options: Any) -> Turn[dict[str, Any]]:
    """A turn of the user that remembers a word."""
    async with db.turn("user", **options) as turn:
        turn.user.data.setdefault("words", []).append(word)
    return turn


async def words(db: AsyncDynamoDb[dict[str, Any]]) -> Any:
    """What the user's item remembers."""
    return (await db.export("user"))["user"]["data"]["words"]


async def error_and_seconds(operation: Awaitable[Any]) -> tuple[DynaDbError, float]:
    """How *operation* fails, and after how long."""
    began = time.monotonic()
    with pytest.raises(DynaDbError) as raised:
        await operation
    return raised.value, time.monotonic() - began


async def test_ways(proxy: FaultProxy, adapter: Open, client_options: dict[str, Any]) -> None:
    """These tests go the way to DynamoDB that they are named after: stepping down to the SDK would go unseen."""
    async with adapter() as db:
        await said(db, "hello")
    assert proxy.last is not None
    assert ("md/wire" in proxy.last.headers["user-agent"]) == bool(client_options["fast_path"])


@pytest.mark.usefixtures("made_table")
@pytest.mark.parametrize(("fault", "code", "read_error", "write_error"), PERMANENT, ids=[f[0].name for f in PERMANENT])
async def test_permanent_fault(
    proxy: FaultProxy,
    adapter: Open,
    fault: Fault,
    code: str,
    read_error: type[RequestError],
    write_error: type[RequestError],
) -> None:
    """Each operation ends within `operation_timeout` with the error that says what is known, and by whom."""
    async with adapter() as before, adapter(**(QUICK if fault in SILENT else FEW), table=THERE) as db:
        await said(before, "hello")
        turn = await before.load("user")
        proxy.plan = always(fault)
        results = await asyncio.gather(*map(error_and_seconds, (db.load("user"), db.save(turn), db.delete("user"))))
    for operation, kind, (error, seconds) in zip(
        ITEM_OPERATIONS[:3], (read_error, write_error, write_error), results, strict=True
    ):
        assert isinstance(error, RequestError)
        assert (type(error), error.operation, error.code) == (kind, operation, code)
        assert error.request_id.startswith("fault-") == (fault in WITH_REQUEST_ID)
        assert seconds < db.config.client.operation_timeout + SLACK


@pytest.mark.parametrize(
    "fault", [fault for fault, *_ in PERMANENT if fault is not Fault.EXPIRED], ids=lambda fault: fault.name
)
async def test_passing_fault(proxy: FaultProxy, adapter: Open, fault: Fault) -> None:
    """After a passing fault on each operation, the user is no new user and the save happened exactly once."""
    soon = {"connect_timeout": 0.5, "read_timeout": 0.4, "max_attempts": 10} if fault in SILENT else {}
    async with adapter() as before, adapter(**soon, table=THERE) as db:
        await said(before, "hello")
        proxy.plan = script(fault, operations=("GetItem",))
        turn = await db.load("user")
        assert (turn.user.is_new, turn.user.data) == (False, {"words": ["hello"]})
        proxy.plan = script(fault, operations=("UpdateItem",))
        await said(db, "again")
        assert proxy.injected[fault] == 2
        assert await words(db) == ["hello", "again"]


async def test_lost_answer_costs_one_more_request(proxy: FaultProxy, db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """The save whose answer was lost is recognised by the refusal of its own repetition."""
    proxy.plan = script(Fault.LOSE, operations=("UpdateItem",))
    await said(db, "hello")
    assert proxy.seen["UpdateItem"] == 2
    assert await words(db) == ["hello"]


@pytest.mark.parametrize(("fault", "is_duplicate"), [(Fault.LOSE, True), (Fault.DROP, False)])
async def test_repeating_an_unknown_outcome(
    proxy: FaultProxy, db: AsyncDynamoDb[dict[str, Any]], fault: Fault, is_duplicate: bool
) -> None:
    """An unknown outcome carries its turn id, and repeating the turn with it applies it exactly once."""
    proxy.plan = always(fault, ("UpdateItem",))
    with pytest.raises(OutcomeUnknownError) as raised:
        await said(db, "hello", turn_id="turn-1")
    assert raised.value.turn_id == "turn-1"
    proxy.plan = no_fault
    turn = await said(db, "hello", turn_id="turn-1")
    assert turn.is_duplicate == is_duplicate
    assert await words(db) == ["hello"]


async def test_saving_an_unknown_outcome_again(proxy: FaultProxy, db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """A save by hand whose outcome is unknown may be repeated with the same turn, changed or not."""
    turn = await db.load("user")
    turn.user.data["words"] = ["hello"]
    proxy.plan = always(Fault.LOSE, ("UpdateItem",))
    with pytest.raises(OutcomeUnknownError):
        await db.save(turn)
    proxy.plan = no_fault
    turn.user.data["words"].append("again")
    await db.save(turn)
    assert await words(db) == ["hello", "again"]


async def test_unknown_outcome_among_checkpoints(proxy: FaultProxy, db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """A save whose outcome was unknown stays the turn's own: no later checkpoint takes it for another delivery."""
    turn = await db.load("user", turn_id="turn-1")
    turn.user.data["words"] = ["hello"]
    proxy.plan = always(Fault.LOSE, ("UpdateItem",))
    with pytest.raises(OutcomeUnknownError):
        await db.save(turn)
    proxy.plan = no_fault
    await db.save(turn)
    await said(db, "another")
    turn.user.data["words"].append("again")
    await db.save(turn)
    assert not turn.is_duplicate
    assert await words(db) == ["hello", "another", "again"]


async def test_unknown_outcome_of_forgetting(proxy: FaultProxy, db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """A turn that forgets its user carries its turn id as well when nobody knows whether it happened."""
    await said(db, "hello")
    proxy.plan = always(Fault.LOSE, ("DeleteItem",))
    with pytest.raises(OutcomeUnknownError) as raised:
        async with db.turn("user", turn_id="turn-1") as turn:
            turn.forget()
    assert raised.value.turn_id == "turn-1"


@pytest.mark.parametrize("place", ["closed port", "nowhere.invalid"])
async def test_unreachable(db: AsyncDynamoDb[dict[str, Any]], adapter: Open, place: str) -> None:
    """Where nothing answers, a write surely did not happen, and the error says what to check."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}" if place == "closed port" else f"{place}:8000"
        turn = await db.load("user")
        async with adapter(**FEW, operation_timeout=3, endpoint_url=f"http://{host}", table=THERE) as other:
            results = await asyncio.gather(*map(error_and_seconds, (other.load("user"), other.save(turn))))
    for operation, (error, seconds) in zip(ITEM_OPERATIONS, results, strict=False):
        assert isinstance(error, RequestError)
        assert (type(error), error.operation, error.code) == (RequestError, operation, "ConnectionFailed")
        assert "check the region, the endpoint and the network" in str(error)
        assert seconds < other.config.client.operation_timeout + SLACK


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.THROTTLE])
@pytest.mark.parametrize("operation", ["GetItem", "UpdateItem"])
async def test_io_timeout(proxy: FaultProxy, adapter: Open, fault: Fault, operation: str) -> None:
    """`io_timeout` bounds a turn's loading and saving together; the next turn works."""
    async with adapter() as db:
        await said(db, "hello")
        proxy.plan = always(fault, (operation,))
        began = time.monotonic()
        with pytest.raises(RequestError):
            async with db.turn("user", io_timeout=0.3):
                pass
        assert time.monotonic() - began < 0.3 + SLACK
        proxy.plan = no_fault
        await said(db, "again")
        assert await words(db) == ["hello", "again"]


async def test_a_handlers_own_time_is_not_io(db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """A handler may take longer than `io_timeout`."""
    async with db.turn("user", io_timeout=1.5) as turn:
        turn.user.data["words"] = ["late"]
        await asyncio.sleep(1.6)
    assert await words(db) == ["late"]


async def test_outage_is_not_multiplied(proxy: FaultProxy, db: AsyncDynamoDb[dict[str, Any]]) -> None:
    """During an outage retries run out for all operations together; after it, the first request works."""
    proxy.plan = always(Fault.ERROR_503)
    operations = 2 * TOKENS // COST
    await asyncio.gather(*(error_and_seconds(db.load(f"user-{n}")) for n in range(operations)))
    assert proxy.seen["GetItem"] <= operations + TOKENS // COST
    before = proxy.seen["GetItem"]
    await asyncio.gather(*(error_and_seconds(db.load(f"user-{n}")) for n in range(10)))
    assert proxy.seen["GetItem"] == before + 10
    proxy.plan = no_fault
    await said(db, "hello")


async def test_table_is_creating_for_a_while(proxy: FaultProxy, adapter: Open) -> None:
    """The first turn waits until the table is ACTIVE, and then works."""
    proxy.plan = script(*[Fault.NOT_ACTIVE] * 4, operations=("DescribeTable",))
    async with adapter() as db:
        await said(db, "hello")
        assert await words(db) == ["hello"]
    assert proxy.seen["CreateTable"] == 1


async def test_table_is_creating_for_ever(proxy: FaultProxy, adapter: Open) -> None:
    """A turn whose io_timeout ends before the table is ACTIVE says so; the next one waits again."""
    proxy.plan = always(Fault.NOT_ACTIVE, ("DescribeTable",))
    db = adapter()
    with pytest.raises(TableNotReadyError):
        await said(db, "hello", io_timeout=1)
    proxy.plan = no_fault
    await said(db, "hello")
    await db.close()


@pytest.mark.parametrize("client_options", [{}], ids=[""])
@pytest.mark.parametrize("operation", ["DescribeTable", "CreateTable", "DescribeTimeToLive", "UpdateTimeToLive"])
@pytest.mark.parametrize(
    "fault", [Fault.LOSE, Fault.THROTTLE, Fault.ERROR_500, Fault.HTML], ids=lambda fault: fault.name
)
async def test_first_turn_under_a_passing_fault(proxy: FaultProxy, adapter: Open, fault: Fault, operation: str) -> None:
    """Whatever befalls one of the requests that make the table, the very first turn works."""
    proxy.plan = script(fault, operations=(operation,))
    async with adapter(table={"ttl": TimeToLive(timedelta(days=1))}) as db:
        await said(db, "hello")
        assert await words(db) == ["hello"]
    assert proxy.injected[fault] == 1


async def greeted(db: AsyncDynamoDb[dict[str, Any]], user_id: str) -> None:
    """A turn with a handler that waits a little; what comes late of one that was cancelled says the same."""
    async with db.turn(user_id) as turn:
        turn.user.data["said"] = "hello"
        await asyncio.sleep(0.002)


async def cancelled_turn(db: AsyncDynamoDb[dict[str, Any]], user_id: str, seconds: float) -> None:
    """A turn that is cancelled after *seconds*, wherever it is then."""
    task = asyncio.create_task(greeted(db, user_id))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() or task.exception() is None or isinstance(task.exception(), DynaDbError)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.usefixtures("made_table")
async def test_cancellation(proxy: FaultProxy, adapter: Open, seed: int) -> None:
    """Twenty turns cancelled at random points, the cold first one too, leave no locked user and no connection."""
    dice = random.Random(seed)
    proxy.plan = sometimes(0.1, Fault.HANG, Fault.TRICKLE, Fault.LOSE, seed=seed)
    async with adapter(read_timeout=1, max_pool_connections=2, queue_timeout=0.2) as db:
        await cancelled_turn(db, "user-0", dice.uniform(0, 0.1))
        for _ in range(10):
            await asyncio.gather(
                *(cancelled_turn(db, f"user-{n % 2}", dice.uniform(0, 0.03)) for n in range(2)),
            )
        proxy.plan = no_fault
        assert db._live is not None
        assert db._live.queue._waiting == {}
        async with asyncio.timeout(SLACK):
            await asyncio.gather(*(greeted(db, f"user-{n}") for n in range(2)))
            for n in range(2):
                assert (await db.export(f"user-{n}"))["user"]["data"] == {"said": "hello"}
        assert proxy.open_connections <= 4
    await nothing_open(proxy)


async def nothing_open(proxy: FaultProxy) -> None:
    """Wait until the proxy has seen the end of every connection."""
    async with asyncio.timeout(SLACK):
        while proxy.open_connections:
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("made_table")
async def test_close_under_hang(proxy: FaultProxy, adapter: Open) -> None:
    """`close()` lets open turns end, but not for ever; then nothing is open and nothing can be used."""
    db = adapter(**QUICK, queue_timeout=0.2, table=THERE)
    await db.open()
    proxy.plan = always(Fault.HANG)
    turns = asyncio.gather(*(said(db, "hello") for _ in range(3)), return_exceptions=True)
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await db.close()
    assert time.monotonic() - began < 0.2 + 2 * QUICK["operation_timeout"] + SLACK
    for error in await turns:
        assert isinstance(error, RequestError | UsageError)
    await nothing_open(proxy)
    with pytest.raises(UsageError):
        await said(db, "hello")


@pytest.mark.usefixtures("made_table")
async def test_privacy(proxy: FaultProxy, adapter: Open, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever happens, no user id, content, key or token is in our logs, our errors' texts or our reprs."""
    caplog.set_level(logging.DEBUG, "dynadb_async")
    keys = {
        "aws_access_key_id": MARKERS["key"],
        "aws_secret_access_key": MARKERS["secret"],
        "aws_session_token": MARKERS["token"],
    }
    user = MARKERS["user"]
    async with adapter(**keys) as before, adapter(**QUICK, **keys, table=THERE) as db:
        turn = await before.load(user, turn_id=f"{MARKERS['token']}-1")
        turn.user.data[MARKERS["content"]] = MARKERS["content"]
        await before.save(turn)
        shown = [repr(turn), repr(db), repr(db.config)]
        for fault, *_ in PERMANENT:
            proxy.plan = always(fault)
            operations = (db.load(user), db.save(turn), db.delete(user), db.export(user), said(db, user))
            for error, _ in await asyncio.gather(*map(error_and_seconds, operations)):
                shown += [repr(error), "".join(traceback.format_exception(error))]
    shown += [record.getMessage() for record in caplog.records if record.name.startswith("dynadb_async")]
    assert any("attempt 1 failed" in text for text in shown)
    assert not [text for text in shown if any(marker in text for marker in MARKERS.values())]
