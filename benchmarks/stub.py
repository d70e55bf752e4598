"""
A server that answers at once: what GetItem always finds, that the table is there, and that every write succeeded.

`python -m benchmarks.stub SIZE,SIZE [CERTIFICATE]` listens on free loopback ports and says which. For each line that it
reads it tells its own CPU time and the programs that opened connections since the last one. It ends with its input.
"""

import asyncio
import json
import re
import resource
import ssl
import sys
import threading
import time
import zlib
from functools import partial
from itertools import count
from typing import Any

import uvloop

from benchmarks.items import ITEMS_USER, answer_with, own_item, reference_item, small_item, user_data

AGENT = re.compile(rb"[Uu]ser-[Aa]gent: ?([^\r]*)")
LENGTH = re.compile(rb"[Cc]ontent-[Ll]ength: ?(\d+)")
USER = re.compile(rb'"userId": ?\{"S": ?"([^"]*)"')
DESCRIPTION = b"""{"Table":{"TableName":"users","TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"userId",
"KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"userId","AttributeType":"S"}]}}"""
IDS = count(1)
# Which layout the item has: the reference's, or this project's, that with small members, too.
LAYOUTS = {"reference": reference_item, "own": own_item, "small": small_item}


def http_answer(body: bytes) -> bytes:
    """With the header fields that DynamoDB sends, and an id of its own: a repeated one is a copied answer's."""
    head = (
        "HTTP/1.1 200 OK\r\nServer: Server\r\nDate: Fri, 01 May 2026 10:20:30 GMT\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n"
        f"x-amzn-RequestId: {next(IDS):052X}\r\nx-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
    )
    return head.encode() + body


class Answering(asyncio.Protocol):
    """One connection."""

    def __init__(self, found: bytes, agents: set[str]) -> None:
        self._before, self._after = found.split(ITEMS_USER.encode())
        self._agents: set[str] | None = agents
        self._unread = b""

    def connection_made(self, transport: Any) -> None:
        """The connection stands."""
        self._write = transport.write

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        data = self._unread + data
        if self._agents is not None:
            self._note_agent(data, self._agents)
        while (head := data.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(data, 0, head)
            end = head + 4 + int(length[1] if length else 0)
            if len(data) < end:
                break
            self._write(self._answer(data, head, end))
            data = data[end:]
        self._unread = data

    def _answer(self, data: bytes, head: int, end: int) -> bytes:
        if data.find(b"_20120810.GetItem", 0, head) >= 0:
            # An item has the key that was asked for: who looks at that would not believe another.
            asked = USER.search(data, head, end)
            return http_answer(self._before + (asked[1] if asked else b"") + self._after)
        return http_answer(DESCRIPTION if data.find(b"_20120810.DescribeTable", 0, head) >= 0 else b"{}")

    def _note_agent(self, data: bytes, agents: set[str]) -> None:
        agent = AGENT.search(data)
        agents.add(agent[1].decode() if agent else "")
        self._agents = None


async def serve(sizes: list[int], certificate: str | None = None) -> None:
    """Until the input ends."""
    # All contenders under all loads keep their connections open: more than the 1,024 that many systems begin with.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    loop = asyncio.get_running_loop()
    contexts: dict[str, ssl.SSLContext | None] = {"http": None}
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        contexts["https"] = context
    endpoints = {}
    agents: set[str] = set()
    for size in sizes:
        data = user_data(size)
        for layout, laid_out in LAYOUTS.items():
            found = answer_with(laid_out(data))
            for scheme, tls in contexts.items():
                server = await loop.create_server(partial(Answering, found, agents), "127.0.0.1", 0, ssl=tls)
                port = server.sockets[0].getsockname()[1]
                endpoints[f"{scheme} {size} {layout}"] = f"{scheme}://127.0.0.1:{port}"
    print(json.dumps(endpoints), flush=True)
    ended = asyncio.Event()
    threading.Thread(target=_tell, args=(agents, loop, ended), daemon=True).start()
    await ended.wait()


def _tell(agents: set[str], loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    for _ in sys.stdin:
        print(json.dumps({"cpu": time.process_time(), "agents": sorted(agents)}), flush=True)
        agents.clear()
    loop.call_soon_threadsafe(ended.set)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve([int(size) for size in sys.argv[1].split(",")], *sys.argv[2:]))
