"""
A history checker: many adapters, few users, faults and duplicate deliveries, and what must be true afterwards.

Each turn writes its own id into its user's item in three shapes that merge differently: a list, a map and the history.
A second kind of turn counts by `handle()`. What was acknowledged is then compared with what is stored.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from attrs import define, field, frozen

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    DynamoDbConfig,
    RequestError,
    StoredElements,
    StoredHistory,
    TableConfig,
    Turn,
    VersionConflictError,
)
from tests.engines import PATIENCE, Engine
from tests.proxy import Fault, Plan, sometimes
from tests.seam import with_faults

Adapter = AsyncDynamoDb[dict[str, Any]]

# Each may leave a write applied or not, without the client knowing which.
FAULTS = (Fault.LOSE, Fault.DROP, Fault.ERROR_500, Fault.RESET, Fault.CORRUPT, Fault.TRUNCATE, Fault.THROTTLE)

MOST_DELIVERIES = 50


@frozen(kw_only=True)
class Trial:
    """
    How large a trial is, and how rough.

    Attributes:
        adapters: How many there are, as many as there were processes.
        users: Whom they all serve at the same time.
        turns: By each worker.
        workers: How many each adapter has at a time.
        patience: Seconds for which turns of one user wait for one another.
        share_of_faults: Of the requests.
        share_of_duplicates: Of the turns that are delivered twice, at the same time or later, to two adapters.
        share_of_crashes: Of the deliveries, after a checkpoint; then it is delivered again.
        seed: Of all that is random but the timing.
    """

    adapters: int = 6
    users: int = 2
    turns: int = 10
    workers: int = 1
    patience: float = 1.0
    share_of_faults: float = 0.1
    share_of_duplicates: float = 0.2
    share_of_crashes: float = 0.2
    seed: int = 0

    @property
    def turns_in_all(self) -> int:
        """Of all workers."""
        return self.adapters * self.workers * self.turns

    def plan(self) -> Plan:
        """What befalls each request."""
        return sometimes(self.share_of_faults, *FAULTS, seed=self.seed)


HOT = Trial(adapters=2, users=1, turns=6, workers=4, patience=0.001)
"""Turns of one user in each process that hardly wait for one another: their saves stand in line."""


@define
class Acknowledged:
    """A turn, from its first delivery's begin to its first acknowledgement."""

    turn_id: str
    began: float
    ended: float


@define
class Histories:
    """
    What happened, by user.

    Attributes:
        acknowledged: The turns that leave their id.
        counted: How many turns that count were acknowledged.
        stored: The item, as Python values.
    """

    acknowledged: dict[str, list[Acknowledged]] = field(factory=dict)
    counted: Counter[str] = field(factory=Counter)
    stored: dict[str, Any] = field(factory=dict)


async def run_trial(engine: Engine, table_name: str, trial: Trial, client_options: dict[str, Any]) -> Histories:
    """Let the adapters race."""
    histories, client_options = Histories(), {"queue_timeout": trial.patience, **client_options}
    async with with_faults(engine) as proxy, AsyncExitStack() as stack:
        adapters = [_adapter(proxy.client_settings, table_name, client_options) for _ in range(trial.adapters)]
        for adapter in adapters:
            await stack.enter_async_context(adapter)
        proxy.plan = trial.plan()
        dice = random.Random(trial.seed)
        async with asyncio.TaskGroup() as group:
            for number in range(trial.adapters * trial.workers):
                group.create_task(_work(adapters, number, trial, random.Random(dice.random()), histories))
        proxy.plan = lambda _operation: None
        for user in _users(table_name, trial):
            histories.stored[user] = await adapters[0].export(user)
    return histories


def _adapter(reached: dict[str, Any], table_name: str, client_options: dict[str, Any]) -> Adapter:
    client: dict[str, Any] = {**reached, **PATIENCE, **client_options}
    return AsyncDynamoDb(
        DynamoDbConfig(
            TableConfig(table_name),
            client=ClientConfig(**client),
            stored_elements=StoredElements(history=StoredHistory(size=10_000)),
            # The default is for people; this is hammering.
            recent_turns=1_000,
        )
    )


def _users(table_name: str, trial: Trial) -> list[str]:
    return [f"{table_name}-{trial.seed}-{number}" for number in range(trial.users)]


