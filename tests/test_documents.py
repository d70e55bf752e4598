"""Documents by keys, as the storages of other people's frameworks keep them."""

import asyncio
import re
from collections import UserDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    DynamoDbConfig,
    StoredElements,
    StoredHistory,
    Turn,
    UsageError,
    VersionConflictError,
)
from dynadb_async.documents import Documents
from dynadb_async.testing import Fault, sick

ROOT = Path(__file__).parent.parent

Made = Callable[..., Documents]


@pytest.fixture
async def made() -> AsyncIterator[Made]:
    """Documents on a store in the process, on another adapter each time, as other processes have them."""
    async with AsyncExitStack() as stack:
        client = ClientConfig(endpoint_url=f"memory:{uuid4().hex}")

        def make(**settings: Any) -> Documents:
            db = AsyncDynamoDb(DynamoDbConfig("users", client=client, **settings))
            stack.push_async_callback(db.close)
            return Documents(db)

        yield make


async def value(documents: Documents, key: str = "key") -> Any:
    """What is stored, read by another task."""
    found = await asyncio.create_task(documents.read([key]))
    return found[key].value if key in found else None


DEEP: Any = 1
for _ in range(60):
    DEEP = {"d": [DEEP]}


async def test_all_that_json_has_comes_back(made: Made) -> None:
    """Also what DynamoDB has no form for; what is stored is no longer the caller's."""
    documents = made()
    kinds = [{}, [], [1, [2.5, None]], "", 0, True, {"": {"": ""}}, {"$json": 1}, {"n": 10**60, "x": 1e300}, "\ud800"]
    for kind in [*kinds, DEEP, UserDict(a=1)]:
        await documents.write("key", kind)
        assert kind == await value(documents)
    mine = {"list": [1]}
    await documents.write("key", mine)
    mine["list"].append(2)
    assert {"list": [1]} == await value(documents)


async def test_all_keys_are_kept_apart(made: Made) -> None:
    """Long ones, and those that are no Unicode, too; an empty one is refused."""
    documents = made()
    keys = ["a/b", "\0", " ", "x" * 2048, "x" * 2049, "x" * 5000, "ü" * 1025, "\ud800", "\ud801"]
    for number, key in enumerate(keys):
        await documents.write(key, number)

    assert list(range(len(keys))) == [found.value for found in (await documents.read([*keys, *keys])).values()]
    await documents.delete(keys[0])
    assert keys[1:] == list(await documents.read(keys))
    with pytest.raises(ValueError, match="empty"):
        await documents.write("", 1)


async def test_what_was_read_is_merged(made: Made) -> None:
    """As often as it is written, in the task that read it and in those that this starts; the same thing is told."""
    ours, theirs = made(), made()
    await ours.write("key", {"old": 1})
    for documents in (ours, theirs):
        await documents.read(["key"])
    for documents, name in ((ours, "ours"), (theirs, "theirs")):
        await asyncio.create_task(documents.write("key", {"old": 1, name: 1}))
    assert {"old": 1, "ours": 1, "theirs": 1} == await value(ours)
    await ours.write("key", {"old": 1, "ours": 2})
    assert {"old": 1, "ours": 2, "theirs": 1} == await value(ours)

    revision = (await ours.read(["key"]))["key"].revision
    await ours.write("key", {"old": 1, "ours": 3, "theirs": 1}, expected=revision)
    await theirs.write("key", {"old": 1, "theirs": 2})
    await ours.write("key", {"old": 2, "ours": 3, "theirs": 1})
    assert {"old": 2, "ours": 3, "theirs": 2} == await value(ours)
    with pytest.raises(VersionConflictError, match=r"user\.data\.old"):
        await theirs.write("key", {"old": 3, "theirs": 1})


async def test_what_was_not_read_is_replaced(made: Made) -> None:
    """Of two at once, one comes after the other: they are not mixed."""
    both = made(), made()
    for n in range(5):
        # Whoever repeats a save lets others come between.
        with sick(both[0]._db.config, Fault.BROKEN, operations={"UpdateItem"}, times=2):
            await asyncio.gather(*(documents.write("key", {f"{n}-{w}": w}) for w, documents in enumerate(both)))
        assert await value(both[0]) in ({f"{n}-0": 0}, {f"{n}-1": 1})


async def test_what_is_deleted_while_it_is_replaced_is_gone(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were deleted afterwards; and what was read before is no base any more."""
    documents = made()
    await documents.write("key", {"old": 1})
    await documents.read(["key"])
    load = AsyncDynamoDb.load

    async def slow(db: AsyncDynamoDb[Any], user_id: str) -> Turn[Any]:
        turn = await load(db, user_id)
        await made().delete("key")
        return turn

    with monkeypatch.context() as patched:
        patched.setattr(AsyncDynamoDb, "load", slow)
        await documents.write("key", {"new": 1}, expected="*")
    assert await value(documents) is None
    await documents.write("key", {"new": 2})
    assert {"new": 2} == await value(documents)
    await documents.read(["key"])
    await documents.delete("key")
    await documents.write("key", {"new": 3})
    assert {"new": 3} == await value(documents)


@pytest.mark.parametrize("on_conflict", ["merge", "overwrite", lambda *_: "both"])
async def test_a_revision_that_is_expected(made: Made, on_conflict: Any) -> None:
    """Who has the newest may write, whatever the app's adapter does about conflicts; of 6 at once, one may."""
    documents = made(on_conflict=on_conflict)
    await documents.write("key", {"n": 1})
    old = (await documents.read(["key"]))["key"].revision
    writes = [made(on_conflict=on_conflict).write("key", {"n": n}, expected=old) for n in range(6)]
    ended = await asyncio.gather(*writes, return_exceptions=True)

    assert 1 == ended.count(None)
    assert 5 == sum(type(error) is VersionConflictError for error in ended)
    with pytest.raises(VersionConflictError):
        await documents.write("key", {"n": 7}, expected=old)
    await documents.write("key", {"n": 8}, expected=(await documents.read(["key"]))["key"].revision)
    await documents.write("key", {"n": 9, "own": 1})  # based on what this task wrote last
    await made().write("key", {"n": 10}, expected="*")
    assert {"n": 10} == await value(documents)


async def test_whom_it_can_not_work_with(made: Made) -> None:
    """A history, in which each write would be a turn, and user data of a class."""
    with pytest.raises(UsageError, match="history"):
        made(stored_elements=StoredElements(history=StoredHistory()))

    async with AsyncDynamoDb(
        DynamoDbConfig("users", client=ClientConfig(endpoint_url="memory:")), user_data=lambda _: 1
    ) as db:
        for work in (Documents(db).read(["key"]), Documents(db).write("key", {})):
            with pytest.raises(UsageError, match="user_data"):
                await work


async def test_the_page(made: Made) -> None:
    """What a reader pastes counts."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "bots.md").read_text(), re.DOTALL)
    page: dict[str, Any] = {}
    exec(next(block for block in blocks if "dynadb_async.documents" in block), page)
    documents = made()

    assert [1, 2] == [await page["count"](documents, "key") for _ in range(2)]
    await page["count_strictly"](documents, "key")
    assert {"visits": 3} == await value(documents)
