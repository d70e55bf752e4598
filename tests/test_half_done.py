"""Turns that were half done: a checkpoint, then a crash or a hang-up, then the same turn again; and lost replies."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import httpx2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from attrs import frozen
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from dynadb_async import (
    AsyncDynamoDb,
    AttributeValue,
    ClientConfig,
    DynamoDbConfig,
    DynamoDbSerializer,
    ReplyLostError,
    Serializer,
    StoredElements,
    StoredHistory,
    TableConfig,
    Turn,
    UsageError,
    VersionConflictError,
)
from dynadb_async.aiohttp import ADAPTER, adapter_context, turns
from dynadb_async.fastapi import EXCEPTION_HANDLERS, AppDynamoDb
from dynadb_async.item import Layout
from dynadb_async.item.recent import LARGEST_RESPONSE
from dynadb_async.item.unfinished import digest_of, open_digests
from tests.engines import Engine

Db = AsyncDynamoDb[dict[str, Any]]

CRASH = ZeroDivisionError


class Opaque:
    """A serializer that makes other types of some values, and shows nothing of what is in the table."""

    def serialize(self, element: Any) -> AttributeValue:
        """As base64."""
        return {"S": base64.b64encode(json.dumps(element, default=str).encode()).decode()}

    def deserialize(self, value: AttributeValue) -> Any:
        """Back again."""
        return json.loads(base64.b64decode(value["S"]))


def adapter(
    engine: Engine, table_name: str, *, size: int = 10, serializer: Serializer | None = None, **more: Any
) -> Db:
    """An adapter that stores what was said."""
    history = StoredHistory(size=size, input=True, entities=True)
    config = DynamoDbConfig(
        TableConfig(table_name),
        client=ClientConfig(**engine.client_settings),  # type: ignore[arg-type]
        stored_elements=StoredElements(history=history),
        **more,
    )
    return AsyncDynamoDb(config, serializer=serializer)


@pytest.fixture(params=["memory", "moto", "dynamodb-local", "memory-opaque"])
async def dbs(request: pytest.FixtureRequest, table_name: str) -> AsyncIterator[tuple[Db, Db]]:
    """Two adapters of one table, as of two processes."""
    engine: Engine = request.getfixturevalue(request.param.removesuffix("-opaque").replace("-", "_"))
    serializer = Opaque() if request.param.endswith("-opaque") else DynamoDbSerializer()
    one, other = (adapter(engine, table_name, serializer=serializer) for _ in range(2))
    async with one, other:
        yield one, other


@pytest.fixture
async def db(memory: Engine, table_name: str) -> AsyncIterator[Db]:
    """An adapter."""
    async with adapter(memory, table_name) as db:
        yield db


async def ask(db: Db, turn_id: str | None = "m-1", *, said: str = "Hello", crashes: bool = False) -> Turn[Any]:
    """A turn that leaves what was said as a checkpoint, and may crash then."""
    async with db.turn("user-1", turn_id=turn_id) as turn:
        turn.input, turn.entities = said, {"at": 1.50, "of": {"b", "a"}, "n": Decimal("1E+2")}
        await db.save(turn)
        if crashes:
            raise CRASH
        turn.output = f"{said} to you"
    return turn


async def said(db: Db) -> list[str]:
    """What the history holds, newest first."""
    items = (await db.export("user-1")).get("history", {}).get("items", [])
    return [f"{item.get('input')}, {item.get('output')}" for item in items]


async def recent(db: Db) -> list[dict[str, Any]]:
    """The recent turns as they are stored, without their write ids."""
    stored: list[dict[str, Any]] = (await db.export("user-1"))["recentTurns"]
    return [{name: value for name, value in entry.items() if name != "write"} for entry in stored]


async def test_a_turn_that_crashed_is_resumed(dbs: tuple[Db, Db]) -> None:
    """The next delivery knows, does not see its own words in the history, and they stand there once when it ends."""
    db, other = dbs
    await ask(db, "m-0", said="Hi")
    with pytest.raises(CRASH):
        await ask(db, crashes=True)
    assert ["Hello, None", "Hi, Hi to you"] == await said(db)
    (unfinished, _) = await recent(db)
    assert {"open", "digest"} == set(unfinished)
    assert "m-1" == unfinished["open"]

    async with other.turn("user-1", turn_id="m-1") as again:
        assert (True, False) == (again.is_resumed, again.is_duplicate)
        assert ["Hi"] == [item["input"] for item in again.history.items]
        again.input, again.output = "Hello", "Hello to you"
    assert ["Hello, Hello to you", "Hi, Hi to you"] == await said(db)
    assert [{"turn": "m-1"}, {}] == [{k: v for k, v in entry.items() if v == "m-1"} for entry in (await recent(db))[:2]]

    async with db.turn("user-1", turn_id="m-1") as third:
        assert (False, True) == (third.is_resumed, third.is_duplicate)


async def test_a_turn_that_crashes_again_and_again(dbs: tuple[Db, Db]) -> None:
    """However often, its words are there once, and other turns in between keep theirs and their order."""
    db, other = dbs
    for number in range(3):
        with pytest.raises(CRASH):
            await ask((db, other)[number % 2], crashes=True)
        assert 1 == (await said(db)).count("Hello, None")
        assert 1 == sum("open" in entry for entry in await recent(db))
        await ask(other, f"other-{number}", said=f"other-{number}")
    assert (await ask(db)).is_resumed
    assert 1 == sum(words.startswith("Hello") for words in await said(db))
    assert 3 == sum(words.startswith("other") for words in await said(db))
    assert [] == [entry for entry in await recent(db) if "open" in entry or "digest" in entry]


@pytest.mark.parametrize("is_first_faster", [True, False])
async def test_two_deliveries_that_both_live(dbs: tuple[Db, Db], is_first_faster: bool) -> None:
    """Unfinished is not dead: both go on, whoever ends first is the turn, and the other one is a duplicate."""
    db, other = dbs
    first = db.turn("user-1", turn_id="m-1")
    turn = await first.__aenter__()
    turn.input, turn.user.data["first"] = "Hello", 1
    await db.save(turn)
    second = other.turn("user-1", turn_id="m-1")
    again = await second.__aenter__()
    assert again.is_resumed
    again.input, again.user.data["second"] = "Hello", 2
    await other.save(again)
    assert ["Hello, None"] == await said(db)
    turn.output, again.output = "first", "second"
    for block in (first, second) if is_first_faster else (second, first):
        await block.__aexit__(None, None, None)

    assert (not is_first_faster, is_first_faster) == (turn.is_duplicate, again.is_duplicate)
    assert [f"Hello, {'first' if is_first_faster else 'second'}"] == await said(db)
    assert {"first": 1, "second": 2} == (await db.export("user-1"))["user"]["data"]
    assert 1 == sum(entry.get("turn") == "m-1" for entry in await recent(db))
    assert 0 == sum("open" in entry for entry in await recent(db))


async def test_a_delivery_that_saw_nothing_of_the_other(dbs: tuple[Db, Db]) -> None:
    """It was loaded before the other one's checkpoint; its entry takes that one's place all the same."""
    db, other = dbs
    await ask(db, "m-0", said="Hi")
    turn = await other.load("user-1", turn_id="m-1")
    with pytest.raises(CRASH):
        await ask(db, crashes=True)
    turn.input, turn.output = "Hello", "done"
    await other.save(turn)
    assert ["Hello, done", "Hi, Hi to you"] == await said(db)
    assert not turn.is_duplicate


async def test_a_resumed_turn_merges_in_its_place(dbs: tuple[Db, Db]) -> None:
    """Another turn comes between: both entries stay, each once; what the handler saw of the history is no change."""
    db, other = dbs
    await ask(db, "m-0", said="Hi")
    with pytest.raises(CRASH):
        await ask(db, crashes=True)
    async with db.turn("user-1", turn_id="m-1") as again:
        await ask(other, "m-2", said="Bye")
        again.input, again.output = "Hello", "done"
        await db.save(again)
        again.output = "done at last"
    assert ["Bye, Bye to you", "Hello, done at last", "Hi, Hi to you"] == await said(db)


async def test_without_history_or_turn_id(memory: Engine, table_name: str) -> None:
    """A turn is resumed where no history is kept, and a checkpoint without an id leaves no trace of one."""
    config = DynamoDbConfig(TableConfig(table_name), client=ClientConfig(**memory.client_settings))  # type: ignore[arg-type]
    async with AsyncDynamoDb(config) as db:
        for turn_id in ("m-1", None):
            with pytest.raises(CRASH):
                await ask(db, turn_id, crashes=True)
        assert [{}, {"open": "m-1"}] == await recent(db)
        assert (await ask(db)).is_resumed
        assert not (await ask(db, "m-2")).is_resumed


async def test_a_release_that_knows_no_open_turns(dbs: tuple[Db, Db]) -> None:
    """It reads the entry as one without a turn, so it takes nothing for a duplicate."""
    db, _ = dbs
    with pytest.raises(CRASH):
        await ask(db, crashes=True)
    stored = (await db.export("user-1"))["recentTurns"]
    assert [None] == [entry.get("turn") for entry in stored]
    assert all(isinstance(entry["write"], str) for entry in stored)


async def test_a_checkpoint_within_handle(db: Db) -> None:
    """A re-run would count it twice: it is refused, and nothing is stored."""

    async def handler(turn: Turn[Any]) -> None:
        turn.user.data["visits"] = 1
        await db.save(turn)

    with pytest.raises(UsageError, match=r"checkpoint within handle\(\).* use turn\(\)"):
        await db.handle("user-1", handler, turn_id="m-1")
    assert {} == await db.export("user-1")


async def test_another_user_within_handle(db: Db) -> None:
    """That is no checkpoint."""

    async def handler(_: Turn[Any]) -> None:
        other = await db.load("user-2")
        other.user.data["seen"] = True
        await db.save(other)

    await db.handle("user-1", handler)
    assert {"seen": True} == (await db.export("user-2"))["user"]["data"]


def replying(reply: Any, runs: list[str] | None = None) -> Any:
    """A handler with this reply."""

    async def handler(turn: Turn[Any]) -> Any:
        if runs is not None:
            runs.append(turn.turn_id or "")
        turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
        return reply

    return handler


async def test_a_reply_that_is_too_large(dbs: tuple[Db, Db]) -> None:
    """It is returned, and not kept; a second delivery is told that, and not that there was none."""
    db, other = dbs
    large = {"text": "x" * LARGEST_RESPONSE}
    assert large == await db.handle("user-1", replying(large), turn_id="m-1")
    assert [{"turn": "m-1", "lost": True}] == await recent(db)
    runs: list[str] = []
    with pytest.raises(ReplyLostError, match="lost_reply="):
        await other.handle("user-1", replying("again", runs), turn_id="m-1")
    assert [] == runs
    assert {"visits": 1} == (await db.export("user-1"))["user"]["data"]


async def test_replies_that_are_not_kept_any_more(dbs: tuple[Db, Db]) -> None:
    """The newest two are; of those before it is known that there were some, or none."""
    db, other = dbs
    for number, reply in enumerate(({"n": 0}, None, {"n": 2}, {"n": 3})):
        assert reply == await db.handle("user-1", replying(reply), turn_id=f"m-{number}")
    with pytest.raises(ReplyLostError):
        await other.handle("user-1", replying("again"), turn_id="m-0")
    assert [None, {"n": 2}, {"n": 3}] == [
        await other.handle("user-1", replying("again"), turn_id=f"m-{number}") for number in (1, 2, 3)
    ]


async def test_no_replies_are_kept_at_all(memory: Engine, table_name: str) -> None:
    """With `recent_responses=0` any reply may be returned, and each is lost."""
    async with adapter(memory, table_name, recent_responses=0) as db:
        reply = JSONResponse({})
        assert reply is await db.handle("user-1", replying(reply), turn_id="m-1")
        with pytest.raises(ReplyLostError):
            await db.handle("user-1", replying(reply), turn_id="m-1")
        assert await db.handle("user-1", replying(None), turn_id="m-2") is None
        assert await db.handle("user-1", replying(None), turn_id="m-2") is None


@pytest.mark.parametrize("is_awaited", [True, False])
async def test_a_lost_reply_is_made_again(db: Db, is_awaited: bool) -> None:
    """By a function of the duplicate's turn, or a coroutine function, and nothing is saved."""
    large = "x" * 2 * LARGEST_RESPONSE

    def remade(turn: Turn[Any]) -> Any:
        assert turn.is_duplicate
        assert turn.response is None
        turn.user.data["visits"] = 99
        return {"again": turn.turn_id}

    async def remade_later(turn: Turn[Any]) -> Any:
        return remade(turn)

    lost_reply = remade_later if is_awaited else remade
    for expected in (large, {"again": "m-1"}):
        assert expected == await db.handle("user-1", replying(large), turn_id="m-1", lost_reply=lost_reply)
    assert {"visits": 1} == (await db.export("user-1"))["user"]["data"]


