"""A history checker for conversations: several processes, faults and second deliveries, and what must be true then."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import Any
from uuid import uuid4

from attrs import asdict, define, frozen

from dynadb_async import AsyncDynamoDb
from tests.conversation_worker import TALK, USER, Worker, config_of
from tests.engines import Engine
from tests.proxy import Fault, FaultProxy, no_fault, sometimes
from tests.seam import with_faults

LOST = (Fault.DROP, Fault.LOSE)


@frozen(kw_only=True)
class Trial:
    """
    How large, and how rough.

    Attributes:
        mode: What the processes do: `appends`, `cuts`, `turns` or `deletes`.
        processes: How many.
        count: Steps of each.
        share_of_faults: Of the requests; half of them are lost, of the other half the answers.
        seed: Of the faults.
    """

    mode: str
    processes: int = 4
    count: int = 60
    share_of_faults: float = 0.2
    seed: int = 0


@define
class History:
    """
    What was acknowledged, by all processes, and what was found afterwards.

    Attributes:
        done: See `conversation_worker.Done`.
        messages: All that were stored in the end.
        turns: Of the user's item.
        names: The sort keys in the second table.
    """

    done: list[dict[str, Any]]
    messages: list[Any]
    turns: dict[str, Any]
    names: list[str]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """What was done of these kinds."""
        return [done for done in self.done if done["what"] in kinds]


async def run_trial(engine: Engine, table_name: str, trial: Trial) -> History:
    """Let the processes race."""
    async with FaultProxy(engine) as proxy:
        client = {**proxy.client_settings, "read_timeout": 2, "operation_timeout": 10, "queue_timeout": 10}
        settings = {"table": table_name, "client": client, "count": trial.count, "mode": trial.mode}
        async with AsyncDynamoDb(config_of(settings)) as db:
            await db.ensure_table()
            processes = [await _started({**settings, "name": f"p{n}"}) for n in range(trial.processes)]
            for process in processes:
                assert process.stdout
                assert await process.stdout.readline() == b"ready\n"
            proxy.plan = sometimes(trial.share_of_faults, *LOST, Fault.CONFLICT, seed=trial.seed)
            told = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
            proxy.plan = lambda _operation: None
            done = [entry for out, _ in told for entry in json.loads(out)]
            messages = (await db.conversation(USER, TALK).messages()).messages
            stored = await db.export(USER)
            async with engine.client() as plain:
                names = [item["name"]["S"] for item in (await plain.scan(TableName=f"{table_name}-log"))["Items"]]
    turns = stored.get("user", {}).get("data", {}).get("turns", {})
    return History(done, messages, turns, names)


async def run_in_process(engine: Engine, table_name: str, trial: Trial) -> History:
    """The same with adapters in this process, which is where a design can be broken on purpose."""
    async with with_faults(engine) as faulty, AsyncExitStack() as stack:
        settings = {"table": table_name, "client": faulty.client_settings}
        adapters = [AsyncDynamoDb(config_of(settings)) for _ in range(trial.processes)]
        for adapter in adapters:
            await stack.enter_async_context(adapter)
        faulty.plan = sometimes(trial.share_of_faults, *LOST, seed=trial.seed)
        workers = [Worker(adapter, f"p{n}", Random(f"{n}{trial.seed}")) for n, adapter in enumerate(adapters)]
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.work(trial.mode, trial.count))
        faulty.plan = no_fault
        done = [asdict(done) for worker in workers for done in worker.done]
        messages = (await adapters[0].conversation(USER, TALK).messages()).messages
        stored = await adapters[0].export(USER)
        async with engine.client() as plain:
            names = [item["name"]["S"] for item in (await plain.scan(TableName=f"{table_name}-log"))["Items"]]
    return History(done, messages, stored.get("user", {}).get("data", {}).get("turns", {}), names)


async def _started(settings: dict[str, Any]) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "tests.conversation_worker", json.dumps(settings)]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, env=dict(os.environ), limit=2**26)


def violations(history: History) -> list[str]:
    """Where what is stored is not what was acknowledged: lost, doubled, in another order, popped twice."""
    appended = {done["value"]: done for done in history.of("append")}
    found = _doubled(history.messages)
    found += _lost(history, appended)
    popped = Counter(done["value"] for done in history.of("pop") if done["value"] is not None)
    found += [f"{message[:9]} popped {times} times" for message, times in popped.items() if times > 1]
    found += [f"{message[:9]} popped, and there" for message in popped if message in history.messages]
    found += _out_of_order([appended[message] for message in dict.fromkeys(history.messages) if message in appended])
    if not history.of("pop", "clear", "delete"):
        reads = [done["value"] for done in history.of("read")]
        found += ["a reader saw no prefix" for read in reads if read != history.messages[: len(read)]]
    return found + _turns(history)


@frozen
class Figures:
    """
    A trial in numbers.

    Attributes:
        what: What the processes did.
        acknowledged: How many appends, turns or deletes.
        stored: How many messages there were in the end.
        longest: Seconds that the slowest of them took, its second deliveries included.
        wrong: What was lost, doubled, out of order or apart from its turn.
    """

    what: str
    acknowledged: int
    stored: int
    longest: float
    wrong: int

    @property
    def is_as_promised(self) -> bool:
        """Whether nothing was wrong."""
        return not self.wrong

    def cells(self) -> Sequence[object]:
        """For the table."""
        return self.what, self.acknowledged, self.stored, f"{self.longest:.1f} s", self.wrong


MODES = {"appends": ("append",), "turns with two messages": ("turn",), "deletes during appends": ("append", "delete")}


async def figures(engine: Engine) -> list[Figures]:
    """Of appends, of turns with messages, and of deletes, with four processes each."""
    found = []
    for what, kinds in MODES.items():
        mode = what.split(maxsplit=1)[0]
        history = await run_trial(engine, f"figures-{mode}-{uuid4().hex}", Trial(mode=mode))
        done = history.of(*kinds)
        longest = max(entry["ended"] - entry["began"] for entry in done)
        found.append(Figures(what, len(done), len(history.messages), longest, len(violations(history))))
    return found


def _doubled(messages: list[Any]) -> list[str]:
    """A second delivery is known for the next 8 appends; one that comes later is another append."""
    found, seen = [], {}
    for place, message in enumerate(messages):
        if place - seen.get(message, place) in range(1, 8):
            found.append(f"{message[:9]} doubled, {place - seen[message]} later")
        seen[message] = place
    return found


def _lost(history: History, appended: dict[str, dict[str, Any]]) -> list[str]:
    popped = {done["value"] for done in history.of("pop")}
    gone = [done for message, done in appended.items() if message not in popped and message not in history.messages]
    cuts = history.of("clear", "delete")
    # What a cut that was not over when the append began may have taken with it.
    lost = [done for done in gone if not any(cut["ended"] > done["began"] for cut in cuts)]
    if len(lost) <= len(history.of("lost")):
        return []
    return [f"{done['value'][:9]} lost" for done in lost]


def _out_of_order(stored: list[dict[str, Any]]) -> list[str]:
    """Whoever was acknowledged before another one began stands before it."""
    return [
        f"{later['value'][:9]} after {earlier['value'][:9]}"
        for place, earlier in enumerate(stored)
        for later in stored[place + 1 :]
        if later["ended"] < earlier["began"]
    ]


def _turns(history: History) -> list[str]:
    """A turn is stored if, and only if, its messages are."""
    turns = {done["value"] for done in history.of("turn")}
    expected = Counter(f"{turn}{mark}" for turn in history.turns for mark in "?!")
    said = Counter(message for message in history.messages if message[-1:] in "?!")
    found = [f"turn {turn} lost" for turn in turns - history.turns.keys()]
    found += [f"{message} without its turn, or doubled" for message in said - expected]
    return found + [f"{message} not stored with its turn" for message in expected - said]
