"""A stub for conversations: writes succeed, and a Query finds as much as it asks for."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from benchmarks.stub import LENGTH, http_answer
from dynadb_async.conversations.layout import Names

TEXT = "I would like two large pizzas with mushrooms, and please send them to my office this time. " * 3
MESSAGE = {"role": "user", "content": TEXT}


def page_of(count: int, user: str) -> bytes:
    """A Query's answer with so many entries of one message each, newest first."""
    names = Names(key_name="userId", user_id=user, id="talk")
    items = []
    for number in reversed(range(count)):
        item = names.key(names.entry(1_795_000_000_000 + number))
        item |= {"messages": {"S": orjson.dumps([MESSAGE]).decode()}, "write": {"S": f"w{number:010}"}}
        items.append(item | {"at": {"S": "2026-05-01T10:20:30.125Z"}})
    return orjson.dumps({"Items": items, "Count": count, "ScannedCount": count})


class Answering(asyncio.Protocol):
    """One connection: writes succeed, a Query finds as many entries as it asks for."""

    pages: dict[int, bytes]

    def __init__(self) -> None:
        self._unread = b""

    def connection_made(self, transport: Any) -> None:
        """The connection stands."""
        self._write = transport.write

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        data = self._unread + data
        while (head := data.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(data, 0, head)
            end = head + 4 + int(length[1] if length else 0)
            if len(data) < end:
                break
            is_query = data.find(b"_20120810.Query", 0, head) >= 0
            is_get = data.find(b"_20120810.GetItem", 0, head) >= 0
            asked = orjson.loads(data[head + 4 : end]) if is_query or is_get else {}
            self._write(http_answer(self._answer(asked, is_query=is_query)))
            data = data[end:]
        self._unread = data

    def _answer(self, asked: dict[str, Any], *, is_query: bool) -> bytes:
        if is_query:
            limit = asked.get("Limit", 1000)
            return self.pages[20 if limit < 100 else 1000]
        return b"{}"


@asynccontextmanager
async def stub() -> AsyncIterator[str]:
    """The address of a stub in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.conversation_stub"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdout
    assert process.stdin
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        await process.wait()


async def serve() -> None:
    """Until the input ends."""
    Answering.pages = {count: page_of(count, "user-1") for count in (20, 1000)}
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