async def test_a_reply_lost_to_a_faster_delivery(dbs: tuple[Db, Db]) -> None:
    """Whoever finds at the save that another delivery was faster has no other reply for the platform either."""
    db, other = dbs
    large = "x" * 2 * LARGEST_RESPONSE

    async def handler(turn: Turn[Any]) -> str:
        if not turn.user.data:
            await other.handle("user-1", replying(large), turn_id="m-1")
        turn.user.data["visits"] = 7
        return "mine"

    with pytest.raises(ReplyLostError):
        await db.handle("user-1", handler, turn_id="m-1")
    assert "made" == await db.handle("user-1", handler, turn_id="m-1", lost_reply=lambda _: "made")
    assert {"visits": 1} == (await db.export("user-1"))["user"]["data"]


async def large_reply(turn: Turn[Any]) -> str:
    """More than is kept."""
    turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
    return "x" * 2 * LARGEST_RESPONSE


async def test_a_lost_reply_is_an_empty_answer_of_fastapi(memory: Engine, table_name: str) -> None:
    """Platforms repeat what is answered with 5xx, and there is nothing to repeat."""
    holder = AppDynamoDb(lambda: adapter(memory, table_name))
    app = FastAPI(exception_handlers=EXCEPTION_HANDLERS)

    @app.post("/visit")
    async def visit() -> Any:
        return await holder.adapter.handle("user-1", large_reply, turn_id="m-1")

    transport = httpx2.ASGITransport(app)
    async with holder.lifespan(app), httpx2.AsyncClient(transport=transport, base_url="http://app") as http:
        first, again = await http.post("/visit"), await http.post("/visit")
    assert (200, 2 * LARGEST_RESPONSE) == (first.status_code, len(first.json()))
    assert (200, b"") == (again.status_code, again.content)


