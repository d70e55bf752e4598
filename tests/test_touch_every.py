"""`touch_every`: a turn that changed nothing is not written again within that time."""

from datetime import timedelta
from typing import Any

import pytest

from dynadb_async import ConfigError, DynamoDbConfig, Session, StoredElements, StoredHistory, TableConfig, TimeToLive
from tests.tables import Clock, Table

MINUTES = timedelta(minutes=5)


async def _is_written(table: Table, user: str, later: timedelta, change: Any = None, **settings: Any) -> bool:
    """Whether a second turn, *later* than the first, was written."""
    clock = Clock()
    arguments = settings.pop("arguments", {})
    async with table.adapter(clock=clock, touch_every=MINUTES, **settings) as db:
        async with db.turn(user, **arguments) as turn:
            turn.user.data.update(visits=1, seen=["a", {"b": 1}])
        before = table.item(user)
        clock.now += later
        async with db.turn(user, **arguments) as turn:
            if change is not None:
                change(turn)
    return bool(table.item(user) != before)


async def test_nothing_changed(table: Table) -> None:
    """Within the time nothing is written; after it, the turn is."""
    assert not await _is_written(table, "same", MINUTES - timedelta(seconds=1))
    assert await _is_written(table, "later", MINUTES)


async def test_user_data_changed(table: Table) -> None:
    """A change is written at once."""
    assert await _is_written(table, "changed", timedelta(seconds=1), lambda turn: turn.user.data.update(visits=2))
    assert await _is_written(table, "within", timedelta(seconds=1), lambda turn: turn.user.data["seen"].append("c"))


async def test_session_changed(table: Table) -> None:
    """So is one of the session; a session that only went on is not."""
    stored = StoredElements(session=True)
    request = {"session": Session("s-1")}
    second = timedelta(seconds=1)
    assert not await _is_written(table, "session", second, stored_elements=stored, arguments=request)
    assert await _is_written(
        table, "step", second, lambda turn: turn.session.data.update(a=1), stored_elements=stored, arguments=request
    )


async def test_turn_id_and_history(table: Table) -> None:
    """A turn with an id is written, for its duplicates; one with a history entry, for its entry."""
    second = timedelta(seconds=1)
    clock = Clock()
    async with table.adapter(clock=clock, touch_every=MINUTES) as db:
        for turn_id in ("t-1", "t-2"):
            async with db.turn("ids", turn_id=turn_id):
                pass
        assert (await db.load("ids", turn_id="t-2")).is_duplicate
    assert await _is_written(table, "history", second, stored_elements=StoredElements(history=StoredHistory()))


def test_it_is_shorter_than_what_expires() -> None:
    """An expiry that is never put off would come too early: refused at configuration."""
    with pytest.raises(ConfigError, match=r"less than stored_elements\.session\.expires_after.*touch_every"):
        DynamoDbConfig("users", stored_elements=StoredElements(session=True), touch_every=timedelta(minutes=15))
    with pytest.raises(ConfigError, match=r"less than table\.ttl\.after.*touch_every"):
        DynamoDbConfig(TableConfig("users", ttl=TimeToLive(after=MINUTES)), touch_every=MINUTES)
    assert DynamoDbConfig.from_dict({"table": "users", "touchEvery": 60}).touch_every == timedelta(minutes=1)
    assert DynamoDbConfig.from_env({"DYNADB_TABLE": "users", "DYNADB_TOUCH_EVERY": "60"}).touch_every
