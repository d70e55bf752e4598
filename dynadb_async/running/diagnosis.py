"""What could keep turns from working, looked at one by one."""

import asyncio
import platform
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from attrs import frozen

from dynadb_async.config import TableConfig
from dynadb_async.connection.failures import ConditionFailedError
from dynadb_async.connection.request import Request
from dynadb_async.errors import DynaDbError, RequestError, TableNotFoundError, TableNotReadyError
from dynadb_async.running.live import Live
from dynadb_async.running.probe import probed
from dynadb_async.running.store import NOBODY
from dynadb_async.running.table import FIRST_PAUSE, LONGEST_PAUSE, Table

PACKAGES = ("dynadb-async", "aioboto3", "botocore", "aiohttp", "attrs", "orjson")
# Beyond, AWS refuses what is signed: 5 minutes. Half of it is a reason to look.
LARGEST_OFFSET = 150
ENDS_SOON = timedelta(days=14)
SLOW = 0.25
PINGS = 3
# No item is both, so nothing is ever written; but who may not write is refused before that is looked at.
NEVER = "attribute_exists(#key) AND attribute_not_exists(#key)"
# No turn does it.
FOR_THE_COMMAND = {"Scan"}
DENIED = {"AccessDeniedException", "UnrecognizedClientException", "AccessDenied"}


@frozen
class Check:
    """
    One thing that was looked at.

    Attributes:
        name: What.
        is_good: Whether it is as it should be; None where that can't be known.
        found: How it is.
        advice: What to do, if anything.
    """

    name: str
    is_good: bool | None
    found: str
    advice: str = ""

    @classmethod
    def good(cls, name: str, found: str, advice: str = "") -> Self:
        """As it should be."""
        return cls(name, is_good=True, found=found, advice=advice)

    @classmethod
    def bad(cls, name: str, found: str, advice: str = "") -> Self:
        """Not so."""
        return cls(name, is_good=False, found=found, advice=advice)


async def diagnosed(live: Live) -> list[Check]:
    """All of it; what depends on what failed is left out."""
    checks = [_versions()]
    try:
        await live.connection.open()
    except DynaDbError as error:
        return [*checks, Check.bad("settings", str(error), "correct the settings that are named")]
    ways = live.connection.ways
    if ways.store is not None:
        checks.append(Check.good("endpoint", "a store in this process; no server, no credentials"))
    else:
        checks += [check async for check in _server(live)]
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


async def _server(live: Live) -> AsyncIterator[Check]:
    ways = live.connection.ways
    yield Check("region", bool(ways.region), ways.region or "none", "" if ways.region else "set AWS_REGION")
    yield await _credentials(live)
    is_fast = len(ways.all) > 1
    way = "the fast path" if is_fast else "the SDK's client"
    because = f"; the SDK was asked first, since {ways.not_plain}" if ways.not_plain else ""
    yield Check.good("way", way + because, "" if is_fast else "it is slower; see `fast_path` in the configuration")
    try:
        async for check in _endpoint(live):
            yield check
    except (OSError, EOFError, ValueError) as error:
        reason = getattr(error, "verify_message", "") or type(error).__name__
        yield Check.bad("endpoint", f"{ways.place}: {reason}", "see whether it runs, and whether it is trusted")


async def _credentials(live: Live) -> Check:
    config = live.connection.config
    if config.aws_access_key_id is not None:
        return Check.good("credentials", "the settings")
    try:
        client = await live.connection.client()
        credentials = client._request_signer._credentials  # noqa: SLF001 - the SDK tells nobody else
        method = getattr(credentials, "method", None)
    except (DynaDbError, AttributeError) as error:
        return Check.bad("credentials", str(error), "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role")
    return Check("credentials", credentials is not None, f"provider: {method or 'unknown'}")


async def _endpoint(live: Live) -> AsyncIterator[Check]:
    client = await live.connection.client()
    url = client.meta.endpoint_url
    verify = live.connection.config.verify
    probe = await probed(url, verify=verify)
    yield Check.good("endpoint", live.connection.ways.place)
    yield _certificate(probe.is_encrypted, verify, probe.valid_until, url)
    if probe.offset is None:
        yield Check("clock", None, "the server does not tell its time")
        return
    is_good = abs(probe.offset) < LARGEST_OFFSET
    advice = "" if is_good else "set this machine's clock: AWS refuses what is signed 5 minutes off"
    yield Check("clock", is_good, f"{probe.offset:+.0f} s against the server's", advice)


def _certificate(is_encrypted: bool, verify: Any, valid_until: datetime | None, url: str) -> Check:  # noqa: FBT001
    if not is_encrypted:
        is_local = any(place in url for place in ("//127.", "//localhost", "//[::1]"))
        advice = "" if is_local else "use https: everything is sent in the clear"
        return Check("certificate", is_local, "none, without TLS", advice)
    if verify is False or valid_until is None:
        return Check.bad("certificate", "not checked", "leave client.verify out, or name a CA bundle")
    is_good = valid_until - datetime.now(UTC) > ENDS_SOON
    return Check("certificate", is_good, f"valid until {valid_until:%Y-%m-%d}", "" if is_good else "renew it")


async def described(live: Live, config: TableConfig) -> dict[str, Any]:
    """What DynamoDB says of a table."""
    answer = await _asked(live, config, "DescribeTable")
    lives = await _asked(live, config, "DescribeTimeToLive")
    return {**answer["Table"], "TimeToLive": lives.get("TimeToLiveDescription", {})}


