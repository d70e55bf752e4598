"""What a turn adds to conversations is stored with the turn, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    Conversations,
    DynamoDbConfig,
    RequestError,
    SerializationError,
    TableConfig,
    Turn,
    UsageError,
    VersionConflictError,
)
from tests.conversation_checker import Trial, run_trial, violations
from tests.engines import PATIENCE, Engine
from tests.proxy import Fault, FaultProxy, no_fault, script
from tests.sizes import of_size

Db = AsyncDynamoDb[dict[str, Any]]
USER = "user-1"


@pytest.fixture(params=["dynamodb-local", "moto", "memory", "file"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine that has transactions."""
    running: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    return running


@pytest.fixture
def new_db(engine: Engine, table_name: str) -> Callable[..., Db]:
    """Make an adapter of the same two tables: each stands for a process."""

    def make(**options: Any) -> Db:
        config = DynamoDbConfig(
            TableConfig(table_name),
            client=ClientConfig(**engine.client_settings),
            conversations=Conversations(f"{table_name}-log"),
            **options,
        )
        return AsyncDynamoDb(config)

    return make


@pytest.fixture
async def db(new_db: Callable[..., Db]) -> AsyncIterator[Db]:
    """One of them."""
    async with new_db() as db:
        yield db


@pytest.fixture
async def other(new_db: Callable[..., Db]) -> AsyncIterator[Db]:
    """Another process."""
    async with new_db() as db:
        yield db


async def all_of(db: Db, conversation: str = "talk") -> list[Any]:
    """All messages."""
    return (await db.conversation(USER, conversation).messages()).messages


async def visits(db: Db) -> int:
    """What the turns of these tests count."""
    return int((await db.load(USER)).user.data.get("visits", 0))


def visit(turn: Turn[dict[str, Any]], *messages: Any) -> None:
    """Count, and add."""
    turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
    turn.conversation("talk").add(*messages)


async def test_stored_with_the_turn(db: Db) -> None:
    """To several conversations at once, and seen within the turn before that."""
    await db.conversation(USER, "talk").append(["before"])
    async with db.turn(USER) as turn:
        visit(turn, "one", "two")
        turn.conversation("other").add({"a": 1.0})
        talk = turn.conversation("talk")
        assert ["before", "one", "two"] == (await talk.messages()).messages
        assert ["one", "two"] == (await talk.messages(2)).messages
        assert ["two"] == (await talk.messages(1)).messages
        assert ["before"] == await all_of(db)

    assert (1, ["before", "one", "two"]) == (await visits(db), await all_of(db))
    assert [{"a": 1.0}] == await all_of(db, "other")


async def test_not_at_all(db: Db) -> None:
    """A block that raises, a turn that is discarded."""
    turn_block = db.turn(USER)
    visit(await turn_block.__aenter__(), "raised")
    await turn_block.__aexit__(InterruptedError, InterruptedError(), None)
    async with db.turn(USER) as turn:
        visit(turn, "discarded")
        turn.discard()

    assert (0, []) == (await visits(db), await all_of(db))


async def test_a_second_delivery_adds_nothing(db: Db, other: Db) -> None:
    """Later, in any process; and of two at the same time one is the turn."""

    async def deliver(db: Db) -> None:
        async with db.turn(USER, turn_id="t-1") as turn:
            visit(turn, "hello")

    await asyncio.gather(deliver(db), deliver(other))
    await deliver(other)

    assert (1, ["hello"]) == (await visits(db), await all_of(db))


async def test_a_second_delivery_sees_nothing_twice(db: Db, other: Db) -> None:
    """What it adds is stored already, and is not in its pages once more."""
    seen = ["old", "one", "two"]
    await db.conversation(USER, "talk").append(["old"])
    for adapter in (db, other, db):
        async with adapter.turn(USER, turn_id="turn-1") as turn:
            talk = turn.conversation("talk")
            talk.add("one", "two")
            assert (seen, seen[-2:]) == ((await talk.messages()).messages, (await talk.messages(2)).messages)
    assert seen == await all_of(db)


