"""Users moved from one table to another."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dynadb_async import (
    AsyncDynamoDb,
    Conversations,
    ConversationTableConfig,
    MalformedItemError,
    OnDemand,
    UsageError,
    UserCopy,
    VersionConflictError,
)
from tests.engines import Engine
from tests.proxy import Fault, FaultProxy, script
from tests.tables import Table, new_table


@pytest.fixture(params=["moto", "dynamodb-local", "memory", "file"])
def tables(request: pytest.FixtureRequest) -> Iterator[tuple[Table, Table]]:
    """Two empty tables on each engine that has transactions."""
    engine: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    with new_table(engine) as first, new_table(engine) as second:
        yield first, second


def talking(table: Table) -> AsyncDynamoDb[Any]:
    """An adapter with conversations."""
    return table.adapter(conversations=Conversations(ConversationTableConfig(f"{table.name}-log", billing=OnDemand())))


async def fill(db: AsyncDynamoDb[Any]) -> None:
    """Somebody with an item, somebody with both, somebody with conversations alone."""
    for user_id in ("ada", "bob"):
        async with db.turn(user_id, turn_id="t-1") as turn:
            turn.user.data |= {"name": user_id, "score": 1.5, "tags": {"a", "b"}, "raw": b"\x00\xff"}
            turn.response = {"text": "hi"}
    for user_id in ("bob", "cleo"):
        await db.conversation(user_id, "talk").append(["hello", user_id], state={"mood": 1})
        await db.conversation(user_id, "talk").append(["again"])


def without_write(exported: dict[str, Any]) -> dict[str, Any]:
    """What stays the same in another place."""
    recent = [{**entry, "write": ""} for entry in exported.get("recentTurns", [])]
    return exported | ({"recentTurns": recent} if recent else {})


async def test_moved_value_for_value(tables: tuple[Table, Table]) -> None:
    """All that is stored of each user is there afterwards, through JSON and back, also if it is done twice."""
    async with talking(tables[0]) as source, talking(tables[1]) as target:
        await fill(source)
        lines = [copy.to_json() async for copy in source.copies()]
        assert 3 == len(lines)
        assert [True] * 3 == [await target.restore(UserCopy.from_json(line)) for line in lines]
        assert [False, False, True] == sorted([await target.restore(UserCopy.from_json(line)) for line in lines])
        for user_id in ("ada", "bob", "cleo"):
            assert without_write(await source.export(user_id)) == without_write(await target.export(user_id))
        async with target.turn("ada", turn_id="t-1") as turn:
            assert turn.is_duplicate
        appended = await target.conversation("bob", "talk").append(
            ["more"], expected=(await target.conversation("bob", "talk").messages()).revision
        )
        assert not appended.is_duplicate


async def test_a_stale_turn_does_not_pass(tables: tuple[Table, Table]) -> None:
    """Who loaded the user before it was deleted and imported again can't save over it."""
    async with tables[0].adapter() as db:
        async with db.turn("ada") as turn:
            turn.user.data["visits"] = 1
        stale = await db.load("ada")
        stale.user.data["visits"] = 2
        (copy,) = [copy async for copy in db.copies()]
        await db.delete("ada")
        async with db.turn("ada") as turn:
            turn.user.data["visits"] = 7
        assert not await db.restore(copy)
        assert await db.restore(copy, overwrite=True)
        assert {"visits": 1} == (await db.load("ada")).user.data
        stale.user.data["visits"] = 3
        before = (await db.export("ada"))["recentTurns"][0]["write"]
        assert copy.item is not None
        assert before != copy.item["recentTurns"]["L"][0]["M"]["write"]["S"]


async def test_two_imports_at_once(tables: tuple[Table, Table]) -> None:
    """Each user is written by one of them, on the condition that nobody is there, and reads as one of them has it."""
    async with tables[0].adapter() as source, tables[1].adapter() as one, tables[1].adapter() as other:
        async with source.turn("ada") as turn:
            turn.user.data["name"] = "Ada"
        (copy,) = [copy async for copy in source.copies()]
        stored = await asyncio.gather(*(db.restore(copy) for db in (one, other) for _ in range(4)))
        assert 1 == sum(stored)
        assert {"name": "Ada"} == (await one.load("ada")).user.data


