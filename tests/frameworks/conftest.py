"""What the checks of all frameworks share."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest

from dynadb_async import AsyncDynamoDb, ClientConfig, Conversations, DynamoDbConfig
from tests.frameworks.writers import WRITTEN, Race, race

MakeDb = Callable[[str], AsyncDynamoDb[Any]]
Raced = Callable[[str, str], Awaitable[Race]]
AllKept = Callable[[str, str], Awaitable[None]]


def pytest_configure(config: pytest.Config) -> None:
    """Know the marker of races."""
    config.addinivalue_line("markers", "race: 20 writers write to a store, for half a minute")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the races."""
    for item in items:
        if "raced" in getattr(item, "fixturenames", ()):
            item.add_marker("race")


@pytest.fixture
async def make_db() -> AsyncIterator[MakeDb]:
    """An adapter on a store in the process, by the store's name."""
    async with AsyncExitStack() as stack:

        def make(store: str) -> AsyncDynamoDb[Any]:
            client = ClientConfig(endpoint_url=f"memory:{store}")
            db = AsyncDynamoDb(DynamoDbConfig("users", client=client, conversations=Conversations("talks")))
            stack.push_async_callback(db.close)
            return db

        yield make


@pytest.fixture
def db(make_db: MakeDb) -> AsyncDynamoDb[Any]:
    """An adapter on a store of its own."""
    return make_db(uuid4().hex)


@pytest.fixture
def raced(record_property: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch) -> Raced:
    """Let 20 writers write to a store, by its name in `writers` or `others`, and tell the manual under a title."""
    # Some of the others take them from nowhere else.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")

    async def raced(store: str, title: str) -> Race:
        found = await race(store)
        record_property("race", found.row(title))
        return found

    return raced


@pytest.fixture
def all_kept(raced: Raced) -> AllKept:
    """Let them write to one of ours: 0 are lost and 0 doubled, and 9 of 10 writers are told that theirs is stored."""

    async def all_kept(store: str, title: str) -> None:
        found = await raced(store, title)
        assert found.lost_answers > 0
        assert (0, 0) == (found.lost, found.doubled)
        assert len(found.acknowledged) > 0.9 * WRITTEN

    return all_kept
