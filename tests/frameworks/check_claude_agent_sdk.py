"""The store for the Claude Agent SDK, held to the SDK's own conformance run."""

import asyncio
from itertools import count, cycle
from typing import Any
from uuid import uuid4

import pytest
from claude_agent_sdk import fold_session_summary
from claude_agent_sdk.testing import run_session_store_conformance

from dynadb_async import AsyncDynamoDb, InvalidUserIdError, SerializationError
from dynadb_async.claude_agent_sdk import DynamoDbSessionStore
from tests.frameworks.conftest import AllKept, MakeDb
from tests.frameworks.page import names

KEY = {"project_key": "project", "session_id": "session"}


@pytest.mark.parametrize("user_id", [None, "user"])
async def test_conformance(make_db: MakeDb, user_id: str | None) -> None:
    """The SDK's 14 contracts hold, with and without a user of the store's own, and nothing optional is left out."""
    numbers = count()
    stores = [DynamoDbSessionStore(make_db(f"{uuid4().hex}{next(numbers)}"), user_id=user_id) for _ in range(20)]

    await run_session_store_conformance(stores.pop)

    assert all(
        hasattr(stores[0], name) for name in ("list_sessions", "list_session_summaries", "delete", "list_subkeys")
    )
    assert 20 - len(stores) >= 15, "one per contract, and the probe"


async def test_a_batch_that_comes_again_is_stored_once(db: AsyncDynamoDb[Any]) -> None:
    """The SDK repeats a batch whose answer it did not hear."""
    store = DynamoDbSessionStore(db)
    for _ in range(2):
        await store.append(KEY, [{"type": "x", "uuid": "a"}, {"type": "x", "uuid": "b"}])

    assert await store.load(KEY) == [{"type": "x", "uuid": "a"}, {"type": "x", "uuid": "b"}]
    info = await db.conversation("project", "session").info()
    assert info is not None
    assert info.appends == 1


async def test_a_uuid_in_another_batch_is_read_once(db: AsyncDynamoDb[Any]) -> None:
    """Batches may be cut otherwise when they are repeated."""
    store = DynamoDbSessionStore(db)
    await store.append(KEY, [{"type": "x", "uuid": "a"}])
    await store.append(
        KEY, [{"type": "x", "uuid": "a"}, {"type": "x", "uuid": "b"}, {"type": "title"}, {"type": "title"}]
    )

    loaded = await store.load(KEY)
    assert [entry.get("uuid") for entry in loaded or []] == ["a", "b", None, None]


async def test_a_blank_user_is_refused(db: AsyncDynamoDb[Any]) -> None:
    """It is not taken for none, which would put everybody's sessions into the project's."""
    store = DynamoDbSessionStore(db, user_id="")
    for refused in (store.append(KEY, [{"type": "x"}]), store.load(KEY), store.list_sessions("project")):
        with pytest.raises(InvalidUserIdError):
            await refused


async def test_odd_entries_spoil_no_session(db: AsyncDynamoDb[Any]) -> None:
    """What is no JSON is refused in words; a uuid that is no text is read as it is."""
    store = DynamoDbSessionStore(db)
    with pytest.raises(SerializationError, match=r"messages\[0\]\.o"):
        await store.append(KEY, [{"type": "x", "uuid": "a", "o": object()}])

    await store.append(KEY, [{"type": "x", "uuid": ["a"]}, {"type": "x", "uuid": 1}])
    assert [{"type": "x", "uuid": ["a"]}, {"type": "x", "uuid": 1}] == await store.load(KEY)


async def test_the_summary_is_of_all_entries(make_db: MakeDb) -> None:
    """However many append at once, from two processes, it is what the entries fold to in their order."""
    folded = ("customTitle", "aiTitle", "lastPrompt", "summary", "gitBranch")
    entries = [{"type": "x", "uuid": name, name: name} for name in folded]
    place = uuid4().hex
    stores = [DynamoDbSessionStore(make_db(place)) for _ in range(2)]
    await asyncio.gather(*(store.append(KEY, [entry]) for entry, store in zip(entries, cycle(stores), strict=False)))

    loaded = await stores[0].load(KEY)
    (summary,) = await stores[1].list_session_summaries("project")
    assert loaded is not None
    assert len(folded) == len(loaded)
    assert fold_session_summary(None, KEY, loaded)["data"] == summary["data"]


async def test_sessions_go_with_their_user(db: AsyncDynamoDb[Any]) -> None:
    """Deleting the user deletes the transcripts, those of subagents too."""
    store = DynamoDbSessionStore(db, user_id="user")
    await store.append(KEY, [{"type": "x", "uuid": "a"}])
    await store.append({**KEY, "subpath": "subagents/agent-1"}, [{"type": "x", "uuid": "b"}])

    await db.delete("user")

    assert await store.load(KEY) is None
    assert await store.list_subkeys(KEY) == []


async def test_ids_that_run_into_each_other_are_refused(db: AsyncDynamoDb[Any]) -> None:
    """What stands between session and subpath can't be in a session's id."""
    with pytest.raises(ValueError, match=r"U\+001F"):
        await DynamoDbSessionStore(db).append({"project_key": "p", "session_id": "a\x1fb"}, [{"type": "x"}])


async def test_the_page(db: AsyncDynamoDb[Any]) -> None:
    """What a reader pastes works, and the SDK's own readers find what its store has."""
    store = names("claude-agent-sdk", db)["options"]("user").session_store
    await store.append(KEY, [{"type": "x", "uuid": "a", "customTitle": "A title", "cwd": "/"}])

    assert ["A title"] == [summary["data"]["custom_title"] for summary in await store.list_session_summaries("project")]


async def test_twenty_writers_while_answers_are_lost(all_kept: AllKept) -> None:
    """0 lost and 0 doubled, over two processes."""
    await all_kept("claude_agent_sdk", "Claude Agent SDK: `DynamoDbSessionStore`")
