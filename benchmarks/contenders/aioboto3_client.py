"""Plain aioboto3: its client, with boto3's serializer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aioboto3
from aiobotocore.config import AioConfig
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from benchmarks.driver import Turn


@asynccontextmanager
async def contender(endpoint: str) -> AsyncIterator[Turn]:
    """GetItem and PutItem."""
    serialize, deserialize = TypeSerializer().serialize, TypeDeserializer().deserialize
    config = AioConfig(max_pool_connections=64)
    async with aioboto3.Session().client("dynamodb", endpoint_url=endpoint, config=config) as client:

        async def turn(user: str) -> None:
            answer = await client.get_item(TableName="users", Key={"userId": {"S": user}}, ConsistentRead=True)
            item = {name: deserialize(value) for name, value in answer["Item"].items()}
            item["user"]["data"]["visits"] += 1
            stored = {name: serialize(value) for name, value in item.items()}
            await client.put_item(TableName="users", Item=stored)

        yield turn
