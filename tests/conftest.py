"""What every test can ask for: an engine, a table name, a plain client; and a machine without AWS settings."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings

from tests import engines
from tests.engines import Engine

# In CI a red run must mean that the change broke it; at a desk every run looks somewhere new.
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("desk", deadline=None)
settings.load_profile("ci" if "CI" in os.environ else "desk")


@pytest.fixture(scope="session", autouse=True)
def _machine_without_aws() -> Iterator[None]:
    """No key, region, profile or proxy of this machine reaches a test, and none is looked for."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


def _running(engine: AbstractContextManager[Engine]) -> Iterator[Engine]:
    """The engine, or a skip that says why there is none; an error where DYNADB_TEST_ENGINES=all."""
    try:
        with engine as running:
            yield running
    except engines.EngineMissingError as missing:
        if engines.WANTED == "all":
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def moto() -> Iterator[Engine]:
    """A moto server."""
    yield from _running(engines.moto())


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[Engine]:
    """DynamoDB Local."""
    yield from _running(engines.dynamodb_local())


@pytest.fixture(scope="session")
def dynalite() -> Iterator[Engine]:
    """A dynalite whose tables are there at once."""
    yield from _running(engines.dynalite())


@pytest.fixture(scope="session")
def slow_dynalite() -> Iterator[Engine]:
    """A dynalite whose tables are CREATING and DELETING for one second."""
    yield from _running(engines.dynalite(create_ms=1000, delete_ms=1000))


@pytest.fixture(scope="session", params=["moto", "dynamodb-local", "dynalite"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    running: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    return running


@pytest.fixture
def table_name() -> str:
    """A table of one's own."""
    return f"test-{uuid4().hex}"


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[Any]:
    """A plain aioboto3 client on the engine, to see what is really stored."""
    async with engine.client() as client:
        yield client


@pytest.fixture(params=[True, False], ids=["wire", "sdk"])
def client_options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each of our ways to DynamoDB in turn, as settings of `ClientConfig`."""
    return {"fast_path": request.param}
