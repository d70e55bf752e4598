"""boto3 in threads: its Table resource, one thread for each turn under way."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import boto3
from botocore.config import Config

from benchmarks.driver import Turn


@asynccontextmanager
async def contender(endpoint: str) -> AsyncIterator[Turn]:
    """GetItem and PutItem."""
    config = Config(max_pool_connections=64)
    table = boto3.resource("dynamodb", endpoint_url=endpoint, config=config).Table("users")
    threads = ThreadPoolExecutor(64)
    loop = asyncio.get_running_loop()

    def blocking_turn(user: str) -> None:
        item = table.get_item(Key={"userId": user}, ConsistentRead=True)["Item"]
        item["user"]["data"]["visits"] += 1
        table.put_item(Item=item)

    async def turn(user: str) -> None:
        await loop.run_in_executor(threads, blocking_turn, user)

    with threads:
        yield turn
    table.meta.client.close()
