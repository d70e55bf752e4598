"""The fast path gives what the ordinary client gives, and leaves to it what only it can do."""

import asyncio
import functools
import json
import logging
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import aioboto3
import botocore.handlers
import pytest
from aiobotocore.client import AioBaseClient
from aiobotocore.credentials import AioRefreshableCredentials
from botocore import UNSIGNED
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynadb_async import ClientConfig, DynaDbError, RequestError, RequestTimeoutError, SerializationError
from dynadb_async.connection import retry
from dynadb_async.connection.answers import decode
from dynadb_async.connection.connection import Connection
from dynadb_async.connection.failures import AttemptFailedError, ConditionFailedError
from dynadb_async.connection.request import Request
from dynadb_async.connection.sdk.session import SharedSession
from dynadb_async.connection.ways import Ways, store_of
from dynadb_async.connection.wire import Wire, oddity
from dynadb_async.item.layout import time_of_attribute
from dynadb_async.values.attribute_json import encoded
from tests.engines import Engine
from tests.raw_server import Asked, Authority, RawServer, Script, answer, raw_server
from tests.tables import AWS_SESSION, PATIENCE, Table, new_table

PATHS = (True, False)
KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
READ = {"TableName": "users", "Key": {"userId": {"S": "me"}}}
ITEM = b'{"Item": {"userId": {"S": "me"}}}'
MANY = st.sampled_from


@asynccontextmanager
async def connection(session: aioboto3.Session | None = None, **client: Any) -> AsyncIterator[Connection]:
    """A connection with these settings."""
    made = connection_of(session, **(KEYS | client))
    try:
        yield made
    finally:
        await made.ways.close()


def connection_of(session: aioboto3.Session | None = None, **client: Any) -> Connection:
    """A connection that is to be closed."""
    config = ClientConfig(**(PATIENCE | client))
    return Connection(Ways.of(SharedSession(session or AWS_SESSION), config, store_of(config)))


async def call(over: Connection, operation: str = "GetItem", **parameters: Any) -> dict[str, Any]:
    """The answer, without what only the SDK adds."""
    until = asyncio.get_running_loop().time() + 5
    found = await over.call(Request.of(operation, parameters or READ), until=until)
    return {name: value for name, value in found.members.items() if name != "ResponseMetadata"}


async def outcome(over: Connection, operation: str = "GetItem", **parameters: Any) -> Any:
    """The answer, or the error with all that it says, but for the server's handle."""
    try:
        return await call(over, operation, **parameters)
    except ConditionFailedError as error:
        return "condition", error.item
    except DynaDbError as error:
        details = getattr(error, "operation", None), getattr(error, "code", None)
        handle = f", request id {getattr(error, 'request_id', '')}"
        return type(error), str(error).replace(handle, ""), details


def ways(server: RawServer) -> list[str]:
    """Which way each request came: only the SDK counts its attempts in a header."""
    return ["ordinary" if b"\r\namz-sdk-request:" in asked.head.lower() else "fast" for asked in server.asked]


def says(body: bytes, *fields: bytes, line: bytes = b"HTTP/1.1 200 OK") -> Script:
    """Script: this answer."""

    async def script(asked: Asked) -> None:
        await asked.send(answer(body, *fields, line=line))

    return script


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    """A server that has one item."""
    async with raw_server(says(ITEM)) as server:
        yield server


# The same answers


