"""DynamoDbStorage in Microsoft 365 Agents, held to the storage tests that its first releases had in their wheels."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from microsoft_agents.activity import Activity, ChannelAccount, ConversationAccount
from microsoft_agents.hosting.core import ConversationState, TurnContext, UserState
from microsoft_agents.hosting.core.storage import MemoryStorage, Storage, StoreItem

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    DynamoDbConfig,
    StoredElements,
    StoredHistory,
    UsageError,
    VersionConflictError,
)
from dynadb_async.bot_framework import DynamoDbStorage, ETagConflictError
from tests.frameworks.conftest import AllKept, MakeDb
from tests.frameworks.page import names
from tests.frameworks.theirs import module_in_wheel

THEIRS = module_in_wheel(
    "microsoft-agents-hosting-core==0.3.2", "microsoft_agents.hosting.core.storage.storage_test_utils"
)


class TestTheirs(THEIRS.CRUDStorageTests):  # type: ignore[name-defined, misc]
    """Keys with all characters that Cosmos DB escapes, documents that are maps and lists, missing ones, errors."""

    store: str
    make_db: MakeDb

    @pytest.fixture(autouse=True)
    def _store(self, make_db: MakeDb) -> None:
        self.store, self.make_db = uuid4().hex, make_db

    async def storage(self, initial_data: Any = None, existing: bool = False) -> Storage:
        """A storage with these items."""
        storage = DynamoDbStorage(self.make_db(self.store))
        if initial_data:
            await storage.write(initial_data)
        return storage


class Item(StoreItem):
    """A document, as it is."""

    def __init__(self, document: Any) -> None:
        """Of anything."""
        self.document = document

    def store_item_to_json(self) -> Any:
        """The document."""
        return self.document

    @staticmethod
    def from_json_to_store_item(json_data: Any) -> "Item":
        """The item."""
        return Item(json_data)


async def documents(storage: Storage, keys: Sequence[str]) -> dict[str, Any]:
    """What is stored."""
    return {key: item.document for key, item in (await storage.read(list(keys), target_cls=Item)).items()}


DOCUMENTS: list[Any] = [
    {},
    [],
    [1, [2.5, [None]]],
    "text",
    "",
    0,
    True,
    None,
    {"": {"": ""}},
    {"ü.[0]\n": "\u2028", "e": {"e": {"e": {}}}},
    {"$value": 1, "$json": 2, "$replaced": 3},
    {"big": 10**60, "huge": 1e300, "tiny": 1e-300, "minus": -0.5},
    {"digits": 12345678901234567890123456789012345678901234567890},
    {"surrogate": "\ud800"},
    {"list": [[], {}, "", None, 1.5, False]},
    {"eTag": "an eTag in other words"},
]
DEEP: Any = 1
for _ in range(60):
    DEEP = {"d": [DEEP]}


@pytest.mark.parametrize("document", [*DOCUMENTS, DEEP], ids=lambda document: ascii(document)[:30])
async def test_documents_come_back_as_from_their_own_storage(db: AsyncDynamoDb[Any], document: Any) -> None:
    """All that JSON has, written blindly and over what was read."""
    ours, theirs = DynamoDbStorage(db), MemoryStorage()
    for storage in (ours, theirs):
        for _ in range(2):
            await storage.write({"key": Item(document)})
            assert {"key": document} == await documents(storage, ["key"])
        await storage.write({"key": Item({"other": 1})})
        assert {"key": {"other": 1}} == await documents(storage, ["key"])


KEYS = [
    "msteams/users/29:1bSnHZ7Js2STWrgk6ScEErLk1Lp2zQuD5H2qQ",
    "emulator/conversations/a b|livechat",
    "\\?/#\t\n\r*",
    '!@#$%^&*()_+??><":QASD~`',
    " ",
    "\0",
    "ключ 🔑",
    "x" * 2048,
    "x" * 2049,
    "x" * 5000,
    "x" * 5000 + "y",
    "ü" * 1025,
    "\ud800",
    "\ud801",
]


async def test_keys_are_kept_apart(db: AsyncDynamoDb[Any]) -> None:
    """Whatever is in them, and however long they are."""
    storage = DynamoDbStorage(db)
    await storage.write({key: Item({"number": number}) for number, key in enumerate(KEYS)})

    assert {key: {"number": number} for number, key in enumerate(KEYS)} == await documents(storage, KEYS)
    await storage.delete(KEYS[:1])
    assert KEYS[1:] == list(await documents(storage, KEYS))


async def test_many_keys(db: AsyncDynamoDb[Any]) -> None:
    """300 in one call, each once."""
    storage, keys = DynamoDbStorage(db), [f"key-{number}" for number in range(300)]
    await storage.write({key: Item({"key": key}) for key in keys})

    found = await documents(storage, [*keys, *keys])
    await storage.delete(keys)

    assert {key: {"key": key} for key in keys} == found
    assert await documents(storage, keys) == {}


@pytest.mark.parametrize("keys", [[], None, [""], ["key", ""]])
async def test_no_keys_are_an_error(db: AsyncDynamoDb[Any], keys: Any) -> None:
    """As in their own storages."""
    storage = DynamoDbStorage(db)
    with pytest.raises(ValueError, match=r"key|Key"):
        await storage.read(keys, target_cls=Item)
    with pytest.raises(ValueError, match=r"key|Key"):
        await storage.delete(keys)
    with pytest.raises(ValueError, match=r"key|Changes"):
        await storage.write({key: Item({}) for key in keys or []})
    assert await documents(storage, ["key"]) == {}


async def test_an_item_is_not_changed_by_storing_it(db: AsyncDynamoDb[Any]) -> None:
    """Nor is what is stored by changing it afterwards."""
    storage, document = DynamoDbStorage(db), {"list": [1], "e_tag": "*"}
    await storage.write({"key": Item(document)})
    assert {"list": [1], "e_tag": "*"} == document
    document["list"].append(2)  # type: ignore[attr-defined]

    assert [1] == (await documents(storage, ["key"]))["key"]["list"]


def said_by(user: str, conversation: str = "c") -> TurnContext:
    """A turn of a bot."""
    activity = Activity(
        type="message",
        channel_id="test",
        from_property=ChannelAccount(id=user),
        conversation=ConversationAccount(id=conversation),
    )
    return TurnContext(object(), activity)  # type: ignore[arg-type] # nothing is sent


async def turn(storage: Storage, changes: dict[str, Any], meanwhile: asyncio.Barrier) -> None:
    """A bot's turn: its states are loaded one by one, and saved at once, as the framework's TurnState does."""
    states, context = (UserState(storage), ConversationState(storage)), said_by("u")
    for state in states:
        await state.load(context)
    await meanwhile.wait()
    for state in states:
        for name, change in changes.items():
            state.set_value(name, change(state.get_value(name)) if callable(change) else change)
    await asyncio.gather(*(state.save(context) for state in states))


async def stored(storage: Storage) -> list[Any]:
    """What both states are then."""
    states, context = (UserState(storage), ConversationState(storage)), said_by("u")
    for state in states:
        await state.load(context)
    return [state.get() for state in states]


@pytest.mark.parametrize("before", [{}, {"old": {"n": 1}, "log": ["a"]}])
async def test_two_turns_at_once(make_db: MakeDb, before: dict[str, Any]) -> None:
    """Both are kept, of new users too: other properties, and what both add to a list."""
    store = uuid4().hex
    storages, meanwhile = [DynamoDbStorage(make_db(store)) for _ in range(2)], asyncio.Barrier(2)
    if before:
        await turn(storages[0], before, asyncio.Barrier(1))

    await asyncio.gather(
        *(
            turn(storage, {f"p-{n}": {"n": n}, "log": lambda log, n=n: [*(log or []), n]}, meanwhile)
            for n, storage in enumerate(storages)
        )
    )

    for state in await stored(storages[0]):
        assert {**before, "p-0": {"n": 0}, "p-1": {"n": 1}}.keys() | {"log"} == state.keys()
        assert {*before.get("log", []), 0, 1} == {*state["log"]}


async def test_two_turns_that_change_the_same_thing(make_db: MakeDb) -> None:
    """One of them is told; nothing is lost silently."""
    store, meanwhile = uuid4().hex, asyncio.Barrier(2)
    storages = [DynamoDbStorage(make_db(store)) for _ in range(2)]
    turns = (turn(storage, {"count": lambda count: (count or 0) + 1}, meanwhile) for storage in storages)

    ended = await asyncio.gather(*turns, return_exceptions=True)

    assert {type(None), VersionConflictError} == {type(outcome) for outcome in ended}


async def test_a_state_is_saved_again_in_its_turn(make_db: MakeDb) -> None:
    """What another turn stored between the two is kept."""
    store = uuid4().hex
    ours, theirs = (DynamoDbStorage(make_db(store)) for _ in range(2))
    state, context = UserState(ours), said_by("u")
    await state.load(context)
    for number in range(3):
        state.set_value("ours", {"n": number})
        await state.save(context)
        await asyncio.create_task(turn(theirs, {f"theirs-{number}": {"n": number}}, asyncio.Barrier(1)))

    assert {"ours", "theirs-0", "theirs-1", "theirs-2"} == (await stored(ours))[0].keys()


async def test_an_unread_item_is_replaced(db: AsyncDynamoDb[Any]) -> None:
    """As in their own storages; of two at once, one comes after the other, and they are not mixed."""
    storage = DynamoDbStorage(db)
    for n in range(10):
        await asyncio.gather(*(storage.write({"key": Item({f"{n}-{w}": w})}) for w in range(2)))
        assert (await asyncio.create_task(documents(storage, ["key"])))["key"] in ({f"{n}-0": 0}, {f"{n}-1": 1})


async def test_e_tags(make_db: MakeDb) -> None:
    """Who has the newest may write, who has an old one may not, and `*` always may."""
    store = uuid4().hex
    storage, other = (DynamoDbStorage(make_db(store)) for _ in range(2))
    await storage.write({"key": Item({"n": 1, "e_tag": "*"})})
    first = (await documents(storage, ["key"]))["key"]
    second = (await documents(other, ["key"]))["key"]
    assert first == second
    await storage.write({"key": Item({**first, "a": 1})})

    for stale in (storage, other):
        with pytest.raises(ETagConflictError):
            await stale.write({"key": Item({**second, "b": 2})})
    renewed = (await documents(other, ["key"]))["key"]
    assert first["e_tag"] != renewed["e_tag"]
    assert {"n": 1, "a": 1, "e_tag": renewed["e_tag"]} == renewed
    await other.write({"key": Item({"n": 2, "e_tag": "*"})})
    with pytest.raises(KeyError, match="another turn"):
        await storage.write({"key": Item(renewed)})
    assert 2 == (await documents(storage, ["key"]))["key"]["n"]


async def test_e_tags_at_once(make_db: MakeDb) -> None:
    """Of 10 with the same eTag one may write."""
    store = uuid4().hex
    storages = [DynamoDbStorage(make_db(store)) for _ in range(2)]
    await storages[0].write({"key": Item({"e_tag": "*"})})
    read = (await documents(storages[0], ["key"]))["key"]
    writes = (storages[n % 2].write({"key": Item({**read, f"n-{n}": n})}) for n in range(10))

    ended = await asyncio.gather(*writes, return_exceptions=True)

    assert 1 == ended.count(None)
    assert 9 == sum(isinstance(outcome, ETagConflictError) for outcome in ended)
    assert 2 == len((await documents(storages[1], ["key"]))["key"])


async def test_an_item_is_a_user(db: AsyncDynamoDb[Any]) -> None:
    """The key is the user's id, and the document its data."""
    await turn(DynamoDbStorage(db), {"profile": {"name": "Ada"}}, asyncio.Barrier(1))

    assert {"profile": {"name": "Ada"}} == (await db.load("test/users/u")).user.data
    await db.delete("test/users/u")
    assert [{}, {"profile": {"name": "Ada"}}] == await stored(DynamoDbStorage(db))


