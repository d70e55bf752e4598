"""Puts DynamoDbSession in the place of the SDK's SQLiteSession while the SDK's own tests run, unchanged."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import agents
import agents.extensions.memory.encrypt_session  # before the exchange: it has steps of its own for SQLite
import agents.memory
import agents.memory.sqlite_session
import pytest

from dynadb_async import AsyncDynamoDb, ClientConfig, Conversations, DynamoDbConfig
from dynadb_async.openai_agents import DynamoDbSession

INSIDE = "it reaches into SQLite's connections, rows or locks"
PRUNES = "what EncryptedSession let expire is removed by `keep` of the configuration here, not by a compaction"
LEFT_OUT = {
    "closes_worker_thread_connections": INSIDE,
    "reaps_connections_from_exited_worker_threads": INSIDE,
    "closes_retired_connections_before_the_next": INSIDE,
    "keeps_connections_of_live_worker_threads": INSIDE,
    "closed_rejects_empty_add_items": "a session holds nothing that could be closed; the adapter does",
    "pop_item_skips_corrupt_most_recent": INSIDE,
    "returns_none_after_dropping_only_corrupt_rows": INSIDE,
    "skips_corrupt": INSIDE,
    "file_lock_is_shared_across_instances": INSIDE,
    "failed_add_items_releases_write_lock": "it expects sqlite3's text about a value that is no JSON",
    "failed_clear_session_rolls_back": INSIDE,
    "failed_pop_item_releases_write_lock": INSIDE,
    "rollback_failure_evicts_connection": INSIDE,
    "close_retries_quarantined_connection": INSIDE,
    "post_commit_cancellation_propagates": INSIDE,
    "test_settled_pop_failure_invalidates": INSIDE,
    "test_settled_clear_failure_invalidates": INSIDE,
    "test_suffix_transaction_rolls_back_failed_insert": INSIDE,
    "test_cancelled_suffix_transaction_settles": INSIDE,
    "test_failed_encrypted_suffix_transaction": INSIDE,
    "test_expired_prefix_does_not_block_full_live_window[sqlite-40": PRUNES,
    "test_repeated_ttl_bursts": PRUNES,
    "test_prefix_cleanup_stops": PRUNES,
    "does_not_reload_unbounded_hidden_history[outer-True": PRUNES,
    "does_not_reload_unbounded_hidden_history[inner-True": PRUNES,
    "test_expired_read_overhead": PRUNES,
    "test_encrypted_pop_": "EncryptedSession authenticates before it pops inside SQLite's transaction only",
    "scan_budget_rejects_negative_limit": "a limit below 0 gives all in SQLite, and nothing here",
    "test_handoff_resume_after_cancelled_compaction_commits": INSIDE,
}

ADAPTERS: dict[tuple[str, asyncio.AbstractEventLoop], AsyncDynamoDb[Any]] = {}


def adapter(store: str) -> AsyncDynamoDb[Any]:
    """The adapter of the running loop for this store: the SDK's tests run some agents on loops of their own."""
    place = store, asyncio.get_running_loop()
    if place not in ADAPTERS:
        client = ClientConfig(endpoint_url=f"memory:{store}")
        ADAPTERS[place] = AsyncDynamoDb(DynamoDbConfig("users", client=client, conversations=Conversations("talks")))
    return ADAPTERS[place]


class Talk:
    """A conversation on whatever loop runs."""

    def __init__(self, store: str, user_id: str, conversation_id: str) -> None:
        """Nothing is opened yet."""
        self._names = store, user_id, conversation_id

    def __getattr__(self, name: str) -> Any:
        """The method of the running loop's conversation."""
        store, user_id, conversation_id = self._names
        return getattr(adapter(store).conversation(user_id, conversation_id), name)


class Db:
    """An adapter on whatever loop runs."""

    def __init__(self, store: str) -> None:
        """Nothing is opened yet."""
        self._store = store

    def conversation(self, user_id: str, conversation_id: str) -> Any:
        """As `AsyncDynamoDb.conversation`."""
        return Talk(self._store, user_id, conversation_id)


class SQLiteSession(DynamoDbSession):
    """DynamoDbSession, made as the SDK's SQLiteSession is: a path is a store, and no path a store of its own."""

    def __init__(
        self,
        session_id: str,
        db_path: str | Path = ":memory:",
        *_names: str,
        session_settings: Any = None,
        **_more: Any,
    ) -> None:
        """The names of SQLite's tables are of no use here."""
        store = uuid4().hex if str(db_path) == ":memory:" else str(db_path).encode().hex()
        super().__init__(Db(store), "user-1", session_id, session_settings=session_settings)  # type: ignore[arg-type]

    def close(self) -> None:
        """Nothing is open."""


agents.SQLiteSession = SQLiteSession
agents.memory.SQLiteSession = SQLiteSession
agents.memory.sqlite_session.SQLiteSession = SQLiteSession


@pytest.fixture(autouse=True)
def _closed_adapters() -> Iterator[None]:
    """Forget the stores of a test with it."""
    yield
    ADAPTERS.clear()