@pytest.fixture(scope="module", params=["moto", "dynamodb-local", "dynalite"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each server."""
    engine: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    return engine


@pytest.fixture(scope="module")
def table(engine: Engine) -> Iterator[Table]:
    """One table for all tests of an engine."""
    with new_table(engine) as table:
        yield table


@pytest.fixture
async def paths(table: Table) -> AsyncIterator[list[Connection]]:
    """Each way to an engine."""
    ways = [connection_of(fast_path=path, max_attempts=1, **table.engine.client_settings) for path in PATHS]
    yield ways
    for way in ways:
        await way.ways.close()


TEXT = st.text(max_size=8) | MANY(["", '"B"', '{"B": "AA=="}', "\u2028\x00\x7f", "\U0001f600", "\\ud800", "'\"\\"])
NAMES = st.text(min_size=1, max_size=5) | MANY(["B", "BS", "M", "L", "S", '"B"', "a.b[0]"])
NUMBERS = st.integers(-(10**37), 10**37).map(str) | MANY(["0", "-0.1", "1E-7", "9.9E+125", "1" * 38])
SCALARS = st.one_of(
    TEXT.map(lambda value: {"S": value}),
    NUMBERS.map(lambda value: {"N": value}),
    st.binary(max_size=8).map(lambda value: {"B": value}),
    st.booleans().map(lambda value: {"BOOL": value}),
    st.just({"NULL": True}),
    st.sets(st.text(min_size=1, max_size=4), min_size=1, max_size=3).map(lambda value: {"SS": sorted(value)}),
    st.sets(st.integers(-99, 99), min_size=1, max_size=3).map(lambda value: {"NS": sorted(map(str, value))}),
    st.sets(st.binary(min_size=1, max_size=4), min_size=1, max_size=3).map(lambda value: {"BS": sorted(value)}),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda value: {"L": value})
        | st.dictionaries(NAMES, inner, max_size=3).map(lambda value: {"M": value})
    ),
    max_leaves=6,
)


def update_of(values: list[Any]) -> dict[str, Any]:
    """The parameters that set the attributes 0B, 1B and so on."""
    return {
        "UpdateExpression": "SET " + ", ".join(f"#{number} = :{number}" for number in range(len(values))),
        "ExpressionAttributeNames": {f"#{number}": f"{number}B" for number in range(len(values))},
        "ExpressionAttributeValues": {f":{number}": value for number, value in enumerate(values)},
    }


def comparable(value: Any) -> Any:
    """An attribute value with numbers as numbers, and sets as such: a server may write both as it likes."""
    match value:
        case {"N": number}:
            return Decimal(number)
        case {"NS": numbers}:
            return {Decimal(number) for number in numbers}
        case {"SS": members} | {"BS": members}:
            return "set", set(members)
        case {"L": members}:
            return [comparable(member) for member in members]
        case {"M": members}:
            return {name: comparable(member) for name, member in members.items()}
        case _:
            return value


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(VALUES, min_size=1, max_size=6))
async def test_items_are_the_same_on_every_path(table: Table, paths: list[Connection], values: list[Any]) -> None:
    """Whatever was written by one is read by each as it was written, binaries as bytes; refusals are the same, too."""
    outcomes = []
    for writer in paths:
        key = {"userId": {"S": uuid4().hex}}
        outcomes.append(await outcome(writer, "UpdateItem", TableName=table.name, Key=key, **update_of(values)))
        read = [await outcome(reader, TableName=table.name, Key=key, ConsistentRead=True) for reader in paths]

        assert read[0] == read[1]
        if outcomes[-1] == {}:
            expected = {f"{number}B": comparable(value) for number, value in enumerate(values)}
            found = {name: comparable(value) for name, value in read[0]["Item"].items()}
            assert {"userId": key["userId"], **expected} == found
    assert outcomes[0] == outcomes[1]


async def test_a_failed_condition_is_the_same_on_every_path(table: Table, paths: list[Connection]) -> None:
    """With the item that is there instead, its binaries as bytes, where the engine sends it."""
    table.put("there", B={"B": b"\x00\xff"}, deep={"M": {"B": {"L": [{"BS": [b"\x01"]}, {"S": '"B"'}]}}})
    parameters = {
        "TableName": table.name,
        "Key": {"userId": {"S": "there"}},
        "UpdateExpression": "SET x = :x",
        "ConditionExpression": "attribute_not_exists(userId)",
        "ExpressionAttributeValues": {":x": {"B": b"\x00"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    kind, item = await outcome(paths[0], "UpdateItem", **parameters)

    assert "condition" == kind
    assert item == (None if table.engine.name == "dynalite" else table.item("there"))
    assert [(kind, item)] * 2 == [await outcome(path, "UpdateItem", **parameters) for path in paths]
    del parameters["ReturnValuesOnConditionCheckFailure"]
    assert [("condition", None)] * 2 == [await outcome(path, "UpdateItem", **parameters) for path in paths]


async def test_refusals_are_the_same_on_every_path(table: Table, paths: list[Connection]) -> None:
    """A missing table, a wrong key, a wrong expression, an item that is no more: type, text, code and operation."""
    key = {"TableName": table.name, "Key": {"userId": {"S": "nobody"}}}
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("GetItem", {**key, "TableName": "no-such-table"}),
        ("UpdateItem", {**key, "TableName": "no-such-table", "UpdateExpression": "SET x = y"}),
        ("GetItem", {**key, "Key": {"other": {"S": "me"}}}),
        ("GetItem", {**key, "Key": {"userId": {"N": "1"}}}),
        ("UpdateItem", {**key, "UpdateExpression": "SET SET"}),
        ("UpdateItem", {**key, "UpdateExpression": ""}),
        ("GetItem", key),
        ("DeleteItem", key),
    ]
    for operation, parameters in wrong:
        expected, *others = [await outcome(path, operation, **parameters) for path in paths]
        assert [expected] == others, parameters


async def test_odd_credentials_are_refused_the_same_way(dynamodb_local: Engine) -> None:
    """The server says what it says to the SDK."""
    outcomes = []
    for path in PATHS:
        odd = {**dynamodb_local.client_settings, "aws_access_key_id": "with-dashes!", "aws_session_token": "token"}
        async with connection(fast_path=path, max_attempts=1, **odd) as over:
            outcomes.append(await outcome(over))
    assert outcomes[0] == outcomes[1]
    assert "UnrecognizedClientException" == outcomes[0][2][1]


def error(kind: object, **members: Any) -> bytes:
    """An error's body."""
    return json.dumps({"__type": kind, **members}).encode()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error("com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", message="no")),
        (400, error("ThrottlingException", Message="slow")),
        (400, error("com.amazon.coral#ProvisionedThroughputExceededException", message="slow")),
        (400, error("a#ValidationException:http://internal/", message="Item size has exceeded")),
        (400, error("a#ValidationException", message="no")),
        (400, error("a#ValidationException", message=None)),
        (400, error("a#ConditionalCheckFailedException", Item={"a": {"B": "AA=="}})),
        (400, error("a#ConditionalCheckFailedException")),
        (400, error("a#ExpiredTokenException")),
        (400, b"{}"),
        (403, b""),
        (404, b"<html>not here</html>"),
        (413, b'{"message": "too large"}'),
        (500, error("com.amazonaws.dynamodb.v20120810#InternalServerError")),
        (500, b"{}"),
        (502, b"<html><body>Bad Gateway</body></html>"),
        (503, b""),
        (200, b""),
        (200, b"[]"),
        (200, b"null"),
        (200, b"{"),
        (200, b'{"Item": []}'),
        (200, b'{"Item": {"a": "b"}}'),
        (200, b'{"Surprise": 1}'),
        (200, b"<html>sign in to this hotel's network</html>"),
        (200, b'{"Item": {"a": {"S": "\\ud800"}, "\\udc00": {"B": "AA=="}}}'),
        (200, b'{"Item": {"a": {"S": "\xff"}}}'),
        (200, b"{}"),
        (200, ITEM),
    ],
)
async def test_answers_mean_the_same_on_every_path(server: RawServer, status: int, body: bytes) -> None:
    """Errors in their forms, pages of other servers, damage, lone surrogates."""
    server.script = says(body, b"x-amzn-RequestId: R", line=b"HTTP/1.1 %d -" % status)
    outcomes = []
    for path in PATHS:
        async with connection(endpoint_url=server.url, fast_path=path, max_attempts=1) as over:
            outcomes.append(await outcome(over))

    assert outcomes[0] == outcomes[1]
    assert ["fast", "ordinary"] == ways(server)


