"""DynamoDbStorage in Bot Framework, held to the storage tests of botbuilder-testing."""

import asyncio
from typing import Any

import pytest
from botbuilder.core import (
    AutoSaveStateMiddleware,
    MemoryStorage,
    MessageFactory,
    Storage,
    StoreItem,
    TurnContext,
    UserState,
)
from botbuilder.core.adapters import TestAdapter

from dynadb_async import AsyncDynamoDb
from dynadb_async.bot_framework import DynamoDbStorage, ETagConflictError
from tests.frameworks.conftest import AllKept, Raced
from tests.frameworks.page import names
from tests.frameworks.theirs import module_in_wheel

TestAdapter.__test__ = False  # it is no test
THEIRS = module_in_wheel("botbuilder-testing==4.17.1", "botbuilder.testing.storage_base_tests").StorageBaseTests


@pytest.mark.parametrize("name", sorted(name for name in vars(THEIRS) if not name.startswith("_")))
async def test_theirs(db: AsyncDynamoDb[Any], name: str) -> None:
    """Each of their tests runs to its end."""
    assert await getattr(THEIRS, name)(DynamoDbStorage(db))


async def test_it_is_a_storage(db: AsyncDynamoDb[Any]) -> None:
    """To a type, too."""
    assert isinstance(DynamoDbStorage(db), Storage)


class Profile(StoreItem):
    """An object of the bot's own."""

    def __init__(self, name: str, pets: list[Any] | None = None, e_tag: str | None = None) -> None:
        """With a list of others."""
        super().__init__(name=name, pets=pets or [], e_tag=e_tag)


async def test_objects_come_back_as_objects(db: AsyncDynamoDb[Any]) -> None:
    """As in their storages on blobs and Cosmos DB, those within others, too; an eTag is an attribute."""
    storage = DynamoDbStorage(db)
    await storage.write({"key": Profile("Ada", [Profile("Rex"), (1, 2)], e_tag="*")})

    found = (await storage.read(["key"]))["key"]
    assert isinstance(found, Profile)
    assert ("Ada", "Rex", (1, 2)) == (found.name, found.pets[0].name, found.pets[1])
    found.name = "Eve"
    await storage.write({"key": found})
    with pytest.raises(ETagConflictError):
        await storage.write({"key": found})
    assert "Eve" == (await storage.read(["key"]))["key"].name


async def test_stale_e_tags_as_in_their_own_storage(db: AsyncDynamoDb[Any]) -> None:
    """The old one is refused by both, with a KeyError; an empty one, too."""
    for storage in (MemoryStorage(), DynamoDbStorage(db)):
        await storage.write({"key": {"n": 1, "e_tag": "*"}})
        old = dict((await storage.read(["key"]))["key"])
        for _ in range(2):
            await storage.write({"key": {"n": 2, "e_tag": "*"}})
        with pytest.raises(KeyError):
            await storage.write({"key": {**old, "e_tag": old["e_tag"] if old["e_tag"] != "*" else "no"}})
        with pytest.raises(Exception, match=r"(?i)e_?tag"):
            await storage.write({"key": {"n": 3, "e_tag": ""}})
        assert 2 == (await storage.read(["key"]))["key"]["n"]


async def test_two_turns_at_once(db: AsyncDynamoDb[Any]) -> None:
    """A real adapter with a middleware that saves: both turns' properties are kept."""
    state, meanwhile = UserState(DynamoDbStorage(db)), asyncio.Barrier(2)

    async def bot(context: TurnContext) -> None:
        await state.create_property(context.activity.text).set(context, {"said": context.activity.text})
        await meanwhile.wait()

    adapter = TestAdapter(bot)
    adapter.use(AutoSaveStateMiddleware([state]))
    await asyncio.gather(*(asyncio.create_task(adapter.send(MessageFactory.text(text))) for text in ("one", "two")))

    assert {"one": {"said": "one"}, "two": {"said": "two"}} == (await db.load("Channels.test/users/User1")).user.data


async def test_the_page(db: AsyncDynamoDb[Any]) -> None:
    """What a reader pastes works."""
    bot = names("botbuilder-core", db)["Visits"](db)
    adapter = TestAdapter(bot.on_turn)

    flow = await adapter.test("Hello", "This is visit 1.")
    await flow.test("Hello again", "This is visit 2.")


async def test_twenty_writers_while_answers_are_lost(all_kept: AllKept) -> None:
    """0 lost and 0 doubled, over two processes."""
    await all_kept("bot_framework", "Bot Framework: `DynamoDbStorage`")


async def test_twenty_writers_in_their_own_way(raced: Raced) -> None:
    """Replacing the whole item, as storages on blobs and Cosmos DB do, here and in Microsoft 365 Agents, loses some."""
    found = await raced("documents_replaced", "… replacing the whole item, as the own storages of both do")

    assert found.lost > 0
