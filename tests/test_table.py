import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from dynadb_async import (
    OnDemand,
    Provisioned,
    RequestError,
    TableConfig,
    TableError,
    TableNotFoundError,
    TableNotReadyError,
    TimeToLive,
    UsageError,
)
from tests.engines import Engine
from tests.proxy import Fault, FaultProxy, always
from tests.sessions import RecordingSession, adapter_on, visit

KEY = {
    "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "userId", "AttributeType": "S"}],
}
ONE_DAY = timedelta(days=1)

CONTROL_PLANE = {"DescribeTable", "CreateTable", "DescribeTimeToLive", "UpdateTimeToLive"}

# They look at what was sent, or at what only servers tell of a table.
ON_SERVERS = pytest.mark.parametrize("engine", ["moto", "dynamodb-local", "dynalite"], indirect=True)


@pytest.fixture
def session() -> RecordingSession:
    """What the adapter's client is made from, and what it sent."""
    return RecordingSession()


@pytest.fixture
async def slow(slow_dynalite: Engine) -> AsyncIterator[Any]:
    """A plain client on the server whose tables take a second to come and to go."""
    async with slow_dynalite.client() as client:
        yield client


@pytest.fixture(params=["moto", "dynamodb-local", "dynalite"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each server: what is sent to it is looked at."""
    engine: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    return engine


@pytest.fixture(params=["moto", "dynamodb-local"])
def ttl_engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine that knows TTL."""
    engine: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    return engine


async def create(client: Any, name: str, **changed: Any) -> None:
    """A table that somebody else made, ACTIVE."""
    await client.create_table(TableName=name, **{"BillingMode": "PAY_PER_REQUEST", **KEY, **changed})
    await until_status(client, name, "ACTIVE")


async def until_status(client: Any, name: str, status: str) -> dict[str, Any]:
    """The table's description once it has *status*."""
    for _ in range(200):
        table: dict[str, Any] = (await client.describe_table(TableName=name))["Table"]
        if table["TableStatus"] == status:
            return table
        await asyncio.sleep(0.02)
    raise AssertionError(f"the table never was {status}")


async def until_sent(session: RecordingSession, operation: str) -> None:
    """Wait for a request that some task sends."""
    async with asyncio.timeout(10):
        while not session.count(operation):
            await asyncio.sleep(0.01)


async def ttl_of(client: Any, name: str) -> dict[str, Any]:
    """What the table says of its TTL."""
    description: dict[str, Any] = (await client.describe_time_to_live(TableName=name))["TimeToLiveDescription"]
    return description


def in_processes(engine: Engine, table: dict[str, Any], *, processes: int, turns: int) -> list[dict[str, int]]:
    """What each of so many processes reports of so many first turns, all begun at once."""
    config = json.dumps({"table": table, "client": engine.client_settings})
    command = [sys.executable, "-m", "tests.first_turns", config, str(turns)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, **pipes) for _ in range(processes)]
    for process in running:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    return [json.loads(process.communicate(timeout=30)[0]) for process in running]


async def test_50_concurrent_first_turns(slow_dynalite: Engine, session: RecordingSession, table_name: str) -> None:
    """Each is answered though the table is CREATING for a second, with one client and one CreateTable call."""
    db = adapter_on(slow_dynalite, table_name, session=session)

    answers = await asyncio.gather(*(visit(db, f"user-{n}") for n in range(50)))
    again = await asyncio.gather(*(visit(db, f"user-{n}") for n in range(50)))
    await db.close()

    assert answers == [1] * 50
    assert again == [2] * 50
    assert session.clients == session.closed == 1
    assert session.count("CreateTable") == 1
    assert session.count("DescribeTable") in range(4, 9), "polled from 50 ms up to a second"


async def test_first_turns_in_4_processes(slow_dynalite: Engine, table_name: str) -> None:
    """20 first turns in each of 4 processes are all answered; each process calls CreateTable at most once."""
    reports = await asyncio.to_thread(in_processes, slow_dynalite, {"name": table_name}, processes=4, turns=20)

    assert [report["answered"] for report in reports] == [20] * 4
    assert {report["created"] for report in reports} <= {0, 1}
    async with slow_dynalite.client() as client:
        assert (await client.describe_table(TableName=table_name))["Table"]["ItemCount"] in range(81)
        assert len((await client.scan(TableName=table_name))["Items"]) == 80


async def test_two_processes_race_for_the_ttl(ttl_engine: Engine, table_name: str) -> None:
    """Whoever is second finds TTL enabled, which is what it wanted."""
    table = {"name": table_name, "ttl": {"after": 3600}}

    reports = await asyncio.to_thread(in_processes, ttl_engine, table, processes=2, turns=5)

    assert [report["answered"] for report in reports] == [5, 5]
    async with ttl_engine.client() as client:
        assert (await ttl_of(client, table_name))["AttributeName"] == "expiresAt"


@ON_SERVERS
async def test_adapters_race_for_the_creation(engine: Engine, table_name: str) -> None:
    """ResourceInUseException means that somebody else was faster: no error."""
    sessions = [RecordingSession() for _ in range(5)]
    adapters = [adapter_on(engine, table_name, session=session) for session in sessions]
    await asyncio.gather(*(db._running().connection.ways.open() for db in adapters))

    answers = await asyncio.gather(*(visit(db, f"user-{n}") for n, db in enumerate(adapters)))
    await asyncio.gather(*(db.close() for db in adapters))

    assert answers == [1] * 5
    assert sum(session.count("CreateTable") for session in sessions) > 1


async def test_the_first_caller_is_cancelled(slow_dynalite: Engine, session: RecordingSession, table_name: str) -> None:
    """The nine that wait with it are answered, by the creation that it began, and the table counts as ready after."""
    db = adapter_on(slow_dynalite, table_name, session=session)
    first = asyncio.create_task(visit(db, "user-0"))
    others = [asyncio.create_task(visit(db, f"user-{n}")) for n in range(1, 10)]
    await until_sent(session, "CreateTable")

    first.cancel()

    with pytest.raises(asyncio.CancelledError):
        await first
    assert await asyncio.gather(*others) == [1] * 9
    described = session.count("DescribeTable")
    assert await visit(db, "user-0") == 1
    await db.close()
    assert (session.count("CreateTable"), session.count("DescribeTable")) == (1, described)


async def test_all_callers_are_cancelled(slow_dynalite: Engine, session: RecordingSession, table_name: str) -> None:
    """The creation goes on without anybody who waits, and the next caller finds what it made."""
    db = adapter_on(slow_dynalite, table_name, session=session)
    callers = [asyncio.create_task(db.ensure_table()) for _ in range(5)]
    await until_sent(session, "CreateTable")
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)

    assert await visit(db, "user-1") == 1
    await db.close()
    assert session.count("CreateTable") == 1


