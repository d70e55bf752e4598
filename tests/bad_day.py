"""
What a bad day costs: a full house, a dead pool, hostile answers, slow credentials. `make reliability` writes it down.

`python -m tests.bad_day` measures these alone, and prints them.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from attrs import frozen

from dynadb_async import AsyncDynamoDb, ClientConfig, DynaDbError, DynamoDbConfig, TableConfig
from dynadb_async.connection.wire import oddity
from tests.engines import Engine
from tests.raw_server import Asked, RawServer, answer, raw_server
from tests.slow_server import slow_server
from tests.test_credentials import Provider
from tests.test_hostile_answers import CASES, Server, ended
from tests.test_hostile_answers import adapter as hostile_adapter

CROWD, ONE_BY_ONE, SECONDS = 2000, 50, 3.0
POOL, AFTERWARDS = 50, 12
PROVIDER_SECONDS = 3.5
WAYS = {"fast path": True, "SDK": False}


@frozen
class Row:
    """
    One kind of trouble.

    Attributes:
        trouble: Its name, and the way.
        figures: What became of the turns.
        is_as_promised: Whether that is enough.
    """

    trouble: str
    figures: str
    is_as_promised: bool

    def cells(self) -> Sequence[object]:
        """For the table."""
        return self.trouble, self.figures


async def rows() -> list[Row]:
    """All of them, on each way."""
    found = []
    with slow_server() as engine:
        for way, is_fast in WAYS.items():
            found.append(await full_house(engine, way, is_fast=is_fast))
    for way, is_fast in WAYS.items():
        found += [await dead_pool(way, is_fast=is_fast), await hostile_answers(way, is_fast=is_fast)]
        found.append(await slow_credentials(way, is_fast=is_fast))
    return found


def adapter(settings: dict[str, Any], *, is_fast: bool) -> AsyncDynamoDb[dict[str, Any]]:
    """With the defaults."""
    config = ClientConfig(fast_path=is_fast, **settings)
    table = TableConfig(f"bad-day-{uuid4().hex}", create_table_on_init=False)
    return AsyncDynamoDb(DynamoDbConfig(table, client=config))


async def full_house(engine: Engine, way: str, *, is_fast: bool) -> Row:
    """As many users at once as the server can't serve at once."""
    loop = asyncio.get_running_loop()
    async with adapter(engine.reached, is_fast=is_fast) as db:
        ends = loop.time() + SECONDS
        rate = sum(await asyncio.gather(*(_until(db, f"one-{n}", ends) for n in range(ONE_BY_ONE)))) / SECONDS
        began = loop.time()
        outcomes = await asyncio.gather(*(turn(db, f"many-{n}") for n in range(CROWD)))
        took = loop.time() - began
    answered = outcomes.count("")
    # Loads may wait as long as an operation may, and saves after them.
    possible = min(CROWD, int(rate * min(took, 2 * db.config.client.operation_timeout)))
    unclear = sum("max_pool_connections" not in outcome for outcome in outcomes if outcome)
    figures = (
        f"{answered} of {CROWD} turns answered in {took:.1f} s; {ONE_BY_ONE} users one after the other have "
        f"{rate:.0f} a second; {unclear} other errors than of max_pool_connections"
    )
    return Row(f"full house, {way}", figures, answered >= (0.95 if is_fast else 0.9) * possible)


async def _until(db: AsyncDynamoDb[dict[str, Any]], user: str, ends: float) -> int:
    """How many turns are done one after the other."""
    done = 0
    while asyncio.get_running_loop().time() < ends:
        done += not await turn(db, user)
    return done


async def turn(db: AsyncDynamoDb[dict[str, Any]], user: str) -> str:
    """The error that a turn ends with, if it does."""
    try:
        async with db.turn(user) as begun:
            begun.user.data["n"] = 1
    except DynaDbError as error:
        return str(error)
    return ""


