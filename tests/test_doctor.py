"""What `dynadb doctor` finds out, and what it says to do."""

import asyncio
import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from dynadb_async import AsyncDynamoDb, Check, ClientConfig, DynamoDbConfig, TableConfig, TimeToLive
from tests.engines import Engine
from tests.proxy import Answer, Fault, FaultProxy, Request, _deliver, always
from tests.tables import Table, new_table


class Sick(FaultProxy):
    """A proxy of a server whose clock is off, and that denies some operations."""

    denied: Collection[str] = ()
    behind = timedelta()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if "x-amz-target" in request.headers:
            return await super()._answer(request, reader, writer)
        date = format_datetime(datetime.now(UTC) - self.behind, usegmt=True)
        return await _deliver(None, Answer(200, {"Date": date}, b"healthy"), reader, writer)

    async def _forwarded(self, request: Request) -> Answer:
        if request.operation in self.denied:
            body = {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "not authorized"}
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


async def test_each_permission(moto: Engine) -> None:
    """What is denied is named, and what only the command needs is no fault of the app's."""
    with new_table(moto) as table:
        async with Sick(moto) as proxy:
            proxy.denied = {"UpdateItem", "Scan", "DescribeTable"}
            checks = await checks_of(config_of(table, proxy.client_settings))
            assert checks[f"GetItem on {table.name}"].is_good
            for name in (f"UpdateItem on {table.name}", f"table {table.name}"):
                assert checks[name].is_good is False
                assert "dynadb policy" in checks[name].advice
            assert checks[f"Scan on {table.name}"].is_good is None
            assert [] == table.raw.scan(TableName=table.name)["Items"]


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