async def test_a_caller_with_too_little_time(slow_dynalite: Engine, session: RecordingSession, table_name: str) -> None:
    """It gets its own error in its own time, by asyncio.timeout or io_timeout; the others are answered."""
    db = adapter_on(slow_dynalite, table_name, session=session)
    others = [asyncio.create_task(visit(db, f"user-{n}")) for n in range(5)]

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await visit(db, "hurried")
    with pytest.raises(TableNotReadyError, match="io_timeout"):
        async with db.turn("hurried", io_timeout=0.2):
            pytest.fail("there was no table yet")

    assert not any(task.done() for task in others), "it was told before the table was there"
    assert await asyncio.gather(*others) == [1] * 5
    await db.close()
    assert session.count("CreateTable") == 1


@ON_SERVERS
async def test_another_key_schema(engine: Engine, client: Any, session: RecordingSession, table_name: str) -> None:
    """An error that shows both schemas reaches all who wait; once the table is mended, the next caller succeeds."""
    key = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"}]
    await create(client, table_name, KeySchema=key, AttributeDefinitions=types)
    db = adapter_on(engine, table_name, session=session)

    failures = await asyncio.gather(*(visit(db, f"user-{n}") for n in range(5)), return_exceptions=True)

    assert {type(failure) for failure in failures} == {TableError}
    assert "id (S HASH), at (N RANGE)" in str(failures[0])
    assert "userId (S HASH)" in str(failures[0])
    assert [name for name, _ in session.sent] == ["DescribeTable"]
    await client.delete_table(TableName=table_name)
    assert await visit(db, "user-1") == 1
    await db.close()


async def test_a_key_of_another_type(engine: Engine, client: Any, table_name: str) -> None:
    """A user id is text: a table with a number as its key is refused."""
    await create(client, table_name, AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "N"}])
    db = adapter_on(engine, table_name)

    with pytest.raises(TableError, match=r"userId \(N HASH\), but userId \(S HASH\) is needed"):
        await db.open()
    await db.close()


async def test_a_table_in_deletion(slow_dynalite: Engine, slow: Any, table_name: str) -> None:
    """It is waited out, then the table is made anew."""
    await create(slow, table_name)
    await slow.delete_table(TableName=table_name)
    await until_status(slow, table_name, "DELETING")

    async with adapter_on(slow_dynalite, table_name) as db:
        assert await visit(db, "user-1") == 1


async def test_a_table_that_somebody_else_creates(
    slow_dynalite: Engine, slow: Any, session: RecordingSession, table_name: str
) -> None:
    """A table that is CREATING is awaited, and not created again."""
    await slow.create_table(TableName=table_name, BillingMode="PAY_PER_REQUEST", **KEY)

    async with adapter_on(slow_dynalite, table_name, session=session) as db:
        assert await visit(db, "user-1") == 1

    assert session.count("CreateTable") == 0


