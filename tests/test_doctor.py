"""What `dynadb doctor` finds out, and what it says to do."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from dynadb_async import (
    AsyncDynamoDb,
    Check,
    ClientConfig,
    Conversations,
    ConversationTableConfig,
    DynamoDbConfig,
    OnDemand,
    TableConfig,
    TimeToLive,
)
from dynadb_async.cli.policies import policy_of
from tests.connect_proxy import connect_proxy
from tests.engines import Engine
from tests.proxy import Answer, Fault, FaultProxy, Request, _deliver, always
from tests.raw_server import Asked, Authority, answer, raw_server
from tests.tables import AWS_SESSION, PATIENCE, Table, new_table
from tests.test_cli import Said, said_to

KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}


class Sick(FaultProxy):
    """A proxy of a server whose clock is off, and that denies some operations."""

    denied: Collection[str] = ()
    code = "AccessDeniedException"
    behind = timedelta()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if "x-amz-target" in request.headers:
            return await super()._answer(request, reader, writer)
        date = format_datetime(datetime.now(UTC) - self.behind, usegmt=True)
        return await _deliver(None, Answer(200, {"Date": date}, b"healthy"), reader, writer)

    async def _forwarded(self, request: Request) -> Answer:
        if request.operation in self.denied:
            body = {"__type": f"com.amazon.coral.service#{self.code}", "Message": "not authorized"}
            return Answer(400, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(body).encode())
        return await super()._forwarded(request)


async def checks_of(config: DynamoDbConfig) -> dict[str, Check]:
    """All checks, by their names."""
    db: AsyncDynamoDb[Any] = AsyncDynamoDb(config)
    try:
        return {check.name: check for check in await db.diagnose()}
    finally:
        await db.close()


def config_of(table: Table, client: dict[str, Any], **more: Any) -> DynamoDbConfig:
    """Settings that only look."""
    return DynamoDbConfig(
        TableConfig(table.name, create_table_on_init=False, **more), client=ClientConfig(**client, max_attempts=1)
    )


ON_USERS = ("GetItem", "UpdateItem", "DeleteItem", "CreateTable", "UpdateTimeToLive")
ON_TALKS = ("GetItem", "UpdateItem", "PutItem", "Query", "BatchWriteItem", "CreateTable", "UpdateTimeToLive")
FOR_THE_COMMAND = {("Scan", ""), ("Scan", "-log"), ("PutItem", "")}


@asynccontextmanager
async def everything_on(moto: Engine, table: Table) -> AsyncIterator[tuple[Sick, DynamoDbConfig]]:
    """Two tables with TTL and somebody in them, as the app makes them, behind a proxy."""
    lives = TimeToLive(after=timedelta(days=1))
    async with Sick(moto) as proxy:
        config = DynamoDbConfig(
            TableConfig(table.name, billing=OnDemand(), ttl=lives),
            client=ClientConfig(**(proxy.client_settings | PATIENCE), max_attempts=1),
            conversations=Conversations(
                ConversationTableConfig(f"{table.name}-log", billing=OnDemand()), keep=timedelta(days=1)
            ),
        )
        async with AsyncDynamoDb(config, aws_session=AWS_SESSION) as db, db.turn("ada") as turn:
            turn.conversation("talk").add("hello")
        yield proxy, config


def seen_in(table: Table) -> list[Any]:
    """All that there is of both tables."""
    raw, names = table.raw, (table.name, f"{table.name}-log")
    asked = (raw.describe_table, raw.describe_time_to_live, raw.scan)
    answers = [ask(TableName=name) for ask in asked for name in names]
    return [{name: value for name, value in answer.items() if name != "ResponseMetadata"} for answer in answers]


async def test_every_permission_is_tried(moto: Engine) -> None:
    """All that the app's policy has is tried, table by table, and nothing at all is changed by it."""
    with new_table(moto) as table:
        async with everything_on(moto, table) as (_, config):
            before = seen_in(table)
            checks = await checks_of(config)
            assert {check.name: check for check in checks.values() if not check.is_good} == {}
            tried = {name for name, check in checks.items() if check.found == "allowed"}
            policy = policy_of(config, {"runtime"})["Statement"]
            for statement, name in zip(policy, (table.name, f"{table.name}-log"), strict=True):
                wanted = {f"{action.removeprefix('dynamodb:')} on {name}" for action in statement["Action"]}
                assert wanted - tried == {f"DescribeTable on {name}", f"DescribeTimeToLive on {name}"}
            assert {f"{operation} on {table.name}{ending}" for operation, ending in FOR_THE_COMMAND} <= tried
            assert before == seen_in(table)