async def test_a_checkpoint_adds_once(db: Db, other: Db) -> None:
    """What it stored stays, and is not added again, at the end or by the next delivery of a turn that was cut off."""
    turn_block = db.turn(USER, turn_id="t-1")
    turn = await turn_block.__aenter__()
    turn.conversation("talk").add("question", "half")
    await db.save(turn)
    turn.conversation("talk").add("lost")
    await turn_block.__aexit__(InterruptedError, InterruptedError(), None)
    assert ["question", "half"] == await all_of(db)

    async with other.turn(USER, turn_id="t-1") as turn:
        turn.conversation("talk").add("question", "half")
        assert ["question", "half"] == (await turn.conversation("talk").messages()).messages
        await other.save(turn)
        turn.conversation("talk").add("answer")
        assert ["question", "half", "answer"] == (await turn.conversation("talk").messages()).messages

    assert ["question", "half", "answer"] == await all_of(db)


async def test_a_handler_that_runs_again_adds_once(db: Db, other: Db) -> None:
    """On a true conflict."""
    runs = 0

    async def handler(turn: Turn[dict[str, Any]]) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            async with other.turn(USER) as between:
                visit(between, "between")
        visit(turn, "mine")

    await db.handle(USER, handler)

    assert (2, 2, ["between", "mine"]) == (runs, await visits(db), await all_of(db))


async def test_a_conflict_stores_nothing(db: Db, other: Db) -> None:
    """Neither the item nor the messages."""
    turn_block = db.turn(USER)
    visit(await turn_block.__aenter__(), "mine")
    async with other.turn(USER) as between:
        visit(between, "theirs")
    with pytest.raises(VersionConflictError):
        await turn_block.__aexit__(None, None, None)

    assert (1, ["theirs"]) == (await visits(db), await all_of(db))


async def test_merged_turns_add_both(db: Db, other: Db) -> None:
    """What another turn changed is kept, and its messages come first."""
    async with db.turn(USER) as turn:
        turn.user.data["a"] = 1
        turn.conversation("talk").add("mine")
        async with other.turn(USER) as between:
            between.user.data["b"] = 2
            between.conversation("talk").add("theirs")

    assert {"a": 1, "b": 2} == (await db.load(USER)).user.data
    assert ["theirs", "mine"] == await all_of(db)


async def test_appends_meanwhile(db: Db, other: Db) -> None:
    """By another process, and by many turns at once."""
    await all_of(db)
    async with db.turn(USER) as turn:
        visit(turn, "mine")
        await other.conversation(USER, "talk").append(["theirs"])
    assert ["theirs", "mine"] == await all_of(db)

    async def add(db: Db, number: int) -> None:
        async def handler(turn: Turn[dict[str, Any]]) -> None:
            visit(turn, number)

        await db.handle(USER, handler)

    await asyncio.gather(*(add(adapter, n) for n, adapter in enumerate([db, other] * 4)))
    assert (9, sorted(range(8))) == (await visits(db), sorted((await all_of(db))[2:]))


async def test_touch_every_leaves_no_message_out(new_db: Callable[..., Db]) -> None:
    """A turn that changed nothing but has messages is saved."""
    async with new_db(touch_every=timedelta(hours=1)) as db:
        async with db.turn(USER) as turn:
            visit(turn, 1)
        async with db.turn(USER) as turn:
            turn.conversation("talk").add(2)

        assert [1, 2] == await all_of(db)


async def test_forget(db: Db) -> None:
    """All conversations go, what was added in the turn as well."""
    await db.conversation(USER, "talk").append(["before"])
    async with db.turn(USER) as turn:
        visit(turn, "now")
        turn.forget()

    assert {} == await db.export(USER)


async def test_a_deleted_conversation(db: Db, other: Db) -> None:
    """A turn of a process that knew it does not make it anew, and is not saved either."""
    await db.conversation(USER, "talk").append(["before"])
    await other.conversation(USER, "talk").delete()
    with pytest.raises(VersionConflictError) as raised:
        async with db.turn(USER) as turn:
            visit(turn, "mine")

    assert raised.value.deleted
    assert (0, []) == (await visits(db), await all_of(db))