async def test_a_lost_reply_is_an_empty_answer_of_aiohttp(memory: Engine, table_name: str) -> None:
    """The same, where a handler opens its turn itself."""

    async def visit(request: web.Request) -> web.Response:
        return web.json_response(await request.config_dict[ADAPTER].handle("user-1", large_reply, turn_id="m-1"))

    async def no_turn(_request: web.Request) -> None:
        pass

    app = web.Application(middlewares=[turns(no_turn)])
    app.cleanup_ctx.append(adapter_context(lambda: adapter(memory, table_name)))
    app.router.add_post("/visit", visit)
    async with TestClient(TestServer(app)) as http:
        async with http.post("/visit") as first:
            assert (200, 2 * LARGEST_RESPONSE) == (first.status, len(await first.json()))
        async with http.post("/visit") as again:
            assert (200, b"") == (again.status, await again.read())


class Plain:
    """An object of somebody's."""

    def __init__(self) -> None:
        self.words = "hello"


NO_DATA = [
    JSONResponse({"text": "hello"}),
    web.json_response({"text": "hello"}),
    {"nested": [{"deep": JSONResponse({})}]},
    [Plain()],
    Plain,
    print,
    (n for n in range(3)),
    ValueError("hello"),
    object(),
]


@pytest.mark.parametrize("reply", NO_DATA, ids=lambda reply: type(reply).__name__)
async def test_a_reply_that_is_no_data(db: Db, reply: Any) -> None:
    """With a turn id it is refused before anything is saved; without one nobody will ask for it again."""
    with pytest.raises(UsageError, match="can't be kept for a second delivery"):
        await db.handle("user-1", replying(reply), turn_id="m-1")
    with pytest.raises(UsageError, match="can't be kept for a second delivery"):
        async with db.turn("user-1", turn_id="m-1") as turn:
            turn.response = reply
    assert {} == await db.export("user-1")
    assert reply is await db.handle("user-1", replying(reply))


