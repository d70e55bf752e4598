"""Answers about many items that are those to another request: pages of a Query and a Scan, what a batch left undone."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    Conversations,
    DynamoDbConfig,
    OutcomeUnknownError,
    RequestError,
    TableConfig,
    UserCopy,
)
from dynadb_async.conversations.layout import Names
from tests.raw_server import Asked, answer, raw_server

KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
WAYS = pytest.mark.parametrize("fast_path", [True, False], ids=["wire", "sdk"])
NAMES = Names(key_name="userId", user_id="me", id="talk")
OTHER = Names(key_name="userId", user_id="somebody-else", id="talk")

Said = Callable[[str, Any], Any]


def entry(number: int) -> dict[str, Any]:
    """One of a conversation of mine."""
    return NAMES.key(NAMES.entry(number)) | {"messages": {"S": '["hello"]'}, "write": {"S": "w"}, "at": {"S": "then"}}


def adapter(url: str, *, fast_path: bool) -> AsyncDynamoDb[dict[str, Any]]:
    """One that asks once."""
    users, talks = (TableConfig(name, create_table_on_init=False) for name in ("users", "talks"))
    client: Any = ClientConfig(**KEYS, endpoint_url=url, fast_path=fast_path, max_attempts=1, connect_timeout=10)
    return AsyncDynamoDb(DynamoDbConfig(users, client=client, conversations=Conversations(talks)))


def script(says: Said, asked_for: list[Any]) -> Callable[[Asked], Any]:
    """A server that answers what *says* makes of an operation and its parameters; they are noted."""

    async def answered(asked: Asked) -> None:
        operation = asked.head.partition(b"DynamoDB_20120810.")[2].partition(b"\r\n")[0].decode()
        parameters = json.loads(asked.body)
        asked_for.append((operation, parameters))
        await asked.send(answer(json.dumps(says(operation, parameters)).encode()))

    return answered


ENDS: list[Any] = [
    {},
    None,
    [],
    "me",
    {"userId": {"S": "me"}},
    {"userId": {"S": "me"}, "name": {"N": "7"}},
    {"userId": {"S": "me"}, "name": None},
    OTHER.key(OTHER.entry(3)),
    NAMES.key("somewhere else"),
]


@WAYS
@pytest.mark.parametrize("end", ENDS)
async def test_a_page_ends_within_what_was_asked_for(fast_path: Any, end: Any) -> None:
    """Else there would be no way on from there, or one among somebody else's."""
    said = {"Items": [entry(7)], "Count": 1, "LastEvaluatedKey": end}
    async with raw_server(script(lambda *_: said, [])) as server, adapter(server.url, fast_path=fast_path) as db:
        for reading in (db.conversation("me", "talk").messages(), db.conversation("me", "talk").delete()):
            with pytest.raises(RequestError, match="CorruptAnswer"):
                await reading


@WAYS
async def test_a_page_is_no_copy_of_the_one_before(fast_path: Any) -> None:
    """It would come again and again, without an end: of a user's items, and of all users."""

    def says(operation: str, _: Any) -> Any:
        if operation == "BatchWriteItem":
            return {"UnprocessedItems": {}}
        return {"Items": [entry(9), entry(7)], "LastEvaluatedKey": NAMES.key(NAMES.entry(7))}

    async with raw_server(script(says, [])) as server, adapter(server.url, fast_path=fast_path) as db:
        for reading in (db.conversation("me", "talk").messages(), db.conversation("me", "talk").delete()):
            with pytest.raises(RequestError, match="CorruptAnswer"):
                await reading
        with pytest.raises(RequestError, match="CorruptAnswer"):
            async for _ in db.items():
                pass


@WAYS
async def test_what_is_never_gone(fast_path: Any) -> None:
    """A conversation, and a user, of whom there is something again after each deletion: it ends, and says so."""

    def says(operation: str, parameters: Any) -> Any:
        if operation == "BatchWriteItem":
            return {"UnprocessedItems": {}}
        names = [parameters["ExpressionAttributeValues"][f":{end}"]["S"] for end in ("first", "last")]
        return {"Items": [entry(7)] if names[0] <= NAMES.entry(7) <= names[1] else []}

    asked_for: list[Any] = []
    async with raw_server(script(says, asked_for)) as server, adapter(server.url, fast_path=fast_path) as db:
        for deletion in (db.conversation("me", "talk").delete(), db.delete("me")):
            with pytest.raises(RequestError, match="end what appends, and delete again"):
                await asyncio.wait_for(deletion, 60)
    assert "DeleteItem" not in [operation for operation, _ in asked_for]


