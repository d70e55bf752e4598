"""
What conversations cost: `python -m benchmarks.conversations [SECONDS]`; `make bench` has it in its report.

CPU time of this process against a stub that answers at once, round by round in turn; and, on DynamoDB Local where it
is, capacity units and how they grow. Beside ours: the same transaction and the same Query on the aioboto3 client, one
growing item as published session stores keep it, and a list in memory as the floor.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from datetime import UTC, datetime
from statistics import median
from typing import Any

import aioboto3
import orjson
from aiobotocore.config import AioConfig
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from benchmarks.conversation_stub import MESSAGE, stub
from benchmarks.tables import micros, table
from dynadb_async import AsyncDynamoDb, ClientConfig, Conversations, DynamoDbConfig, TableConfig
from dynadb_async.conversations.layout import Names
from dynadb_async.conversations.writing import Writing, written
from tests import engines

KEYS: dict[str, Any] = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
AT_ONCE = 16
ROUNDS = 9

# At least so many times cheaper than the same on the aioboto3 client.
FIGURES = {"append": 8, "read 20": 8}
NO_GROWTH = "How it grows is not measured: DynamoDB Local is not here (it needs npm and Java).\n"

Operation = Callable[[int], Awaitable[object]]
Results = dict[str, dict[str, list[float]]]
"""By what is done and who does it, CPU seconds of each round."""


async def contenders(stack: AsyncExitStack, url: str) -> dict[str, dict[str, Operation]]:
    """By what is done, who does it."""
    table = TableConfig("users", create_table_on_init=False)
    log = TableConfig("log", create_table_on_init=False)
    client = ClientConfig(endpoint_url=url, read_timeout=10, operation_timeout=30, **KEYS)
    db = await stack.enter_async_context(
        AsyncDynamoDb(DynamoDbConfig(table, client=client, conversations=Conversations(log)))
    )
    session = aioboto3.Session()
    config = AioConfig(max_pool_connections=64)
    plain = await stack.enter_async_context(session.client("dynamodb", endpoint_url=url, config=config, **KEYS))
    serialize, deserialize = TypeSerializer().serialize, TypeDeserializer().deserialize
    names = Names(key_name="userId", user_id="user-1", id="talk")
    memory: list[Any] = []

    async def plain_append(_: int) -> None:
        writing = Writing.of((orjson.dumps([MESSAGE]).decode(),))
        made = written("log", names, writing, None, datetime.now(UTC), None)
        await plain.transact_write_items(TransactItems=list(made.members))

    async def plain_read(count: int) -> None:
        answer = await plain.query(
            TableName="log",
            KeyConditionExpression="#key = :key AND #name BETWEEN :first AND :last",
            ExpressionAttributeNames={"#key": "userId", "#name": "name"},
            ExpressionAttributeValues={
                ":key": {"S": "user-1"},
                ":first": {"S": names.entry(0)},
                ":last": {"S": names.entry(10**16 - 1)},
            },
            ScanIndexForward=False,
            Limit=count,
            ConsistentRead=True,
        )
        messages = [m for item in reversed(answer["Items"]) for m in json.loads(deserialize(item["messages"]))]
        assert len(messages) == count

    async def ours_read(count: int) -> None:
        page = await db.conversation("user-1", "talk").messages(count)
        assert len(page.messages) == count

    async def growing_append(_: int) -> None:
        await plain.get_item(TableName="log", Key={"userId": {"S": "user-1"}}, ConsistentRead=True)
        stored = {"userId": {"S": "user-1"}, "messages": serialize([MESSAGE] * 100)}
        await plain.put_item(TableName="log", Item=stored)

    async def floor_append(_: int) -> None:
        memory.append(orjson.dumps(MESSAGE))
        del memory[:-1000]

    async def ours_turn(number: int) -> None:
        async with db.turn(f"user-{number % 100}") as turn:
            turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
            turn.conversation("talk").add(MESSAGE, MESSAGE)

    async def ours_plain_turn(number: int) -> None:
        async with db.turn(f"user-{number % 100}") as turn:
            turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1

    return {
        "append": {
            "dynadb-async": lambda number: db.conversation(f"user-{number % 100}", "talk").append([MESSAGE]),
            "aioboto3, the same transaction": plain_append,
            "aioboto3, one item of 100 messages": growing_append,
            "a list in memory": floor_append,
        },
        "read 20": {"dynadb-async": lambda _: ours_read(20), "aioboto3, the same Query": lambda _: plain_read(20)},
        "read 1,000": {
            "dynadb-async": lambda _: ours_read(1000),
            "aioboto3, the same Query": lambda _: plain_read(1000),
        },
        "turn": {"dynadb-async, two messages in it": ours_turn, "dynadb-async, none": ours_plain_turn},
    }


async def cpu_of(operation: Operation, count: int) -> float:
    """CPU seconds of each of so many operations, 16 at once."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await operation(number)

    began = time.process_time()
    await asyncio.gather(*(work() for _ in range(min(AT_ONCE, count))))
    return (time.process_time() - began) / count


