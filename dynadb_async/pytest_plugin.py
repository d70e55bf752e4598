"""
Fixtures for whoever tests an app that uses this package; pytest finds them by itself. Needs `dynadb-async[testing]`.

    @pytest.mark.asyncio
    async def test_visits_are_counted(dynadb: AsyncDynamoDb) -> None: ...

They need no server: what is stored is in the process. `dynadb_server` is there for who wants the real API.

Each pytest run in an environment with this package imports this file: all else of it is imported by a fixture.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dynadb_async import AsyncDynamoDb, DynamoDbConfig
    from dynadb_async.testing import LocalServer


@pytest.fixture(scope="session")
def dynadb_server() -> Iterator[LocalServer]:
    """A DynamoDB API on this machine: one for the whole run, or for each worker of pytest-xdist."""
    from dynadb_async.testing import local_server  # noqa: PLC0415 - see above

    with local_server() as server:
        yield server


@pytest.fixture
def dynadb_config() -> DynamoDbConfig:
    """
    Give the settings of `dynadb`: a table of the test's own, in a store of the test's own within the process.

    All adapters with these settings share it, in whatever event loop. Override it to store more, or elsewhere.
    """
    from uuid import uuid4  # noqa: PLC0415 - see above

    from dynadb_async import ClientConfig, DynamoDbConfig  # noqa: PLC0415

    name = f"test-{uuid4().hex}"
    return DynamoDbConfig(name, client=ClientConfig(endpoint_url=f"memory:{name}"))


if find_spec("pytest_asyncio") is not None:
    import pytest_asyncio

    @pytest_asyncio.fixture(name="dynadb")
    async def open_adapter(dynadb_config: DynamoDbConfig) -> AsyncIterator[AsyncDynamoDb[dict[str, Any]]]:
        """Give an adapter on the table of `dynadb_config`: open, in the test's own event loop, and closed after it."""
        from dynadb_async import AsyncDynamoDb  # noqa: PLC0415 - see above

        async with AsyncDynamoDb(dynadb_config) as adapter:
            yield adapter

else:

    @pytest.fixture(name="dynadb")
    def no_adapter() -> None:
        """Tell what is missing."""
        raise ImportError("the fixture dynadb needs pytest-asyncio: pip install 'dynadb-async[testing]'")
