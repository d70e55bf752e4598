"""Tables described and deleted, for who looks after them."""

import asyncio
from typing import Any

from dynadb_async.config import TableConfig
from dynadb_async.connection.request import Request
from dynadb_async.errors import TableNotFoundError, TableNotReadyError
from dynadb_async.running.live import Live
from dynadb_async.running.table import FIRST_PAUSE, LONGEST_PAUSE, Table


async def asked(live: Live, config: TableConfig, operation: str, **parameters: Any) -> dict[str, Any]:
    """The answer to *operation* on a table, within the time of one."""
    request = Request.of(operation, {"TableName": config.name, **parameters})
    with live.work:
        return (await live.connection.call(request, until=live.time_left().until())).members


async def described(live: Live, config: TableConfig) -> dict[str, Any]:
    """What DynamoDB says of a table."""
    answer = await asked(live, config, "DescribeTable")
    lives = await asked(live, config, "DescribeTimeToLive")
    return {**answer["Table"], "TimeToLive": lives.get("TimeToLiveDescription", {})}


async def delete_table(live: Live, table: Table) -> None:
    """Delete it, and wait until it is gone."""
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + table.config.ready_timeout, FIRST_PAUSE
    try:
        await asked(live, table.config, "DeleteTable")
        while loop.time() < until:
            await asked(live, table.config, "DescribeTable")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
    except TableNotFoundError:
        table.vanished()
        return
    msg = f"the table was not gone within {table.config.ready_timeout:g} s; its deletion goes on"
    raise TableNotReadyError(msg)
