"""Plain aioboto3: its Table resource."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aioboto3
from aiobotocore.config import AioConfig

from benchmarks.driver import Turn


@asynccontextmanager
async def contender(endpoint: str) -> AsyncIterator[Turn]:
    """GetItem and PutItem."""
    config = AioConfig(max_pool_connections=64)
    async with aioboto3.Session().resource("dynamodb", endpoint_url=endpoint, config=config) as resource:
        table = await resource.Table("users")

        async def turn(user: str) -> None:
            item = (await table.get_item(Key={"userId": user}, ConsistentRead=True))["Item"]
            item["user"]["data"]["visits"] += 1
            await table.put_item(Item=item)

        yield turn
