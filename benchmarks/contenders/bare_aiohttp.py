"""Bare aiohttp: a signed POST and a good codec, nothing checked, nothing retried."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from os import environ
from urllib.parse import urlsplit

import aiohttp
import orjson

from benchmarks.contenders.bare import requests_of_adapter
from benchmarks.driver import Turn
from dynadb_async.connection.wire.signature import CONTENT_TYPE, SignedRequest


@asynccontextmanager
async def contender(endpoint: str) -> AsyncIterator[Turn]:
    """GetItem and PutItem."""
    requests = await requests_of_adapter(endpoint, urlsplit(endpoint).netloc)
    codec = requests.codec
    context = ssl.create_default_context(cafile=environ["AWS_CA_BUNDLE"])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=64)) as session:

        async def post(request: SignedRequest) -> bytes:
            headers = {
                "Content-Type": CONTENT_TYPE,
                "X-Amz-Target": request.scope.target,
                "X-Amz-Date": request.scope.date,
                "Authorization": request.authorization,
            }
            async with session.post(endpoint, data=request.body, headers=headers) as answer:
                return await answer.read()

        async def turn(user: str) -> None:
            found = orjson.loads(await post(requests.load(user)))["Item"]
            item = {name: codec.deserialize(value) for name, value in found.items()}
            item["user"]["data"]["visits"] += 1
            orjson.loads(await post(requests.put(item)))

        yield turn