async def test_ready_timeout(slow_dynalite: Engine, session: RecordingSession, table_name: str) -> None:
    """The wait ends with an error that names the setting; creation goes on, and a later call finds the table."""
    db = adapter_on(slow_dynalite, TableConfig(table_name, ready_timeout=0.8), session=session)

    with pytest.raises(TableNotReadyError, match=r"table\.ready_timeout"):
        await visit(db, "user-1")
    await db.close()

    async with adapter_on(slow_dynalite, table_name, session=session) as later:
        assert await visit(later, "user-1") == 1
    assert session.count("CreateTable") == 1


async def test_without_leave_to_create(engine: Engine, client: Any, session: RecordingSession, table_name: str) -> None:
    """There is no control-plane call at all, whether the table is there or not: no permission is needed."""
    ttl = TimeToLive(ONE_DAY)
    config = TableConfig(table_name, create_table_on_init=False, ttl=ttl)
    async with adapter_on(engine, config, session=session) as db:
        await db.ensure_table()
        with pytest.raises(TableNotFoundError, match=r"table\.create_table_on_init"):
            await visit(db, "user-1")
        await create(client, table_name)
        assert await visit(db, "user-1") == 1

    assert CONTROL_PLANE.isdisjoint(name for name, _ in session.sent)


@ON_SERVERS
async def test_a_table_that_vanishes(engine: Engine, client: Any, session: RecordingSession, table_name: str) -> None:
    """The turn that finds it gone fails, and the next one creates it again."""
    async with adapter_on(engine, table_name, session=session) as db:
        await visit(db, "user-1")
        await client.delete_table(TableName=table_name)

        with pytest.raises(TableNotFoundError):
            await visit(db, "user-1")

        assert await visit(db, "user-1") == 1
    assert session.count("CreateTable") == 2


@pytest.mark.parametrize("attempts", [1, 5])
async def test_a_lost_answer_to_create_table(
    slow_dynalite: Engine, session: RecordingSession, table_name: str, attempts: int
) -> None:
    """Whether the call came through is seen by looking again, also where it is not tried again."""
    session.losing = {"CreateTable": 1}

    async with adapter_on(slow_dynalite, table_name, session=session, max_attempts=attempts) as db:
        assert await visit(db, "user-1") == 1


async def test_a_creation_that_is_refused(dynamodb_local: Engine, session: RecordingSession, table_name: str) -> None:
    """DynamoDB's refusal is seen by all who wait for it, and the next caller tries again."""
    index = {"IndexName": "index", "KeySchema": [{"AttributeName": "undefined", "KeyType": "HASH"}]}
    options = {"GlobalSecondaryIndexes": [{**index, "Projection": {"ProjectionType": "ALL"}}]}
    config = TableConfig(table_name, create_options=options)
    db = adapter_on(dynamodb_local, config, session=session)

    for tries in (1, 2):
        failures = await asyncio.gather(*(db.ensure_table() for _ in range(3)), return_exceptions=True)
        assert {getattr(failure, "code", None) for failure in failures} == {"ValidationException"}
        assert session.count("CreateTable") == tries
    await db.close()


@pytest.mark.parametrize("options", [{"Nonsense": 1}, {"Tags": "owner"}, {"SSESpecification": 5}], ids=str)
async def test_options_that_no_request_can_be_made_of(moto: Engine, table_name: str, options: dict[str, Any]) -> None:
    """They are told as what they are, rather than with the SDK's own stumbling."""
    db = adapter_on(moto, TableConfig(table_name, create_options=options))
    with pytest.raises(RequestError, match=r"check table\.create_options"):
        await db.ensure_table()
    await db.close()


@ON_SERVERS
async def test_provisioned_billing(engine: Engine, client: Any, session: RecordingSession, table_name: str) -> None:
    """The table has the capacity that was asked for."""
    billing = Provisioned(read_capacity_units=3, write_capacity_units=4)
    async with adapter_on(engine, TableConfig(table_name, billing=billing), session=session):
        throughput = (await client.describe_table(TableName=table_name))["Table"]["ProvisionedThroughput"]

    assert (throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]) == (3, 4)


@ON_SERVERS
async def test_on_demand_billing(engine: Engine, client: Any, session: RecordingSession, table_name: str) -> None:
    """AWS refuses a capacity with on-demand billing, so none is sent."""
    async with adapter_on(engine, TableConfig(table_name, billing=OnDemand()), session=session):
        table = (await client.describe_table(TableName=table_name))["Table"]

    (sent,) = [parameters for name, parameters in session.sent if name == "CreateTable"]
    assert sent["BillingMode"] == "PAY_PER_REQUEST"
    assert "ProvisionedThroughput" not in sent
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


