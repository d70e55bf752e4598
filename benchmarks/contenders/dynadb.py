"""
dynadb-async, the whole adapter: `turn` with its queue, or `load` and `save`; over each way to DynamoDB.

A `turn of all` changes everything: what is left as it is need not be encoded again.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.driver import Turn
from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, TableConfig

PATHS: dict[str, Any] = {"wire": True, "sdk": False}


def adapter(endpoint: str, path: str = "wire") -> AsyncDynamoDb:
    """For the table behind *endpoint*. The rounds are to measure CPU time, so a busy machine must not end them."""
    client = ClientConfig(
        endpoint_url=endpoint, fast_path=PATHS[path], max_pool_connections=64, read_timeout=10, operation_timeout=20
    )
    return AsyncDynamoDb(DynamoDbConfig(TableConfig("users", create_table_on_init=False), client=client))


@asynccontextmanager
async def contender(endpoint: str, path: str, way: str) -> AsyncIterator[Turn]:
    """The turns over *path*."""
    async with adapter(endpoint, path) as db:

        async def turn(user: str) -> None:
            async with db.turn(user) as turn:
                turn.user.data["visits"] += 1

        async def turn_of_all(user: str) -> None:
            async with db.turn(user) as turn:
                turn.user.data["visits"] += 1
                for entry in turn.user.data["turns"]:
                    entry["count"] += 1

        async def load_and_save(user: str) -> None:
            loaded = await db.load(user)
            loaded.user.data["visits"] += 1
            await db.save(loaded)

        yield {"turn": turn, "turn of all": turn_of_all, "load + save": load_and_save}[way]
