"""What is said when something is wrong: each mistake of a first day, and the words that help."""

import functools
import itertools
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    ConfigError,
    DynamoDbConfig,
    RequestError,
    RequestTimeoutError,
    StoredElements,
    TableConfig,
    TableError,
    TableNotFoundError,
    ThrottledError,
    Turn,
    UsageError,
)
from dynadb_async.connection.reasons import reason_of
from tests.engines import PATIENCE, Engine
from tests.raw_server import Asked, RawServer, answer, raw_server

KEYS = {"aws_access_key_id": "made-up-id", "aws_secret_access_key": "made-up-secret"}
PRINCIPAL = "arn:aws:sts::123456789012:assumed-role/webhook/session-1"
TABLE_ARN = "arn:aws:dynamodb:eu-central-1:123456789012:table/users"
DENIED = f"User: {PRINCIPAL} is not authorized to perform: dynamodb:{{}} on resource: {TABLE_ARN}"
BECAUSE = " because no identity-based policy allows the dynamodb:{} action"


@pytest.fixture(params=[True, False], ids=["wire", "sdk"])
def way(request: pytest.FixtureRequest) -> bool:
    """Each of our ways to a server."""
    is_fast: bool = request.param
    return is_fast


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    """A server that says what a test wants."""
    async with raw_server() as server:
        yield server


IDS = itertools.count()


def adapter(url: str, way: bool = True, *, creates: bool = False, **client: Any) -> AsyncDynamoDb:
    """An adapter at *url*."""
    settings = {"region_name": "eu-central-1", **KEYS, **PATIENCE, "max_attempts": 1, **client}
    reached = ClientConfig(endpoint_url=url, fast_path=way, **settings)
    return AsyncDynamoDb(DynamoDbConfig(TableConfig("users", create_table_on_init=creates), client=reached))


def operation_of(asked: Asked) -> str:
    """What was asked for."""
    name = asked.head.lower().partition(b"dynamodb_20120810.")[2].partition(b"\r\n")[0]
    return name.decode()


def refuses(code: str, message: str, **others: Any) -> Callable[[Asked], Awaitable[None]]:
    """Script: refuse, but answer the *others*, by operation in small letters, with a success."""

    async def script(asked: Asked) -> None:
        members = others.get(operation_of(asked))
        if members is not None:
            await asked.send(answer(json.dumps(members).encode()))
            return
        body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
        # Each its own: an answer whose id was there before is another request's.
        fields = f"x-amzn-RequestId: request-{next(IDS)}".encode(), b"Content-Type: application/x-amz-json-1.0"
        await asked.send(answer(json.dumps(body).encode(), *fields, line=b"HTTP/1.1 400 Bad Request"))

    return script


KMS_DENIED = (
    "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: The ciphertext refers to a "
    "customer master key that does not exist, does not exist in this region, or you are not allowed to access. "
    "(Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException; "
    "Request ID: 3f2504e0-4f89-11d3-9a0c-0305e82c3301; Proxy: null)"
)
EXCEEDED = (
    "The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
    "provisioning level with the UpdateTable API."
)

REASONS = [
    ("AccessDeniedException", (DENIED + BECAUSE).format("GetItem", "GetItem"), RequestError),
    ("AccessDeniedException", DENIED.format("UpdateItem") + " with an explicit deny in a resource-based policy", None),
    ("AccessDeniedException", f"User: {PRINCIPAL} is not authorized to perform: kms:Decrypt on resource: *", None),
    (
        "AccessDeniedException",
        KMS_DENIED,
        None,
    ),
    ("KMSDisabledException", "arn:aws:kms:eu-central-1:123456789012:key/3f2504e0 is disabled.", None),
    ("UnrecognizedClientException", "The security token included in the request is invalid.", None),
    ("ExpiredTokenException", "The security token included in the request is expired", None),
    ("InvalidSignatureException", "Signature expired: 20261126T120000Z is now earlier than 20261126T121500Z", None),
    ("LimitExceededException", "Subscriber limit exceeded: There is a limit of 256 tables per subscriber", None),
    ("ThrottlingException", "Rate exceeded", ThrottledError),
    (
        "ProvisionedThroughputExceededException",
        EXCEEDED,
        ThrottledError,
    ),
]