@pytest.mark.parametrize(
    "operation",
    sorted({*ON_USERS, *ON_TALKS, "DescribeTable", "DescribeTimeToLive", "Scan"}),
)
async def test_each_permission(moto: Engine, operation: str) -> None:
    """What is denied is named with what to do, and what only the command needs is no fault; nothing is changed."""
    with new_table(moto) as table:
        async with everything_on(moto, table) as (proxy, config):
            before = seen_in(table)
            proxy.denied = {operation}
            checks = await checks_of(config)
            expected = {
                f"{of} on {table.name}{ending}"
                for ending, operations in (("", ON_USERS), ("-log", ON_TALKS))
                for of in operations
                if of == operation
            }
            described = {"DescribeTable": "table", "DescribeTimeToLive": "TTL of"}
            if operation in described:
                expected = {f"{described[operation]} {table.name}{ending}" for ending in ("", "-log")}
            bad = {name: check for name, check in checks.items() if check.is_good is False}
            assert expected == bad.keys() - {"round trip"}
            for check in bad.values():
                assert f"allow dynamodb:{operation}" in check.advice
                assert "dynadb policy" in check.advice
                assert (operation in ("CreateTable", "UpdateTimeToLive")) == ("create_table_on_init" in check.advice)
            unknown = {name for name, check in checks.items() if check.is_good is None} - {"clock"}
            assert {f"{of} on {table.name}{ending}" for of, ending in FOR_THE_COMMAND if of == operation} == unknown
            assert before == seen_in(table)


async def test_it_creates_nothing(moto: Engine, table_name: str) -> None:
    """Where the table is missing, looking leaves it so; nor is its TTL switched on, or its creation tried."""
    async with Sick(moto) as proxy:
        config = DynamoDbConfig(
            TableConfig(table_name, ttl=TimeToLive(after=timedelta(days=1))),
            client=ClientConfig(**(proxy.client_settings | PATIENCE)),
        )
        checks = await checks_of(config)
        assert "missing" == checks[f"table {table_name}"].found
        assert "let the first use do it" in checks[f"table {table_name}"].advice
        assert checks["round trip"].is_good is False
        assert not {"CreateTable", "UpdateTimeToLive"} & proxy.seen.keys()
        with new_table(moto) as table:
            checks = await checks_of(evolve(config, table=evolve(config.table, name=table.name)))
            assert "expected it on expiresAt" in checks[f"TTL of {table.name}"].advice
            assert checks[f"UpdateTimeToLive on {table.name}"].is_good
            lives = table.raw.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
            assert "DISABLED" == lives["TimeToLiveStatus"]


def test_a_denial_is_a_line(moto: Engine) -> None:
    """For a person: a cross, what, why, and what to do; for a script: status 1."""

    async def said() -> Said:
        async with Sick(moto) as proxy:
            proxy.denied = {"UpdateItem"}
            behind = evolve(table, engine=evolve(moto, endpoint_url=proxy.client_settings["endpoint_url"]))
            return await asyncio.to_thread(said_to, behind, "doctor")

    with new_table(moto) as table:
        told = asyncio.run(said())
    (line,) = [line for line in told.out.splitlines() if line.startswith("✗")]
    assert line.startswith(f"✗ UpdateItem on {table.name}: UpdateItem: the credentials lack a permission")
    assert line.endswith("→ allow dynamodb:UpdateItem; `dynadb policy` has all that is needed")
    assert 1 == told.status


@pytest.mark.parametrize("code", ["UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"])
async def test_credentials_that_are_refused(moto: Engine, code: str) -> None:
    """Keys that DynamoDB does not take are told once, with their provider, rather than at each table."""
    with new_table(moto) as table:
        async with Sick(moto) as proxy:
            proxy.denied, proxy.code = {"GetItem", "DescribeTable"}, code
            checks = await checks_of(config_of(table, proxy.client_settings))
            assert checks["credentials"].is_good is False
            assert code in checks["credentials"].found
            assert "the settings" in checks["credentials"].found
            assert "AWS_ACCESS_KEY_ID" in checks["credentials"].advice
            assert f"table {table.name}" not in checks


