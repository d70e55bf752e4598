"""What a conversation makes of serializers of one's own, of damaged entries, and of answers to other requests."""

import json
import traceback
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    Conversations,
    DynamoDbConfig,
    MalformedItemError,
    RequestError,
    SerializationError,
    TableConfig,
    ThrottledError,
)
from dynadb_async.conversations.layout import Names
from tests.raw_server import Asked, answer, raw_server

Db = AsyncDynamoDb[dict[str, Any]]
WORDS = "words-of-a-person"
NAMES = Names(key_name="userId", user_id="user-1", id="talk")
KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}


class Zipped:
    """Compresses, as bytes."""

    def serialize(self, messages: list[Any]) -> bytes:
        """As JSON, made small."""
        return zlib.compress(json.dumps(messages).encode())

    def deserialize(self, content: str | bytes) -> Any:
        """The messages."""
        return json.loads(zlib.decompress(content if isinstance(content, bytes) else content.encode()))


class Stored(Zipped):
    """Makes bytes of messages that hardly get smaller."""

    def serialize(self, messages: list[Any]) -> bytes:
        """As JSON."""
        return zlib.compress(json.dumps(messages).encode(), level=0)


class Reversed:
    """A text, which JSON is not."""

    def serialize(self, messages: list[Any]) -> str:
        """Backwards."""
        return json.dumps(messages)[::-1]

    def deserialize(self, content: str | bytes) -> Any:
        """Forwards."""
        return json.loads(content[::-1])


def memory(serializer: Any = None, name: str = "") -> Db:
    """An adapter on a store of its own, or on the one of that *name*."""
    client = ClientConfig(endpoint_url=f"memory:{name or uuid4().hex}")
    return AsyncDynamoDb(
        DynamoDbConfig("users", client=client, conversations=Conversations("talks", serializer=serializer))
    )


@pytest.mark.parametrize("serializer", [Zipped(), Stored(), Reversed()], ids=["zipped", "stored", "reversed"])
async def test_a_serializer_of_ones_own(serializer: Any) -> None:
    """By hand, in a turn, and in parts: messages come back equal, in their order."""
    large = [WORDS * 1000, "é" * 300_000]
    async with memory(serializer) as db:
        talk = db.conversation("user-1", "talk")
        await talk.append([{"role": "user", "content": WORDS}])
        async with db.turn("user-1") as turn:
            turn.conversation("talk").add("in a turn", 10**30)
        await talk.append(large)

        expected = [{"role": "user", "content": WORDS}, "in a turn", 10**30, *large]
        assert expected == (await talk.messages()).messages
        assert large == (await talk.messages(2)).messages


class Broken:
    """Raises with what it was given, or makes something else of it."""

    def __init__(self, made: Any = None, read: Any = None) -> None:
        self.made, self.read = made, read

    def serialize(self, messages: list[Any]) -> Any:
        """What it makes."""
        if self.made is None:
            raise RuntimeError(str(messages))
        return self.made

    def deserialize(self, content: str | bytes) -> Any:
        """What it reads."""
        if self.read is None:
            raise RuntimeError(str(content))
        return self.read


@pytest.mark.parametrize(
    ("serializer", "said"),
    [(Broken(), "the serializer raised RuntimeError"), (Broken(made=5), "expected a str or bytes of the serializer")],
)
async def test_a_serializer_that_fails(serializer: Any, said: str) -> None:
    """It is told by its kind, without a word of the messages, and nothing is written."""
    async with memory(serializer) as db:
        with pytest.raises(SerializationError, match=said) as caught:
            await db.conversation("user-1", "talk").append([WORDS])
        assert WORDS not in str(caught.value)
        assert await db.conversation("user-1", "talk").info() is None


@pytest.mark.parametrize(
    ("serializer", "said"),
    [
        (Broken(made="x"), "raised RuntimeError; was it written with another serializer"),
        (Broken(made="x", read={}), "expected a list of messages, got dict"),
        (None, "raised JSONDecodeError; was it written with another serializer"),
    ],
)
async def test_messages_of_another_serializer(serializer: Any, said: str) -> None:
    """They can't be read, which is told without a word of them."""
    name = uuid4().hex
    async with memory(Broken(made=WORDS), name) as db:
        await db.conversation("user-1", "talk").append(["one"])
    async with memory(serializer, name) as db:
        with pytest.raises(MalformedItemError, match=said) as caught:
            await db.conversation("user-1", "talk").messages()
        assert WORDS not in str(caught.value)


def entry(number: int = 1_795_000_000_000, **changed: Any) -> dict[str, Any]:
    """An entry as it is stored, or a damaged one."""
    stored = NAMES.key(NAMES.entry(number)) | {
        "messages": {"S": '["hello"]'},
        "write": {"S": "w0123456789"},
        "at": {"S": datetime.now(UTC).isoformat()},
    }
    return {name: value for name, value in (stored | changed).items() if value is not None}


def page(*items: Any) -> bytes:
    """A Query's answer."""
    return json.dumps({"Items": items, "Count": len(items), "ScannedCount": len(items)}).encode()


def client(url: str, fast_path: bool) -> ClientConfig:
    """One that gives up after the first attempt."""
    settings: dict[str, Any] = {**KEYS, "endpoint_url": url, "fast_path": fast_path, "max_attempts": 1}
    return ClientConfig(**settings, connect_timeout=10, read_timeout=10, operation_timeout=30)


def adapter(url: str, fast_path: bool) -> Db:
    """An adapter of tables that are there."""
    users, log = (TableConfig(name, create_table_on_init=False) for name in ("users", "talks"))
    return AsyncDynamoDb(DynamoDbConfig(users, client=client(url, fast_path), conversations=Conversations(log)))


