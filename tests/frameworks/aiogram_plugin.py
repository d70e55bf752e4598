"""Puts DynamoDbStorage in the place of aiogram's MemoryStorage while aiogram's own tests run, unchanged."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiogram.dispatcher.dispatcher
import aiogram.fsm.storage.memory
import pytest
from aiogram.fsm.storage.base import StorageKey

from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig
from dynadb_async.aiogram import DynamoDbStorage

LEFT_OUT = {
    "redis_storage": "it is RedisStorage that is tested, on a Redis",
    "mongo_storage": "it is MongoStorage or PyMongoStorage that is tested, on a MongoDB",
}
ADAPTERS: list[AsyncDynamoDb[Any]] = []


class Record:
    """What aiogram's tests put into a MemoryStorage past its methods, until a method is called."""

    state: str | None = None
    data: dict[str, Any] | None = None


class MemoryStorage(DynamoDbStorage):
    """DynamoDbStorage, made as aiogram's MemoryStorage is: each has a store of its own."""

    def __init__(self) -> None:
        """Nothing is opened yet."""
        client = ClientConfig(endpoint_url=f"memory:{uuid4().hex}")
        ADAPTERS.append(AsyncDynamoDb(DynamoDbConfig("users", client=client)))
        super().__init__(ADAPTERS[-1])
        self.storage = Records()

    async def _record(self, key: StorageKey) -> Any:
        await self._take_up(key)
        return await super()._record(key)

    async def _change(self, key: StorageKey, change: Any, **how: Any) -> Any:
        await self._take_up(key)
        return await super()._change(key, change, **how)

    async def _take_up(self, key: StorageKey) -> None:
        record = self.storage.pop(key, None)
        if record is not None:
            await self.set_state(key, record.state)
            await self.set_data(key, record.data or {})


class Records(dict[StorageKey, Record]):
    """Records by their keys, made when they are asked for."""

    def __missing__(self, key: StorageKey) -> Record:
        """Make one."""
        return self.setdefault(key, Record())


aiogram.fsm.storage.memory.MemoryStorage = MemoryStorage
aiogram.dispatcher.dispatcher.MemoryStorage = MemoryStorage


@pytest.fixture(autouse=True)
async def _closed_adapters() -> AsyncIterator[None]:
    """Close the adapters of a test with it."""
    yield
    while ADAPTERS:
        await ADAPTERS.pop().close()