@pytest.mark.parametrize(("code", "said", "kind"), REASONS)
async def test_what_aws_says_is_passed_on(
    server: RawServer, way: bool, code: str, said: str, kind: type[RequestError] | None
) -> None:
    """In the message and as `reason`, where its text is AWS's own."""
    server.script = refuses(code, said)
    async with adapter(server.url, way) as db:
        with pytest.raises(kind or RequestError) as caught:
            await db.load("user-1")
    assert caught.value.reason == said
    assert f"; AWS says: {said} (code {code}, request id request-" in str(caught.value)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", "The security token included in the request is invalid."),
        ("SomethingNew", "Rate exceeded"),
        ("AccessDeniedException", f"{DENIED.format('GetItem')} for Ada"),
        ("AccessDeniedException", "Ada"),
        ("ThrottlingException", "Rate exceeded: Ada"),
        ("ThrottlingException", ""),
        ("ThrottlingException", "Rate " * 1000),
        ("ThrottlingException", None),
        ("ThrottlingException", {"text": "Rate exceeded"}),
    ],
)
def test_other_words_stay_out(code: str, message: Any) -> None:
    """What could be a person's, or is of another kind of error."""
    assert reason_of(code, message) == ""


def test_only_the_first_line_of_a_refused_signature() -> None:
    """The others are what should have been signed, the session's token among it."""
    text = "The request signature we calculated does not match the signature you provided. \n\nx-amz-security-token:t"
    assert reason_of("InvalidSignatureException", text) == text.partition(" \n")[0]


async def test_a_missing_table(server: RawServer, way: bool) -> None:
    """Ours, and what AWS says, with the table's name in it."""
    server.script = refuses("ResourceNotFoundException", "Requested resource not found: Table: users not found")
    async with adapter(server.url, way) as db:
        with pytest.raises(TableNotFoundError, match=r"table users does not exist; .* \(AWS says: Requested resource "):
            await db.load("user-1")


async def test_an_invalid_request_says_what_to_check(server: RawServer, way: bool) -> None:
    """AWS's own text may hold a key, or what is stored: it stays out."""
    server.script = refuses("ValidationException", "Invalid value Ada for the parameter")
    async with adapter(server.url, way) as db:
        with pytest.raises(RequestError, match=r"check that the table's key is table\.primary_key_column") as said:
            await db.load("user-1")
    assert ("Ada" in str(said.value), said.value.reason) == (False, "")


SORTED = [("userId", "S", "HASH"), ("at", "S", "RANGE")]
KEY_SCHEMAS = {"another key": [("id", "S", "HASH")], "a number": [("userId", "N", "HASH")], "a sort key": SORTED}


async def create(client: Any, name: str, schema: list[tuple[str, str, str]], **more: Any) -> None:
    """Create a table with this key."""
    definitions = [{"AttributeName": key, "AttributeType": kind} for key, kind, _ in schema]
    await client.create_table(
        TableName=name,
        AttributeDefinitions=definitions + more.pop("definitions", []),
        KeySchema=[{"AttributeName": key, "KeyType": role} for key, _, role in schema],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )


@pytest.mark.parametrize("schema", KEY_SCHEMAS.values(), ids=KEY_SCHEMAS)
async def test_another_key_without_leave_to_look(
    engine: Engine, client: Any, table_name: str, way: bool, schema: list[tuple[str, str, str]]
) -> None:
    """With `create_table_on_init=False` nobody describes the table; its own refusal says as much."""
    await create(client, table_name, schema)
    reached = ClientConfig(**engine.client_settings, fast_path=way)
    config = DynamoDbConfig(TableConfig(table_name, create_table_on_init=False), client=reached)
    async with AsyncDynamoDb(config) as db:
        with pytest.raises(TableError) as caught:
            async with db.turn("user-1"):
                pass
    assert str(caught.value) == (
        f"table {table_name} has another key, or a sort key besides, but userId (S) alone is needed; "
        "choose another table.name, or the table's own key as table.primary_key_column"
    )


# The others look at no indexes.
@pytest.mark.parametrize("engine", ["dynamodb-local", "dynalite"], indirect=True)
async def test_an_index_that_does_not_fit(engine: Engine, client: Any, table_name: str, way: bool) -> None:
    """An index on `updatedAt` as a number makes DynamoDB refuse each save."""
    index = {"IndexName": "by-time", "KeySchema": [{"AttributeName": "updatedAt", "KeyType": "HASH"}]}
    await create(
        client,
        table_name,
        [("userId", "S", "HASH")],
        definitions=[{"AttributeName": "updatedAt", "AttributeType": "N"}],
        GlobalSecondaryIndexes=[{**index, "Projection": {"ProjectionType": "ALL"}}],
    )
    reached = ClientConfig(**engine.client_settings, fast_path=way)
    for creates in (False, True):
        table = TableConfig(table_name, create_table_on_init=creates)
        async with AsyncDynamoDb(DynamoDbConfig(table, client=reached)) as db:
            with pytest.raises(
                TableError, match=r"has an index on an attribute .* \(updatedAt and createdAt are texts\)"
            ):
                async with db.turn("user-1"):
                    pass
    off = DynamoDbConfig(table_name, client=reached, stored_elements=StoredElements(updated_at=False))
    async with AsyncDynamoDb(off) as db, db.turn("user-1"):
        pass


