"""
Measure how turns fare under faults, and write docs/reliability.md: `make reliability`.

Everything on that page comes from this run. It fails if a figure that we promise was not reached.
"""

import asyncio
import math
import os
import platform
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import uuid4

from attrs import define, field, frozen

from dynadb_async import AsyncDynamoDb, ClientConfig, DynaDbError, DynamoDbConfig, RequestError, TableConfig
from tests import bad_day, engines
from tests.conversation_checker import Figures, figures
from tests.engines import Engine
from tests.hot_user import Race, races
from tests.proxy import ITEM_OPERATIONS, Fault, FaultProxy, Plan, always, no_fault, sometimes
from tests.slow_server import SECONDS, slow_server

PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"

ADAPTERS, WORKERS, USERS = 4, 16, 32
OPERATION_TIMEOUT = ClientConfig().operation_timeout
LATEST = OPERATION_TIMEOUT + 0.2
CANCELLATIONS = 100

MIX = (Fault.CORRUPT, Fault.TRUNCATE, Fault.DROP, Fault.ERROR_500)

Adapter = AsyncDynamoDb[dict[str, Any]]


@frozen(kw_only=True)
class Case:
    """
    Turns under a passing fault.

    Attributes:
        name: What befalls the requests.
        plan: The same.
        turns: How many.
        least: The share of operations that must succeed.
        p99: Seconds that 99 % of the turns take, at the most.
    """

    name: str
    plan: Plan
    turns: int = 1000
    least: float = 1.0
    p99: float = math.inf


CASES = (
    Case(name="none", plan=no_fault),
    Case(name="20 % no answer", plan=sometimes(0.2, Fault.HANG, Fault.HANG_AFTER, seed=1), least=0.99, p99=0.9),
    Case(name="50 % throttled", plan=sometimes(0.5, Fault.THROTTLE, seed=2), least=0.97),
    Case(name="20 % corrupt, truncated, dropped or 500", plan=sometimes(0.2, *MIX, seed=3)),
    Case(name="10 % answers lost", plan=sometimes(0.1, Fault.LOSE, Fault.RESET, seed=4), turns=2000),
)

PERMANENT = [fault for fault in Fault if fault is not Fault.NOT_ACTIVE]


@define
class Outcome:
    """What became of a case's turns."""

    case: Case
    seconds: list[float] = field(factory=list)
    acknowledged: list[tuple[str, str]] = field(factory=list)
    failed: Counter[str] = field(factory=Counter)
    requests: int = 0
    stored: dict[str, list[str]] = field(factory=dict)

    @property
    def operations(self) -> int:
        """How many loads and saves there were."""
        return 2 * self.case.turns - self.failed["GetItem"]

    @property
    def success(self) -> float:
        """Their share that succeeded."""
        return 1 - self.failed.total() / self.operations

    @property
    def lost(self) -> int:
        """How many acknowledged turns are not in their items."""
        return sum(turn_id not in self.stored[user] for user, turn_id in self.acknowledged)

    @property
    def doubled(self) -> int:
        """How many turns are in their items more than once."""
        return sum(count > 1 for ids in self.stored.values() for count in Counter(ids).values())

    @property
    def is_as_promised(self) -> bool:
        """Whether the promised figures were reached."""
        is_quick = quantiles(self.seconds, n=100)[98] <= self.case.p99
        return self.success >= self.case.least and is_quick and not self.lost and not self.doubled

    def row(self) -> Sequence[object]:
        """For the table."""
        cuts = quantiles(self.seconds, n=100)
        return (
            *(
                self.case.name,
                self.case.turns,
                f"{len(self.acknowledged) / self.case.turns:.2%}",
                f"{self.success:.2%}",
            ),
            *(f"{1000 * cuts[49]:.0f} ms", f"{1000 * cuts[98]:.0f} ms", f"{max(self.seconds):.2f} s"),
            *(f"{self.requests / self.operations:.2f}", self.lost, self.doubled),
        )


def adapter(proxy: FaultProxy, table: str) -> Adapter:
    """With the defaults, but for the address; it remembers more turns, since no person hammers like this."""
    client: dict[str, Any] = dict(proxy.client_settings)
    return AsyncDynamoDb(DynamoDbConfig(TableConfig(table), client=ClientConfig(**client), recent_turns=200))


