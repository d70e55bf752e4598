"""What a conversation promises, on every engine that has transactions."""

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
    InvalidUserIdError,
    ItemTooLargeError,
    SerializationError,
    TableConfig,
    UsageError,
    VersionConflictError,
)
from tests.engines import Engine
from tests.tables import Clock

Db = AsyncDynamoDb[dict[str, Any]]


@pytest.fixture(params=["dynamodb-local", "moto", "memory", "file"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn that has transactions; dynalite has none (UnknownOperationException)."""
    running: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    return running


@pytest.fixture
def clock() -> Clock:
    """The time, for the test to move."""
    return Clock()


@pytest.fixture
def new_db(engine: Engine, table_name: str, clock: Clock, client_options: dict[str, Any]) -> Callable[..., Db]:
    """Make an adapter of the same two tables: each stands for a process."""

    def make(**conversations: Any) -> Db:
        client: dict[str, Any] = dict(engine.client_settings)
        config = DynamoDbConfig(
            TableConfig(table_name),
            client=ClientConfig(**(client | client_options)),
            conversations=Conversations(f"{table_name}-log", **conversations),
        )
        return AsyncDynamoDb(config, clock=clock)

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


async def all_of(db: Db, conversation: str = "talk", user: str = "user-1") -> list[Any]:
    """All messages."""
    return (await db.conversation(user, conversation).messages()).messages


# Appending and reading


async def test_messages_come_back_as_they_were(db: Db) -> None:
    """Any JSON value, equal in type as well; in the order in which they were appended."""
    messages = [None, True, 1, 1.0, -0.5, 2**70, "", "ü\u2028", [], {}, {"a": [1, {"b": 1e300}]}, {"": "x"}]
    talk = db.conversation("user-1", "talk")

    await talk.append(messages[:5])
    await talk.append(messages[5:])

    assert repr(messages) == repr(await all_of(db))


async def test_the_newest_page_by_page(db: Db) -> None:
    """`limit` counts messages, also within an append; `before` goes on where the page ended, to the beginning."""
    talk = db.conversation("user-1", "talk")
    for first in range(0, 12, 3):
        await talk.append([first, first + 1, first + 2])

    page = await talk.messages(5)
    assert [7, 8, 9, 10, 11] == page.messages
    page = await talk.messages(4, before=page.before)
    assert [3, 4, 5, 6] == page.messages
    page = await talk.messages(3, before=page.before)
    assert ([0, 1, 2], None) == (page.messages, page.before)
    assert [] == (await talk.messages(0)).messages


async def test_conversations_are_apart(db: Db) -> None:
    """Whatever their ids look like, and whose they are."""
    ids = ["a", "a/b", "a%2Fb", "a/", "/", "%", "ü", "a\x1fb", "c/a", "a/0000000000000001", "x" * 1000]
    for number, name in enumerate(ids):
        await db.conversation("user-1", name).append([number])
    await db.conversation("user-2", "a").append(["other"])

    assert [[number] for number in range(len(ids))] == [await all_of(db, name) for name in ids]
    assert set(ids) == {info.id async for info in db.conversations("user-1")}


async def test_appends_at_once_are_all_kept_in_one_order(db: Db, other: Db) -> None:
    """Of two processes; each one's own in the order in which they were acknowledged."""

    async def append(db: Db, name: str) -> None:
        for number in range(5):
            await db.conversation("user-1", "talk").append([f"{name}-{number}"])

    await asyncio.gather(*(append(adapter, f"{adapter is db}{n}") for adapter in (db, other) for n in range(3)))

    stored = await all_of(db)
    assert 30 == len(stored) == len(set(stored))
    for name in {entry.partition("-")[0] for entry in stored}:
        assert [f"{name}-{n}" for n in range(5)] == [entry for entry in stored if entry.startswith(f"{name}-")]
    assert stored == await all_of(other)


async def test_a_second_delivery_changes_nothing(db: Db, other: Db) -> None:
    """The same append id within the next 8 appends, from any process."""
    talk = db.conversation("user-1", "talk")
    first = await talk.append(["one"], append_id="m-1")
    for number in range(7):
        await talk.append([number])

    again = await other.conversation("user-1", "talk").append(["one"], append_id="m-1")
    once_more = await talk.append(["one"], append_id="m-1")

    assert (True, True) == (again.is_duplicate, once_more.is_duplicate)
    assert first.number == again.number == once_more.number
    assert ["one", *range(7)] == await all_of(db)


async def test_expected(db: Db, other: Db) -> None:
    """Only if nobody came between: a page's, an append's and an info's revision; empty for one that is not there."""
    talk = db.conversation("user-1", "talk")
    page = await talk.messages()
    assert ([], "") == (page.messages, page.revision)
    first = await talk.append([1], expected=page.revision)
    assert first.revision == (await talk.messages()).revision
    await other.conversation("user-1", "talk").append([2])

    with pytest.raises(VersionConflictError):
        await talk.append([3], expected=first.revision)
    with pytest.raises(VersionConflictError):
        await talk.append([3], expected="")
    info = await talk.info()
    assert info
    await talk.append([3], expected=info.revision)

    assert [1, 2, 3] == await all_of(db)


async def test_a_large_append_is_stored_in_parts(db: Db) -> None:
    """Up to 4 MB, whole or not at all; and read in pages, popped and cut like any other."""
    talk = db.conversation("user-1", "talk")
    large = ["ü" * 100_000, "x" * 1_000_000, "end"]
    await talk.append(["begin"])
    await talk.append(large)

    assert ["begin", *large] == await all_of(db)
    assert ["end"] == (await talk.messages(1)).messages
    assert "end" == await talk.pop()
    assert ["begin", *large[:2]] == await all_of(db)


async def test_state(db: Db, other: Db) -> None:
    """Kept beside the messages until it is changed."""
    talk = db.conversation("user-1", "talk")
    await talk.append([1], state={"title": "One", "cost": 1.0})
    await talk.append([2])
    info = await other.conversation("user-1", "talk").info()

    assert info
    assert ("talk", 2, {"title": "One", "cost": 1.0}) == (info.id, info.appends, info.state)
    await talk.clear()
    info = await talk.info()
    assert info
    assert {"title": "One", "cost": 1.0} == info.state


# Cutting


async def test_pop(db: Db, other: Db) -> None:
    """The newest first, each once, however many pop; then None."""
    talk = db.conversation("user-1", "talk")
    await talk.append([0, 1, 2, 3, 4])
    await talk.append([5])

    popped = await asyncio.gather(
        *(adapter.conversation("user-1", "talk").pop() for adapter in (db, other) for _ in range(4))
    )

    assert [0, 1, 2, 3, 4, 5] == sorted(message for message in popped if message is not None)
    assert ([], None) == (await all_of(db), await talk.pop())


async def test_clear(engine: Engine, db: Db) -> None:
    """Everything before is gone, at once and from the table; what comes later stays."""
    talk = db.conversation("user-1", "talk")
    await talk.clear()
    await talk.append([1, 2])
    await talk.append([3])
    await talk.clear()
    assert [] == await all_of(db)
    await talk.append([4])

    assert [4] == await all_of(db)
    assert ["c/", "c/", "h/"] == await stored(engine, db)


async def stored(engine: Engine, db: Db) -> list[str]:
    """The names of all items in the second table."""
    assert db.config.conversations
    async with engine.client() as plain:
        answer = await plain.scan(TableName=db.config.conversations.table.name)
    return sorted(item["name"]["S"][:2] for item in answer["Items"])


async def test_compaction(db: Db) -> None:
    """What is numbered from there on is replaced, if nobody came between."""
    talk = db.conversation("user-1", "talk")
    await talk.append(["keep"])
    second = await talk.append(["long"])
    await talk.append(["story"])
    page = await talk.messages()

    await talk.append(["short"], replacing=second.number, expected=page.revision)
    assert ["keep", "short"] == await all_of(db)
    page = await talk.messages()
    await talk.append(["all"], replacing=page.number, expected=page.revision)
    assert ["all"] == await all_of(db)


@pytest.mark.parametrize("start", range(5))
async def test_a_page_is_replaced_from_any_message_on(db: Db, start: int) -> None:
    """As a list's end is: also from the middle of an append, whose older messages stay."""
    talk = db.conversation("user-1", "talk")
    for messages in (["a"], ["b", "c", "d", "e"], ["f"]):
        await talk.append(messages)
    page = await talk.messages(4)

    replaced = await talk.replace(page, ["new"], start=start)

    assert [*"abcdef"[: start + 2], "new"] == await all_of(db)
    assert replaced.revision == (await talk.messages()).revision


async def test_a_page_that_somebody_added_to_is_not_replaced(db: Db) -> None:
    """What came since it was read is not lost, and nothing was changed."""
    talk = db.conversation("user-1", "talk")
    await talk.append(["a", "b"])
    page = await talk.messages()
    await talk.append(["c"])

    with pytest.raises(VersionConflictError):
        await talk.replace(page, ["new"], start=1)
    assert ["a", "b", "c"] == await all_of(db)


async def test_a_state_made_of_the_one_before(db: Db, other: Db) -> None:
    """However many add to it at once, in two processes: each made its own of what the one before had left."""

    def counted(state: Any) -> Any:
        return (state or 0) + 1

    talks = [each.conversation("user-1", "talk") for each in (db, other)]
    await asyncio.gather(*(talk.append([number], state=counted) for number in range(8) for talk in talks))

    info = await talks[0].info()
    assert info is not None
    assert 16 == info.state == info.appends


async def test_a_state_that_is_no_json(db: Db) -> None:
    """Also if a function made it: the error says where, and nothing is stored."""
    talk = db.conversation("user-1", "talk")
    with pytest.raises(SerializationError, match="state"):
        await talk.append(["a"], state=lambda _: object())

    assert await talk.info() is None


async def test_pages_over_what_was_cut(db: Db) -> None:
    """A page goes on below what was replaced, whether or not it was deleted yet."""
    talk = db.conversation("user-1", "talk")
    for number in range(6):
        appended = await talk.append([number])
        if number % 2:
            await talk.append([f"{number}!"], replacing=appended.number)

    collected: list[Any] = []
    page = await talk.messages(1)
    while page.messages:
        collected = [*page.messages, *collected]
        if page.before is None:
            break
        page = await talk.messages(1, before=page.before)
    assert [0, "1!", 2, "3!", 4, "5!"] == collected


# Deleting and expiring


async def test_delete(engine: Engine, db: Db, other: Db) -> None:
    """Nothing is left; who knew it does not make it anew; who did not, does."""
    talk = db.conversation("user-1", "talk")
    await talk.append([1])
    known = other.conversation("user-1", "talk")
    await known.append([2])

    await talk.delete()
    await talk.delete()
    assert [] == await stored(engine, db)
    with pytest.raises(VersionConflictError) as raised:
        await known.append([3])
    assert raised.value.deleted
    assert (None, []) == (await talk.info(), await all_of(db))
    await known.append([4])
    assert [4] == await all_of(db)


async def test_keep(new_db: Callable[..., Db], clock: Clock) -> None:
    """The oldest go first, whatever DynamoDB has deleted yet; when the newest is gone, all is."""
    # Far ahead, so that no server deletes by its own clock what is expired by this one.
    clock.move(days=3650)
    async with new_db(keep=timedelta(days=1)) as db:
        talk = db.conversation("user-1", "talk")
        await talk.append([1], state="s")
        clock.move(hours=20)
        await talk.append([2])
        clock.move(hours=5)
        assert [2] == await all_of(db)
        clock.move(hours=20)

        assert ([], None, None) == (await all_of(db), await talk.info(), await talk.pop())
        assert [] == [info async for info in db.conversations("user-1")]
        await talk.append([3])
        info = await talk.info()
        assert info
        assert ([3], 1, None) == (await all_of(db), info.appends, info.state)


# What is refused


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        ([{"a": [1, float("nan")]}], "messages[0].a[1]"),
        ([{"a": {1: 2}}], "messages[0].a"),
        ([(1, 2)], "messages[0]"),
        ([b"x"], "messages[0]"),
        (["\ud800"], "messages[0]"),
        ([{"\ud800": 1}], "messages[0]"),
        ("text", "messages"),
        ({"role": "user"}, "messages"),
    ],
)
async def test_what_is_no_json_is_refused(db: Db, messages: Any, place: str) -> None:
    """With its place; nothing is written."""
    with pytest.raises(SerializationError, match=r"at ") as raised:
        await db.conversation("user-1", "talk").append(messages)

    assert str(raised.value).endswith(f"at {place}")
    assert None is await db.conversation("user-1", "talk").info()