@pytest.mark.parametrize("path", PATHS)
async def test_a_wrong_checksum_is_no_answer(server: RawServer, path: Any) -> None:
    """A right one is; on each path."""
    async with connection(endpoint_url=server.url, fast_path=path, max_attempts=1) as over:
        server.script = says(ITEM, b"x-amz-crc32: 1")
        assert "CorruptAnswer" == (await outcome(over))[2][1]
        server.script = says(b"{}", b"x-amz-crc32: 2745614147")
        assert {} == await outcome(over)


@pytest.mark.parametrize("path", PATHS)
async def test_a_servers_own_words_are_in_no_traceback(server: RawServer, path: bool) -> None:
    """They may be about what somebody said."""
    for code in ("ValidationException", "ThrottlingException", "ExpiredTokenException"):
        server.script = says(error(code, message="of the pizza"), line=b"HTTP/1.1 400 Bad Request")
        async with connection(endpoint_url=server.url, fast_path=path, max_attempts=2) as over:
            with pytest.raises(DynaDbError) as told:
                await call(over)

        assert code in str(told.value)
        assert "pizza" not in "".join(traceback.format_exception(told.value))


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_is_sent_once_the_time_is_up(server: RawServer, path: bool) -> None:
    """The write that it asks for would come too late for anybody."""
    async with connection(endpoint_url=server.url, fast_path=path) as over:
        await call(over)
        with pytest.raises(RequestTimeoutError, match="before it began"):
            await over.call(Request.of("GetItem", READ), until=asyncio.get_running_loop().time())

    assert len(server.asked) == 1


