"""DynamoDbStorage in aiogram's dispatchers: what aiogram's own tests don't say."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from aiogram import Bot, Dispatcher, Router
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import DataNotDictLikeError
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State
from aiogram.fsm.storage.base import StorageKey
from aiogram.fsm.strategy import FSMStrategy
from aiogram.methods import SendMessage
from aiogram.types import Chat, Message, Update, User
from attrs import evolve

from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, StoredElements, StoredHistory, UsageError
from dynadb_async.aiogram import DynamoDbStorage
from dynadb_async.testing import Fault, sick
from tests.frameworks.conftest import AllKept, MakeDb, Raced
from tests.frameworks.page import names

KEY = StorageKey(bot_id=42, chat_id=7, user_id=7)
NOW = datetime.now(UTC)


class Said(BaseSession):
    """Telegram: hears what the bot says."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        super().__init__()
        self.texts: list[str] = []

    async def make_request(self, bot: Bot, method: Any, timeout: int | None = None) -> Any:  # noqa: ASYNC109 - aiogram's
        """Answer as Telegram does."""
        assert isinstance(method, SendMessage)
        self.texts.append(method.text)
        return Message(message_id=1, date=NOW, chat=Chat(id=7, type="private"), text=method.text)

    async def close(self) -> None:
        """Nothing is open."""

    def stream_content(self, *_: Any, **__: Any) -> Any:
        """Nobody loads files."""
        raise NotImplementedError


def update(number: int, text: str, user: int = 7) -> Update:
    """What a person says to the bot."""
    person = User(id=user, is_bot=False, first_name="Ada")
    message = Message(message_id=number, date=NOW, chat=Chat(id=user, type="private"), from_user=person, text=text)
    return Update(update_id=number, message=message)


async def remember(message: Message, state: FSMContext) -> None:
    """What a bot does with each message."""
    await state.update_data({str(message.text): message.message_id})


def dispatcher_on(db: AsyncDynamoDb[Any]) -> Dispatcher:
    """A bot that remembers all that it hears."""
    router = Router()
    router.message.register(remember)
    dispatcher = Dispatcher(storage=DynamoDbStorage(db))
    dispatcher.include_router(router)
    return dispatcher


async def test_40_updates_at_once_over_two_dispatchers(make_db: MakeDb) -> None:
    """All 40 are kept: each has an adapter of its own, as two processes have, whatever that does about conflicts."""
    bot, config = Bot("42:TEST", session=Said()), evolve(make_db(uuid4().hex).config, on_conflict="overwrite")
    async with AsyncDynamoDb(config) as one, AsyncDynamoDb(config) as other:
        dispatchers = [dispatcher_on(one), dispatcher_on(other)]
        updates = [update(number, f"text-{number}") for number in range(40)]

        # Whoever repeats a save lets others come between.
        with sick(config, Fault.BROKEN, operations={"UpdateItem"}, times=8):
            await asyncio.gather(*(dispatchers[each.update_id % 2].feed_update(bot, each) for each in updates))

        expected = {f"text-{number}": number for number in range(40)}
        assert expected == await dispatchers[0].storage.get_data(KEY) == await dispatchers[1].storage.get_data(KEY)


async def test_the_same_member_at_once(make_db: MakeDb) -> None:
    """Of several that change the same thing one comes last, and nobody hears of a conflict."""
    store = uuid4().hex
    storages = [DynamoDbStorage(make_db(store)) for _ in range(2)]

    told = await asyncio.gather(*(storages[n % 2].update_data(KEY, {"n": n, f"n-{n}": n}) for n in range(10)))

    data = await storages[0].get_data(KEY)
    assert data["n"] in range(10)
    assert {f"n-{n}" for n in range(10)} == data.keys() - {"n"}
    assert [data["n"] for data in told] == list(range(10))


async def test_data_that_two_replace_at_once_is_one_of_theirs(make_db: MakeDb) -> None:
    """It is not a mixture of both."""
    adapters = [make_db(store) for store in [uuid4().hex] * 2]
    storages = [DynamoDbStorage(db) for db in adapters]
    for _ in range(10):
        with sick(adapters[0].config, Fault.BROKEN, operations={"UpdateItem"}, times=2) as faults:
            await asyncio.gather(*(storages[n].set_data(KEY, {f"n-{n}": n}) for n in range(2)))

        assert 2 == faults.met
        assert await storages[0].get_data(KEY) in ({"n-0": 0}, {"n-1": 1})


async def test_it_stands_in_the_persons_item(db: AsyncDynamoDb[Any]) -> None:
    """Beside what the app remembers, in all chats; it is deleted with the person, and no other's is."""
    storage = DynamoDbStorage(db)
    group = StorageKey(bot_id=42, chat_id=-1, user_id=7)
    other = StorageKey(bot_id=42, chat_id=-1, user_id=8)
    async with db.turn("7") as turn:
        turn.user.data["name"] = "Ada"
    for key, state in ((KEY, "alone"), (group, "in a group"), (other, "another")):
        await storage.set_state(key, state)

    data = (await db.load("7")).user.data
    assert "Ada" == data["name"]
    assert 2 == len(data["aiogram"])
    await db.delete("7")
    assert [None, None, "another"] == [await storage.get_state(key) for key in (KEY, group, other)]


