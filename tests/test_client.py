"""The one shared client: `db.client()`, beside turns that need none."""

import asyncio
import functools
import gc
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiobotocore.client import AioBaseClient

from dynadb_async import AsyncDynamoDb, ClientConfig, ConfigError, DynamoDbConfig, RequestTimeoutError, TableConfig
from tests.engines import PATIENCE, Engine
from tests.raw_server import Asked, RawServer, answer, raw_server
from tests.sessions import adapter_on, visit

Db = AsyncDynamoDb[dict[str, Any]]


async def item(asked: Asked) -> None:
    """Script: what is there of the user `me`, and that every write succeeded."""
    found = b'{"Item": {"userId": {"S": "me"}}}' if b".GetItem" in asked.head else b"{}"
    await asked.send(answer(found))


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    """A server that has one item."""
    async with raw_server(item) as server:
        yield server


def db_on(server: RawServer, **client: Any) -> Db:
    """An adapter that needs no SDK for its turns."""
    settings = {"region_name": "eu-central-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
    client = {**settings, **PATIENCE, "endpoint_url": server.url, **client}
    return AsyncDynamoDb(
        DynamoDbConfig(TableConfig("users", create_table_on_init=False), client=ClientConfig(**client))
    )


def ways(server: RawServer) -> list[str]:
    """Which way each request came: only the SDK counts its attempts in a header."""
    return ["sdk" if b"\r\namz-sdk-request:" in asked.head.lower() else "wire" for asked in server.asked]


async def test_another_table(moto: Engine, table_name: str) -> None:
    """The app reads a table of its own with the adapter's client; the adapter's turns go on beside it."""
    async with adapter_on(moto, table_name) as db:
        client = await db.client()
        key = {"AttributeName": "id", "AttributeType": "S"}
        other = f"{table_name}-other"
        await client.create_table(
            TableName=other,
            AttributeDefinitions=[key],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        await client.put_item(TableName=other, Item={"id": {"S": "1"}})

        assert (await client.scan(TableName=other))["Count"] == 1
        assert "ACTIVE" == (await client.describe_table(TableName=other))["Table"]["TableStatus"]
        assert await visit(db, "user-1") == 1


async def test_turns_stay_on_the_wire(server: RawServer) -> None:
    """Also once the client is open: it is for the app."""
    async with db_on(server) as db:
        await db.load("me")
        client = await db.client()
        await db.load("me")
        await client.get_item(TableName="users", Key={"userId": {"S": "me"}})

    assert ways(server) == ["wire", "wire", "sdk"]


async def test_who_listens_to_the_client_hears_turns(server: RawServer) -> None:
    """A handler of its events, as tracing registers them; without it, the wire is taken again."""
    heard: list[str] = []

    def handler(event_name: str, **_: Any) -> None:
        heard.append(event_name)

    async with db_on(server) as db:
        events = (await db.client()).meta.events
        events.register("before-call.dynamodb", handler)
        await db.load("me")
        events.unregister("before-call.dynamodb", handler)
        await db.load("me")

    assert heard == ["before-call.dynamodb.GetItem"]
    assert ways(server) == ["sdk", "wire"]


async def test_instrumentation_of_a_client_that_is_not_open(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes the SDK while only the wire is open hears of the next operation: the client is made for it."""
    seen: list[str] = []
    original = AioBaseClient._make_api_call

    @functools.wraps(original)
    async def traced(client: Any, name: str, parameters: Any) -> Any:
        seen.append(name)
        return await original(client, name, parameters)

    async with db_on(server) as db:
        await db.load("me")
        with monkeypatch.context() as patch:
            patch.setattr(AioBaseClient, "_make_api_call", traced)
            await db.load("me")
        await db.load("me")

    assert seen == ["GetItem"]
    assert ways(server) == ["wire", "sdk", "wire"]


async def test_an_answer_that_only_the_sdk_understands(server: RawServer) -> None:
    """The client is made for it then, and answers from then on."""

    async def chunked(asked: Asked) -> None:
        body = b'{"Item": {"userId": {"S": "me"}}}'
        await asked.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        )

    server.script = chunked
    async with db_on(server) as db:
        await db.load("me")
        await db.load("me")

    assert set(ways(server)[-2:]) == {"sdk"}


async def test_the_apps_own_calls_are_the_sdks(server: RawServer) -> None:
    """Our checks of answers are not for them: an odd answer is read as the SDK reads it."""
    async with db_on(server) as db:
        client = await db.client()

        async def odd(asked: Asked) -> None:
            await asked.send(answer(b'{"Surprise": 1}' if b".GetItem" in asked.head else b"<html>"))

        server.script = odd
        assert "Item" not in await client.get_item(TableName="users", Key={"userId": {"S": "me"}})
        assert "TableNames" not in await client.list_tables()


def test_a_client_for_each_event_loop(moto: Engine, table_name: str) -> None:
    """The one before is closed with its loop, without a warning, though nobody called `close`."""
    db = adapter_on(moto, table_name)

    async def used() -> Any:
        client = await db.client()
        await client.list_tables()
        return client

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first, second = asyncio.run(used()), asyncio.run(used())
        asyncio.run(db.close())
        gc.collect()

    assert first is not second
    assert [str(warning.message) for warning in caught] == []


async def test_a_caller_that_gives_up_harms_nobody(server: RawServer) -> None:
    """The client is made for the others."""
    async with db_on(server) as db:
        hasty = asyncio.create_task(db.client())
        others = [asyncio.create_task(db.client()) for _ in range(3)]
        await asyncio.sleep(0)
        hasty.cancel()

        made = await asyncio.gather(*others)

        assert all(client is made[0] for client in made)
        assert hasty.cancelled()


@pytest.mark.parametrize("fast_path", [True, False])
async def test_a_turn_waits_for_the_sdk_within_its_time(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, fast_path: bool
) -> None:
    """However long it takes to be loaded, which goes on meanwhile; a later turn succeeds."""
    from dynadb_async.connection.sdk import client as room  # noqa: PLC0415

    loaded, may_end = room._loaded, asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(*options: Any) -> Any:
        asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result(30)
        return loaded(*options)

    monkeypatch.setattr(room, "_loaded", slowly)
    if fast_path:
        monkeypatch.setattr(AioBaseClient, "_make_api_call", lambda *_: None)
    db = db_on(server, operation_timeout=1, fast_path=fast_path)
    began = loop.time()
    with pytest.raises(RequestTimeoutError):
        await db.load("me")
    assert 0.9 < loop.time() - began < 15
    monkeypatch.undo()
    may_end.set()
    await db.client()
    assert (await db.load("me")).user.is_new is False
    await db.close()


async def test_a_store_in_the_process_has_no_client(table_name: str) -> None:
    """That is told."""
    db = AsyncDynamoDb(DynamoDbConfig(table_name, client=ClientConfig(endpoint_url="memory:")))

    with pytest.raises(ConfigError, match="names a store in the process"):
        await db.client()
    await db.close()
