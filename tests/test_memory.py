"""What an open turn holds while its handler waits for a language model."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import pytest

from tests.open_turns import SHAPES, item_of

USER = b"somebody"
SLACK = 16 * 1024
# RSS is counted in pages, and an allocator keeps some of what was freed.
MARGIN = 1.25

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RSS is read from /proc")

LENGTH = re.compile(rb"content-length: ?(\d+)", re.IGNORECASE)


@cache
def body_of(shape: str) -> bytes:
    """What GetItem answers, for a user whose name has to be put in."""
    item = item_of(USER.decode(), SHAPES[shape]())
    return json.dumps({"Item": item}, separators=(",", ":")).encode()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection to a DynamoDB that finds the shape that a user is named by, and stores nothing."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        length = LENGTH.search(head)
        request = json.loads(await reader.readexactly(int(length[1]) if length else 0))
        user_id = request["Key"]["userId"]["S"]
        is_read = b".GetItem" in head
        body = body_of(user_id.partition("/")[0]).replace(USER, user_id.encode(), 1) if is_read else b"{}"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        writer.write(body)


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the client has gone."""
    try:
        await answer(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


@asynccontextmanager
async def stub() -> AsyncIterator[str]:
    """Its address."""
    async with await asyncio.start_server(answer_all, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def measured(*arguments: str) -> float:
    """Bytes for each, in a fresh process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.open_turns", *arguments), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    return float(told)


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_open_turn_holds_little_beside_its_values(shape: str) -> None:
    """At most twice what GetItem answered, and 16 KB."""
    async with stub() as endpoint:
        held, plain = await measured(endpoint, shape), await measured(shape)

    assert held - plain <= (2 * len(body_of(shape)) + SLACK) * MARGIN