async def test_a_lost_answer_is_no_stranger(moto: Engine) -> None:
    """Where the answer to the conditional PutItem got lost, the user who is there by then is the one that was put."""
    with new_table(moto) as table:
        async with FaultProxy(moto) as proxy, table.adapter(client=proxy.client_settings) as db:
            item = {"userId": {"S": "ada"}, "user": {"M": {"data": {"M": {}}}}}
            proxy.plan = script(Fault.LOSE, operations={"PutItem"})
            assert await db.restore(UserCopy(item=item))
            assert 2 == proxy.seen["PutItem"]
            assert "ConditionExpression" in json.loads(proxy.last.body if proxy.last else b"")
            assert not await db.restore(UserCopy(item=item))


async def test_who_is_there_is_left_alone(tables: tuple[Table, Table]) -> None:
    """Without `overwrite` a user stays as they are, by item or by conversation; a dry run writes nothing."""
    async with talking(tables[0]) as source, talking(tables[1]) as target:
        await fill(source)
        await target.conversation("bob", "other").append(["mine"])
        async with target.turn("ada") as turn:
            turn.user.data["name"] = "mine"
        copies = [copy async for copy in source.copies()]
        before = [await target.export(user_id) for user_id in ("ada", "bob", "cleo")]
        assert [False, False, True] == sorted([await target.restore(copy, dry_run=True) for copy in copies])
        assert before == [await target.export(user_id) for user_id in ("ada", "bob", "cleo")]
        assert [False, False, True] == sorted([await target.restore(copy) for copy in copies])
        assert before[:2] == [await target.export(user_id) for user_id in ("ada", "bob")]
        for copy in copies:
            assert await target.restore(copy, overwrite=True)
        assert ["talk"] == list((await target.export("bob"))["conversations"])


async def test_a_stale_append_does_not_pass(tables: tuple[Table, Table]) -> None:
    """Who knew the conversation before it was imported again is told so."""
    async with talking(tables[0]) as db:
        talk = db.conversation("bob", "talk")
        await talk.append(["hi"])
        revision = (await talk.messages()).revision
        (copy,) = [copy async for copy in db.copies()]
        assert await db.restore(copy, overwrite=True)
        with pytest.raises(VersionConflictError):
            await talk.append(["late"], expected=revision)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"Item":{}}', b'{"Item":{"userId":{"S":"a"}}', b'{"Item":[1]}'])
def test_lines_that_are_none(line: bytes) -> None:
    """What is no user's line is one clear error that shows nothing of it."""
    with pytest.raises(MalformedItemError, match="expected a JSON object"):
        UserCopy.from_json(line)


async def test_other_peoples_items_are_not_imported(memory: Engine) -> None:
    """An item that is no user's is refused."""
    with new_table(memory) as table:
        async with table.adapter() as db:
            with pytest.raises(MalformedItemError):
                await db.restore(UserCopy(item={"userId": {"S": "order"}, "total": {"N": "1"}}))


async def test_the_references_key_is_taken(memory: Engine) -> None:
    """Its FileDb calls the key `id`."""
    with new_table(memory) as table:
        async with table.adapter() as db:
            item = {"id": {"S": "ada"}, "user": {"M": {"data": {"M": {"name": {"S": "Ada"}}}}}}
            assert await db.restore(UserCopy(item=item))
            assert {"name": "Ada"} == (await db.load("ada")).user.data


async def test_conversations_are_not_lost(tables: tuple[Table, Table]) -> None:
    """A user with conversations is refused where none are configured; overwritten, old ones go."""
    async with talking(tables[0]) as source, tables[1].adapter() as target:
        await fill(source)
        copies = {len(copy.conversations) > 0: copy async for copy in source.copies()}
        with pytest.raises(UsageError, match="conversations"):
            await target.restore(copies[True])
        assert await target.restore(copies[False])
        await source.conversation("ada", "late").append(["hi"])
        assert await source.restore(copies[False], overwrite=True)
        assert "conversations" not in await source.export("ada")


async def test_a_store_in_a_file_is_read_whole(tmp_path: Path) -> None:
    """What `file:` keeps is imported with the conversations."""
    file = Engine("file", f"file:{tmp_path}/db.json")
    with new_table(file) as table:
        async with talking(table) as db:
            await fill(db)
            there = {copy.to_json() async for copy in db.copies()}
    read = UserCopy.all_in((tmp_path / "db.json").read_bytes())
    assert len(there) == len(read)
    assert [0, 3, 3] == sorted(len(copy.conversations) for copy in read)