@pytest.mark.parametrize("path", PATHS)
async def test_that_the_time_is_up_does_not_hide_why(
    server: RawServer, path: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hears only that would not know that the server had a fault until then."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.4)

    async def stall(asked: Asked) -> None:
        await asked.send(answer(b"{}", line=b"HTTP/1.1 500 Internal Server Error"))
        await asyncio.sleep(0.05)
        time.sleep(0.8)  # noqa: ASYNC251 - the time goes by in the pause

    async with connection(endpoint_url=server.url, fast_path=path) as over:
        await call(over)
        server.script = stall
        with pytest.raises(RequestError, match="a fault of its own"):
            await over.call(Request.of("GetItem", READ), until=asyncio.get_running_loop().time() + 0.8)


def test_what_no_server_should_say_is_damage() -> None:
    """Whatever it is, decoding it ends with an answer or as a damaged one."""
    for body in (
        b'{"Item": {"a": {"B": "no base64"}}}',
        b"[" * 100_000,
        b'{"a":' * 2000 + b'"\\ud800"' + b"}" * 2000,
        b'{"Item": {"B": {"L": 5}}}',
    ):
        with pytest.raises(AttemptFailedError):
            decode(body)
    nested = b'{"Item": {"x": ' + b'{"L": [' * 500 + b'{"B": "AA=="}' + b"]}" * 500 + b"}}"
    with pytest.raises(AttemptFailedError):
        decode(nested)


def test_a_number_that_is_none_is_no_time() -> None:
    """Not even then is the turn lost for it."""
    assert time_of_attribute({"N": "soon"}) is None


def test_what_is_no_attribute_value_is_told() -> None:
    """A serializer of one's own made it; its content stays out of the text."""
    for value in ({1, 2}, object(), "\ud800"):
        with pytest.raises(SerializationError, match="no attribute value") as told:
            encoded({"Item": {"secret": value}})
        assert "secret" not in str(told.value)
        assert told.value.__cause__ is told.value.__context__ is None


# Which way is taken


def is_fast(over: Connection, operation: str) -> bool:
    """Whether *operation* would go the fast way."""
    return isinstance(next(way for way in over.ways.all if way.takes(operation)), Wire)


async def test_the_switch_decides(server: RawServer) -> None:
    """`fast_path=False` never goes the fast way; to make a table is the ordinary client's matter on each."""
    for path, way in zip(PATHS, ("fast", "ordinary"), strict=True):
        server.asked.clear()
        async with connection(endpoint_url=server.url, fast_path=path, max_attempts=1) as over:
            for operation in ("GetItem", "DescribeTable", "DescribeTimeToLive"):
                await outcome(over, operation, TableName="users")
            assert [way] * 3 == ways(server)
            await outcome(over, "CreateTable", TableName="users")
            assert [way] * 3 + ["ordinary"] == ways(server)


async def test_the_real_service_is_reached_the_fast_way() -> None:
    """A client with a region and nothing else; it is not asked here."""
    async with connection() as over:
        await over.ways.open()
        assert all(is_fast(over, operation) for operation in ("GetItem", "UpdateItem", "DeleteItem", "DescribeTable"))
        assert not is_fast(over, "CreateTable")


@pytest.mark.parametrize(
    "options",
    [
        {"use_fips_endpoint": True},
        {"use_dualstack_endpoint": True},
        {"signature_version": UNSIGNED},
        {"tcp_keepalive": True},
        {"user_agent_extra": "more"},
        {"endpoint_discovery_enabled": True},
        {"account_id_endpoint_mode": "required"},
        {"connector_args": {"ttl_dns_cache": 5}},
        {"proxies": {"https": "http://127.0.0.1:1"}},
        {"proxies_config": {"proxy_use_forwarding_for_https": True}},
    ],
    ids=lambda options: next(iter(options)),
)
async def test_options_that_only_the_sdk_follows_are_left_to_it(options: Mapping[str, Any]) -> None:
    """Each by itself."""
    async with connection(options=options) as over:
        await over.ways.open()
        assert not is_fast(over, "GetItem")


async def test_a_path_in_the_endpoint_is_left_to_the_sdk(server: RawServer) -> None:
    """Some gateways have one."""
    async with connection(endpoint_url=f"{server.url}/gateway") as over:
        await call(over)

        assert server.asked[0].head.startswith(b"POST /gateway")
        assert ["ordinary"] == ways(server)


@pytest.mark.parametrize("given", ["environment", "options"])
async def test_a_proxy_is_used(server: RawServer, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees each request, and nothing goes past it."""
    if given == "environment":
        monkeypatch.setenv("HTTP_PROXY", server.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
    options = {"proxies": {"http": server.url}} if given == "options" else {}
    async with connection(endpoint_url="http://dynamodb.invalid", options=options) as over:
        assert json.loads(ITEM) == await call(over)

        assert server.asked[0].head.startswith(b"POST http://dynamodb.invalid/")


@pytest.mark.parametrize("event", ["before-call", "before-send", "request-created", "provide-client-params.*.GetItem"])
async def test_handlers_of_events_are_heard(server: RawServer, event: str) -> None:
    """Registered with the session or with the open client; once they are gone, the fast way is taken again."""
    heard: list[str] = []

    def handler(event_name: str, **_: Any) -> None:
        heard.append(event_name)

    event, _, tail = event.partition(".")
    name = f"{event}.dynamodb.GetItem" if tail else f"{event}.dynamodb"
    session = aioboto3.Session()
    session._session.register(name, handler)
    async with connection(session, endpoint_url=server.url) as over:
        await call(over)
        assert (1, ["ordinary"]) == (len(heard), ways(server))
    async with connection(endpoint_url=server.url) as over:
        await call(over)
        (await over.ways.sdk.opened()).sdk.meta.events.register(name, functools.partial(handler))
        await call(over)
        assert (2, ["ordinary", "fast", "ordinary"]) == (len(heard), ways(server))


async def test_a_handler_that_is_gone_is_forgotten(server: RawServer) -> None:
    """The fast way is taken again."""
    async with connection(endpoint_url=server.url) as over:
        await over.ways.open()
        events = (await over.ways.sdk.opened()).sdk.meta.events
        events.register("before-call.dynamodb", print_nothing)
        await call(over)
        events.unregister("before-call.dynamodb", print_nothing)
        await call(over)

        assert ["ordinary", "fast"] == ways(server)


def print_nothing(**_: Any) -> None:
    """As an event's handler."""


async def test_other_services_handlers_are_no_matter(server: RawServer) -> None:
    """An app that traces S3 only."""
    session = aioboto3.Session()
    session._session.register("before-call.s3", print_nothing)
    async with connection(session, endpoint_url=server.url) as over:
        await call(over)

        assert ["fast"] == ways(server)


async def test_a_patched_client_is_asked(server: RawServer) -> None:
    """A method that somebody put in the place of the SDK's, and the SDK's own stub."""
    async with connection(endpoint_url=server.url) as over:
        await over.ways.open()
        client = (await over.ways.sdk.opened()).sdk

        async def get_item(**_: Any) -> dict[str, Any]:
            return {"Item": {"userId": {"S": "me"}, "patched": {"S": "yes"}}}

        client.get_item = get_item
        assert await get_item() == await call(over)
        del client.get_item
        with Stubber(client) as stub:
            stub.add_client_error("get_item", "ThrottlingException", "slow")
            assert "ThrottlingException" == (await outcome_once(over))[2][1]
        assert [] == ways(server)
        await call(over)
        assert ["fast"] == ways(server)


async def outcome_once(over: Connection) -> Any:
    """As `outcome`, tried but once."""
    over.budget.tokens = 0
    return await outcome(over)


async def test_instrumentation_sees_each_call(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tracing does it, in the place that all of it uses, while the client is open."""
    seen: list[str] = []
    original = AioBaseClient._make_api_call

    @functools.wraps(original)
    async def traced(client: Any, name: str, parameters: Any) -> Any:
        seen.append(name)
        return await original(client, name, parameters)

    async with connection(endpoint_url=server.url) as over:
        await call(over)
        with monkeypatch.context() as patch:
            patch.setattr(AioBaseClient, "_make_api_call", traced)
            await call(over)
        await call(over)

        assert ["GetItem"] == seen
        assert ["fast", "ordinary", "fast"] == ways(server)


WRAPPED = "def wrap(f):\n @functools.wraps(f)\n async def traced(*a): return await f(*a)\n return traced\n"
FIRST = {
    "functools": f"{WRAPPED}AioBaseClient._make_api_call = wrap(AioBaseClient._make_api_call)",
    "wrapt": "import wrapt\nwrapt.wrap_function_wrapper(AioBaseClient, '_make_api_call', lambda f, *_: f())",
    "plain": "AioBaseClient._make_api_call = lambda *a: None",
}
ASK = "\nfrom dynadb_async.connection.sdk.plain_client import IS_THE_SDKS\nassert IS_THE_SDKS is {}"


@pytest.mark.parametrize("how", [*FIRST, "nothing"])
def test_instrumentation_that_came_first_is_seen(how: str) -> None:
    """Before this package is imported, and under the original's name."""
    begin = "import functools\nfrom aiobotocore.client import AioBaseClient\n"
    code = begin + FIRST.get(how, "") + ASK.format(how == "nothing")
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)


async def test_motos_mocks_are_heard(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the process of somebody's tests, whose clients it answers itself."""
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", [*botocore.handlers.BUILTIN_HANDLERS])
    stubber = pytest.importorskip("moto.core.botocore_stubber").BotocoreStubber()
    session = aioboto3.Session()
    session._session.register("before-send", stubber)
    async with connection(session, endpoint_url=server.url) as over:
        await call(over)

        assert ["ordinary"] == ways(server)


async def test_a_stepped_down_client_is_not_looked_through_again(server: RawServer) -> None:
    """Only when handlers have changed."""
    async with connection(endpoint_url=server.url) as over:
        await over.ways.open()
        emitter = (await over.ways.sdk.opened()).sdk.meta.events._emitter
        emitter.register("before-call.dynamodb", print_nothing)
        await call(over)
        handlers = emitter._handlers
        emitter._handlers = None

        assert not is_fast(over, "GetItem")
        emitter._handlers = handlers


# Answers that only the SDK understands


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(ITEM), ITEM)


async def chunked(asked: Asked) -> None:
    """Script: as no DynamoDB answers."""
    await asked.send(CHUNKED)


def in_turn(*scripts: Script) -> Script:
    """Script: these for the first requests, then the item."""
    rest = iter(scripts)

    async def script(asked: Asked) -> None:
        await next(rest, says(ITEM))(asked)

    return script


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines at INFO, up to their first comma."""
    return [line.message.partition(",")[0] for line in caplog.records if line.levelname == "INFO"]


async def test_an_odd_answer_is_asked_for_again(server: RawServer, caplog: pytest.LogCaptureFixture) -> None:
    """On a new connection, however many wait; the fast path is not left for it, nor for many that are not in a row."""
    async with connection(endpoint_url=server.url) as over:
        await asyncio.gather(*(call(over) for _ in range(3)))
        server.script = in_turn(chunked, says(ITEM), chunked, chunked, says(ITEM), chunked, chunked)
        before = server.accepted
        with caplog.at_level(logging.INFO, "dynadb_async"):
            for _ in range(3):
                assert json.loads(ITEM) == await call(over)

        assert {"fast"} == set(ways(server))
        assert [] == told(caplog)
        assert 5 == server.accepted - before


async def test_odd_answers_in_a_row_are_left_to_the_sdk(server: RawServer, caplog: pytest.LogCaptureFixture) -> None:
    """For a while, within the same operation; then the fast path is tried again. A log line tells of each."""
    server.script = chunked
    async with connection(endpoint_url=server.url) as over:
        with caplog.at_level(logging.INFO, "dynadb_async"):
            for _ in range(2):
                assert json.loads(ITEM) == await call(over)
            assert [*["fast"] * 3, *["ordinary"] * 2] == ways(server)
            a_while_later(over)
            assert json.loads(ITEM) == await call(over)
            assert ["fast", "ordinary"] == ways(server)[5:]
            server.script = says(ITEM)
            a_while_later(over)
            await call(over)
            server.script = in_turn(chunked, chunked)
            assert json.loads(ITEM) == await call(over)

        assert ["fast"] * 4 == ways(server)[7:]
        left, again = "GetItem: no answer in DynamoDB's form", "the fast path is tried again"
        assert [left, again, left, again] == told(caplog)


def a_while_later(over: Connection) -> None:
    """The time is over in which the fast path is left."""
    wire = over.ways.all[0]
    assert isinstance(wire, Wire)
    assert wire._oddity.away_until is not None
    wire._oddity.away_until -= oddity.A_WHILE


async def test_an_odd_answer_without_a_retry_is_an_error(server: RawServer) -> None:
    """The next operation succeeds."""
    server.script = in_turn(chunked)
    async with connection(endpoint_url=server.url, max_attempts=1) as over:
        assert "CorruptAnswer" == (await outcome(over))[2][1]
        assert json.loads(ITEM) == await call(over)


# Credentials


def field(asked: Asked, name: str) -> str | None:
    """A header field of a request."""
    fields = dict(line.split(": ", 1) for line in asked.head.decode().split("\r\n")[1:] if line)
    return {key.lower(): value for key, value in fields.items()}.get(name)


@pytest.mark.parametrize("path", PATHS)
async def test_a_session_token_is_sent(server: RawServer, path: Any) -> None:
    """And signed: which is `test_signature`'s."""
    async with connection(endpoint_url=server.url, fast_path=path, aws_session_token="a-token") as over:
        await call(over)

    assert "a-token" == field(server.asked[0], "x-amz-security-token")
    assert "x-amz-security-token" in str(field(server.asked[0], "authorization"))


def refreshed_by(refresh: Callable[[], Any]) -> aioboto3.Session:
    """A session whose credentials have just expired."""
    session = aioboto3.Session()
    session._session._credentials = AioRefreshableCredentials.create_from_metadata(
        {"access_key": "K0", "secret_key": "s", "token": "t0", "expiry_time": "2026-01-01T00:00:00Z"},
        refresh_using=refresh,
        method="test",
    )
    return session


WITHOUT_KEYS = dict.fromkeys(["aws_access_key_id", "aws_secret_access_key"])


@pytest.mark.parametrize("path", PATHS)
async def test_credentials_that_do_not_come_cost_no_more_than_the_time(server: RawServer, path: Any) -> None:
    """The provider hangs; nothing is sent."""

    async def refresh() -> dict[str, str]:
        await asyncio.sleep(60)
        raise AssertionError

    settings = {"endpoint_url": server.url, "fast_path": path, "connect_timeout": 0.1, "read_timeout": 0.1}
    async with connection(refreshed_by(refresh), **(settings | WITHOUT_KEYS)) as over:
        await over.ways.open()
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(RequestTimeoutError):
            await over.call(Request.of("GetItem", READ), until=began + 0.3)

        assert loop.time() - began < 0.8
    assert not server.asked


# TLS


@pytest.mark.parametrize("path", PATHS)
async def test_tls_is_verified_as_the_client_is_told(path: Any, tmp_path: Path) -> None:
    """With its CA file, on each path; another authority's server is refused, and that is told."""
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    async with raw_server(says(ITEM), tls=ours.context("127.0.0.1")) as server:
        async with connection(endpoint_url=server.url, fast_path=path, verify=ours.path) as over:
            assert json.loads(ITEM) == await call(over)
        async with connection(endpoint_url=server.url, fast_path=path, verify=other.path, max_attempts=1) as over:
            code = (await outcome(over))[2][1]
    assert "CertificateRefused" == code
    assert 1 == len(server.asked)