async def test_what_it_can_not_work_with_is_refused(db: AsyncDynamoDb[Any]) -> None:
    """A history, in which each write would be a turn, and user data of a class."""
    elements = StoredElements(history=StoredHistory())
    config = DynamoDbConfig("users", client=ClientConfig(endpoint_url="memory:"), stored_elements=elements)
    with pytest.raises(UsageError, match="history"):
        DynamoDbStorage(AsyncDynamoDb(config))

    class Person:
        def __init__(self, _stored: dict[str, Any]) -> None:
            pass

    async with AsyncDynamoDb(db.config, user_data=Person) as typed:
        for work in (documents(DynamoDbStorage(typed), ["k"]), DynamoDbStorage(typed).write({"k": Item({})})):
            with pytest.raises(UsageError, match="user_data"):
                await work


async def test_the_page(db: AsyncDynamoDb[Any]) -> None:
    """What a reader pastes works."""
    visit = names("microsoft-agents-hosting-core", db)["visit"]

    assert [1, 2] == [await asyncio.create_task(visit(said_by("u"))) for _ in range(2)]
    assert 1 == await visit(said_by("other"))


async def test_twenty_writers_while_answers_are_lost(all_kept: AllKept) -> None:
    """0 lost and 0 doubled, over two processes."""
    await all_kept("m365_agents", "Microsoft 365 Agents: `DynamoDbStorage`")