async def outcome_of(case: Case, engine: Engine) -> Outcome:
    """Let the workers take turns with random users, over several adapters."""
    outcome, table = Outcome(case), f"reliability-{uuid4().hex}"
    async with FaultProxy(engine) as proxy, AsyncExitStack() as stack:
        adapters = [await stack.enter_async_context(adapter(proxy, table)) for _ in range(ADAPTERS)]
        proxy.plan = case.plan
        turns = iter(range(case.turns))
        await asyncio.gather(*(_work(adapters[n % ADAPTERS], turns, outcome, random.Random(n)) for n in range(WORKERS)))
        outcome.requests = sum(proxy.seen[operation] for operation in ITEM_OPERATIONS)
        proxy.plan = no_fault
        for user in map(str, range(USERS)):
            item = await adapters[0].export(user)
            outcome.stored[user] = item.get("user", {"data": {}})["data"].get("turns", [])
    return outcome


async def _work(db: Adapter, turns: Any, outcome: Outcome, dice: random.Random) -> None:
    for number in turns:
        user, turn_id = str(dice.randrange(USERS)), f"turn-{number}"
        began = time.perf_counter()
        try:
            async with db.turn(user, turn_id=turn_id) as turn:
                turn.user.data.setdefault("turns", []).append(turn_id)
        except RequestError as error:
            outcome.failed["GetItem" if error.operation == "GetItem" else "save"] += 1
        else:
            outcome.acknowledged.append((user, turn_id))
        outcome.seconds.append(time.perf_counter() - began)


async def longest_of(fault: Fault, engine: Engine) -> tuple[float, str, str]:
    """How long operations take at the most under a permanent fault, and how a read and a write end."""
    table = f"reliability-{uuid4().hex}"
    async with FaultProxy(engine) as proxy, adapter(proxy, table) as db:
        turns = [await db.load(str(user)) for user in range(8)]
        proxy.plan = always(fault)
        reads = await asyncio.gather(*(_ended(db.load(turn.user.id)) for turn in turns))
        writes = await asyncio.gather(*(_ended(db.save(turn)) for turn in turns))
    kinds = [", ".join(sorted({kind for kind, _ in ended})) for ended in (reads, writes)]
    return max(seconds for _, seconds in (*reads, *writes)), kinds[0], kinds[1]


async def _ended(operation: Awaitable[Any]) -> tuple[str, float]:
    began = time.perf_counter()
    try:
        await operation
    except DynaDbError as error:
        return type(error).__name__, time.perf_counter() - began
    return "success", time.perf_counter() - began


async def after_cancellations(engine: Engine) -> tuple[int, int]:
    """What turns that were cancelled at random points leave: connections after `close()`, and stuck users before."""
    dice, stuck = random.Random(5), 0
    async with FaultProxy(engine) as proxy:
        async with adapter(proxy, f"reliability-{uuid4().hex}") as db:
            proxy.plan = sometimes(0.2, Fault.HANG, Fault.TRICKLE, seed=5)
            for number in range(CANCELLATIONS):
                turns = iter([number])
                task = asyncio.create_task(_work(db, turns, Outcome(CASES[0]), random.Random(number)))
                await asyncio.sleep(dice.expovariate(100))
                task.cancel()
                await asyncio.wait([task])
            proxy.plan = no_fault
            for user in map(str, range(USERS)):
                stuck += (await _ended(db.handle(user, _nothing, io_timeout=1)))[0] != "success"
        await asyncio.sleep(0.2)
        return proxy.open_connections, stuck


async def _nothing(_turn: Any) -> None:
    pass


