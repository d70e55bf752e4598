"""One table of hostile answers, to loads and to saves, on each way to a server: a right error or the right data."""

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from attrs import frozen

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    DynaDbError,
    DynamoDbConfig,
    OutcomeUnknownError,
    RequestError,
    TableConfig,
    TableError,
)
from dynadb_async.connection.wire import oddity
from tests.raw_server import Asked, answer, raw_server

KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
NOBODYS = b"HTTP/1.1 200 OK\r\n"
REFUSED = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"


def item_of(user: str, **more: Any) -> dict[str, Any]:
    """The item that a user has; `n` is one's own."""
    data = {"M": {"data": {"M": {"whose": {"S": user}}}}}
    return {"userId": {"S": user}, "user": data, "createdAt": {"S": "2026-01-01T00:00:00.000Z"}} | more


def json_of(value: Any) -> bytes:
    """As servers write it."""
    return json.dumps(value).encode()


def nested(levels: int) -> bytes:
    """An item of the user `%s` with so many levels."""
    return b'{"Item": {"userId": {"S": "%s"}, "x": ' + b'{"L": [' * levels + b'{"S": ""}' + b"]}" * levels + b"}}"


ITEM = b'{"Item": {"userId": {"S": "%s"}, "user": {"M": {"data": {"M": {"whose": {"S": "%s"}}}}}}}'
OTHERS = json_of({"Item": item_of("somebody-else")})
PAGE = b"<html><body>Sign in to this hotel's network</body></html>"


@frozen
class Case:
    """
    A hostile answer.

    Attributes:
        name: What is odd about it.
        sent: Its bytes; `%s` in it is the user.
        is_certain: A save that is answered so surely did not happen.
    """

    name: str
    sent: bytes
    is_certain: bool = False


def statuses() -> Iterator[Case]:
    """Each with what would be a success otherwise, or with nothing."""
    for status in (201, 202, 203, 204, 206, 207, 226, 299, 300, 301, 302, 303, 304, 307, 308, 399):
        for body in (b"{}", ITEM, b"") if status < 207 else (b"{}",):
            yield Case(f"{status} {len(body)}", answer(body, line=b"HTTP/1.1 %d -" % status))
    for status in (400, 401, 403, 404, 405, 407, 411, 413, 418, 421, 451):
        yield Case(f"{status}", answer(ITEM, line=b"HTTP/1.1 %d -" % status), is_certain=True)
    for status in (500, 501, 502, 503, 504, 505, 529, 599, 600, 999):
        yield Case(f"{status}", answer(ITEM, line=b"HTTP/1.1 %d -" % status))
    yield Case("a redirect", answer(ITEM, b"Location: http://127.0.0.1:1/", line=b"HTTP/1.1 307 -"))


def bodies() -> Iterator[Case]:
    """With status 200."""
    texts = {"UTF-16": "utf-16", "UTF-16 without mark": "utf-16-le", "UTF-32": "utf-32", "a mark": "utf-8-sig"}
    for name, encoding in texts.items():
        yield Case(name, answer(ITEM.decode().encode(encoding)))
        yield Case(f"nothing in {name}", answer("{}".encode(encoding)))
    yield Case(
        "a mark and a surrogate", answer(b'\xef\xbb\xbf{"Item": {"userId": {"S": "%s"}, "x": {"S": "\\ud800"}}}')
    )
    yield Case("no Unicode", answer(ITEM.replace(b"data", b"d\xff")))
    for body in (b"", b"null", b"[]", b"0", b'"{}"', b"true", b"{", b"{}}", b"{'a': 1}", PAGE, b"\x00", b"{}\x00"):
        yield Case(f"{body[:9]!r}", answer(body))
    for body in (b'{"Item": null}', b'{"Item": []}', b'{"Item": {"userId": "%s"}}', b'{"Item": {"userId": {}}}'):
        yield Case(f"{body!r}", answer(body))
    two = b'{"Item": {"userId": {"S": "%s"}, "x": {"S": "", "B": ""}}}'
    yield Case("a value of two types", answer(two))
    for body in (b'{"Items": []}', b'{"message": "slow down"}', b'{"Output": {}, "Version": 1}', b'{"Table": {}}'):
        yield Case(f"{body!r}", answer(body))
        yield Case(f"{body!r} with its checksum", answer(body, b"x-amz-crc32: %d" % zlib.crc32(body)))
    yield Case("a number that is none", answer(b'{"ConsumedCapacity": {"CapacityUnits": NaN}}'))
    yield Case("capacity that is none", answer(b'{"ConsumedCapacity": [1]}'))
    yield Case("a checksum of another", answer(b"{}", b"x-amz-crc32: 1"))
    for encoding in (b"gzip", b"br", b"deflate, gzip"):
        yield Case(f"said to be {encoding!r}", answer(b"{}", b"Content-Encoding: " + encoding))
    yield Case("zipped", answer(gzip.compress(ITEM), b"Content-Encoding: gzip"))
    for levels in (200, 490, 600, 5000):
        yield Case(f"{levels} levels", answer(nested(levels)))
    yield Case("100,000 lists", answer(b"[" * 100_000))
    yield Case("100,000 maps with a surrogate", answer(b'{"\\ud800":' * 100_000))
    yield Case("other names of the levels", answer(nested(490).replace(b'"L"', b'"\\u004c"')))
    yield Case("somebody else's", answer(OTHERS))
    yield Case("a key of another type", answer(b'{"Item": {"userId": {"B": "%s"}}}'))
    yield Case("no key", answer(b'{"Item": {"user": {"M": {}}}}'))
    yield Case("another key's name", answer(b'{"Item": {"userID": {"S": "%s"}}}'))


