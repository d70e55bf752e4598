"""Bare aiohttp: a signed POST and a good codec, nothing checked, nothing retried."""

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from os import environ
from urllib.parse import urlsplit

import aiohttp
import orjson

from benchmarks.contenders.bare import requests_of_adapter
from benchmarks.driver import Turn
from dynadb_async.connection.wire.signature import CONTENT_TYPE

# Of a request that is signed: aiohttp sends the rest itself.
SIGNED = re.compile(r"X-Amz-Target: (.*)\r\nX-Amz-Date: (.*)\r\nAuthorization: (.*)\r\n")


@asynccontextmanager
async def contender(endpoint: str) -> AsyncIterator[Turn]:
    """GetItem and PutItem."""
    requests = await requests_of_adapter(endpoint, urlsplit(endpoint).netloc)
    codec = requests.codec
    context = ssl.create_default_context(cafile=environ["AWS_CA_BUNDLE"])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=64)) as session:

        async def post(request: bytes) -> bytes:
            head, _, body = request.partition(b"\r\n\r\n")
            signed = SIGNED.search(head.decode())
            assert signed is not None
            target, date, authorization = signed.groups()
            headers = {
                "Content-Type": CONTENT_TYPE,
                "X-Amz-Target": target,
                "X-Amz-Date": date,
                "Authorization": authorization,
            }
            async with session.post(endpoint, data=body, headers=headers) as answer:
                return await answer.read()

        async def turn(user: str) -> None:
            found = orjson.loads(await post(requests.load(user)))["Item"]
            item = {name: codec.deserialize(value) for name, value in found.items()}
            item["user"]["data"]["visits"] += 1
            orjson.loads(await post(requests.put(item)))

        yield turn
