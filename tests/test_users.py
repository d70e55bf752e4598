"""All users, one after another."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from dynadb_async import (
    AsyncDynamoDb,
    Conversations,
    ConversationTableConfig,
    OnDemand,
    RequestTimeoutError,
    Scan,
    StoredElements,
    StoredHistory,
    TimeToLive,
    UsageError,
)
from dynadb_async.running import scan as scan_of_tables
from tests.engines import Engine
from tests.proxy import Fault, FaultProxy, always, no_fault, script
from tests.tables import Clock, Table, new_table

BAD: list[dict[str, Any]] = [
    {"limit": 0},
    {"segments": 0},
    {"segments": 1.5},
    {"max_capacity": 0},
    {"max_capacity": "1"},
    {"max_capacity": True},
    {"max_capacity": 10**400},
    {"token": "xyz"},
]
PEOPLE = {f"user-{number}" for number in range(40)}


@pytest.fixture
def table(engine: Engine) -> Iterator[Table]:
    """An empty table on each engine."""
    with new_table(engine) as table:
        yield table


async def fill(db: AsyncDynamoDb[Any], people: set[str]) -> None:
    """Let each of them have a turn."""

    async def one(user_id: str) -> None:
        async with db.turn(user_id) as turn:
            turn.user.data["name"] = user_id.upper()

    for start in range(0, len(people), 20):
        await asyncio.gather(*map(one, sorted(people)[start : start + 20]))


async def taken(scan: Scan[Any]) -> list[Any]:
    """All that it gives."""
    return [one async for one in scan]


@pytest.mark.parametrize("segments", [1, 3])
async def test_all_users(table: Table, client_options: dict[str, Any], segments: int) -> None:
    """Each user is there once, in as many segments as one likes, on every way to an answer."""
    async with table.adapter(client=client_options) as db:
        await fill(db, PEOPLE)
        scan = db.users(segments=segments)
        found = await taken(scan)
        assert sorted(PEOPLE) == sorted(found)
        assert (len(PEOPLE), 0, 0, None) == (scan.count, scan.skipped, scan.expired, scan.token)


async def test_items_are_what_export_says(table: Table) -> None:
    """An item is what `export` has of the user."""
    async with table.adapter() as db:
        await fill(db, {"ada", "bob"})
        found = {item["userId"]: item async for item in db.items()}
        assert {name: await db.export(name) for name in ("ada", "bob")} == found


@pytest.mark.parametrize("limit", [7, 39, 40, 41])
async def test_resumed_by_token(table: Table, limit: int) -> None:
    """Scans with a limit, each after the one before, give everybody once, and end."""
    async with table.adapter() as db:
        await fill(db, PEOPLE)
        found: list[str] = []
        token = None
        for _ in range(len(PEOPLE) + 2):
            scan = db.users(limit=limit, token=token, segments=2)
            part = await taken(scan)
            assert len(part) <= limit
            found += part
            token = scan.token
            if token is None:
                break
        assert token is None
        assert sorted(PEOPLE) == sorted(found)


async def test_left_early_and_resumed(table: Table) -> None:
    """A loop that is left at any user goes on after exactly that one."""
    async with table.adapter() as db:
        await fill(db, PEOPLE)
        for stop in (1, 2, 30, 40):
            scan = db.users(segments=3)
            found = []
            async for user_id in scan:
                found.append(user_id)
                if len(found) == stop:
                    break
            rest = [] if scan.token is None else await taken(db.users(token=scan.token))
            assert sorted(PEOPLE) == sorted(found + rest)


async def test_what_is_not_ours_is_skipped_and_counted(table: Table) -> None:
    """Other people's items in the table, whatever they look like, are no users; the reference's are."""
    table.put("order#1", total={"N": "5"}, createdAt={"S": "2026-01-01"}, updatedAt={"S": "2026-01-01"})
    table.put("mail#1", user={"S": "ada"}, history={"L": []})
    table.put("lead#1", user={"M": {"mail": {"S": "a@b.c"}}}, recentTurns={"N": "3"})
    table.put("empty")
    table.put("jovo-1", user={"M": {"data": {"M": {"name": {"S": "Bob"}}}}}, createdAt={"S": "2026-01-01"})
    table.put("jovo-2", user={"M": {}}, createdAt={"S": "2026-01-01"}, updatedAt={"S": "2026-01-01"})
    table.put("jovo-3", history={"M": {"items": {"L": []}}})
    async with table.adapter() as db:
        await fill(db, {"ada"})
        scan = db.users()
        assert ["ada", "jovo-1", "jovo-2", "jovo-3"] == sorted(await taken(scan))
        assert (4, 4) == (scan.count, scan.skipped)


async def test_an_item_that_cannot_be_read_stops_nobody(table: Table) -> None:
    """One damaged user is counted as skipped among the items; the id is told all the same."""
    table.put("broken", user={"M": {"data": {"M": {}}}}, history={"S": "none"})
    async with table.adapter(stored_elements=StoredElements(history=StoredHistory())) as db:
        await fill(db, {"ada"})
        scan = db.items()
        assert ["ada"] == [item["userId"] for item in await taken(scan)]
        assert 1 == scan.skipped
        assert ["ada", "broken"] == sorted(await taken(db.users()))


async def test_expired_users_are_left_out(table: Table) -> None:
    """Who is past the TTL is none, though DynamoDB has not deleted the item yet."""
    clock = Clock()
    async with table.adapter(
        clock=clock, table={"ttl": TimeToLive(after=timedelta(hours=1)), "create_table_on_init": False}
    ) as db:
        await fill(db, {"ada"})
        clock.move(minutes=50)
        await fill(db, {"bob"})
        clock.move(minutes=20)
        scan = db.users()
        assert ["bob"] == await taken(scan)
        assert 1 == scan.expired


@asynccontextmanager
async def with_conversations(table: Table, **options: Any) -> AsyncIterator[AsyncDynamoDb[Any]]:
    """An adapter whose users talk."""
    log = Conversations(ConversationTableConfig(f"{table.name}-log", billing=OnDemand()), **options)
    async with table.adapter(conversations=log, clock=options.pop("clock", Clock())) as db:
        yield db


@pytest.fixture(params=["moto", "dynamodb-local", "memory", "file"])
def log_table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """An empty table on each engine that has transactions."""
    with new_table(request.getfixturevalue(request.param.replace("-", "_"))) as table:
        yield table


async def test_users_with_nothing_but_conversations(log_table: Table) -> None:
    """Who has an item, conversations or both is there once, also when each page is of one."""
    async with with_conversations(log_table) as db:
        await fill(db, {"ada", "bob"})
        for user_id in ("bob", "cleo", "dora"):
            for talk in ("first", "second"):
                for _ in range(3):
                    await db.conversation(user_id, talk).append(["hi"])
        people = ["ada", "bob", "cleo", "dora"]
        assert people == sorted(await taken(db.users()))
        assert people == sorted(item["userId"] for item in await taken(db.items()))
        found, token = [], None
        for _ in range(20):
            scan = db.users(limit=1, token=token, segments=2)
            found += await taken(scan)
            token = scan.token
            if token is None:
                break
        assert people == sorted(found)


async def test_expired_conversations_make_nobody(log_table: Table) -> None:
    """Who has nothing but conversations past their time is left out and counted; who has an item or talks on is not."""
    clock = Clock()
    log = Conversations(ConversationTableConfig(f"{log_table.name}-log", billing=OnDemand()), keep=timedelta(hours=1))
    async with log_table.adapter(conversations=log, clock=clock) as db:
        await fill(db, {"ada"})
        for user_id in ("ada", "bob", "cleo"):
            await db.conversation(user_id, "talk").append(["hi"])
        clock.move(hours=2)
        await db.conversation("cleo", "talk").append(["ho"])
        scan = db.users()
        assert ["ada", "cleo"] == sorted(await taken(scan))
        assert scan.expired > 0


async def test_items_have_the_conversations(log_table: Table) -> None:
    """What `export` has, with all conversations; of who has nothing else, too."""
    async with with_conversations(log_table) as db:
        await fill(db, {"ada"})
        await db.conversation("ada", "talk").append(["hi"])
        await db.conversation("bob", "talk").append(["ho"])
        found = {item["userId"]: item for item in await taken(db.items())}
        assert {"ada": await db.export("ada"), "bob": {"userId": "bob", **await db.export("bob")}} == found
        assert ["ho"] == found["bob"]["conversations"]["talk"]["messages"]


async def test_long_conversations_and_strangers_beside_them(log_table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many entries of one user are passed over; other people's items in the second table are skipped."""
    monkeypatch.setattr(scan_of_tables, "PAGE", 10)
    async with with_conversations(log_table) as db:
        for number in range(23):
            await db.conversation("ada", "talk").append([number])
        key = {"userId": {"S": "zoe"}, "name": {"S": "order"}}
        log_table.raw.put_item(TableName=f"{log_table.name}-log", Item=key)
        scan = db.users(segments=1)
        assert ["ada"] == await taken(scan)
        assert 1 == scan.skipped