async def test_create_options(moto: Engine, table_name: str) -> None:
    """What CreateTable takes besides, such as tags, reaches the table."""
    tags = [{"Key": "team", "Value": "assistants"}]
    options = {"Tags": tags, "DeletionProtectionEnabled": True}
    async with adapter_on(moto, TableConfig(table_name, create_options=options)), moto.client() as client:
        table = (await client.describe_table(TableName=table_name))["Table"]

        assert (await client.list_tags_of_resource(ResourceArn=table["TableArn"]))["Tags"] == tags
        assert table["DeletionProtectionEnabled"] is True


async def test_another_key_name(engine: Engine, client: Any, table_name: str) -> None:
    """The table is made with the key that the configuration names, and its items have it."""
    async with adapter_on(engine, TableConfig(table_name, primary_key_column="id")) as db:
        await visit(db, "user-1")

    (item,) = (await client.scan(TableName=table_name))["Items"]
    assert item["id"] == {"S": "user-1"}


async def test_ttl_is_enabled(ttl_engine: Engine, session: RecordingSession, table_name: str) -> None:
    """Once when the table is made; another adapter finds it and leaves it."""
    config = TableConfig(table_name, ttl=TimeToLive(ONE_DAY, attribute="goneAt"))
    for _ in range(2):
        async with adapter_on(ttl_engine, config, session=session), ttl_engine.client() as client:
            assert (await ttl_of(client, table_name))["AttributeName"] == "goneAt"
            assert (await ttl_of(client, table_name))["TimeToLiveStatus"] in {"ENABLED", "ENABLING"}

    assert session.count("UpdateTimeToLive") == 1


async def test_ttl_on_another_attribute(ttl_engine: Engine, table_name: str) -> None:
    """An error that names both attributes, and the table is left as it is."""
    async with ttl_engine.client() as client:
        await create(client, table_name)
        enabled = {"Enabled": True, "AttributeName": "theirs"}
        await client.update_time_to_live(TableName=table_name, TimeToLiveSpecification=enabled)
        db = adapter_on(ttl_engine, TableConfig(table_name, ttl=TimeToLive(ONE_DAY)))

        with pytest.raises(TableError, match=r"TTL on theirs, not on expiresAt"):
            await db.open()
        await db.close()

        assert (await ttl_of(client, table_name))["AttributeName"] == "theirs"


@pytest.mark.parametrize("attempts", [1, 5])
async def test_a_lost_answer_to_update_ttl(
    ttl_engine: Engine, session: RecordingSession, table_name: str, attempts: int
) -> None:
    """Whether the call came through is seen by looking again."""
    session.losing = {"UpdateTimeToLive": 1}
    config = TableConfig(table_name, ttl=TimeToLive(ONE_DAY))

    async with adapter_on(ttl_engine, config, session=session, max_attempts=attempts), ttl_engine.client() as client:
        assert (await ttl_of(client, table_name))["TimeToLiveStatus"] in {"ENABLED", "ENABLING"}


async def test_ttl_that_is_refused(dynalite: Engine, table_name: str) -> None:
    """A server without TTL says so at the first use, not as a silent lack of expiry."""
    db = adapter_on(dynalite, TableConfig(table_name, ttl=TimeToLive(ONE_DAY)))

    with pytest.raises(RequestError, match="TimeToLive"):
        await db.open()
    await db.close()


async def test_closing_lets_the_first_turns_end(slow_dynalite: Engine, table_name: str) -> None:
    """Turns that wait for the table when `close` is called are answered first."""
    db = adapter_on(slow_dynalite, table_name)
    turns = [asyncio.create_task(visit(db, f"user-{n}")) for n in range(5)]
    await asyncio.sleep(0.2)

    await db.close()

    assert await asyncio.gather(*turns) == [1] * 5


USES: dict[str, Callable[[Any], Any]] = {
    "open": lambda db: db.open(),
    "ensure_table": lambda db: db.ensure_table(),
    "turn": lambda db: visit(db, "user-1"),
}


@pytest.mark.parametrize("use", USES)
async def test_closing_gives_a_creation_up(moto: Engine, table_name: str, use: str) -> None:
    """Who waits longer than `close` does gets an error that says why, not a cancellation that nobody asked for."""
    session = RecordingSession()
    async with FaultProxy(moto) as proxy:
        proxy.plan = always(Fault.NOT_ACTIVE, ["DescribeTable"])
        limits = {"endpoint_url": proxy.client_settings["endpoint_url"], "queue_timeout": 0.1, "operation_timeout": 1}
        db = adapter_on(moto, table_name, session=session, **limits)
        await db._running().connection.ways.open()  # on a busy machine that alone takes as long
        waiting = asyncio.create_task(USES[use](db))
        await until_sent(session, "CreateTable")

        await db.close()

        with pytest.raises(UsageError, match="closed while"):
            await waiting
    assert session.clients == session.closed == 1
