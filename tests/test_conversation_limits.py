"""What a conversation refuses before anything is written, and in which words."""

import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any
from uuid import uuid4

import attrs
import pytest

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    Conversations,
    DynaDbError,
    DynamoDbConfig,
    ItemTooLargeError,
    OutcomeUnknownError,
    RequestError,
    SerializationError,
    TableConfig,
    TableError,
    Turn,
    VersionConflictError,
)
from dynadb_async.testing import Fault, sick
from tests.engines import Engine

Db = AsyncDynamoDb[dict[str, Any]]


@pytest.fixture
def config() -> DynamoDbConfig:
    """A store of one's own."""
    client = ClientConfig(endpoint_url=f"memory:{uuid4().hex}")
    return DynamoDbConfig("users", client=client, conversations=Conversations("talks"))


@pytest.fixture
async def db(config: DynamoDbConfig) -> AsyncIterator[Db]:
    """An adapter on it."""
    async with AsyncDynamoDb(config) as db:
        yield db


async def all_of(db: Db, conversation: str = "talk") -> list[Any]:
    """All messages."""
    return (await db.conversation("user-1", conversation).messages()).messages


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"replacing": True}, "expected a whole number, as a page or an append has it, got bool - at replacing"),
        ({"replacing": "5"}, "got str - at replacing"),
        ({"replacing": 1.5}, "got float - at replacing"),
        ({"replacing": -1}, "got a negative one - at replacing"),
        (
            {"append_id": ""},
            "expected a text of 1 to 256 bytes, such as the platform's id of the message - at append_i",
        ),
        ({"append_id": "é" * 129}, "expected a text of 1 to 256 bytes"),
        ({"append_id": 5}, "expected a text of 1 to 256 bytes"),
        ({"expected": 5}, "expected a text, the revision of a page, an append or an info, got int - at expected"),
        ({"messages": "no"}, "expected a list of messages, got str - at messages"),
        ({"messages": [1, {"n": 10**5000}]}, "a number has too many digits; make a text of it - at messages"),
        ({"state": 10**5000}, "a number has too many digits; make a text of it - at state"),
        ({"state": "x" * 400_000}, "400002 bytes, over 389120; keep less beside the messages - at state"),
        ({"state": lambda _: "é" * 200_000}, "400002 bytes, over 389120; keep less beside the messages - at state"),
    ],
)
async def test_an_append(db: Db, arguments: dict[str, Any], said: str) -> None:
    """With its place; nothing is written, and the next append is as good as any."""
    talk = db.conversation("user-1", "talk")
    await talk.append(["one"])
    with pytest.raises(SerializationError, match=re.escape(said)):
        await talk.append(**{"messages": ["no"], **arguments})
    await talk.append(["two"])
    assert ["one", "two"] == await all_of(db)


@pytest.mark.parametrize("limit", ["5", 1.5, [1], True, -1])
async def test_a_page_of_no_number(db: Db, limit: Any) -> None:
    """With and without a turn."""
    said = r"expected a whole number or None, got (str|float|list|bool|a negative one) - at limit"
    talk = db.conversation("user-1", "talk")
    await talk.append(["one"])
    with pytest.raises(SerializationError, match=said):
        await talk.messages(limit)
    async with db.turn("user-1") as turn:
        turn.conversation("talk").add("two")
        with pytest.raises(SerializationError, match=said):
            await turn.conversation("talk").messages(limit)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"page": None}, "expected a page, as it was read, got NoneType - at page"),
        ({"page": ["one"]}, "got list - at page"),
        ({"start": "1"}, "expected a whole number, as for a list, got str - at start"),
        ({"start": True}, "got bool - at start"),
        ({"start": None}, "got NoneType - at start"),
        ({"messages": "no"}, "expected a list of messages, got str - at messages"),
    ],
)
async def test_what_replaces_no_page(db: Db, arguments: dict[str, Any], said: str) -> None:
    """It replaces nothing."""
    talk = db.conversation("user-1", "talk")
    await talk.append(["one", "two"])
    with pytest.raises(SerializationError, match=said):
        await talk.replace(**{"page": await talk.messages(2), "messages": ["no"], **arguments})
    assert ["one", "two"] == await all_of(db)


@pytest.mark.parametrize("before", ["", "1", "x.y.z", "1.2.3.4", 5, b"1.0."])
async def test_a_page_before_no_page(db: Db, before: Any) -> None:
    """It is no token of ours."""
    with pytest.raises(SerializationError, match="expected the `before` of an earlier page - at before"):
        await db.conversation("user-1", "talk").messages(before=before)


