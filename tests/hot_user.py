"""Races of one user's turns, counted: for the tests, and for `make reliability`."""

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import Any

from attrs import define

from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, TableConfig, Turn
from tests.engines import Engine
from tests.slow_server import SECONDS

Db = AsyncDynamoDb[dict[str, Any]]

USER = "user-1"
HANDLERS, TURNS, PROCESSES, EACH = 200, 50, 4, 20
# Where it is no matter of speed.
SECONDS_OF_EACH = 8


class Counted:
    """An observer that counts the requests for items by operation, and those that were `refused`."""

    def __init__(self) -> None:
        self.requests = Counter[str]()

    def doing(self, _name: str) -> Any:
        """Nothing of interest."""
        return contextlib.nullcontext()

    def attempted(self, operation: str, code: str, _capacity_units: float) -> None:
        """Count it."""
        self.requests[operation] += 1
        self.requests["refused"] += code == "ConditionalCheckFailedException"

    def duplicate(self) -> None:
        """Nothing of interest."""


def adapter(engine: Engine, table: str, counted: Counted, **limits: float) -> Db:
    """With the defaults but for *limits*, observed by *counted*."""
    client = ClientConfig(**engine.reached, **limits)
    db = AsyncDynamoDb(DynamoDbConfig(TableConfig(table), client=client))
    db.observer = counted
    return db


async def count(turn: Turn[dict[str, Any]]) -> int:
    """A handler that adds up."""
    visits: int = turn.user.data.get("visits", 0) + 1
    turn.user.data["visits"] = visits
    return visits


async def visits_of(db: Db) -> int:
    """How many are stored."""
    data = (await db.export(USER))["user"]["data"]
    return int(data["visits"])


async def outcomes(turns: Sequence[Awaitable[Any]]) -> Counter[str]:
    """How turns that run at once end."""
    return Counter(type(ended).__name__ for ended in await asyncio.gather(*turns, return_exceptions=True))


@define
class Race:
    """
    What became of turns that began at once.

    Attributes:
        name: What kind they were.
        ended: How many ended with an `answer`, or with which error.
        updates: How many UpdateItems were sent.
        refused: How many of those were refused.
        requests: How many requests were sent for each turn that was answered.
        lost: How many were answered and are not stored, or the other way round.
        seconds: How long all took.
        is_as_promised: Whether the promised figures were reached.
    """

    name: str
    ended: Counter[str]
    updates: int
    refused: int
    requests: float
    lost: int
    seconds: float
    is_as_promised: bool

    def row(self) -> Sequence[object]:
        """For the table."""
        turns, answered = self.ended.total(), self.ended["answer"]
        errors = ", ".join(f"{count} {name}" for name, count in sorted(self.ended.items()) if name != "answer")
        share = f"{self.refused} of {self.updates}"
        return (
            self.name,
            turns,
            answered,
            errors or "none",
            share,
            f"{self.requests:.2f}",
            self.lost,
            f"{self.seconds:.1f} s",
        )


async def race(db: Db, counted: Counted, name: str, turns: Sequence[Awaitable[Any]]) -> Race:
    """Let *turns* run at once, on an adapter that *counted* observes."""
    counted.requests.clear()
    began = time.perf_counter()
    ended = await outcomes(turns)
    seconds = time.perf_counter() - began
    for answer in ("int", "NoneType"):
        ended["answer"] += ended.pop(answer, 0)
    sent = counted.requests
    requests = (sent["GetItem"] + sent["UpdateItem"]) / max(1, ended["answer"])
    updates, refused = sent["UpdateItem"], sent["refused"]
    lost = abs(ended["answer"] - await visits_of(db))
    return Race(
        name, ended, updates, refused, requests, lost, seconds, is_as_promised=refused <= 0.1 * updates and not lost
    )


async def handlers_at_once(db: Db, counted: Counted, handlers: int = HANDLERS) -> Race:
    """Handlers that count; as many as fit one after another into the default time should be answered."""
    turns = [db.handle(USER, count, turn_id=f"m-{number}") for number in range(handlers)]
    found = await race(db, counted, "`handle()`, counting", turns)
    fit = min(handlers, ClientConfig().operation_timeout / (2 * SECONDS))
    found.is_as_promised &= found.ended["answer"] >= 0.9 * fit
    return found


async def turns_at_once(db: Db, counted: Counted) -> Race:
    """Turns whose changes can be merged: all of them."""

    async def add(number: int) -> None:
        async with db.turn(USER, turn_id=f"t-{number}") as turn:
            turn.user.data.setdefault("list", []).append(number)
            turn.user.data.setdefault("map", {})[str(number)] = number

    await db.delete(USER)
    async with db.turn(USER) as turn:
        turn.user.data["visits"] = TURNS
    found = await race(db, counted, "`turn()`, adding to a list and a map", [add(number) for number in range(TURNS)])
    data = (await db.export(USER))["user"]["data"]
    all_of_them = set(range(TURNS))
    found.lost = len(all_of_them - set(data["list"])) + abs(len(data["list"]) - TURNS) + abs(len(data["map"]) - TURNS)
    found.is_as_promised &= found.ended["answer"] == TURNS and found.requests <= 3 and not found.lost
    return found


PROCESS = """
import asyncio, json, sys
from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, TableConfig
from tests.hot_user import EACH, USER, Counted, count, outcomes

async def main(table, number, client, seconds):
    db = AsyncDynamoDb(DynamoDbConfig(TableConfig(table), client=ClientConfig(**json.loads(client))))
    db.observer = counted = Counted()
    async with db:
        await db.load("warm")
        print(flush=True)
        sys.stdin.readline()
        turns = [
            db.handle(USER, count, turn_id=f"{number}-{n}", io_timeout=json.loads(seconds)) for n in range(EACH)
        ]
        ended = await outcomes(turns)
    print(json.dumps([ended, counted.requests]))

asyncio.run(main(*sys.argv[1:]))
"""


async def processes_at_once(db: Db, reached: dict[str, Any], seconds_of_each: float | None = None) -> Race:
    """Handlers that count in several processes, each with its own line; in the default time, if there is no other."""
    await db.delete(USER)
    pipe = asyncio.subprocess.PIPE
    processes = []
    for number in range(PROCESSES):
        command = (sys.executable, "-c", PROCESS, db.config.table.name, str(number), json.dumps(reached))
        command += (json.dumps(seconds_of_each),)
        processes.append(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe))
    for process in processes:
        assert process.stdout
        await process.stdout.readline()
    began = time.perf_counter()
    told = [json.loads(out) for out, _ in await asyncio.gather(*(process.communicate(b"\n") for process in processes))]
    seconds = time.perf_counter() - began
    ended, sent = (sum((Counter(each[part]) for each in told), Counter[str]()) for part in (0, 1))
    answered = ended["answer"] = ended.pop("int", 0)
    lost = abs(answered - await visits_of(db))
    requests = (sent["GetItem"] + sent["UpdateItem"]) / max(1, answered)
    is_as_promised = (
        answered >= 60 and sent["refused"] <= 2 * answered and not ended["OutcomeUnknownError"] and not lost
    )
    name = f"`handle()`, counting, in {PROCESSES} processes"
    return Race(name, +ended, sent["UpdateItem"], sent["refused"], requests, lost, seconds, is_as_promised)


async def races(engine: Engine, table: str) -> list[Race]:
    """All of them, on one engine."""
    counted = Counted()
    async with adapter(engine, table, counted) as db:
        await db.load("warm")
        return [
            await handlers_at_once(db, counted),
            await turns_at_once(db, counted),
            await processes_at_once(db, engine.reached),
        ]
