"""A start that a person does not notice: what is imported, when, and on which thread."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.engines import Engine
from tests.tables import Table, new_table

ROOT = Path(__file__).parent.parent

# What a turn on an existing table does without.
SDK = {"aioboto3", "aiobotocore", "boto3", "botocore", "aiohttp", "urllib3", "requests"}


def modules_after(program: str) -> set[str]:
    """The top-level modules of a fresh process that ran *program*."""
    shown = f"{program}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", shown], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_imports_no_sdk() -> None:
    """Nor aiohttp, nor what either brings."""
    assert modules_after("import dynadb_async") & SDK == set()


FRAMEWORKS = {"aiohttp", "fastapi", "opentelemetry", "pytest", "moto", *SDK}


@pytest.mark.parametrize(
    ("module", "own"),
    [
        ("fastapi", {"fastapi"}),
        ("aiohttp", {"aiohttp"}),
        ("opentelemetry", {"opentelemetry"}),
        ("platforms", set[str]()),
        ("platforms.alexa", set[str]()),
        ("platforms.dialogflow_cx", set[str]()),
        ("platforms.messenger", set[str]()),
        ("platforms.slack", set[str]()),
        ("platforms.telegram", set[str]()),
        ("platforms.whatsapp", set[str]()),
        ("platforms.verifiers", set[str]()),
        ("testing", set[str]()),
        ("pytest_plugin", {"pytest"}),
    ],
)
def test_a_frameworks_file_imports_its_own_framework_only(module: str, own: set[str]) -> None:
    """And what that brings itself."""
    brought = set.union(set(), *(modules_after(f"import {name}") for name in own))

    assert (modules_after(f"import dynadb_async.{module}") & FRAMEWORKS) - brought <= own


TURN = """
import asyncio, sys
from datetime import timedelta
from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, TableConfig, TimeToLive
{before}

PATIENT = ClientConfig(connect_timeout=10, read_timeout=10, operation_timeout=30)

async def main():
    async with AsyncDynamoDb(DynamoDbConfig(TableConfig(sys.argv[1], {settings}), client=PATIENT)) as db:
        async with db.turn("user-1") as turn:
            turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
        {then}

asyncio.run(main())
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


def environment(engine: Engine, **more: str) -> dict[str, str]:
    """What Lambda gives a function, and where the engine is."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.devnull,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_ENDPOINT_URL_DYNAMODB": engine.endpoint_url,
        "AWS_LAMBDA_FUNCTION_NAME": "assistant",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        **more,
    }


def after_a_turn(table: Table, settings: str = "", *, before: str = "", then: str = "pass", **more: str) -> set[str]:
    """The top-level modules of a process that took one turn on *table*, which went well."""
    visits = visits_of(table)
    program = TURN.format(settings=settings, before=before, then=then)
    environ = environment(table.engine, **more)
    done = subprocess.run(
        [sys.executable, "-c", program, table.name],
        check=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
    )
    assert visits_of(table) == visits + 1
    return set(done.stdout.splitlines()[-1].split())


def visits_of(table: Table) -> int:
    """How many turns the user had, as it is stored."""
    try:
        item = table.item("user-1")
    except table.raw.exceptions.ResourceNotFoundException:
        return 0
    return 0 if item is None else int(item["user"]["M"]["data"]["M"]["visits"]["N"])


@pytest.fixture(scope="module")
def table(moto: Engine) -> Iterator[Table]:
    """A table that exists, with its TTL."""
    with new_table(moto) as table:
        table.raw.update_time_to_live(
            TableName=table.name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expiresAt"}
        )
        yield table


@pytest.mark.parametrize("settings", ["create_table_on_init=False", "", "ttl=TimeToLive(timedelta(days=1))"])
def test_a_turn_needs_no_sdk(table: Table, settings: str) -> None:
    """Keys, region and endpoint from the environment, the table there already: from the import to the end."""
    assert after_a_turn(table, settings) & SDK == set()


@pytest.mark.parametrize(
    "more",
    [
        {"AWS_CONFIG_FILE": str(ROOT / "tests/data/aws-config.ini")},
        {"AWS_RETRY_MODE": "standard"},
        {"BOTO_CONFIG": "/nowhere"},
        {"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_is_not_plain_is_the_sdks(table: Table, more: dict[str, str]) -> None:
    """It reads what only it can read, and the turn goes as well."""
    is_passed_by = "NO_PROXY" in more

    assert ("aioboto3" in after_a_turn(table, **more)) is not is_passed_by


CLIENT = """
        table = sys.argv[1]
        first, *others = await asyncio.gather(*(db.client() for _ in range(20)))
        assert all(other is first for other in others)
        assert await db.client() is first
        assert "userId" in (await first.get_item(TableName=table, Key={"userId": {"S": "user-1"}}))["Item"]
        assert not strays, strays
"""
# Each import of the SDK's, and each file of its models, tells which thread reads it.
WATCH = """
import threading
strays = []
def hook(event, args):
    if event == "open" and isinstance(args[0], str) and any(f"/{name}/" in args[0] for name in ("botocore", "aiohttp")):
        if threading.current_thread() is threading.main_thread():
            strays.append(args[0])
sys.addaudithook(hook)
"""


def test_the_client_is_made_off_the_event_loops_thread(table: Table) -> None:
    """One for all who ask at once, imported and its models read in another thread; it works."""
    assert "aioboto3" in after_a_turn(table, before=WATCH, then=CLIENT.strip())


def test_a_missing_table_is_made_by_the_sdk(moto: Engine, table_name: str) -> None:
    """Which is imported for that."""
    missing = Table(moto, table_name, boto3.client("dynamodb", **moto.reached))

    assert "aioboto3" in after_a_turn(missing, before=WATCH, then="assert not strays, strays")
