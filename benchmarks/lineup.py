"""Who is measured, and under which load."""

import sys
from pathlib import Path

from attrs import evolve, frozen

from benchmarks.servers import node

NODE_SDK = Path(__file__).parent / "contenders/node_sdk.mjs"


@frozen
class Load:
    """
    What a round asks of a contender.

    Attributes:
        scheme: `http` or `https`.
        size: Bytes of an item.
        at_once: Turns under way at the same time.
        users: How many different ones.
    """

    scheme: str = "http"
    size: int = 1024
    at_once: int = 16
    users: int = 1000


@frozen
class Contender:
    """
    One way to take a turn.

    Attributes:
        name: For tables.
        module: Its file in `contenders`.
        options: Which of its ways.
        layout: The items it finds: the reference's, or `own`, which has the memory of recent turns in it.
        warm_up: Turns before it is measured.
        agent: What its user agent has in it, where that shows which way it went.
        loop: Whose event loop it runs on: `asyncio` or `uvloop`.
    """

    name: str
    module: str
    options: tuple[str, ...] = ()
    layout: str = "reference"
    warm_up: int = 100
    agent: str = ""
    loop: str = "asyncio"

    def command(self, endpoint: str, *, module: str = "driver") -> list[str]:
        """Starts it against *endpoint*, by a module of ours."""
        if self.module == NODE_SDK.stem:
            return [node() or "node", str(NODE_SDK), endpoint, *self.options]
        loop = ["--uvloop"] if self.loop == "uvloop" else []
        return [sys.executable, "-m", f"benchmarks.{module}", *loop, self.module, endpoint, *self.options]


def _own(name: str, path: str, way: str = "turn") -> Contender:
    # The adapter steps down to the SDK by itself: figures of another path must not go by this name.
    agent = "" if path == "sdk" else "md/wire"
    return Contender(name, "dynadb", (path, way), "own", agent=agent)


OURS = _own("dynadb-async", "wire")
OURS_ON_SDK = _own("dynadb-async, fast_path=False", "sdk")
OURS_ALL_CHANGED = _own("dynadb-async, everything changed", "wire", "turn of all")
LOAD_AND_SAVE = (
    _own("dynadb-async, load + save", "wire", "load + save"),
    _own("… on the SDK, load + save", "sdk", "load + save"),
)
AIOBOTO3 = Contender("aioboto3, client", "aioboto3_client")
AIODYNAMO = Contender("aiodynamo", "aiodynamo_table")
BARE_AIOHTTP = Contender("bare aiohttp", "bare_aiohttp")
LIMIT = Contender("bare protocol: the limit", "bare_protocol", ("turn",), "own")
TRANSPORT = Contender("transport only", "bare_protocol", ("transport",), "own", warm_up=1000)
# What is compiled while it runs takes long to be at its best.
NODE = Contender("Node, AWS SDK v3", "node_sdk", ("shared",), warm_up=1500)
NODE_EACH = Contender("Node, new client per turn", "node_sdk", ("each",), warm_up=500)

# For whole processes that take one turn.
START = Contender("dynadb-async", "dynadb_start", ("False",), "own")
START_WITH_TABLE = Contender("dynadb-async, create_table_on_init", "dynadb_start", ("True",), "own")
NODE_FIRST = Contender("Node, AWS SDK v3", "node_sdk", ("first",))

LINE_UP = (
    OURS,
    OURS_ALL_CHANGED,
    OURS_ON_SDK,
    *LOAD_AND_SAVE,
    AIOBOTO3,
    Contender("aioboto3, Table resource", "aioboto3_table"),
    Contender("boto3 in threads", "boto3_threads"),
    Contender("aiopynamodb", "aiopynamodb_model"),
    AIODYNAMO,
    NODE,
    NODE_EACH,
    BARE_AIOHTTP,
    LIMIT,
    TRANSPORT,
)

# `uvicorn[standard]` brings uvloop: the same ones on it, whose own work is what differs.
ON_UVLOOP = tuple(
    evolve(who, name=f"{who.name}, on uvloop", loop="uvloop")
    for who in (OURS, OURS_ON_SDK, AIOBOTO3, AIODYNAMO, BARE_AIOHTTP, LIMIT)
)


def line_up() -> tuple[Contender, ...]:
    """Without Node where it is not installed."""
    return tuple(contender for contender in LINE_UP if node() or contender.module != NODE_SDK.stem)