async def test_the_capacity_is_kept_under(dynamodb_local: Engine) -> None:
    """What DynamoDB charged, by its own word, stays under so many units per second; and all are found."""
    with new_table(dynamodb_local) as table:
        async with table.adapter() as db:
            await fill(db, PEOPLE)
            loop = asyncio.get_running_loop()
            began = loop.time()
            scan = db.users(max_capacity=20)
            found = []
            async for user_id in scan:
                found.append(user_id)
                assert scan.consumed <= 20 * (loop.time() - began) + 1e-6
            assert sorted(PEOPLE) == sorted(found)
            assert scan.consumed > 0


@pytest.mark.parametrize("bad", BAD)
async def test_bad_bounds_are_told(memory: Engine, bad: dict[str, Any]) -> None:
    """A bound that is none is one clear error, before anything is read."""
    with new_table(memory) as table:
        async with table.adapter() as db:
            with pytest.raises(UsageError, match="|".join(bad)):
                db.users(**bad)


async def test_a_token_of_another_table_is_refused(memory: Engine) -> None:
    """A token goes on where it came from, and nowhere else."""
    with new_table(memory) as first, new_table(memory) as second:
        async with first.adapter() as db, second.adapter() as other:
            await fill(db, {"ada", "bob"})
            scan = db.users(limit=1)
            await taken(scan)
            assert scan.token is not None
            with pytest.raises(UsageError, match="not of a scan of these tables"):
                other.users(token=scan.token)