async def _asked(live: Live, config: TableConfig, operation: str, **parameters: Any) -> dict[str, Any]:
    request = Request.of(operation, {"TableName": config.name, **parameters})
    with live.work:
        return (await live.connection.call(request, until=live.time_left().until())).members


async def delete_table(live: Live, table: Table) -> None:
    """Delete it, and wait until it is gone."""
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + table.config.ready_timeout, FIRST_PAUSE
    try:
        await _asked(live, table.config, "DeleteTable")
        while loop.time() < until:
            await _asked(live, table.config, "DescribeTable")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
    except TableNotFoundError:
        table.vanished()
        return
    msg = f"the table was not gone within {table.config.ready_timeout:g} s; its deletion goes on"
    raise TableNotReadyError(msg)


async def _table(live: Live, table: Table) -> AsyncIterator[Check]:
    config = table.config
    what = f"table {config.name}"
    try:
        found = (await _asked(live, config, "DescribeTable"))["Table"]
    except TableNotFoundError:
        advice = "run `dynadb table create`" + (", or let the first use do it" if config.create_table_on_init else "")
        yield Check.bad(what, "missing", advice)
        return
    except DynaDbError as error:
        yield _refused(what, error)
    else:
        status = found.get("TableStatus", "unknown")
        is_usable = status in ("ACTIVE", "UPDATING")
        yield Check(what, is_usable, status, "" if is_usable else "wait until it is ACTIVE")
        yield _key_schema(table, found)
        async for check in _time_to_live(live, config):
            yield check
    async for check in _permissions(live, table):
        yield check


def _refused(name: str, error: DynaDbError) -> Check:
    is_denied = isinstance(error, RequestError) and error.code in DENIED
    return Check.bad(name, str(error), "see `dynadb policy`" if is_denied else "")


def _key_schema(table: Table, found: dict[str, Any]) -> Check:
    types = {one["AttributeName"]: one["AttributeType"] for one in found.get("AttributeDefinitions", [])}
    schema = {one["AttributeName"]: types.get(one["AttributeName"], "?") for one in found.get("KeySchema", [])}
    wanted = dict.fromkeys([table.config.primary_key_column, *([table.sort_key] if table.sort_key else [])], "S")
    told = ", ".join(f"{name} ({kind})" for name, kind in schema.items())
    advice = "" if schema == wanted else f"expected {', '.join(f'{name} (S)' for name in wanted)}; use another table"
    return Check(f"key of {table.config.name}", schema == wanted, told, advice)


async def _time_to_live(live: Live, config: TableConfig) -> AsyncIterator[Check]:
    name = f"TTL of {config.name}"
    try:
        found = (await _asked(live, config, "DescribeTimeToLive")).get("TimeToLiveDescription", {})
    except DynaDbError as error:
        if config.ttl is not None:
            yield _refused(name, error)
        return
    is_on = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    attribute = found.get("AttributeName") if is_on else None
    wanted = None if config.ttl is None else config.ttl.attribute
    is_good = wanted in (None, attribute)
    advice = "" if is_good else f"expected it on {wanted}: run `dynadb table create`"
    yield Check(name, is_good, f"on {attribute}" if attribute else "off", advice)


async def _permissions(live: Live, table: Table) -> AsyncIterator[Check]:
    config = table.config
    key = {config.primary_key_column: {"S": NOBODY}} | ({table.sort_key: {"S": NOBODY}} if table.sort_key else {})
    never = {"ConditionExpression": NEVER, "ExpressionAttributeNames": {"#key": config.primary_key_column}}
    asked: dict[str, dict[str, Any]] = {
        "GetItem": {"Key": key},
        "UpdateItem": {"Key": key, "UpdateExpression": "REMOVE #no", **never},
        "PutItem": {"Item": key, **never},
        "DeleteItem": {"Key": key, **never},
        "Scan": {"Limit": 1},
    }
    asked["UpdateItem"]["ExpressionAttributeNames"] = {"#key": config.primary_key_column, "#no": "no"}
    if table.sort_key is None:
        # Only an import puts users' items.
        del asked["PutItem"]
    else:
        # Conversations are deleted in batches.
        del asked["DeleteItem"]
        asked["Query"] = {
            "KeyConditionExpression": "#key = :key",
            "ExpressionAttributeNames": {"#key": config.primary_key_column},
            "ExpressionAttributeValues": {":key": {"S": NOBODY}},
            "Limit": 1,
        }
    for operation, parameters in asked.items():
        yield await _permission(live, config, operation, parameters)


async def _permission(live: Live, config: TableConfig, operation: str, parameters: dict[str, Any]) -> Check:
    name = f"{operation} on {config.name}"
    try:
        await _asked(live, config, operation, **parameters)
    except ConditionFailedError:
        pass
    except DynaDbError as error:
        refused = _refused(name, error)
        return (
            refused
            if operation not in FOR_THE_COMMAND
            else Check(name, None, refused.found, "only `dynadb` itself needs it")
        )
    return Check.good(name, "allowed")


async def _round_trip(live: Live) -> Check:
    try:
        seconds = min([await live.ping() for _ in range(PINGS)])
    except DynaDbError as error:
        return _refused("round trip", error)
    advice = "" if seconds < SLOW else "run it in the table's own region"
    return Check("round trip", seconds < SLOW, f"{seconds * 1000:.1f} ms", advice)