async def test_which_provider(moto: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the keys come from, by the SDK's own name for it, and nothing of them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "from-env")
    client = {"endpoint_url": moto.endpoint_url, "region_name": "eu-west-1"}
    with new_table(moto) as table:
        check = (await checks_of(config_of(table, client)))["credentials"]
        assert (True, "provider: env") == (check.is_good, check.found)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        file = tmp_path / "credentials"
        file.write_text("[default]\naws_access_key_id = from-file\naws_secret_access_key = secret\n")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        check = (await checks_of(config_of(table, client)))["credentials"]
        assert (True, "provider: shared-credentials-file") == (check.is_good, check.found)


# Certificates


async def quiet(asked: Asked) -> None:
    """Script: a server that tells its time, and knows no table."""
    if b"X-Amz-Target" in asked.head or b"x-amz-target" in asked.head:
        body = b'{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"none"}'
        await asked.send(answer(body, line=b"HTTP/1.1 400 Bad Request"))
    else:
        date = format_datetime(datetime.now(UTC), usegmt=True).encode()
        await asked.send(answer(b"healthy", b"Date: " + date))


async def seen_over_tls(tls: ssl.SSLContext | None, scheme: str = "https", **client: Any) -> dict[str, Check]:
    """What the doctor finds at a server."""
    async with raw_server(quiet, tls=tls) as server:
        url = f"{scheme}://{server.url.partition('://')[2]}"
        config = DynamoDbConfig(
            TableConfig("users", create_table_on_init=False),
            client=ClientConfig(**{**KEYS, "endpoint_url": url, "max_attempts": 1, **PATIENCE, **client}),
        )
        return await checks_of(config)


@pytest.mark.parametrize(
    ("days", "is_good", "advice"), [((-1, 60), True, ""), ((-1, 10), False, "renew"), ((-1, 15), True, "")], ids=str
)
async def test_a_certificate(tmp_path: Path, days: tuple[int, int], is_good: bool, advice: str) -> None:
    """Until when it is valid; one that ends within two weeks is told in time."""
    authority = Authority(tmp_path, "ours")
    checks = await seen_over_tls(authority.context("127.0.0.1", days=days), verify=authority.path)
    ends = datetime.now(UTC) + timedelta(days=days[1])
    assert checks["certificate"].is_good == is_good
    assert checks["certificate"].found.removeprefix("valid until ") in {
        f"{ends:%Y-%m-%d}",
        f"{ends - timedelta(minutes=5):%Y-%m-%d}",
    }
    assert advice in checks["certificate"].advice
    assert checks["endpoint"].is_good
    assert checks["clock"].is_good


@pytest.mark.parametrize(
    ("name", "days", "whose", "found", "advice"),
    [
        ("example.com", (-1, 60), "ours", "127.0.0.1", "client.endpoint_url"),
        ("127.0.0.2", (-1, 60), "ours", "127.0.0.1", "client.endpoint_url"),
        ("127.0.0.1", (-1, 60), "other", "refused: ", "AWS_CA_BUNDLE"),
        ("127.0.0.1", (-9, -1), "ours", "expired", "renew it"),
        ("127.0.0.1", (1, 60), "ours", "not yet valid", "this machine's clock"),
    ],
    ids=["another host", "another address", "unknown authority", "expired", "not yet valid"],
)
async def test_a_certificate_that_is_refused(
    tmp_path: Path, name: str, days: tuple[int, int], whose: str, found: str, advice: str
) -> None:
    """The server is there, but not to be trusted: why, and what to do; its tables are not asked for."""
    authorities = {"ours": Authority(tmp_path, "ours"), "other": Authority(tmp_path, "other")}
    checks = await seen_over_tls(authorities[whose].context(name, days=days), verify=authorities["ours"].path)
    assert checks["endpoint"].is_good
    assert checks["certificate"].is_good is False
    assert found in checks["certificate"].found
    assert advice in checks["certificate"].advice
    assert checks["round trip"].is_good is False
    assert not [check for check in checks if check.startswith("GetItem")]


async def test_a_certificate_that_the_environment_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As requests believe it: by AWS_CA_BUNDLE, or by nobody, which is told."""
    authority = Authority(tmp_path, "ours")
    tls = authority.context("127.0.0.1", days=(-1, 60))
    unchecked = (await seen_over_tls(tls, verify=False))["certificate"]
    assert (False, "not checked") == (unchecked.is_good, unchecked.found)
    assert "client.verify" in unchecked.advice
    assert (await seen_over_tls(tls))["certificate"].is_good is False
    monkeypatch.setenv("AWS_CA_BUNDLE", authority.path)
    assert (await seen_over_tls(tls))["certificate"].is_good


async def test_the_wrong_scheme(moto: Engine, tmp_path: Path) -> None:
    """A server without TLS that is asked for it, and one with it that is not, are told as what they are."""
    client = {**moto.client_settings, "endpoint_url": moto.endpoint_url.replace("http:", "https:")}
    checks = await checks_of(DynamoDbConfig("users", client=ClientConfig(**client, max_attempts=1)))
    assert checks["certificate"].is_good is False
    assert "http://" in checks["certificate"].advice
    checks = await seen_over_tls(Authority(tmp_path, "ours").context("127.0.0.1"), "http")
    assert checks["endpoint"].is_good is False


async def test_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only a proxy reaches is not said to be down; whether requests get there, the round trip says."""
    async with connect_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        authority = Authority(tmp_path, "ours")
        checks = await seen_over_tls(authority.context("127.0.0.1"), verify=authority.path)
        assert checks["endpoint"].is_good is None
        assert "through a proxy" in checks["endpoint"].found
        assert "missing" == checks["table users"].found
        assert proxy.tunnels


@pytest.mark.parametrize("minutes", [0, 4, -10])
async def test_the_clock(moto: Engine, minutes: int) -> None:
    """A clock that AWS would soon refuse is told, with how far it is off."""
    with new_table(moto) as table:
        async with Sick(moto) as proxy:
            proxy.behind = timedelta(minutes=minutes)
            checks = await checks_of(config_of(table, proxy.client_settings))
            assert (minutes == 0) == checks["clock"].is_good
            assert checks["endpoint"].is_good
            assert "without TLS" in checks["certificate"].found


async def test_a_server_that_is_not_there(moto: Engine) -> None:
    """It ends, and says so, line by line."""
    with new_table(moto) as table:
        client = {**moto.client_settings, "endpoint_url": "http://127.0.0.1:9"}
        checks = await checks_of(config_of(table, client))
        assert checks["endpoint"].is_good is False
        assert checks["round trip"].is_good is False
        assert checks["versions"].is_good


async def test_a_server_that_hangs(moto: Engine) -> None:
    """Each request ends in its time."""
    with new_table(moto) as table:
        async with Sick(moto) as proxy:
            proxy.plan = always(Fault.HANG, {"GetItem", "UpdateItem", "DeleteItem", "Scan", "DescribeTable"})
            client = proxy.client_settings | {"read_timeout": 0.1, "operation_timeout": 0.2}
            async with asyncio.timeout(20):
                checks = await checks_of(config_of(table, client))
            assert checks["round trip"].is_good is False


async def test_a_table_of_another_kind(dynamodb_local: Engine) -> None:
    """Another key and a TTL that is not on are told with what was expected."""
    with new_table(dynamodb_local, key="id") as table:
        checks = await checks_of(
            config_of(table, dynamodb_local.client_settings, ttl=TimeToLive(after=timedelta(days=1)))
        )
        assert checks[f"key of {table.name}"].is_good is False
        assert "expected userId (S)" in checks[f"key of {table.name}"].advice
        assert checks[f"TTL of {table.name}"].is_good is False


async def test_why_it_is_not_the_fast_way(moto: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that items take, and the reason, by the name of what it is; never a value."""
    with new_table(moto) as table:
        assert "the fast path" == (await checks_of(config_of(table, moto.client_settings)))["way"].found
        slow = (await checks_of(config_of(table, moto.client_settings | {"fast_path": False})))["way"]
        assert "the SDK's client" in slow.found
        assert "client.fast_path" in slow.found


async def test_no_credentials() -> None:
    """Missing settings are one check that names them."""
    checks = await checks_of(DynamoDbConfig("users", client=ClientConfig(region_name="eu-west-1")))
    assert checks["settings"].is_good is False
    assert "AWS_ACCESS_KEY_ID" in checks["settings"].found
