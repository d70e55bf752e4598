"""`memory:` and `file:`, a store in the process: what no server has, and what is kept in the file."""

import asyncio
import json
import os
import subprocess
import sys
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
    "url",
    ["memory", "memory:/x", "memory:a b", "file:", "file:/", "file:db/", "file:a\0", "mem:", "file: ", "file:a.json\n"],
)
def test_no_endpoint_in_the_process(url: str) -> None:
    """What names no store is refused, with what may stand there."""
    with pytest.raises(ConfigError, match="memory:, memory:NAME, file:PATH or None"):
        ClientConfig(endpoint_url=url)


@pytest.mark.parametrize(
    "url", ["file://server/share/db.json", "file://db.json", "file://~/db.json", "file://localhost"]
)
def test_a_file_of_another_machine(url: str) -> None:
    """It is no file of this one, by whatever path."""
    with pytest.raises(ConfigError, match=r"expected file:PATH or file:///PATH .*, got str - at .*endpoint_url"):
        DynamoDbConfig("users", client=ClientConfig(endpoint_url=url))


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


# Where it is no server's place

PROCESS = """
import asyncio, sys
from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig

async def main():
    async with AsyncDynamoDb(DynamoDbConfig("users", client=ClientConfig(endpoint_url=sys.argv[1]))) as db:
        async with db.turn("user-1") as turn:
            turn.user.data["name"] = "Ada"
        print((await db.export("user-1"))["user"])

asyncio.run(main())
wings = {name.partition(".")[0] for name in sys.modules}
print(sorted(wings & {"aioboto3", "aiobotocore", "boto3", "botocore", "aiohttp"}))
"""


@pytest.mark.parametrize("place", ["memory:", "file:{}/db.json"])
def test_nothing_but_the_package_is_needed(tmp_path: Path, place: str) -> None:
    """Neither region nor credentials, and none of the SDK is imported."""
    command = [sys.executable, "-c", PROCESS, place.format(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert (ended.stdout, ended.stderr) == ("{'data': {'name': 'Ada'}}\n[]\n", "")


@pytest.mark.parametrize("name", ["AWS_LAMBDA_FUNCTION_NAME", "AWS_EXECUTION_ENV"])
@pytest.mark.parametrize("place", ["memory:", "file:{}/db.json"])
async def test_a_store_in_production_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str, name: str
) -> None:
    """A forgotten setting would lose everyone silently: the log says so when the adapter is opened, and once."""
    monkeypatch.setenv(name, "something")
    async with adapter(place.format(tmp_path)) as db:
        assert await visit(db) == 1
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert name in record.getMessage()


@pytest.mark.parametrize("environ", [{}, {"AWS_LAMBDA_FUNCTION_NAME": "", "AWS_EXECUTION_ENV": ""}], ids=["", "empty"])
async def test_a_developers_machine_is_not_warned(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing says that it is production, nothing is said; an empty variable is unset."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    async with adapter("memory:") as db:
        await visit(db)
    assert caplog.records == []