def framings() -> Iterator[Case]:
    """Of what would be right."""
    sizes = b"%x\r\n%%s\r\n0\r\n\r\n"
    for name, body in (("page", PAGE), ("list", b"[]"), ("nothing", b"")):
        chunk = sizes % len(body) % body if body else b"0\r\n\r\n"
        yield Case(f"chunked {name}", NOBODYS + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
        yield Case(f"HTTP/1.0 {name}", answer(body, line=b"HTTP/1.0 200 OK"))
        yield Case(f"after 100 {name}", b"HTTP/1.1 100 Continue\r\n\r\n" + answer(body))
        yield Case(f"until closed {name}", NOBODYS + b"Connection: close\r\n\r\n" + body)
    yield Case("chunked 201", b"HTTP/1.1 201 -\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    yield Case("HTTP/1.0 204", b"HTTP/1.0 204 -\r\n\r\n")
    yield Case("101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n")
    yield Case("too short", answer(ITEM, length=b"9999"))
    yield Case("half a length", answer(ITEM, length=b"2"))
    yield Case("no HTTP", b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    yield Case("other HTTP", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" * 20)
    yield Case("nothing", b"")


def conditions() -> Iterator[Case]:
    """That are said to have failed."""
    said = [{"__type": REFUSED, "Item": item_of("somebody-else")}, {"__type": REFUSED, "Item": ["%s"]}]
    said += [{"__type": REFUSED, "Item": {"userId": {"S": "%s"}, "user": 5}}, {"__type": [REFUSED]}, {"__type": 7}]
    for number, refused in enumerate(said):
        is_certain = isinstance(refused["__type"], list | int)
        yield Case(f"refused {number}", answer(json_of(refused), line=b"HTTP/1.1 400 -"), is_certain=is_certain)
    for status in (200, 201, 304, 500, 503):
        refused = json_of({"__type": REFUSED, "Item": {"userId": {"S": "%s"}}})
        yield Case(f"refused with {status}", answer(refused, line=b"HTTP/1.1 %d -" % status))


CASES = [*statuses(), *bodies(), *framings(), *conditions()]


def filled(case: Case, user: str) -> bytes:
    """The bytes for this user, whose id is as long as its place in the text."""
    head, end, body = case.sent.partition(b"\r\n\r\n")
    name = user.encode()
    count = body.count(b"%s")
    body = body.replace(b"%s", name)
    told = re.search(rb"Content-Length: (\d+)", head)
    if told and count and case.name not in ("too short", "half a length"):
        head = head.replace(told[0], b"Content-Length: %d" % (int(told[1]) + count * (len(name) - 2)))
    return head + end + body


class Server:
    """Answers the requests of the user `case-N` for one operation as the case says, the first so many times."""

    def __init__(self, operation: bytes, times: int) -> None:
        self._operation = operation
        self._times = times
        self._said: dict[str, int] = {}

    async def script(self, asked: Asked) -> None:
        """Answer."""
        user = json.loads(asked.body)["Key"]["userId"]["S"]
        number = self._said.get(user, 0)
        if user.startswith("case-") and self._operation in asked.head and number < self._times:
            self._said[user] = number + 1
            await asked.send(filled(CASES[int(user[5:])], user))
            asked.writer.write_eof()
            await asked.until_left()
            asked.hang_up()
        elif b".GetItem" in asked.head:
            await asked.send(answer(json_of({"Item": item_of(user)})))
        else:
            await asked.send(answer(b"{}"))


def adapter(url: str, *, is_fast: bool, **client: Any) -> AsyncDynamoDb:
    """On one way alone."""
    few = {"connect_timeout": 10, "operation_timeout": 30, "max_pool_connections": 8}
    settings = ClientConfig(**KEYS, endpoint_url=url, fast_path=is_fast, **few, **client)
    return AsyncDynamoDb(DynamoDbConfig(TableConfig("users", create_table_on_init=False), client=settings))


async def loaded(db: AsyncDynamoDb, user: str) -> Any:
    """The turn to be saved, though the connection of somebody else's case may just have ended."""
    for _ in range(10):
        with suppress(RequestError):
            return await db.load(user)
    raise AssertionError


async def ended(db: AsyncDynamoDb, number: int, operation: bytes) -> Any:
    """What a case leads to: whose data was loaded, "saved", or the error."""
    user = f"case-{number}"
    try:
        turn = await (db.load(user) if operation == b".GetItem" else loaded(db, user))
        if operation == b".GetItem":
            return "new" if turn.user.is_new else turn.user.data.get("whose")
        turn.user.data["n"] = 1
        await db.save(turn)
    except DynaDbError as error:
        return error
    return "saved"


@pytest.fixture(params=[True, False], ids=["wire", "sdk"])
def is_fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Each way alone: the wire is not left."""
    monkeypatch.setattr(oddity, "ODD_IN_A_ROW", 10**9)
    return bool(request.param)


def test_the_table_is_a_large_one() -> None:
    """And each case has its own name."""
    assert len(CASES) == len({case.name for case in CASES}) > 100


@pytest.mark.parametrize("operation", [b".GetItem", b".UpdateItem"], ids=["load", "save"])
async def test_what_is_hostile_is_an_error(is_fast: bool, operation: bytes) -> None:
    """It is never "a new user", nobody's data, nor an acknowledged save; a save that may have happened says so."""
    async with (
        raw_server(Server(operation, times=99).script) as server,
        adapter(server.url, is_fast=is_fast, max_attempts=1, read_timeout=2) as db,
    ):
        outcomes = await asyncio.gather(*(ended(db, number, operation) for number in range(len(CASES))))
        wrong = []
        for case, outcome in zip(CASES, outcomes, strict=True):
            wanted = OutcomeUnknownError if operation == b".UpdateItem" and not case.is_certain else RequestError
            if not isinstance(outcome, wanted):
                wrong.append(f"{case.name}: {outcome!r}")
        assert "" == "\n".join(wrong)
        for number in range(5):
            assert f"honest-{number}" == (await loaded(db, f"honest-{number}")).user.data["whose"]


@pytest.mark.parametrize("operation", [b".GetItem", b".UpdateItem"], ids=["load", "save"])
async def test_what_was_hostile_once_is_asked_again(is_fast: bool, operation: bytes) -> None:
    """Then the answer is the right one; what surely did not happen is an error, as before."""
    async with (
        raw_server(Server(operation, times=1).script) as server,
        adapter(server.url, is_fast=is_fast, read_timeout=2) as db,
    ):
        wrong = []
        for number, case in enumerate(CASES):
            outcome = await ended(db, number, operation)
            right = f"case-{number}" if operation == b".GetItem" else "saved"
            if not (isinstance(outcome, RequestError) if case.is_certain else outcome == right):
                wrong.append(f"{case.name}: {outcome!r}")
        assert "" == "\n".join(wrong)


@pytest.mark.parametrize("is_fast", [True, False], ids=["wire", "sdk"])
async def test_a_servers_words_are_short_and_plain_in_ours(is_fast: bool) -> None:
    """Its code and its request id, however long they are and whatever is in them; so are a table's status and key."""
    words = "Bad\x1b[31m\u202eException" + "x" * 100_000
    long_id = b"x-amzn-RequestId: \x1b[2J" + b"r" * 5_000

    async def script(asked: Asked) -> None:
        if b".DescribeTable" in asked.head:
            keys = [{"AttributeName": words, "KeyType": "HASH"}]
            types = [{"AttributeName": words, "AttributeType": "S"}]
            await asked.send(answer(json_of({"Table": {"KeySchema": keys, "AttributeDefinitions": types}})))
        else:
            await asked.send(answer(json_of({"__type": words, "message": words}), long_id, line=b"HTTP/1.1 400 -"))

    async with raw_server(script) as server:
        async with adapter(server.url, is_fast=is_fast, max_attempts=1) as db:
            with pytest.raises(RequestError) as refused:
                await db.load("me")
        client = ClientConfig(**KEYS, endpoint_url=server.url, fast_path=is_fast)
        with pytest.raises(TableError) as other:
            await AsyncDynamoDb(DynamoDbConfig(TableConfig("users"), client=client)).open()

    for text in (str(refused.value), refused.value.code, refused.value.request_id, str(other.value)):
        assert text.isprintable()
        assert 10 < len(text) < 600
