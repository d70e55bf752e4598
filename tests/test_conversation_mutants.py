"""
The checkers must fail on conversations that are broken on purpose: else their silence about ours would say nothing.

Each mutant takes away one part of what protects a conversation, and nothing else.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from attrs import evolve
from orjson import Fragment

from dynadb_async import AsyncDynamoDb, RequestError
from dynadb_async.conversations import Appended, appending, in_turn, layout, writing
from dynadb_async.conversations.appending import Appender
from dynadb_async.conversations.calls import Calls
from dynadb_async.conversations.layout import LAST_NUMBER, Names
from dynadb_async.conversations.log import Log
from dynadb_async.conversations.writing import Writing, Written
from tests.conversation_checker import Trial, run_in_process, violations
from tests.conversation_worker import config_of
from tests.engines import Engine
from tests.proxy import Fault, no_fault, script
from tests.seam import FaultySeam

Db = AsyncDynamoDb[dict[str, Any]]

MOST_TRIALS = 6
USER = "user-1"

ways_of_writing = writing.written


async def ids_are_apart(db: Db, _: FaultySeam) -> None:
    """Promise: no conversation sees another one's entries."""
    await db.conversation(USER, "a/0000000000000001").append(["not yours"])
    assert [] == (await db.conversation(USER, "a").messages()).messages


async def a_delete_goes_on(db: Db, seam: FaultySeam) -> None:
    """Promise: a delete that was interrupted can be found, and repeated."""
    talk = db.conversation(USER, "talk")
    await talk.append([1])
    seam.plan = script(None, Fault.DROP, operations=["BatchWriteItem"])
    with suppress(RequestError):
        await talk.delete()
    seam.plan = no_fault
    left = await db.export(USER)
    assert ["talk"] == [info.id async for info in db.conversations(USER)]
    assert left["conversations"]["talk"]["messages"] == []


async def a_clear_is_whole(db: Db, seam: FaultySeam) -> None:
    """Promise: a clear that fails took nothing."""
    talk = db.conversation(USER, "talk")
    await talk.append([1])
    seam.plan = script(Fault.DROP, operations=["TransactWriteItems"])
    with suppress(RequestError):
        await talk.clear()
    seam.plan = no_fault
    assert [1] == (await talk.messages()).messages


def no_look_at_recent(patch: pytest.MonkeyPatch) -> None:
    """A refused append does not ask whether an earlier attempt of it was made."""
    patch.setattr(Writing, "done", lambda _self, _head: None)
    patch.setattr(Writing, "delivered", lambda _self, _head: None)


def no_condition(patch: pytest.MonkeyPatch) -> None:
    """Whoever appends last says what the head is, and what its entry."""

    def written(*args: Any) -> Written:
        made = ways_of_writing(*args)
        members: list[dict[str, Any]] = []
        for member in made.members:
            ((kind, details),) = member.items()
            rest = {name: value for name, value in details.items() if not name.startswith(("Condition", "ReturnVal"))}
            if kind == "Put":
                del rest["ExpressionAttributeNames"]
            else:
                for group in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
                    kept = {place: what for place, what in rest[group].items() if place[1:].isdecimal()}
                    rest[group] = kept
            members.append({kind: rest})
        return evolve(made, members=tuple(members))

    patch.setattr(appending, "written", written)
    patch.setattr(in_turn, "written", written)


def head_after_entry(patch: pytest.MonkeyPatch) -> None:
    """The entry is written first and the head thereafter, not both at once."""
    transact = Calls.transact

    async def one_by_one(self: Calls, members: Any, *, until: float) -> None:
        head, *entries = members
        for entry in entries:
            put = {name: entry["Put"][name] for name in ("TableName", "Item")}
            await transact(self, [{"Put": put}], until=until)
        await transact(self, [head], until=until)

    patch.setattr(Calls, "transact", one_by_one)


def turn_outside(patch: pytest.MonkeyPatch) -> None:
    """The turn's item is written, and its messages thereafter."""
    transact = Calls.transact

    async def apart(self: Calls, members: Any, *, until: float) -> None:
        first, *rest = members
        if isinstance(first.get("Update"), Fragment):
            await transact(self, [first], until=until)
            await transact(self, rest, until=until)
        else:
            await transact(self, members, until=until)

    patch.setattr(Calls, "transact", apart)