async def test_each_part_of_a_key_counts(db: AsyncDynamoDb[Any]) -> None:
    """No two keys share a state, however they are written, also where all are in one item."""
    keys = [
        KEY,
        StorageKey(bot_id=43, chat_id=7, user_id=7),
        StorageKey(bot_id=42, chat_id=8, user_id=7),
        StorageKey(bot_id=42, chat_id=7, user_id=8),
        StorageKey(bot_id=42, chat_id=7, user_id=7, thread_id=5),
        StorageKey(bot_id=42, chat_id=7, user_id=7, thread_id=0),
        StorageKey(bot_id=42, chat_id=7, user_id=7, business_connection_id="5"),
        StorageKey(bot_id=42, chat_id=7, user_id=7, business_connection_id="5:x"),
        StorageKey(bot_id=42, chat_id=7, user_id=7, business_connection_id="5", destiny="x:default"),
        StorageKey(bot_id=42, chat_id=7, user_id=7, destiny="x"),
        StorageKey(bot_id=42, chat_id=7, user_id=7, destiny="a.b[0] ä"),
    ]
    storage = DynamoDbStorage(db, user_id=lambda key: f"telegram:{key.bot_id and 'all'}")
    for number, key in enumerate(keys):
        await storage.set_state(key, State(str(number), group_name="Group"))
        await storage.set_data(key, {"number": number})

    assert [f"Group:{number}" for number in range(len(keys))] == [await storage.get_state(key) for key in keys]
    assert list(range(len(keys))) == [await storage.get_value(key, "number") for key in keys]
    assert len(keys) == len((await db.load("telegram:all")).user.data["aiogram"])


async def test_what_is_cleared_is_gone(db: AsyncDynamoDb[Any]) -> None:
    """No empty records are left behind, and none are made by who asks."""
    state = FSMContext(DynamoDbStorage(db), KEY)
    await state.clear()
    assert (await state.get_state(), await state.get_data()) == (None, {})
    assert await db.export("7") == {}

    await state.set_state("asked")
    await state.update_data(size="L")
    await state.clear()

    assert (await db.load("7")).user.data == {}


async def test_values_come_back_as_they_were(db: AsyncDynamoDb[Any]) -> None:
    """Also those for which a storage on JSON has no form; and nothing is shared with what is stored."""
    storage = DynamoDbStorage(db)
    data = {
        "text": "",
        "none": None,
        "list": [1, 2.5, True, {}, []],
        "set": {"a"},
        "bytes": b"\0",
        "ü.[0]": {"a": {"b": 1}},
    }
    await storage.set_data(KEY, data)
    changed = await storage.update_data(KEY, {"more": [1]})

    assert {**data, "more": [1]} == changed == await storage.get_data(KEY)
    changed["more"].append(2)
    assert [1] == await storage.get_value(KEY, "more")


async def test_what_is_no_dict(db: AsyncDynamoDb[Any]) -> None:
    """Is refused as aiogram's own storages do."""
    with pytest.raises(DataNotDictLikeError):
        await DynamoDbStorage(db).set_data(KEY, [("a", 1)])


async def test_chats_as_a_whole(db: AsyncDynamoDb[Any]) -> None:
    """With a strategy of chats, the chat stands for the person: aiogram's key has its id in both places."""
    dispatcher = Dispatcher(storage=DynamoDbStorage(db), fsm_strategy=FSMStrategy.CHAT)
    context = dispatcher.fsm.resolve_context(Bot("42:TEST", session=Said()), chat_id=-5, user_id=7)
    assert context is not None
    await context.set_state("voting")

    assert (await db.load("-5")).user.data["aiogram"]


async def test_an_adapter_with_a_history_is_refused() -> None:
    """Else each change of a state would be a turn in it, and push out the real ones."""
    elements = StoredElements(history=StoredHistory())
    config = DynamoDbConfig("users", client=ClientConfig(endpoint_url="memory:"), stored_elements=elements)
    with pytest.raises(UsageError, match="history"):
        DynamoDbStorage(AsyncDynamoDb(config))


async def test_user_data_of_a_class_is_refused(db: AsyncDynamoDb[Any]) -> None:
    """It has no place for it, and the error says what to do."""

    class Person:
        def __init__(self, _stored: dict[str, Any]) -> None:
            pass

    async with AsyncDynamoDb(db.config, user_data=Person) as typed:
        with pytest.raises(UsageError, match="user_data"):
            await DynamoDbStorage(typed).set_state(KEY, "asked")


async def test_within_a_turn_of_the_same_person(make_db: MakeDb) -> None:
    """An adapter of its own lets the storage write; both are kept."""
    store = uuid4().hex
    storage = DynamoDbStorage(make_db(store))
    async with make_db(store).turn("7") as turn:
        await storage.update_data(KEY, {"size": "L"})
        turn.user.data["name"] = "Ada"

    assert {"size": "L"} == await storage.get_data(KEY)
    assert "Ada" == (await make_db(store).load("7")).user.data["name"]


async def test_the_page(db: AsyncDynamoDb[Any]) -> None:
    """What a reader pastes works: the bot asks, and knows what was answered."""
    telegram = Said()
    bot, dispatcher = Bot("42:TEST", session=telegram), names("aiogram", db)["dispatcher_on"](db)
    for number, text in enumerate(("/order", "large")):
        await dispatcher.feed_update(bot, update(number, text))

    assert ["Which size?", "One large, coming up."] == telegram.texts


async def test_twenty_writers_while_answers_are_lost(all_kept: AllKept) -> None:
    """0 lost and 0 doubled, over two processes."""
    await all_kept("aiogram", "aiogram: `DynamoDbStorage`")


async def test_twenty_writers_in_aiograms_own_way(raced: Raced) -> None:
    """Reading and then writing, as its storages on Redis and MongoDB inherit it, loses some on the same load."""
    found = await raced("aiogram_read_then_write", "aiogram: the `update_data` that its own storages inherit, on ours")

    assert found.lost > 0


async def test_a_published_storage_beside_it(raced: Raced) -> None:
    """The one for DynamoDB that others have published names its attributes by reserved words, and stores nothing."""
    assert [] == (await raced("dynamodb_fsm", "`FSMDynamodb` of dynamodb-fsm 0.0.2")).found
