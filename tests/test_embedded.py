"""`memory:` and `file:`, a store in the process: what no server has, and what is kept in the file."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from dynadb_async import AsyncDynamoDb, ClientConfig, ConfigError, DynamoDbConfig, TableConfig

Adapter = AsyncDynamoDb[dict[str, Any]]


def adapter(url: str, name: str = "users", *, key: str = "userId", **client: Any) -> Adapter:
    """An adapter on the store at *url*, as an app makes it: without region and credentials."""
    table = TableConfig(name, primary_key_column=key)
    return AsyncDynamoDb(DynamoDbConfig(table, client=ClientConfig(endpoint_url=url, **client)))


async def visit(db: Adapter, user_id: str = "user-1") -> int:
    """One turn; how many there were."""
    async with db.turn(user_id) as turn:
        turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
        return int(turn.user.data["visits"])


async def visits(db: Adapter, user_id: str = "user-1") -> int:
    """How many turns are stored."""
    return int((await db.load(user_id)).user.data.get("visits", 0))


# Which store


@pytest.mark.parametrize("url", ["memory:", "memory:tests", "memory:a-b.c_1", "file:db.json", "file:/tmp/a b.json"])
def test_an_endpoint_in_the_process(url: str) -> None:
    """A setting like any other, also from the environment."""
    config = DynamoDbConfig.from_env({"DYNADB_CLIENT__ENDPOINT_URL": url}, DynamoDbConfig("users"))
    assert url == config.client.endpoint_url


@pytest.mark.parametrize(
    "url", ["memory", "memory:/x", "memory:a b", "file:", "file:/", "file:db/", "file:a\0", "mem:"]
)
def test_no_endpoint_in_the_process(url: str) -> None:
    """What names no store is refused, with what may stand there."""
    with pytest.raises(ConfigError, match="memory:, memory:NAME, file:PATH or None"):
        ClientConfig(endpoint_url=url)


def test_memory_is_the_adapters_own_in_one_event_loop_after_another() -> None:
    """It lives as long as its adapter; another one, with the same settings, has its own."""
    db = adapter("memory:")
    other = AsyncDynamoDb(db.config)

    assert [asyncio.run(visit(db)) for _ in range(3)] == [1, 2, 3]
    assert asyncio.run(visit(other)) == 1


def test_memory_with_a_name_is_shared_over_threads_and_event_loops(table_name: str) -> None:
    """Four threads, each with its event loop and adapter, lose nothing and double nothing."""
    each, errors = 25, []

    async def count() -> None:
        async def handler(turn: Any) -> None:
            turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1

        async with adapter(f"memory:{table_name}", operation_timeout=20) as db:
            for _ in range(each):
                await db.handle("user-1", handler)

    def run() -> None:
        try:
            asyncio.run(count())
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert asyncio.run(visits(adapter(f"memory:{table_name}"))) == 4 * each


# The file


async def test_a_file_outlasts_its_process(tmp_path: Path) -> None:
    """What one adapter saved, the next one finds; the folder is made, and nobody else may read the file."""
    path = tmp_path / "db" / "users.json"
    for visit_number in (1, 2):
        async with adapter(f"file:{path}") as db:
            assert await visit(db) == visit_number

    (item,) = json.loads(path.read_text())
    assert next(iter(item.items())) == ("userId", "user-1")
    assert item["user"] == {"data": {"visits": 2}}
    assert path.stat().st_mode & 0o777 == 0o600