async def measured(seconds: float) -> Results:
    """Everybody in turn, in rounds of so many seconds."""
    results: Results = {}
    async with stub() as url, AsyncExitStack() as stack:
        for what, doers in (await contenders(stack, url)).items():
            counts = {who: max(4, int(seconds / await cpu_of(do, 8))) for who, do in doers.items()}
            counts = {who: min(count, 2000) for who, count in counts.items()}
            results[what] = {who: [] for who in doers}
            for _ in range(ROUNDS):
                for who, do in doers.items():
                    results[what][who].append(await cpu_of(do, counts[who]))
    return results


class Units:
    """An observer that adds up what DynamoDB charges."""

    total = 0.0

    def doing(self, _name: str) -> AbstractContextManager[None]:
        """Nothing to be noted."""
        return nullcontext()

    def duplicate(self) -> None:
        """Nothing to be noted."""

    def attempted(self, operation: str, code: str, capacity_units: float) -> None:  # noqa: ARG002 - all count alike
        """Count."""
        self.total += capacity_units


async def growth() -> list[tuple[int, float, float, float, float]]:
    """For histories of growing length: units and milliseconds of an append, and of a read of the newest 20."""
    rows = []
    with engines.dynamodb_local() as engine:
        config = DynamoDbConfig(
            TableConfig("users"),
            client=ClientConfig(**engine.client_settings),
            conversations=Conversations("log"),
        )
        db = AsyncDynamoDb(config)
        db.observer = units = Units()
        async with db:
            talk, stored = db.conversation("user-1", "talk"), 0
            for length in (10, 100, 1000, 10_000):
                while stored < length:
                    batch = min(500, length - stored)
                    await talk.append([MESSAGE] * batch) if batch > 10 else await talk.append([MESSAGE])
                    stored += batch if batch > 10 else 1
                for _ in range(22):
                    await talk.append([MESSAGE])
                append, append_ms = await _cost(units, lambda: talk.append([MESSAGE]))
                read, read_ms = await _cost(units, lambda: talk.messages(20))
                rows.append((length, append, append_ms, read, read_ms))
    return rows


async def _cost(units: Units, operation: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    times, before = [], units.total
    for _ in range(9):
        began = time.perf_counter()
        await operation()
        times.append(time.perf_counter() - began)
    return (units.total - before) / 9, 1000 * median(times)


def section(results: Results, rows: Sequence[Sequence[float]]) -> str:
    """Who spends how much, and how it grows."""
    cells = []
    for what, doers in results.items():
        ours = next(iter(doers))
        for who, times in doers.items():
            cells.append([f"{what}: {who}", micros(1e6 * median(times)), f"{_ratio(doers, who, ours):.2f}"])
    grown = [[f"{n:,.0f}", f"{a:g}", f"{am:.1f}", f"{r:g}", f"{rm:.1f}"] for n, a, am, r, rm in rows]
    heads = ["messages stored", "append: units", "ms", "newest 20: units", "ms"]
    return table(["16 at once, HTTP", "CPU µs", "× ours"], cells) + "\n" + (table(heads, grown) if rows else NO_GROWTH)


def figures_table(results: Results) -> str:
    """What this project wants of them, and whether it does."""
    cells = []
    for what, wanted in FIGURES.items():
        ours, rival, *_ = results[what]
        times = _ratio(results[what], rival, ours)
        verdict = "reached" if times >= wanted else "MISSED"
        cells.append([f"{what}: {ours}", rival, f"≥ {wanted}× cheaper", f"{times:.2f}×", verdict])
    return table(["conversations", "against", "wanted", "measured", ""], cells)


def _ratio(doers: dict[str, list[float]], dearer: str, cheaper: str) -> float:
    return median(one / other for one, other in zip(doers[dearer], doers[cheaper], strict=True))


async def main(seconds: float, *, is_json: bool) -> None:
    """Print it all."""
    results = await measured(seconds)
    try:
        rows = await growth()
    except engines.EngineMissingError:
        rows = []
    print(json.dumps([results, rows]) if is_json else section(results, rows) + figures_table(results))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conversations")
    parser.add_argument("seconds", nargs="?", type=float, default=0.3, help="of one round, about")
    parser.add_argument("--json", action="store_true", help="what was measured, for a program")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.seconds, is_json=chosen.json))