async def test_what_replaces_nothing_sweeps_nothing(
    dynamodb_local: Engine, table_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A number beyond the newest is one of nothing yet; no request is made that DynamoDB would refuse."""
    caplog.set_level("DEBUG", "dynadb_async")
    client = ClientConfig(**dynamodb_local.client_settings)
    config = DynamoDbConfig(table_name, client=client, conversations=Conversations(f"{table_name}-log"))
    async with AsyncDynamoDb(config) as db:
        talk = db.conversation("user-1", "talk")
        first = await talk.append(["one"])
        caplog.clear()
        await talk.append(["two"], replacing=first.number + 100)
        await talk.append(["three"])
        assert ["one", "two", "three"] == await all_of(db)
    assert "not deleted yet" not in caplog.text


async def add_to(db: Db, count: int) -> None:
    """One turn that adds to so many conversations."""
    async with db.turn("user-1") as turn:
        turn.user.data["count"] = count
        for number in range(count):
            turn.conversation(f"talk-{number}").add(number)


async def test_many_conversations_in_one_turn(db: Db) -> None:
    """A transaction has 100 items: the turn's, and two of each conversation. Beyond, nothing is stored of the turn."""
    await add_to(db, 49)
    for count in (50, 120):
        with pytest.raises(ItemTooLargeError) as raised:
            await add_to(db, count)
        said = f"{1 + 2 * count} items in one turn with its messages, over 100; add to fewer conversations in it"
        assert said == str(raised.value)
    infos = [info async for info in db.conversations("user-1")]
    assert (49, {1}, {"count": 49}) == (
        len(infos),
        {info.appends for info in infos},
        (await db.load("user-1")).user.data,
    )


async def test_large_states_in_one_turn(db: Db) -> None:
    """A head is written with its state: together they may be over 4 MB."""
    for number in range(13):
        await db.conversation("user-1", f"talk-{number}").append([number], state="x" * 350_000)
    with pytest.raises(ItemTooLargeError, match=r"bytes in one turn with its messages, over 4128768; add less in it"):
        await add_to(db, 13)


@pytest.mark.parametrize("state", ["x" * 350_000, None], ids=["new", "as it was"])
async def test_a_large_append_beside_a_large_state(db: Db, state: str | None) -> None:
    """They are written together."""
    talk = db.conversation("user-1", "talk")
    await talk.append(["one"], state="x" * 350_000)
    with pytest.raises(ItemTooLargeError, match=r"4450006 bytes in one append with its state, over 4128768; append t"):
        await talk.append(["y" * 4_100_000], state=state)
    assert ["one"] == await all_of(db)


async def test_large_messages_in_one_turn(db: Db) -> None:
    """They are counted in bytes, of which a character may have four."""
    turn = await db.load("user-1")
    for name in ("one", "two"):
        turn.conversation(name).add("\N{SPIRAL SHELL}" * 600_000)
    with pytest.raises(ItemTooLargeError, match=r"bytes in one turn with its messages, over 4128768; add less in it"):
        await db.save(turn)
    assert [] == [info async for info in db.conversations("user-1")]


async def expectation(db: Db, other: Db) -> None:
    """Append on top of what is not the newest any more."""
    talk = db.conversation("user-1", "talk")
    first = await talk.append(["one"])
    await other.conversation("user-1", "talk").append(["two"])
    await talk.append(["three"], expected=first.revision)


async def deleted(db: Db, other: Db) -> None:
    """Append to what was known."""
    talk = db.conversation("user-1", "talk")
    await talk.append(["one"])
    await other.conversation("user-1", "talk").delete()
    await talk.append(["two"])


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (expectation, "something was appended, or removed, since that revision of the conversation; read it again"),
        (deleted, "the conversation was deleted since it was last seen; to begin it anew, append again"),
    ],
)
async def test_the_words_of_a_conflict(config: DynamoDbConfig, db: Db, act: Callable[[Db, Db], Any], said: str) -> None:
    """They are about the conversation, not about a turn or the user."""
    async with AsyncDynamoDb(config) as other:
        with pytest.raises(VersionConflictError) as raised:
            await act(db, other)
    assert said == str(raised.value)


@pytest.mark.parametrize("act", ["append", "clear", "delete", "info", "messages", "pop"])
async def test_after_close(config: DynamoDbConfig, act: str) -> None:
    """Each call says that it comes too late."""
    async with AsyncDynamoDb(config) as db:
        talk = db.conversation("user-1", "talk")
        await talk.append(["one"])
    with pytest.raises(DynaDbError, match=r"used after close\(\)"):
        await (talk.append(["two"]) if act == "append" else getattr(talk, act)())


async def test_switched_off(config: DynamoDbConfig) -> None:
    """A handler runs as ever, sees what it added itself, and nothing is read or stored."""
    async with AsyncDynamoDb(attrs.evolve(config, enabled=False)) as off, AsyncDynamoDb(config) as db:
        await db.conversation("user-1", "talk").append(["before"])
        async with off.turn("user-1", turn_id="turn-1") as turn:
            talk = turn.conversation("talk")
            talk.add("one", "two")
            assert (["two"], ["one", "two"]) == ((await talk.messages(1)).messages, (await talk.messages()).messages)
        assert ["before"] == await all_of(db)


