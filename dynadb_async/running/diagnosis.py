"""What could keep turns from working, looked at one by one; nothing is changed by it."""

import platform
from collections.abc import AsyncIterator
from typing import Any

from dynadb_async.config import TableConfig
from dynadb_async.errors import DynaDbError, TableNotFoundError
from dynadb_async.running.administration import asked
from dynadb_async.running.check import Check, is_denied, refused
from dynadb_async.running.live import Live
from dynadb_async.running.permissions import permissions
from dynadb_async.running.table import USABLE, Table

PACKAGES = ("dynadb-async", "aioboto3", "botocore", "aiohttp", "attrs", "orjson")
SLOW = 0.25
PINGS = 3
# Without them there is nothing to be found out about tables.
FIRST = ("credentials", "endpoint")


async def diagnosed(live: Live) -> list[Check]:
    """All of it; what depends on what failed is left out."""
    checks = [_versions()]
    try:
        await live.connection.open()
    except DynaDbError as error:
        return [*checks, Check.bad("settings", str(error), "correct the settings that are named")]
    if live.connection.ways.store is not None:
        checks.append(Check.good("endpoint", "a store in this process; no server, no credentials"))
    else:
        from dynadb_async.running.server_checks import server_checks  # noqa: PLC0415 - it asks the SDK

        checks += [check async for check in server_checks(live)]
    if not any(check.is_good is False and check.name in FIRST for check in checks):
        for table in live.tables():
            checks += [check async for check in _table(live, table)]
    return [*checks, await _round_trip(live)]


def _versions() -> Check:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - it takes as long as a start

    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} missing")
    return Check.good("versions", ", ".join(found))


async def _table(live: Live, table: Table) -> AsyncIterator[Check]:
    config = table.config
    what = f"table {config.name}"
    status, lives = "", None
    try:
        found = (await asked(live, config, "DescribeTable"))["Table"]
    except TableNotFoundError:
        yield _missing(what, config)
        return
    except DynaDbError as error:
        yield refused(what, error)
        if not is_denied(error):
            return
    else:
        status = found.get("TableStatus", "unknown")
        yield Check(what, status in USABLE, status, "" if status in USABLE else "wait until it is ACTIVE")
        yield _key_schema(table, found)
        lives, check = await _time_to_live(live, config)
        if check is not None:
            yield check
    async for check in permissions(live, table, lives, is_there=status in USABLE):
        yield check


def _missing(what: str, config: TableConfig) -> Check:
    by_itself = ", or let the first use do it" if config.create_table_on_init else ""
    return Check.bad(what, "missing", f"run `dynadb table create`{by_itself}")


def _key_schema(table: Table, found: dict[str, Any]) -> Check:
    types = {one["AttributeName"]: one["AttributeType"] for one in found.get("AttributeDefinitions", [])}
    schema = {one["AttributeName"]: types.get(one["AttributeName"], "?") for one in found.get("KeySchema", [])}
    wanted = dict.fromkeys([table.config.primary_key_column, *([table.sort_key] if table.sort_key else [])], "S")
    told = ", ".join(f"{name} ({kind})" for name, kind in schema.items())
    advice = "" if schema == wanted else f"expected {', '.join(f'{name} (S)' for name in wanted)}; use another table"
    return Check(f"key of {table.config.name}", schema == wanted, told, advice)


async def _time_to_live(live: Live, config: TableConfig) -> tuple[dict[str, Any] | None, Check | None]:
    """What it is, if that may be known, and whether it is as it should be."""
    name = f"TTL of {config.name}"
    try:
        found: dict[str, Any] = (await asked(live, config, "DescribeTimeToLive")).get("TimeToLiveDescription", {})
    except DynaDbError as error:
        return None, None if config.ttl is None else refused(name, error)
    is_on = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    attribute = found.get("AttributeName") if is_on else None
    wanted = None if config.ttl is None else config.ttl.attribute
    is_good = wanted in (None, attribute)
    advice = "" if is_good else f"expected it on {wanted}: run `dynadb table create`"
    return found, Check(name, is_good, f"on {attribute}" if attribute else "off", advice)


async def _round_trip(live: Live) -> Check:
    try:
        seconds = min([await _pinged(live) for _ in range(PINGS)])
    except DynaDbError as error:
        return refused("round trip", error)
    advice = "" if seconds < SLOW else "run it in the table's own region"
    return Check("round trip", seconds < SLOW, f"{seconds * 1000:.1f} ms", advice)


async def _pinged(live: Live) -> float:
    """The seconds of one read; of a table that is missing, too, which is not created here."""
    began = live.loop.time()
    with live.work:
        await live.store.ping(until=live.time_left().until())
    return live.loop.time() - began