async def test_what_is_no_json_is_refused_at_once(db: Db) -> None:
    """With its place; the turn goes on without it."""
    async with db.turn(USER) as turn:
        with pytest.raises(SerializationError, match=r"messages\[1\]"):
            turn.conversation("talk").add("fine", {1, 2})
        turn.conversation("talk").add("fine")

    assert ["fine"] == await all_of(db)


async def test_without_conversations(engine: Engine, table_name: str) -> None:
    """It says which setting is missing."""
    client = ClientConfig(**engine.client_settings)
    async with AsyncDynamoDb(DynamoDbConfig(TableConfig(table_name), client=client)) as db, db.turn(USER) as turn:
        with pytest.raises(UsageError, match="conversations=Conversations"):
            turn.conversation("talk")


@pytest.mark.parametrize("fault", [Fault.LOSE, Fault.CORRUPT, Fault.ERROR_500, Fault.DROP, Fault.CONFLICT])
async def test_a_lost_answer_adds_once(dynamodb_local: Engine, table_name: str, fault: Fault) -> None:
    """Whether the transaction was made or not; and an append alike."""
    async with FaultProxy(dynamodb_local) as proxy:
        config = DynamoDbConfig(
            TableConfig(table_name),
            client=ClientConfig(**(proxy.client_settings | PATIENCE)),
            conversations=Conversations(f"{table_name}-log"),
        )
        async with AsyncDynamoDb(config) as db:
            for number in range(2):
                proxy.plan = script(fault, operations=["TransactWriteItems"])
                async with db.turn(USER) as turn:
                    visit(turn, f"turn {number}")
                proxy.plan = script(fault, operations=["TransactWriteItems"])
                await db.conversation(USER, "talk").append([number])
            proxy.plan = no_fault

            assert (2, ["turn 0", 0, "turn 1", 1]) == (await visits(db), await all_of(db))


async def test_an_outage_stores_both_or_nothing(dynamodb_local: Engine, table_name: str) -> None:
    """An error says that the outcome is not known; the same turn again is safe."""
    async with FaultProxy(dynamodb_local) as proxy:
        client: dict[str, Any] = {**proxy.client_settings, **PATIENCE, "max_attempts": 1}
        config = DynamoDbConfig(
            TableConfig(table_name), client=ClientConfig(**client), conversations=Conversations(f"{table_name}-log")
        )
        async with AsyncDynamoDb(config) as db:
            for fault in (Fault.LOSE, Fault.DROP):
                proxy.plan = script(fault, operations=["TransactWriteItems"])
                for _ in range(2):
                    try:
                        async with db.turn(USER, turn_id=fault.name) as turn:
                            visit(turn, fault.name)
                    except RequestError:
                        continue
                proxy.plan = no_fault

            assert (2, ["LOSE", "DROP"]) == (await visits(db), await all_of(db))


async def test_turns_of_processes_under_faults(dynamodb_local: Engine, table_name: str) -> None:
    """A turn is stored if, and only if, its messages are: handlers that fail, second deliveries, lost answers."""
    count = of_size(15, large=40)
    history = await run_trial(dynamodb_local, table_name, Trial(mode="turns", count=count))

    assert [] == violations(history)
    assert count < len(history.turns)


async def test_turns_at_once_some_of_which_add_messages(db: Db) -> None:
    """Turns that are stored together, and those that can't be, for their messages, keep their order; all are there."""

    async def visit(turn: Turn[dict[str, Any]]) -> int:
        visits: int = turn.user.data.get("visits", 0) + 1
        turn.user.data["visits"] = visits
        if visits % 3:
            turn.conversation("talk").add(visits)
        return visits

    await db.handle(USER, visit)
    visits = await asyncio.gather(*(db.handle(USER, visit, io_timeout=30) for _ in range(11)))

    assert list(range(2, 13)) == visits
    assert {"visits": 12} == (await db.export(USER))["user"]["data"]
    assert [1, 2, 4, 5, 7, 8, 10, 11] == (await db.conversation(USER, "talk").messages()).messages