@pytest.mark.parametrize("said", ["Subscriber limit exceeded: There is a limit of 256 tables per subscriber", "no"])
async def test_a_limit_on_tables_is_told_at_once(server: RawServer, way: bool, said: str) -> None:
    """Not after a minute of "not ACTIVE"."""

    async def script(asked: Asked) -> None:
        code = "LimitExceeded" if operation_of(asked) == "createtable" else "ResourceNotFound"
        await refuses(f"{code}Exception", said)(asked)

    server.script = script
    began = time.monotonic()
    async with _unopened(server.url, way) as db:
        with pytest.raises(RequestError, match="CreateTable: a limit of the account was reached") as caught:
            await db.load("user-1")
    assert time.monotonic() - began < 30
    assert caught.value.code == "LimitExceededException"


def _unopened(url: str, way: bool) -> Any:
    """An adapter that is closed at the end, and not opened at the beginning."""
    return _Closing(adapter(url, way, creates=True))


class _Closing:
    def __init__(self, db: AsyncDynamoDb) -> None:
        self.db = db

    async def __aenter__(self) -> AsyncDynamoDb:
        return self.db

    async def __aexit__(self, *_: object) -> None:
        await self.db.close()


async def test_a_limit_on_what_is_under_way_is_waited_for(server: RawServer, way: bool) -> None:
    """That is over soon: look again."""
    asked_for: list[str] = []

    async def script(asked: Asked) -> None:
        asked_for.append(operation_of(asked))
        if asked_for[-1] == "createtable" and asked_for.count("createtable") == 1:
            text = "Subscriber limit exceeded: Only 10 tables can be created, updated, or deleted simultaneously"
            await refuses("LimitExceededException", text)(asked)
        elif asked_for[-1] == "describetable" and asked_for.count("createtable") > 1:
            described = {
                "TableName": "users",
                "TableStatus": "ACTIVE",
                "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "userId", "AttributeType": "S"}],
            }
            await refuses("", "", describetable={"Table": described})(asked)
        else:
            await refuses("ResourceNotFoundException", "no", createtable={"TableDescription": {}})(asked)

    server.script = script
    async with _unopened(server.url, way) as db:
        await db.ensure_table()
    assert asked_for.count("createtable") == 2


@pytest.mark.parametrize(
    ("operation", "advice"),
    [
        ("describetable", "with table.create_table_on_init=False this needs none"),
        ("createtable", "with table.create_table_on_init=False this needs none"),
        ("getitem", ""),
    ],
)
async def test_a_missing_permission(server: RawServer, way: bool, operation: str, advice: str) -> None:
    """Who may not create tables need not describe them either."""
    denied = refuses("AccessDeniedException", DENIED.format("DescribeTable"))
    missing = refuses("ResourceNotFoundException", "no")

    async def script(asked: Asked) -> None:
        await (denied if operation_of(asked) == operation else missing)(asked)

    server.script = script
    async with _Closing(adapter(server.url, way, creates=operation != "getitem")) as db:
        with pytest.raises(RequestError, match="the credentials lack a permission") as caught:
            await db.load("user-1")
    assert ("create_table_on_init=False" in str(caught.value), advice in str(caught.value)) == (bool(advice), True)


async def test_no_connection_says_where(way: bool) -> None:
    """Host, port and region: nearly always one of them is wrong."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with _Closing(adapter(f"http://127.0.0.1:{port}", way)) as db:
        with pytest.raises(RequestError) as caught:
            await db.load("user-1")
    assert f"check the region, the endpoint and the network - at 127.0.0.1:{port}, region eu-central-1" in str(
        caught.value
    )


async def test_a_created_table_is_logged_with_its_region(
    moto: Engine, table_name: str, way: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A table in the wrong region is a surprise on the bill."""
    caplog.set_level(logging.INFO, "dynadb_async")
    reached = ClientConfig(**{**moto.client_settings, "region_name": "eu-west-3"}, fast_path=way)
    async with AsyncDynamoDb(DynamoDbConfig(table_name, client=reached)):
        pass
    assert f"creating table {table_name} in eu-west-3" in caplog.messages


def memory() -> AsyncDynamoDb:
    """An adapter on a store of its own."""
    return AsyncDynamoDb(DynamoDbConfig("users", client=ClientConfig(endpoint_url="memory:")))


def plain(turn: Turn[Any]) -> str:
    """A function that forgot to be async."""
    turn.user.data["plain"] = True
    return "hello"