class Model(BaseModel):
    """A reply of pydantic's."""

    text: str = "hello"


@frozen
class Attrs:
    """A reply of attrs'."""

    text: str = "hello"


@dataclass
class Data:
    """A reply of the standard library's."""

    text: str = "hello"


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        ({"a": [1, None, True, "x", b"y", {1, 2}]}, {"a": [1, None, True, "x", b"y", {1, 2}]}),
        (Model(), {"text": "hello"}),
        ([Attrs(), Data()], [{"text": "hello"}, {"text": "hello"}]),
        (("a", "b"), ["a", "b"]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ("text", "text"),
        (0, 0),
        (False, False),
        ("", ""),
        ({}, {}),
    ],
    ids=repr,
)
async def test_replies_that_are_data(db: Db, reply: Any, kept: Any) -> None:
    """They are returned as they are, and as data to a second delivery."""
    assert reply is await db.handle("user-1", replying(reply), turn_id="m-1")
    assert kept == await db.handle("user-1", replying("again"), turn_id="m-1")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(values, values)
def test_digests_tell_apart_what_is_stored_differently(one: Any, other: Any) -> None:
    """Equal for what is one value to DynamoDB, in any order and with any number of zeros, and for nothing else."""
    from dynadb_async.item.merge import same  # noqa: PLC0415 - the rule that this has to agree with

    assert same(one, other) == (digest_of({"v": one}) == digest_of({"v": other}))


