"""`dynadb table` and `dynadb doctor`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dynadb_async.cli.shown import as_json as json_of
from dynadb_async.cli.shown import bytes_of, is_terminal, line, safe
from dynadb_async.cli.working import FAILED, WRONG, Settings, answer_to, fail, run

if TYPE_CHECKING:
    from dynadb_async import AsyncDynamoDb, Check, DynamoDbConfig

MARKS: dict[bool | None, str] = {True: "✓", False: "✗", None: "?"}
BEGUN = "what DynamoDB began goes on"
COLOURS: dict[bool | None, str] = {True: "green", False: "red", None: "yellow"}


@contextmanager
def spinner(text: str) -> Iterator[None]:
    """Something that moves, where a person looks."""
    if not is_terminal(sys.stderr):
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def create(settings: Settings) -> None:
    """Create the tables, and wait."""

    async def work(db: "AsyncDynamoDb[Any]") -> None:
        with spinner("Waiting for ACTIVE"):
            await db.ensure_table()
        for name, found in (await db.describe_tables()).items():
            line(f"{name}: {found.get('TableStatus')}")

    run(settings, work, creates=True, told=BEGUN)


def describe(settings: Settings, *, as_json: bool) -> None:
    """What DynamoDB says."""

    async def work(db: "AsyncDynamoDb[Any]") -> None:
        tables = await db.describe_tables()
        if as_json:
            line(json_of(tables))
            return
        for name, found in tables.items():
            for label, text in _described(name, found).items():
                line(f"{label:<10} {safe(text)}")

    run(settings, work)


def _described(name: str, found: dict[str, Any]) -> dict[str, str]:
    billing = found.get("BillingModeSummary", {}).get("BillingMode")
    units = found.get("ProvisionedThroughput", {})
    read, write = units.get("ReadCapacityUnits", 0), units.get("WriteCapacityUnits", 0)
    is_on_demand = billing == "PAY_PER_REQUEST" or not read
    lives = found.get("TimeToLive", {})
    return {
        "table": name,
        "status": found.get("TableStatus", "unknown"),
        "key": ", ".join(one["AttributeName"] for one in found.get("KeySchema", [])),
        "items": f"about {found.get('ItemCount', 0)}, {bytes_of(found.get('TableSizeBytes', 0))}",
        "billing": "on demand" if is_on_demand else f"{read} read, {write} write units",
        "TTL": lives.get("AttributeName", "off"),
    }


def delete(settings: Settings, confirmed: str | None) -> None:
    """Delete them, once the name was said."""

    async def work(db: "AsyncDynamoDb[Any]") -> None:
        name = db.config.table.name
        await db.describe_tables()
        said = _name_for(db.config) if confirmed is None else confirmed
        if said != name:
            fail("that is not the table's name; nothing was deleted", WRONG)
        with spinner("Waiting until it is gone"):
            await db.delete_tables()
        line("deleted")

    run(settings, work, told=BEGUN)


def _name_for(config: "DynamoDbConfig") -> str:
    talks = "" if config.conversations is None else f", and {config.conversations.ready_table.name} with all they said"
    question = f"This deletes {config.table.name} with all users in it{talks}. Type the table's name: "
    return answer_to(question, instead="--confirm and the table's name", told="nothing was deleted")


def diagnose(settings: Settings, *, as_json: bool) -> None:
    """Each check on a line; status 1 if one is bad. It creates nothing, but has to know whether the app would."""
    checks: list[Check] = run(settings, lambda db: db.diagnose(), creates=True)
    if as_json:
        members = ("name", "is_good", "found", "advice")
        line(json_of([{member: getattr(check, member) for member in members} for check in checks]))
    elif is_terminal():
        _coloured(checks)
    else:
        for check in checks:
            line(_told(check))
    if any(check.is_good is False for check in checks):
        raise SystemExit(FAILED)


def _told(check: "Check") -> str:
    advice = f" → {safe(check.advice)}" if check.advice else ""
    return f"{MARKS[check.is_good]} {check.name}: {safe(check.found)}{advice}"


def _coloured(checks: "list[Check]") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for check in checks:
        told = _told(check)
        console.print(Text.assemble((told[:1], COLOURS[check.is_good]), told[1:]))