LEFT: list[Any] = [
    {"UnprocessedItems": {"talks": [{"DeleteRequest": {"Key": OTHER.key(OTHER.entry(3))}}]}},
    {"UnprocessedItems": {"talks": [{"PutRequest": {"Item": OTHER.key(OTHER.entry(3)) | {"x": {"S": "y"}}}}]}},
    {"UnprocessedItems": {"users": [{"DeleteRequest": {"Key": NAMES.key(NAMES.entry(3))}}]}},
    {"UnprocessedItems": {"talks": [{"DeleteRequest": {"Key": {"userId": {"S": "me"}, "name": 5}}}]}},
    {"UnprocessedItems": {"talks": "all"}},
    {"UnprocessedItems": {"talks": [1, {}]}},
    {"UnprocessedItems": [1]},
    {"UnprocessedItems": None},
    {},
]


@WAYS
@pytest.mark.parametrize("left", LEFT)
async def test_what_a_batch_left_undone_is_of_that_batch(fast_path: Any, left: Any) -> None:
    """Nothing of anybody else's is deleted, or written, for it is said in the answer to another request."""
    asked_for: list[Any] = []

    def says(operation: str, _: Any) -> Any:
        if operation != "Query":
            return left
        return {"Items": [NAMES.key(NAMES.entry(7))] if len(asked_for) == 1 else []}

    async with raw_server(script(says, asked_for)) as server, adapter(server.url, fast_path=fast_path) as db:
        with pytest.raises(RequestError, match="CorruptAnswer"):
            await db.conversation("me", "talk").delete()
    assert "somebody-else" not in str(asked_for)


@WAYS
async def test_what_is_left_is_asked_for_as_it_was(fast_path: Any) -> None:
    """In our own words, binaries included, on both ways."""
    asked_for: list[Any] = []
    binary = {"B": b64encode(b"\0\1words").decode()}
    items = [
        NAMES.key(NAMES.entry(number)) | {"messages": {"B": b"\0\1words"}, "write": {"S": "w"}} for number in (7, 8)
    ]

    def says(operation: str, parameters: Any) -> Any:
        if operation != "BatchWriteItem":
            return {"Items": []} if operation == "Query" else {}
        one = parameters["RequestItems"]["talks"][1:]
        changed = json.loads(json.dumps(one).replace(binary["B"], ""))
        return {"UnprocessedItems": {"talks": changed} if changed else {}}

    async with raw_server(script(says, asked_for)) as server, adapter(server.url, fast_path=fast_path) as db:
        assert await db.restore(UserCopy(item=None, conversations=items))
    batches = [parameters["RequestItems"]["talks"] for name, parameters in asked_for if name == "BatchWriteItem"]
    assert [2, 1] == [len(batch) for batch in batches]
    assert [binary] * 3 == [one["PutRequest"]["Item"]["messages"] for batch in batches for one in batch]


@WAYS
async def test_a_transaction_that_is_answered_as_one_write_is(fast_path: Any) -> None:
    """A failed condition of one item is said to another request: nobody knows what was done, and it is told in ours."""
    code = b'{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}'

    async def refuse(asked: Asked) -> None:
        is_write = b".TransactWriteItems" in asked.head
        await asked.send(answer(code, line=b"HTTP/1.1 400 -") if is_write else answer(b"{}"))

    async with raw_server(refuse) as server, adapter(server.url, fast_path=fast_path) as db:
        with pytest.raises(OutcomeUnknownError, match="CorruptAnswer"):
            await db.conversation("me", "talk").append(["hello"])
        with pytest.raises(OutcomeUnknownError, match="CorruptAnswer"):
            async with db.turn("me") as turn:
                turn.conversation("talk").add("hello")