@pytest.mark.parametrize(
    "text", ["0", "1", "10", "150", "1.5", "-2.5", "1E+22", "1E-7", "12345678901234567890123456789012345678"]
)
def test_digests_of_numbers(text: str) -> None:
    """DynamoDB writes a number as it likes."""
    plain = f"{Decimal(text):f}"
    alike = [text, plain, f"{plain}0" if "." in plain else f"{plain}.00"]
    assert 1 == len({digest_of({"v": Decimal(each)}) for each in alike})
    assert digest_of({"v": Decimal(text)}) != digest_of({"v": Decimal(text + "1")})


async def test_what_a_resumed_turn_changed_conflicts_as_ever(dbs: tuple[Db, Db]) -> None:
    """Being resumed gives no rights over other turns."""
    db, other = dbs
    with pytest.raises(CRASH):
        await ask(db, crashes=True)
    again = await db.load("user-1", turn_id="m-1")
    async with other.turn("user-1") as turn:
        turn.user.data["visits"] = 1
    again.user.data["visits"] = 2
    with pytest.raises(VersionConflictError):
        await db.save(again)


async def test_a_user_of_jovos_is_resumed(memory: Engine, table_name: str) -> None:
    """An item that another program wrote has no recent turns; a checkpoint brings the first."""
    async with memory.client() as client, adapter(memory, table_name) as db:
        await db.open()
        history = {"M": {"items": {"L": [{"M": {"input": {"S": "Hi"}}}]}}}
        item = {"userId": {"S": "user-1"}, "user": {"M": {"data": {"M": {}}}}, "history": history}
        await client.put_item(TableName=table_name, Item=item)
        with pytest.raises(CRASH):
            await ask(db, crashes=True)
        assert (await ask(db)).is_resumed
        assert ["Hello, Hello to you", "Hi, None"] == await said(db)


def test_a_digest_of_another_type_is_none() -> None:
    """Whoever wrote it: the turn is resumed, and its history is left alone."""
    entry = {"M": {"write": {"S": "w"}, "open": {"S": "m-1"}, "digest": {"SS": ["a"]}}}
    layout = Layout(config=DynamoDbConfig("users"), serializer=DynamoDbSerializer(), user_data=dict)
    assert [] == open_digests(layout, {"recentTurns": {"L": [entry]}}, "m-1")


async def test_what_was_read_is_let_go_at_a_checkpoint(db: Db) -> None:
    """A turn that goes on holds what it wrote instead, beside its values; and what it left is stored all the same."""
    texts = [f"two large pizzas, please {number}" for number in range(50)]
    async with db.turn("user-1") as turn:
        turn.user.data["texts"] = texts
    async with db.turn("user-1") as turn:
        assert turn.loaded.kept is not None
        for count in (1, 2):
            turn.user.data["count"] = count
            await db.save(turn)
            assert turn.loaded.kept is None
    assert {"texts": texts, "count": 2} == (await db.load("user-1")).user.data