async def test_too_much_is_refused(db: Db) -> None:
    """Over 4 MB, or too deep; nothing is written."""
    deep: Any = []
    for _ in range(600):
        deep = [deep]
    with pytest.raises(ItemTooLargeError):
        await db.conversation("user-1", "talk").append(["x" * 1_000_000] * 5)
    with pytest.raises(SerializationError, match="lie in one another"):
        await db.conversation("user-1", "talk").append([deep])

    assert None is await db.conversation("user-1", "talk").info()


async def test_ids_are_checked(db: Db) -> None:
    """Of the user, the conversation and the append."""
    for name in ("", "x" * 1006, "/" * 400, "\ud800", 7):
        with pytest.raises(SerializationError, match="conversation_id"):
            db.conversation("user-1", name)  # type: ignore[arg-type]
    with pytest.raises(InvalidUserIdError):
        db.conversation("", "talk")
    for append_id in ("", "x" * 257, 7):
        with pytest.raises(SerializationError, match="append_id"):
            await db.conversation("user-1", "talk").append([1], append_id=append_id)  # type: ignore[arg-type]
    with pytest.raises(SerializationError, match="before"):
        await db.conversation("user-1", "talk").messages(1, before="nonsense")


async def test_without_conversations(engine: Engine) -> None:
    """It says which setting is missing."""
    db = AsyncDynamoDb("users")
    with pytest.raises(UsageError, match="conversations=Conversations"):
        db.conversation("user-1", "talk")


# All of a user


async def test_delete_and_export_of_a_user(engine: Engine, db: Db) -> None:
    """With all conversations, also of a user who has nothing else; nobody else's."""
    async with db.turn("user-1") as turn:
        turn.user.data["name"] = "Ada"
    for user in ("user-1", "user-2"):
        for name in ("a", "b/c"):
            await db.conversation(user, name).append([user, name], state={"of": user})

    exported = await db.export("user-2")
    assert {"a", "b/c"} == exported["conversations"].keys()
    assert (["user-2", "a"], {"of": "user-2"}) == tuple(
        exported["conversations"]["a"][name] for name in ("messages", "state")
    )
    assert {"name": "Ada"} == (await db.export("user-1"))["user"]["data"]

    await db.delete("user-1")
    await db.delete("user-1")
    assert {} == await db.export("user-1")
    assert ["c/", "c/", "h/", "h/"] == await stored(engine, db)
    assert exported == await db.export("user-2")
