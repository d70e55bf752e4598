"""The example with typed data in its second version."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx2
import pytest
from attrs import define

from dynadb_async import AsyncDynamoDb, DynamoDbConfig, MalformedItemError, UserData
from examples import typed_coach
from examples.typed_coach import Run


@define
class Old:
    """The class of version 1."""

    name: str = ""
    kilometers: float = 0


def a_run(number: int) -> dict[str, Any]:
    """A run that is reported."""
    return {"user": "ada", "id": f"m-{number}", "day": "2026-11-22", "meters": 5000}


@pytest.fixture
async def http(monkeypatch: pytest.MonkeyPatch, dynadb_config: DynamoDbConfig) -> AsyncIterator[httpx2.AsyncClient]:
    """The app, in the test's own loop."""
    monkeypatch.setattr(typed_coach.memory, "make", lambda: AsyncDynamoDb(dynadb_config, user_data=typed_coach.RUNNER))
    transport = httpx2.ASGITransport(typed_coach.app)
    async with (
        typed_coach.memory.lifespan(typed_coach.app),
        httpx2.AsyncClient(transport=transport, base_url="http://coach") as http,
    ):
        yield http


async def test_what_version_1_stored_is_upgraded(http: httpx2.AsyncClient, dynadb_config: DynamoDbConfig) -> None:
    """Kilometers become meters once, however often they are read, and their old name is gone from the table."""
    async with AsyncDynamoDb(dynadb_config, user_data=Old) as old, old.turn("ada") as turn:
        turn.user.data = Old("Ada", 12.5)

    said = [(await http.post("/runs", json=a_run(number))).json()["text"] for number in (1, 1, 2)]

    assert said == ["1 runs, 17.5 km in all.", "1 runs, 17.5 km in all.", "2 runs, 22.5 km in all."]
    stored = (await typed_coach.memory.adapter.export("ada"))["user"]["data"]
    assert stored.keys() == {"name", "runs", "earlier_meters", "_dataVersion"}
    assert (await typed_coach.memory.adapter.load("ada")).user.data.runs == [Run(date(2026, 11, 22), 5000)] * 2


async def test_two_watches_at_once(http: httpx2.AsyncClient) -> None:
    """Each report is there once."""
    await asyncio.gather(*(http.post("/runs", json=a_run(number)) for number in range(5)))

    assert len((await typed_coach.memory.adapter.load("ada")).user.data.runs) == 5


async def test_the_old_half_of_a_deployment(http: httpx2.AsyncClient, dynadb_config: DynamoDbConfig) -> None:
    """Version 1 refuses what version 2 stored, and leaves it; one that was told so beforehand reads what it knows."""
    await http.post("/runs", json=a_run(1))

    async with AsyncDynamoDb(dynadb_config, user_data=UserData(Old)) as old:
        with pytest.raises(MalformedItemError, match="newer"):
            await old.load("ada")
    async with (
        AsyncDynamoDb(dynadb_config, user_data=UserData(Old, newer="keep")) as patient,
        patient.turn("ada") as turn,
    ):
        turn.user.data.name = "Ada"

    known = (await typed_coach.memory.adapter.load("ada")).user.data
    assert (known.name, len(known.runs)) == ("Ada", 1)