async def generator(turn: Turn[Any]) -> AsyncIterator[str]:
    """A function that yields."""
    yield "hello"


@pytest.mark.parametrize(
    ("handler", "kind"),
    [(plain, "str"), (print, "NoneType"), (generator, "async_generator"), (lambda turn: None, "None")],
)
async def test_a_handler_that_is_no_coroutine_function(handler: Any, kind: str) -> None:
    """It is told, and nothing is saved."""
    async with memory() as db:
        with pytest.raises(UsageError, match=f"expected a coroutine function as handler, got one that returns {kind}"):
            await db.handle("user-1", handler)
        assert await db.export("user-1") == {}


async def test_a_handler_that_is_no_function() -> None:
    """Such as one that was called already: it is told before anything is read."""

    async def answer(turn: Turn[Any]) -> None:
        """Nothing."""

    called = answer(Turn.__new__(Turn))
    async with memory() as db:
        for handler in (called, None, "answer"):
            kind = type(handler).__name__
            said = f"expected a coroutine function as handler, got {kind}; pass the function, uncalled"
            with pytest.raises(UsageError, match=said):
                await db.handle("user-1", handler)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    called.close()


async def test_what_returns_a_coroutine_is_a_handler() -> None:
    """A lambda, a partial function, an object that is called."""

    async def answer(turn: Turn[Any], word: str = "") -> str:
        return word

    class Callable_:  # noqa: N801 - what it is
        async def __call__(self, turn: Turn[Any]) -> str:
            return "object"

    async with memory() as db:
        assert await db.handle("user-1", lambda turn: answer(turn, "lambda")) == "lambda"
        assert await db.handle("user-1", functools.partial(answer, word="partial")) == "partial"
        assert await db.handle("user-1", Callable_()) == "object"


async def test_a_tables_arn_is_its_name(server: RawServer, way: bool) -> None:
    """DynamoDB takes it; it is sent as it is."""
    server.script = refuses("", "", getitem={})
    reached = ClientConfig(endpoint_url=server.url, region_name="eu-central-1", **KEYS, **PATIENCE, fast_path=way)
    config = DynamoDbConfig(TableConfig(TABLE_ARN, create_table_on_init=False), client=reached)
    async with AsyncDynamoDb(config) as db:
        await db.load("user-1")
    assert json.loads(server.asked[0].body)["TableName"] == TABLE_ARN


async def test_a_turn_on_a_tables_arn(dynamodb_local: Engine, table_name: str) -> None:
    """From the first turn to the second, where a server knows ARNs."""
    reached = ClientConfig(**dynamodb_local.client_settings)
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{table_name}"
    async with AsyncDynamoDb(DynamoDbConfig(table_name, client=reached)):
        pass
    async with AsyncDynamoDb(DynamoDbConfig(arn, client=reached)) as db:
        async with db.turn("user-1") as turn:
            turn.user.data["name"] = "Ada"
        assert (await db.load("user-1")).user.data == {"name": "Ada"}


@pytest.mark.parametrize(
    "name", ["arn:aws:dynamodb:eu-central-1:123456789012:table/", "arn:aws:s3:::users", "table/users"]
)
def test_what_is_no_arn_of_a_table(name: str) -> None:
    """Other ARNs are no names."""
    with pytest.raises(ConfigError, match="expected a table's name"):
        TableConfig(name)


async def test_ping(engine: Engine, table_name: str, way: bool) -> None:
    """The seconds of a read, of no one's item."""
    reached = ClientConfig(**engine.client_settings, fast_path=way)
    async with AsyncDynamoDb(DynamoDbConfig(table_name, client=reached)) as db:
        assert 0 < await db.ping() < 10


async def test_ping_that_fails(server: RawServer, way: bool) -> None:
    """The error of the read, within the time limits."""
    server.script = refuses("AccessDeniedException", DENIED.format("GetItem"))
    async with adapter(server.url, way) as db:
        with pytest.raises(RequestError, match="lack a permission"):
            await db.ping()

    async def hangs(asked: Asked) -> None:
        await asked.until_left()

    server.script = hangs
    async with adapter(server.url, way, read_timeout=0.2, operation_timeout=0.5) as db:
        with pytest.raises(RequestTimeoutError):
            await db.ping()


async def test_ping_that_reads_nothing() -> None:
    """A store in the process answers at once; what is switched off has nothing to read; what is closed is closed."""
    async with memory() as db:
        assert 0 <= await db.ping() < 10
    with pytest.raises(UsageError, match="after close"):
        await db.ping()
    async with AsyncDynamoDb(DynamoDbConfig("users", enabled=False)) as off:
        assert await off.ping() == 0