async def test_switched_off_beside_turns() -> None:
    """Each call is as good as any, finds nothing and stores nothing; there is neither a request nor a table."""
    nowhere = ClientConfig(endpoint_url="http://127.0.0.1:9", region_name="eu-central-1")
    config = DynamoDbConfig("users", client=nowhere, conversations=Conversations("talks"), enabled=False)
    async with AsyncDynamoDb(config) as off:
        talk = off.conversation("user-1", "talk")
        first = await talk.append(["one"], append_id="first", state={"title": "Pizza"})
        page = await talk.messages(20)
        second = await talk.append(["two"], append_id="first", expected=page.revision)
        third = await talk.append(["three"], replacing=first.number, expected=second.revision)
        await talk.replace(page, ["a summary"])
        with pytest.raises(SerializationError, match="at limit"):
            await talk.messages("5")  # type: ignore[arg-type]
        assert [] == (await talk.messages()).messages
        assert (None, None, None) == (await talk.pop(), await talk.clear(), await talk.info())
        assert not third.is_duplicate
        await talk.delete()
        await off.delete("user-1")
        assert ({}, None) == (await off.export("user-1"), await off.copy("user-1"))
        assert [] == [info async for info in off.conversations("user-1")]
        async with off.turn("user-1") as turn:
            turn.conversation("talk").add("four")
            turn.forget()


async def test_a_handler_goes_on_with_a_conversation_that_was_deleted(config: DynamoDbConfig, db: Db) -> None:
    """It runs again, as on any conflict, and begins it anew: nothing of the deleted one is in what it saw."""
    seen = []
    await db.conversation("user-1", "talk").append(["old"])
    async with AsyncDynamoDb(config) as other:
        await other.conversation("user-1", "talk").delete()

        async def handler(turn: Turn) -> None:
            seen.append((await turn.conversation("talk").messages()).messages)
            turn.conversation("talk").add("new")

        await db.handle("user-1", handler)
    assert ([[], []], ["new"]) == (seen, await all_of(db))


@pytest.mark.parametrize(
    ("operation", "act", "said"),
    [
        ("TransactWriteItems", "append", "the write may have happened, repeat it with the same turn_id or append_id ("),
        ("BatchWriteItem", "delete", "the write may have happened, repeat it ("),
    ],
)
async def test_how_to_repeat_what_has_no_answer(
    config: DynamoDbConfig, db: Db, operation: str, act: str, said: str
) -> None:
    """By what makes it safe."""
    talk = db.conversation("user-1", "talk")
    await talk.append(["one"])
    with sick(config, Fault.ANSWER_LOST, operations={operation}), pytest.raises(OutcomeUnknownError) as raised:
        await (talk.append(["two"]) if act == "append" else talk.delete())
    assert said in str(raised.value)


@pytest.mark.parametrize("engine_name", ["dynamodb_local", "memory", "moto"])
@pytest.mark.parametrize("sort_key", [None, "sort"])
@pytest.mark.parametrize("way", [False, True], ids=["sdk", "wire"])
async def test_another_key_without_leave_to_look(
    request: pytest.FixtureRequest, table_name: str, engine_name: str, sort_key: str | None, way: bool
) -> None:
    """With `create_table_on_init=False` nobody describes the second table; each call says what is wrong with it."""
    engine: Engine = request.getfixturevalue(engine_name)
    names = ["userId"] if sort_key is None else ["userId", sort_key]
    async with engine.client() as plain:
        await plain.create_table(
            TableName=f"{table_name}-log",
            KeySchema=[
                {"AttributeName": name, "KeyType": role} for name, role in zip(names, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            BillingMode="PAY_PER_REQUEST",
        )
    client = ClientConfig(**engine.client_settings, fast_path=way)
    talks = Conversations(TableConfig(f"{table_name}-log", create_table_on_init=False))
    async with AsyncDynamoDb(DynamoDbConfig(table_name, client=client, conversations=talks)) as db:
        talk = db.conversation("user-1", "talk")
        for act in (partial(talk.append, ["one"]), talk.messages, talk.info, talk.delete, partial(db.delete, "user-1")):
            with pytest.raises(TableError) as raised:
                await act()
            assert str(raised.value) == (
                f"table {table_name}-log has another key, but userId (S) with the sort key name (S) is needed; "
                "choose another table.name, or the table's own key as table.primary_key_column"
            )


async def test_a_server_without_transactions(dynalite: Engine, table_name: str) -> None:
    """It is named: whoever meets it need not look for a fault of their own."""
    client = ClientConfig(**dynalite.client_settings)
    config = DynamoDbConfig(table_name, client=client, conversations=Conversations(f"{table_name}-log"))
    async with AsyncDynamoDb(config) as db:
        with pytest.raises(RequestError, match="dynalite, for one, has no transactions, which conversations need"):
            await db.conversation("user-1", "talk").append(["one"])
