import asyncio
import subprocess
import sys
from typing import Any

import pytest
from attrs import evolve

from tests.checker import HOT, Acknowledged, Histories, Trial, run_trial, violations
from tests.engines import Engine
from tests.sizes import IS_LARGE, of_size

# For each engine and way; the seeds go on, so that each is another one.
TRIALS = range(of_size(1, large=5))
# moto answers one request after another, so that a race takes long there, and is hardly one.
SERVERS = ["dynamodb-local", *(["moto"] if IS_LARGE else [])]


@pytest.mark.long
@pytest.mark.parametrize("seed", TRIALS)
@pytest.mark.parametrize("engine", SERVERS, indirect=True)
async def test_history(engine: Engine, table_name: str, client_options: dict[str, Any], seed: int) -> None:
    """Every acknowledged turn is in the item exactly once and in real-time order; what is counted adds up."""
    trial = Trial(seed=seed)
    is_right(trial, await run_trial(engine, table_name, trial, client_options))


@pytest.mark.long
@pytest.mark.parametrize("seed", TRIALS)
@pytest.mark.parametrize("engine", ["memory", "file"], indirect=True)
async def test_history_in_the_process(engine: Engine, table_name: str, seed: int) -> None:
    """So it is where there is no server."""
    trial = Trial(seed=seed)
    is_right(trial, await run_trial(engine, table_name, trial, {}))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(of_size(1, large=20)))
@pytest.mark.parametrize("engine", [*SERVERS, "memory"], indirect=True)
async def test_history_of_a_hot_user(engine: Engine, table_name: str, seed: int) -> None:
    """So it is where the saves of one user stand in line, each on what the one before stored."""
    trial = evolve(HOT, seed=seed)
    is_right(trial, await run_trial(engine, table_name, trial, {}))


def is_right(trial: Trial, histories: Histories) -> None:
    """Nothing is lost, doubled or out of order, and all was acknowledged."""
    assert violations(histories) == []
    acknowledged = {turn.turn_id for turns in histories.acknowledged.values() for turn in turns}
    assert len(acknowledged) == trial.turns_in_all
    assert histories.counted.total() == trial.turns_in_all // trial.turns * (trial.turns // 3)


def histories(turn_ids: list[str], stored: list[str], count: int = 0) -> Histories:
    """Turns acknowledged one after the other, and what is stored of them."""
    turns = [Acknowledged(turn_id, began=at, ended=at + 0.5) for at, turn_id in enumerate(turn_ids)]
    data = {"list": stored, "map": dict.fromkeys(stored, True), "count": count}
    item = {"user": {"data": data}, "history": {"items": [{"output": turn_id} for turn_id in reversed(stored)]}}
    return Histories(acknowledged={"user": turns}, stored={"user": item})


def test_checker_accepts_what_is_right() -> None:
    """Each turn once, in its order: nothing to complain about; nor of one that was never acknowledged."""
    assert violations(histories(["a", "b"], ["a", "b"])) == []
    assert violations(histories(["a"], ["a", "unacknowledged"])) == []


def test_checker_finds_what_is_wrong() -> None:
    """Lost, doubled, in another order, miscounted: each is found where it is."""
    assert violations(histories(["a", "b"], ["b"])) == ["list: a lost", "map: a lost", "history: a lost"]
    assert violations(histories(["a"], ["a", "a"])) == ["list: a doubled", "history: a doubled"]
    assert violations(histories(["a", "b"], ["b", "a"])) == ["list: b before a", "history: b before a"]
    assert violations(histories(["a"], ["a"], count=1)) == ["count: 1 stored, 0 acknowledged"]


def test_overlapping_turns_have_no_order() -> None:
    """Of two turns that were under way at the same time, either may come first."""
    both = histories(["a", "b"], ["b", "a"])
    both.acknowledged["user"] = [evolve(turn, began=0, ended=2) for turn in both.acknowledged["user"]]
    assert violations(both) == []


def test_a_turn_ends_with_its_first_acknowledgement() -> None:
    """A turn delivered twice stands where its first acknowledgement says."""
    twice = histories(["a", "b"], ["b", "a"])
    twice.acknowledged["user"].append(Acknowledged("a", began=3, ended=4))
    assert violations(twice) == ["list: b before a", "history: b before a"]


PROCESS = """
import asyncio, sys
from dynadb_async import AsyncDynamoDb, DynamoDbConfig, TableConfig, ClientConfig, VersionConflictError

async def main(endpoint_url, table, turns):
    client = ClientConfig(
        region_name="us-east-1", endpoint_url=endpoint_url, aws_access_key_id="local", aws_secret_access_key="local",
        read_timeout=10, operation_timeout=30,
    )
    counted = 0
    async with AsyncDynamoDb(DynamoDbConfig(TableConfig(table), client=client)) as db:
        for _ in range(int(turns)):
            try:
                async with db.turn("user-1") as turn:
                    turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
            except VersionConflictError:
                continue
            counted += 1
    print(counted)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("engine", ["dynamodb-local", "file"], indirect=True)
async def test_visits_from_two_processes(engine: Engine, client: Any, table_name: str) -> None:
    """The README's first example in two processes at once: a visit is counted, or its turn says that it was not."""
    turns = 30
    command = (sys.executable, "-c", PROCESS, engine.endpoint_url, table_name, str(turns))
    processes = [await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE) for _ in range(2)]
    counted = [int((await process.communicate())[0]) for process in processes]
    item = (await client.get_item(TableName=table_name, Key={"userId": {"S": "user-1"}}))["Item"]
    assert int(item["user"]["M"]["data"]["M"]["visits"]["N"]) == sum(counted)
    assert max(counted) > 0
