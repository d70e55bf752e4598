"""A DynamoDB that is sick because a test wants it so: what an app meets, without a server and without waiting."""

import time
from collections.abc import AsyncIterator

import pytest
from attrs import evolve

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    DynamoDbConfig,
    OutcomeUnknownError,
    RequestError,
    RequestTimeoutError,
    ThrottledError,
    Turn,
    UsageError,
)
from dynadb_async.testing import Fault, sick

SAVES = {"UpdateItem"}


@pytest.fixture
async def db(dynadb_config: DynamoDbConfig) -> AsyncIterator[AsyncDynamoDb]:
    """An adapter that is open before anything is sick, and gives up soon."""
    client = evolve(dynadb_config.client, operation_timeout=0.3)
    async with AsyncDynamoDb(evolve(dynadb_config, client=client)) as db:
        yield db


async def visit(turn: Turn) -> int:
    """Count."""
    visits: int = turn.user.data.get("visits", 0) + 1
    turn.user.data["visits"] = visits
    return visits


@pytest.mark.parametrize(
    ("fault", "operations", "error"),
    [
        (Fault.THROTTLED, None, ThrottledError),
        (Fault.THROTTLED, SAVES, ThrottledError),
        (Fault.BROKEN, None, RequestError),
        (Fault.BROKEN, SAVES, OutcomeUnknownError),
        (Fault.HANGING, None, RequestTimeoutError),
        (Fault.HANGING, SAVES, OutcomeUnknownError),
        (Fault.ANSWER_LOST, SAVES, OutcomeUnknownError),
    ],
)
async def test_what_an_app_meets(
    db: AsyncDynamoDb, fault: Fault, operations: set[str] | None, error: type[Exception]
) -> None:
    """The error of the real thing, within the time; and after the block all is well."""
    began = time.monotonic()
    with sick(db.config, fault, operations=operations) as faults, pytest.raises(error):
        await db.handle("user-1", visit, turn_id="t-1")

    assert faults.met > 0
    assert time.monotonic() - began < 10
    assert await db.handle("user-1", visit, turn_id="t-1") == 1


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.BROKEN, Fault.ANSWER_LOST])
async def test_a_passing_fault_is_not_noticed(db: AsyncDynamoDb, fault: Fault) -> None:
    """What befalls one request is repeated, and applied once."""
    with sick(db.config, fault, operations=SAVES, times=1) as faults:
        assert [await db.handle("user-1", visit) for _ in range(2)] == [1, 2]

    assert faults.met == 1


async def test_it_is_over_when_the_block_fails(db: AsyncDynamoDb) -> None:
    """A test that fails within it leaves no sick store to the next."""
    with pytest.raises(KeyError), sick(db.config, Fault.THROTTLED):
        raise KeyError

    assert await db.handle("user-1", visit) == 1


@pytest.mark.parametrize("url", ["memory:", "file:users.json", "http://127.0.0.1:8000", None])
def test_another_place_has_no_faults(url: str | None) -> None:
    """Only a store in the process that can be named can be sick; what to give instead is said."""
    config = DynamoDbConfig("users", client=ClientConfig(endpoint_url=url))

    with pytest.raises(UsageError, match="memory:NAME"), sick(config, Fault.THROTTLED):
        pass