CHECKED = [
    (no_look_at_recent, "appends"),
    (no_condition, "appends"),
    (head_after_entry, "appends"),
    (turn_outside, "turns"),
]


@pytest.mark.parametrize(("mutant", "mode"), CHECKED, ids=lambda value: getattr(value, "__name__", value))
async def test_checker_catches(
    mutant: Callable[[pytest.MonkeyPatch], None], mode: str, memory: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history checker finds what each broken design loses, doubles or disorders."""
    mutant(monkeypatch)
    for seed in range(MOST_TRIALS):
        try:
            trial = Trial(mode=mode, count=12, seed=seed)
            found = violations(await run_in_process(memory, f"{mutant.__name__}-{seed}", trial))
        except ExceptionGroup:
            found = ["not acknowledged"]
        if found:
            return
    pytest.fail(f"the checker found nothing in {MOST_TRIALS} trials")


def unquoted_ids(patch: pytest.MonkeyPatch) -> None:
    """An id stands in names as it is."""
    patch.setattr(layout, "quoted", lambda conversation_id: conversation_id)


def heads_first(patch: pytest.MonkeyPatch) -> None:
    """A conversation's head is deleted before its entries."""

    async def delete(self: Log, names: Names) -> None:
        await self.calls.delete_between(names, names.head, names.head)
        await self.calls.delete_between(names, names.entry(0), names.entry(LAST_NUMBER))

    patch.setattr(Log, "delete", delete)


def sweep_before_clear(patch: pytest.MonkeyPatch) -> None:
    """What a clear will replace is deleted before it is replaced."""
    append = Appender.append

    async def swept(self: Appender, names: Names, wanted: Writing, **more: Any) -> Appended:
        if wanted.replacing is not None:
            await self.calls.delete_between(names, names.entry(wanted.replacing), names.entry(LAST_NUMBER))
        return await append(self, names, wanted, **more)

    patch.setattr(Appender, "append", swept)


INTERRUPTED = [(unquoted_ids, ids_are_apart), (heads_first, a_delete_goes_on), (sweep_before_clear, a_clear_is_whole)]


@pytest.mark.parametrize(("mutant", "promise"), INTERRUPTED, ids=lambda value: value.__name__)
async def test_a_failure_in_between_catches(
    mutant: Callable[[pytest.MonkeyPatch], None],
    promise: Callable[[Db, FaultySeam], Awaitable[None]],
    memory: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of ours each promise holds; of the mutant it does not."""
    async with FaultySeam(memory.endpoint_url) as seam:
        for is_ours in (True, False):
            if not is_ours:
                mutant(monkeypatch)
            settings = {"table": f"{mutant.__name__}-{is_ours}", "client": seam.client_settings | {"max_attempts": 1}}
            async with AsyncDynamoDb(config_of(settings)) as db:
                if is_ours:
                    await promise(db, seam)
                else:
                    with pytest.raises(AssertionError):
                        await promise(db, seam)


@pytest.mark.parametrize("mode", ["appends", "cuts", "turns"])
async def test_checker_is_silent_about_ours(mode: str, memory: Engine) -> None:
    """In the same trials."""
    for seed in range(2):
        trial = Trial(mode=mode, count=12, seed=seed)
        assert [] == violations(await run_in_process(memory, f"ours-{mode}-{seed}", trial))


@pytest.mark.parametrize("how", ["pop", "compaction"])
async def test_what_was_replaced_does_not_come_back(memory: Engine, how: str) -> None:
    """Though its deletion failed, and what replaced it was replaced and deleted in turn, by another process."""
    async with FaultySeam(memory.endpoint_url) as seam:
        config = config_of({"table": f"back-{how}", "client": seam.client_settings | {"max_attempts": 1}})
        async with AsyncDynamoDb(config) as one, AsyncDynamoDb(config) as other:
            talk = one.conversation(USER, "talk")
            await talk.append([0, 1, 2])
            seam.plan = script(Fault.DROP, operations=["BatchWriteItem"])
            assert 2 == await talk.pop()
            seam.plan = no_fault
            if how == "pop":
                assert 1 == await other.conversation(USER, "talk").pop()
                assert [0] == (await talk.messages()).messages
            else:
                page = await other.conversation(USER, "talk").messages()
                await other.conversation(USER, "talk").append(["all"], replacing=page.number)
                assert ["all"] == (await talk.messages()).messages
