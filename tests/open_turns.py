"""
Bytes for each open turn beyond the values themselves: `python -m tests.open_turns ENDPOINT SHAPE` in a fresh process.

The values are those that `json.loads` makes of the same data. Both are read from the process's RSS.
"""

import asyncio
import ctypes
import gc
import json
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from resource import getpagesize
from typing import Any

from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, DynamoDbSerializer, TableConfig

MOST_TURNS = 50
# Few large turns are as many bytes as many small ones, and as easy to see.
BYTES = 3_000_000

SHAPES: dict[str, Callable[[], dict[str, Any]]] = {
    "ordinary": lambda: {"turns": [{"text": f"two large pizzas, please {n}", "count": n} for n in range(8)]},
    "small maps": lambda: {f"member-{n}": {"name": f"pizza {n}", "count": n, "size": "large"} for n in range(1700)},
    "empty lists": lambda: {"lists": [[] for _ in range(20_000)]},
    "empty members": lambda: {f"{n:x}": [] for n in range(10_000)},
    "a long text": lambda: {"texts": ["x" * 150_000]},
    "numbers": lambda: {"numbers": list(range(20_000))},
    "middling lists": lambda: {f"list-{n}": [f"{n} {m}" for m in range(30)] for n in range(300)},
}


def item_of(user_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """As it is stored."""
    times = {name: {"S": "2026-11-26T12:00:00.000Z"} for name in ("createdAt", "updatedAt")}
    recent = {"L": [{"M": {"write": {"S": f"0123456789{n}"}}} for n in range(8)]}
    user = DynamoDbSerializer().serialize({"data": data})
    return {"userId": {"S": user_id}, "user": user, **times, "recentTurns": recent}


def adapter(endpoint: str) -> AsyncDynamoDb[dict[str, Any]]:
    """On a table that nobody makes."""
    client = ClientConfig(
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        read_timeout=10,
        operation_timeout=20,
    )
    return AsyncDynamoDb(DynamoDbConfig(TableConfig("users", create_table_on_init=False), client=client))


def count(shape: str) -> int:
    """How many are looked at."""
    return max(10, min(MOST_TURNS, BYTES // len(json.dumps(SHAPES[shape]()))))


def resident() -> int:
    """Bytes of this process that are in memory, without what could be given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()


async def turns(endpoint: str, shape: str) -> float:
    """So many turns are open at the same time."""
    async with adapter(endpoint) as db:
        for number in range(3):
            async with db.turn(f"{shape}/first-{number}") as turn:
                turn.user.data["visits"] = 1
        async with AsyncExitStack() as stack:
            turns, before = count(shape), resident()
            for number in range(turns):
                await stack.enter_async_context(db.turn(f"{shape}/user-{number}"))
            return (resident() - before) / turns


def values(shape: str) -> float:
    """So many times the same data."""
    text = json.dumps(SHAPES[shape]())
    held = [json.loads(text) for _ in range(3)]
    turns, before = count(shape), resident()
    held += [json.loads(text) for _ in range(turns)]
    return (resident() - before) / turns


if __name__ == "__main__":
    sys.stdout.write(str(asyncio.run(turns(*sys.argv[1:])) if len(sys.argv) > 2 else values(sys.argv[1])))