async def dead_pool(way: str, *, is_fast: bool) -> Row:
    """All connections fall silent; new ones work."""
    loop, longest, failed, requests = asyncio.get_running_loop(), 0.0, 0, 0
    dead: set[Any] = set()

    async def script(asked: Asked) -> None:
        if asked.writer in dead:
            await asked.until_left()
        else:
            await asyncio.sleep(0.005)
            await asked.send(answer(b"{}"))

    async with raw_server(script) as server, adapter(_settings(server), is_fast=is_fast) as db:
        await asyncio.gather(*(turn(db, str(n)) for n in range(2 * POOL)))
        dead = {asked.writer for asked in server.asked}
        requests = len(server.asked)
        for n in range(AFTERWARDS):
            began = loop.time()
            failed += bool(await turn(db, f"new-{n}"))
            longest = max(longest, loop.time() - began)
        requests = len(server.asked) - requests
    figures = f"{failed} of the next {AFTERWARDS} turns failed; the longest took {longest:.2f} s; {requests} requests"
    return Row(f"dead pool of {POOL}, {way}", figures, not failed)


def _settings(server: RawServer) -> dict[str, Any]:
    return {
        "region_name": "eu-central-1",
        "aws_access_key_id": "AKID",
        "aws_secret_access_key": "secret",
        "endpoint_url": server.url,
    }


async def hostile_answers(way: str, *, is_fast: bool) -> Row:
    """The table of them, to loads and to saves: how many were believed."""
    believed, kept = 0, oddity.ODD_IN_A_ROW
    oddity.ODD_IN_A_ROW = sys.maxsize  # the fast path alone
    try:
        for operation in (b".GetItem", b".UpdateItem"):
            async with (
                raw_server(Server(operation, times=sys.maxsize).script) as server,
                hostile_adapter(server.url, is_fast=is_fast, max_attempts=1) as db,
            ):
                outcomes = await asyncio.gather(*(ended(db, number, operation) for number in range(len(CASES))))
                believed += sum(not isinstance(outcome, DynaDbError) for outcome in outcomes)
    finally:
        oddity.ODD_IN_A_ROW = kept
    return Row(f"hostile answers, {way}", f"{believed} of {2 * len(CASES)} were believed", not believed)


async def slow_credentials(way: str, *, is_fast: bool) -> Row:
    """Their provider takes longer than an operation may; first there are none, then old ones that are still valid."""
    outcomes = {}
    for held in (None, timedelta(minutes=5)):
        provider = Provider(seconds=PROVIDER_SECONDS)
        async with raw_server(script_of_credentials) as server:
            table = TableConfig("bad-day", create_table_on_init=False)
            client = ClientConfig(region_name="eu-central-1", endpoint_url=server.url, fast_path=is_fast)
            async with AsyncDynamoDb(DynamoDbConfig(table, client=client), aws_session=provider.session(held)) as db:
                first = await turn(db, "first")
                await asyncio.sleep(PROVIDER_SECONDS)
                later = [await turn(db, str(n)) for n in range(AFTERWARDS)]
        outcomes[held] = (provider.asked, not first, later.count(""))
    without, with_old = outcomes.values()
    figures = (
        f"without any, then {PROVIDER_SECONDS:g} s later {without[2]} of {AFTERWARDS} turns answered; with old ones, "
        f"{with_old[1] + with_old[2]} of {AFTERWARDS + 1}; the provider was asked {without[0]} and {with_old[0]} times"
    )
    return Row(f"slow credentials, {way}", figures, (without[0], with_old) == (1, (1, True, AFTERWARDS)))


async def script_of_credentials(asked: Asked) -> None:
    """Script: there is no item."""
    await asked.send(answer(b"{}"))


if __name__ == "__main__":
    for row in asyncio.run(rows()):
        print(f"{row.trouble}: {row.figures}{'' if row.is_as_promised else '  <- NOT AS PROMISED'}")  # noqa: T201
