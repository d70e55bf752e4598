"""What the checks of all frameworks share."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest

from dynadb_async import AsyncDynamoDb, ClientConfig, Conversations, DynamoDbConfig

MakeDb = Callable[[str], AsyncDynamoDb[Any]]


@pytest.fixture
async def make_db() -> AsyncIterator[MakeDb]:
    """An adapter on a store in the process, by the store's name."""
    async with AsyncExitStack() as stack:

        def make(store: str) -> AsyncDynamoDb[Any]:
            client = ClientConfig(endpoint_url=f"memory:{store}")
            db = AsyncDynamoDb(DynamoDbConfig("users", client=client, conversations=Conversations("talks")))
            stack.push_async_callback(db.close)
            return db

        yield make


@pytest.fixture
def db(make_db: MakeDb) -> AsyncDynamoDb[Any]:
    """An adapter on a store of its own."""
    return make_db(uuid4().hex)
