"""A user's item as it is stored."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from dynadb_async import InvalidUserIdError, MalformedItemError, TimeToLive
from tests.engines import Engine
from tests.tables import Clock, Table, new_table

# dynalite knows no TTL, which only the attribute is about here.
WITH_TTL: dict[str, Any] = {"ttl": TimeToLive(timedelta(days=1)), "create_table_on_init": False}


@pytest.fixture
def table(engine: Engine) -> Iterator[Table]:
    """An empty table on each engine."""
    with new_table(engine) as table:
        yield table


async def test_stored_is_what_a_plain_client_reads(table: Table) -> None:
    """Attribute for attribute; each is measured, and TTL's time is told."""
    clock = Clock()
    async with table.adapter(table=WITH_TTL, clock=clock) as db:
        async with db.turn("ada") as turn:
            turn.user.data.update(name="Ada", photo=b"\x00\xff")
        stored = await db.stored("ada")

    assert stored is not None
    assert table.item("ada") == stored.attributes
    assert {"userId", "user", "recentTurns", "createdAt", "updatedAt", "expiresAt"} == set(stored.sizes)
    assert len("userId") + len("ada") == stored.sizes["userId"]
    assert stored.size == sum(stored.sizes.values())
    assert clock.now + timedelta(days=1) == stored.expires_at
    assert "Ada" not in repr(stored)


async def test_stored_takes_what_cannot_be_read(table: Table) -> None:
    """Where `export` gives up, an element that is no map is there as it is; so is a time that is none."""
    table.put("ada", user={"S": "compressed"}, expiresAt={"N": "9e99"})
    async with table.adapter(table=WITH_TTL) as db:
        with pytest.raises(MalformedItemError):
            await db.export("ada")
        stored = await db.stored("ada")

    assert stored is not None
    assert stored.attributes["user"] == {"S": "compressed"}
    assert stored.expires_at is None


async def test_stored_of_nobody(table: Table) -> None:
    """Nobody has None; an id that is none is refused."""
    async with table.adapter() as db:
        assert await db.stored("nobody") is None
        with pytest.raises(InvalidUserIdError):
            await db.stored("")
