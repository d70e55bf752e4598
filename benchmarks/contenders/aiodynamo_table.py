"""aiodynamo on aiohttp."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from os import environ

import aiohttp
from aiodynamo.client import Client
from aiodynamo.credentials import Key, StaticCredentials
from aiodynamo.http.aiohttp import AIOHTTP
from yarl import URL

from benchmarks.driver import Turn


@asynccontextmanager
async def contender(endpoint: str) -> AsyncIterator[Turn]:
    """GetItem and PutItem."""
    key = Key(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"])
    context = ssl.create_default_context(cafile=environ["AWS_CA_BUNDLE"])
    connector = aiohttp.TCPConnector(ssl=context, limit=64)
    async with aiohttp.ClientSession(connector=connector) as session:
        client = Client(AIOHTTP(session), StaticCredentials(key), environ["AWS_DEFAULT_REGION"], URL(endpoint))
        table = client.table("users")

        async def turn(user: str) -> None:
            item = await table.get_item({"userId": user}, consistent_read=True)
            item["user"]["data"]["visits"] += 1
            await table.put_item(item)

        yield turn