@pytest.fixture(params=[True, False], ids=["wire", "sdk"])
async def answered(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[bytes], Db]]:
    """Make an adapter whose Query is answered so."""
    said = [page()]

    async def script(asked: Asked) -> None:
        await asked.send(answer(said[0] if b".Query" in asked.head else b"{}"))

    async with raw_server(script) as server, adapter(server.url, request.param) as db:

        def make(body: bytes) -> Db:
            said[0] = body
            return db

        yield make


async def test_an_honest_page(answered: Callable[[bytes], Db]) -> None:
    """The same server is believed, if it answers what was asked."""
    assert ["hello"] == (await answered(page(entry())).conversation("user-1", "talk").messages()).messages


OTHERS = Names(key_name="userId", user_id="user-2", id="talk")


@pytest.mark.parametrize(
    "body",
    [
        page(entry(userId={"S": "user-2"})),
        page(OTHERS.key(OTHERS.entry(7)) | {"messages": {"S": '["no"]'}}),
        page(entry(name={"S": Names(key_name="userId", user_id="user-1", id="another").entry(7)})),
        page(entry(name={"N": "7"})),
        page(entry(userId=None)),
        page("an item"),
        page(["an item"]),
        page({"userId": "user-1"}),
        page(entry(messages=["hello"])),
        page(entry(messages={"S": '["hello"]', "N": "1"})),
        json.dumps({"Items": {"0": entry()}}).encode(),
        json.dumps({"Items": [], "LastEvaluatedKey": "user-1"}).encode(),
        json.dumps({"Items": [], "ConsumedCapacity": "much"}).encode(),
        json.dumps({"Items": [], "Item": {}}).encode(),
        b"[]",
        b'{"Items": [',
        b"{}",
    ],
)
async def test_a_page_that_is_no_answer_to_it(answered: Callable[[bytes], Db], body: bytes) -> None:
    """Another user's, another conversation's, or what is no page at all: never a message of it, and never none."""
    with pytest.raises(RequestError) as caught:
        await answered(body).conversation("user-1", "talk").messages()
    assert "user-2" not in str(caught.value)


@pytest.mark.parametrize(
    "damaged",
    [
        entry(messages=None),
        entry(write=None),
        entry(messages={"N": "7"}),
        entry(messages={"S": WORDS}),
        entry(messages={"S": "7"}),
        entry(part={"N": "0"}, parts={"N": WORDS}),
        entry(cut={"N": WORDS}),
        entry(write={"N": "7"}),
    ],
)
async def test_a_damaged_entry(answered: Callable[[bytes], Db], damaged: dict[str, Any]) -> None:
    """It is told, without a word of it."""
    with pytest.raises(MalformedItemError) as caught:
        await answered(page(damaged)).conversation("user-1", "talk").messages()
    assert WORDS not in str(caught.value)


async def test_a_write_id_that_is_no_text(answered: Callable[[bytes], Db]) -> None:
    """It would be the revision of a page: an error of the entry, or of the answer on the SDK's way."""
    with pytest.raises((MalformedItemError, RequestError)):
        await answered(page(entry(write={"S": {}}))).conversation("user-1", "talk").messages()


@pytest.mark.parametrize("fast_path", [True, False], ids=["wire", "sdk"])
async def test_a_batch_that_is_never_done(fast_path: bool) -> None:
    """What DynamoDB leaves undone is asked for again, until the time is up; then that is told."""
    batches: list[Any] = []

    async def script(asked: Asked) -> None:
        if b".BatchWriteItem" in asked.head:
            batches.append(undone := json.loads(asked.body)["RequestItems"])
            await asked.send(answer(json.dumps({"UnprocessedItems": undone}).encode()))
        else:
            await asked.send(answer(page(entry()) if b".Query" in asked.head else b"{}"))

    async with raw_server(script) as server:
        users, log = (TableConfig(name, create_table_on_init=False) for name in ("users", "talks"))
        settings: dict[str, Any] = {**KEYS, "endpoint_url": server.url, "fast_path": fast_path, "operation_timeout": 3}
        config = DynamoDbConfig(users, client=ClientConfig(**settings), conversations=Conversations(log))
        async with AsyncDynamoDb(config) as db:
            with pytest.raises(ThrottledError, match="left some of a batch undone"):
                await db.conversation("user-1", "talk").delete()
    assert 2 <= len(batches) < 40
    assert batches[0] == batches[-1]


WHOLE = {
    "n": {"N": "7"},
    "appends": {"N": "1"},
    "recent": {"L": [{"M": {"write": {"S": "w0123456789"}, "seq": {"N": "7"}}}]},
    "createdAt": {"S": "2026-11-26T12:00:00.000Z"},
    "updatedAt": {"S": "2026-11-26T12:00:00.000Z"},
}


@pytest.mark.parametrize("damaged", [{"n": {"S": WORDS}}, {"recent": {"L": []}}, {"state": {"S": WORDS}}], ids=str)
@pytest.mark.parametrize("act", ["info", "append"])
async def test_a_damaged_head(damaged: dict[str, Any], act: str) -> None:
    """It is told by what is missing in it, to who reads it and to who writes, without a word of it."""
    head = NAMES.key(NAMES.head) | WHOLE | damaged

    async def script(asked: Asked) -> None:
        await asked.send(answer(json.dumps({"Item": head}).encode() if b".GetItem" in asked.head else b"{}"))

    async with raw_server(script) as server, adapter(server.url, True) as db:
        talk = db.conversation("user-1", "talk")
        with pytest.raises(MalformedItemError, match="head of a conversation") as caught:
            await (talk.info() if act == "info" else talk.append([], state=lambda state: state))
    assert WORDS not in "".join(traceback.format_exception(caught.value))