def table_of(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """In Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def page_of(
    outcomes: Sequence[Outcome],
    permanent: Sequence[Sequence[object]],
    leaks: int,
    stuck: int,
    hot: Sequence[Race],
    troubles: Sequence[bad_day.Row],
    talks: Sequence[Figures],
) -> str:
    """The whole page."""
    passing = table_of(
        (
            *("fault, of the requests", "turns", "turns that succeed", "operations that succeed"),
            *("turn p50", "p99", "longest", "requests per operation", "lost", "doubled"),
        ),
        [outcome.row() for outcome in outcomes],
    )
    ended = table_of(("permanent fault", "longest operation", "a read ends with", "a write ends with"), permanent)
    at_once = table_of(
        ("at once", "turns", "answered", "the others", "updates refused", "requests per answer", "lost", "all took"),
        [found.row() for found in hot],
    )
    machine = f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"""# Reliability, measured

Written by `make reliability`; nothing here by hand. A fault proxy (`tests/proxy.py`) stands between the adapters, with
their default settings, and DynamoDB Local. {WORKERS} workers over {ADAPTERS} adapters take turns with {USERS} users;
a turn is a load and a save, and each leaves its id in its user's item. An operation is a load or a save with all its
attempts, and ends within `operation_timeout` = {OPERATION_TIMEOUT:g} s. Each turn is delivered once: a platform would
deliver one that fails again. *Lost*: acknowledged, but not in the item. *Doubled*: in the item more than once.

Machine: {machine}, {python}.

## Passing faults

{passing}

## Permanent faults

{ended}

## A bad day

Each with the default settings, on the fast path and on the SDK's client alone. *Full house*: {bad_day.CROWD} turns of
as many users at once, on a server that takes 50 ms for a request. *Dead pool*: {bad_day.POOL} connections that all fell
silent, as behind a NAT that forgot them. *Hostile answers*: other statuses, framings and bodies than DynamoDB's, and
other people's items; a load that believed one would be "a new user", or somebody else, and a save would be lost.
*Slow credentials*: their provider takes {bad_day.PROVIDER_SECONDS:g} s, longer than an operation may.

{table_of(("trouble", "what became of it"), [row.cells() for row in troubles])}

## Cancellation

Of {CANCELLATIONS} turns cancelled at random points, {leaks} connections were left open after `close()`, and {stuck}
users' next turns failed.

## A hot user

Turns of one user that begin at once: three rows on a server in a process of its own that takes {1000 * SECONDS:.0f} ms
for each request, three on DynamoDB Local. `handle()` waits for its turn for {OPERATION_TIMEOUT:g} s, the time of
{OPERATION_TIMEOUT / (2 * SECONDS):.0f} loads and saves there; those that wait in one process are stored together.

{at_once}

## Conversations

One conversation, and four processes with 60 steps each; a tenth of the requests is lost, of another tenth the answer.
*Wrong*: lost, doubled, out of the order in which it was acknowledged, seen in another order by a reader, or stored
without its turn.

{table_of(("at the same time", "acknowledged", "messages in the end", "longest", "wrong"), [t.cells() for t in talks])}
"""


async def hot_users(engine: Engine) -> list[Race]:
    """Turns of one user at once, on a slow server and on *engine*."""
    sys.stderr.write("a hot user …\n")
    with slow_server() as slow:
        return [*await races(slow, "reliability"), *await races(engine, f"reliability-{uuid4().hex}")]


async def measure(engine: Engine) -> bool:
    """Write the page; whether all is as promised."""
    outcomes, permanent = [], []
    for case in CASES:
        sys.stderr.write(f"{case.name} …\n")
        outcomes.append(await outcome_of(case, engine))
    is_in_time = True
    for fault in PERMANENT:
        sys.stderr.write(f"always: {fault.value} …\n")
        seconds, read, write = await longest_of(fault, engine)
        permanent.append((fault.value, f"{seconds:.2f} s", read, write))
        is_in_time &= seconds <= LATEST
    leaks, stuck = await after_cancellations(engine)
    hot = await hot_users(engine)
    sys.stderr.write("a bad day …\n")
    troubles = await bad_day.rows()
    sys.stderr.write("conversations …\n")
    talks = await figures(engine)
    PAGE.write_text(page_of(outcomes, permanent, leaks, stuck, hot, troubles, talks))
    are_as_promised = all(measured.is_as_promised for measured in (*outcomes, *hot, *troubles, *talks))
    return is_in_time and are_as_promised and not leaks and not stuck


if __name__ == "__main__":
    with engines.dynamodb_local() as engine:
        IS_AS_PROMISED = asyncio.run(measure(engine))
    sys.stderr.write(f"See {PAGE.relative_to(PAGE.parent.parent)}.\n")
    sys.exit(None if IS_AS_PROMISED else "A promised figure was not reached.")