async def _work(adapters: Sequence[Adapter], number: int, trial: Trial, dice: random.Random, into: Histories) -> None:
    adapter, users = adapters[number % len(adapters)], _users(adapters[0].config.table.name, trial)
    for turn in range(trial.turns):
        user, turn_id = dice.choice(users), f"{number}-{turn}"
        deliveries = [_delivered(adapter, user, turn_id, into, crashes=dice.random() < trial.share_of_crashes)]
        if dice.random() < trial.share_of_duplicates:
            after, crashes = dice.choice([0, 0, 0.05]), dice.random() < trial.share_of_crashes
            deliveries.append(_delivered(dice.choice(adapters), user, turn_id, into, after=after, crashes=crashes))
        await asyncio.gather(*deliveries)
        if turn % 3 == 2:
            await _counted(adapter, user, f"{turn_id}-count")
            into.counted[user] += 1


async def _delivered(
    adapter: Adapter, user: str, turn_id: str, into: Histories, *, after: float = 0, crashes: bool = False
) -> None:
    """The platform delivers a turn until it is acknowledged; the first time it may crash after a checkpoint."""
    await asyncio.sleep(after)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for delivery in range(MOST_DELIVERIES):
        try:
            async with adapter.turn(user, turn_id=turn_id) as turn:
                if crashes and not delivery:
                    await _crash(adapter, turn, turn_id)
                _leave_id(turn, turn_id)
                await asyncio.sleep(0)
        except (RequestError, VersionConflictError, CrashError):
            continue
        into.acknowledged.setdefault(user, []).append(Acknowledged(turn_id, began, loop.time()))
        return
    raise AssertionError(f"turn {turn_id} was not acknowledged in {MOST_DELIVERIES} deliveries")


class CrashError(Exception):
    """The process died, or the caller hung up."""


async def _crash(adapter: Adapter, turn: Turn[dict[str, Any]], turn_id: str) -> None:
    """After what was said is stored."""
    turn.output = turn_id
    await adapter.save(turn)
    raise CrashError


def _leave_id(turn: Turn[dict[str, Any]], turn_id: str) -> None:
    turn.user.data.setdefault("list", []).append(turn_id)
    turn.user.data.setdefault("map", {})[turn_id] = True
    turn.output = turn_id


async def _counted(adapter: Adapter, user: str, turn_id: str) -> None:
    async def count(turn: Turn[dict[str, Any]]) -> str:
        turn.user.data["count"] = turn.user.data.get("count", 0) + 1
        return turn_id

    for _ in range(MOST_DELIVERIES):
        try:
            await adapter.handle(user, count, turn_id=turn_id)
        except (RequestError, VersionConflictError):
            continue
        return
    raise AssertionError(f"turn {turn_id} was not acknowledged in {MOST_DELIVERIES} deliveries")


def violations(histories: Histories) -> list[str]:
    """Where what is stored is not what was acknowledged: lost, doubled, in another order, or miscounted."""
    found = []
    for user, item in histories.stored.items():
        turns, data = histories.acknowledged.get(user, []), item.get("user", {}).get("data", {})
        history = [entry["output"] for entry in reversed(item.get("history", {}).get("items", [])) if "output" in entry]
        for name, ids in (("list", data.get("list", [])), ("map", list(data.get("map", {}))), ("history", history)):
            found += [f"{name}: {said}" for said in _differences(ids, {turn.turn_id for turn in turns})]
        for name, ids in (("list", data.get("list", [])), ("history", history)):
            found += [f"{name}: {said}" for said in _out_of_order(ids, turns)]
        if int(data.get("count", 0)) != histories.counted[user]:
            found.append(f"count: {data.get('count', 0)} stored, {histories.counted[user]} acknowledged")
    return found


def _differences(stored: Sequence[str], acknowledged: set[str]) -> list[str]:
    times = Counter(stored)
    lost = [f"{turn_id} lost" for turn_id in sorted(acknowledged - set(times))]
    return lost + [f"{turn_id} doubled" for turn_id, count in times.items() if count > 1]


def _out_of_order(stored: Sequence[str], turns: Sequence[Acknowledged]) -> list[str]:
    """Whoever was acknowledged before another one began stands before it."""
    places = {turn_id: place for place, turn_id in enumerate(stored)}
    first: dict[str, Acknowledged] = {}
    for turn in sorted(turns, key=lambda turn: turn.ended):
        known = first.setdefault(turn.turn_id, turn)
        # Of a turn that was delivered twice: from the first begin to the first acknowledgement.
        known.began = min(known.began, turn.began)
    return [
        f"{later.turn_id} before {earlier.turn_id}"
        for earlier in first.values()
        for later in first.values()
        if earlier.ended < later.began and places.get(earlier.turn_id, -1) > places.get(later.turn_id, len(stored))
    ]