async def test_a_closed_adapter_scans_no_more(memory: Engine) -> None:
    """After `close()` a scan ends with a clear error rather than to open anything anew."""
    with new_table(memory) as table:
        db = table.adapter()
        await fill(db, {"ada", "bob"})
        scan = db.users(limit=5, segments=1)
        await db.close()
        with pytest.raises(UsageError, match="close"):
            await taken(scan)


async def test_no_repr_shows_who(memory: Engine) -> None:
    """A scan's repr holds nobody's id."""
    with new_table(memory) as table:
        async with table.adapter() as db:
            await fill(db, {"ada", "bob"})
            scan = db.users(limit=1)
            await taken(scan)
            assert "ada" not in repr(scan)
            assert "bob" not in repr(scan)


async def test_a_bad_day(moto: Engine) -> None:
    """Lost and damaged pages are asked for again; a server that hangs ends it in time, and the token goes on."""
    with new_table(moto) as table:
        async with FaultProxy(moto) as proxy:
            soon = proxy.client_settings | {"read_timeout": 0.3, "operation_timeout": 0.6}
            async with table.adapter(client=proxy.client_settings) as db, table.adapter(client=soon) as hurried:
                await fill(db, PEOPLE)
                proxy.plan = script(Fault.LOSE, Fault.CORRUPT, Fault.HTML, Fault.THROTTLE, operations={"Scan"})
                assert sorted(PEOPLE) == sorted(await taken(db.users(segments=2)))
                proxy.plan = no_fault
                scan = db.users(segments=2, limit=20)
                found = await taken(scan)
                proxy.plan = always(Fault.HANG, {"Scan"})
                hung = hurried.users(token=scan.token)
                began = asyncio.get_running_loop().time()
                with pytest.raises(RequestTimeoutError):
                    await taken(hung)
                assert asyncio.get_running_loop().time() - began < 10
                proxy.plan = no_fault
                assert sorted(PEOPLE) == sorted(found + await taken(db.users(token=hung.token)))


async def test_left_by_its_time(moto: Engine) -> None:
    """A caller's own time limit ends it at once, and nothing is left open."""
    with new_table(moto) as table:
        async with FaultProxy(moto) as proxy, table.adapter(client=proxy.client_settings) as db:
            await fill(db, {"ada"})
            proxy.plan = always(Fault.HANG, {"Scan"})
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await taken(db.users())
