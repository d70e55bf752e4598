"""
What conversations cost: `python -m benchmarks.conversations [SECONDS]`.

CPU time of this process against a stub that answers at once, round by round in turn; and, on DynamoDB Local where it
is, capacity units and how they grow. Beside ours: the same transaction and the same Query on the aioboto3 client, one
growing item as published session stores keep it, and a list in memory as the floor.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from statistics import median
from typing import Any

import aioboto3
import orjson
from aiobotocore.config import AioConfig
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from benchmarks.stub import LENGTH, http_answer
from dynadb_async import AsyncDynamoDb, ClientConfig, Conversations, DynamoDbConfig, TableConfig
from dynadb_async.conversations.layout import Names
from dynadb_async.conversations.writing import Writing, written
from tests import engines

KEYS = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
TEXT = "I would like two large pizzas with mushrooms, and please send them to my office this time. " * 3
MESSAGE = {"role": "user", "content": TEXT}
AT_ONCE = 16
ROUNDS = 9

Operation = Callable[[int], Awaitable[object]]


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
    command = [sys.executable, "-m", "benchmarks.conversations", "--stub"]
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


async def measured(seconds: float) -> dict[str, dict[str, list[float]]]:
    """By what is done and who does it, CPU seconds, round by round."""
    results: dict[str, dict[str, list[float]]] = {}
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
            client=ClientConfig(**engine.client_settings, read_timeout=10, operation_timeout=30),
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


def report(results: dict[str, dict[str, list[float]]], rows: list[tuple[int, float, float, float, float]]) -> str:
    """As a page's section."""
    lines = ["| what | who | CPU | times ours |", "|---|---|---:|---:|"]
    for what, doers in results.items():
        ours = next(iter(doers.values()))
        for who, times in doers.items():
            factor = median(one / other for one, other in zip(times, ours, strict=True))
            lines.append(f"| {what} | {who} | {1e6 * median(times):,.0f} µs | {factor:.2f} |")
    lines += ["", "| messages | append: units | ms | newest 20: units | ms |", "|---:|---:|---:|---:|---:|"]
    lines += [f"| {n:,} | {a:g} | {am:.1f} | {r:g} | {rm:.1f} |" for n, a, am, r, rm in rows]
    return "\n".join(lines)


async def main(seconds: float) -> None:
    """Print the section."""
    results = await measured(seconds)
    print(report(results, await growth()))


if __name__ == "__main__":
    if sys.argv[1:] == ["--stub"]:
        asyncio.run(serve())
    else:
        asyncio.run(main(float(sys.argv[1]) if sys.argv[1:] else 0.5))
