"""What every test can ask for: an engine, a table name, a plain client; and a machine without AWS settings."""

import asyncio
import os
import warnings
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any
from uuid import uuid4

import botocore.session
import pytest
from hypothesis import HealthCheck, settings

from tests import engines
from tests.engines import Engine
from tests.shared import LentEngines, OwnEngines
from tests.sizes import IS_LARGE
from tests.slow_server import slow_server
from tests.tables import Table, new_table

# In CI a red run must mean that the change broke it; at a desk every run looks somewhere new.
# How long Hypothesis takes depends on who else is busy here.
UNHURRIED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", derandomize=True, **UNHURRIED)
settings.register_profile("desk", **UNHURRIED)
settings.load_profile("ci" if "CI" in os.environ else "desk")

# Each of the SDK's sessions reads its descriptions of services anew, which takes 0.1 s: here they share them.
botocore.session.create_loader = cache(botocore.session.create_loader)

# DYNADB_TEST_LOOP=uvloop runs all that this process does on it; the tests' own servers, too.
IS_UVLOOP = os.environ.get("DYNADB_TEST_LOOP") == "uvloop"

ENGINES: pytest.StashKey[OwnEngines | LentEngines] = pytest.StashKey()
LENT: pytest.StashKey[dict[str, Any]] = pytest.StashKey()


def _concerns_the_sdk(name: str) -> bool:
    return name.startswith(("AWS_", "BOTO")) or name == "REQUESTS_CA_BUNDLE" or name.lower().endswith("_proxy")


@pytest.fixture(scope="session", autouse=True)
def _machine_without_aws() -> Iterator[None]:
    """No key, region, profile, proxy or CA bundle of this machine reaches a test, and none is looked for."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if _concerns_the_sdk(name)]:
            patch.delenv(name)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Where this process gets its engines from: a worker of a parallel run borrows them."""
    lent = getattr(config, "workerinput", {}).get("engines")
    config.stash[ENGINES] = LentEngines(**lent) if lent else OwnEngines()
    if IS_UVLOOP:
        _take_uvloop()


def _take_uvloop() -> None:
    """Each event loop that is made from now on is uvloop's, in whichever way it is made."""
    import uvloop  # noqa: PLC0415 - only where it was asked for

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # policies go in Python 3.16
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def pytest_report_header() -> str:
    """What a run was made with."""
    loop = "uvloop" if IS_UVLOOP else "asyncio"
    return f"event loop: {loop}, size: {'large' if IS_LARGE else 'small'}, engines: {engines.WANTED or 'as found'}"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the engines are."""
    if LENT not in node.config.stash:
        node.config.stash[LENT] = node.config.stash[ENGINES].lend()
    node.workerinput["engines"] = node.config.stash[LENT]


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what this process started."""
    config.stash[ENGINES].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The workers of a parallel run compare the names of their tests, so none may hold an address in memory."""
    for item in items:
        if " at 0x" in item.name:
            raise pytest.UsageError(f"{item.nodeid} has another name in each process: give its parameters ids")
        for mark in item.iter_markers("asyncio_only") if IS_UVLOOP else ():
            item.add_marker(pytest.mark.skip(reason=f"not on uvloop: {mark.args[0]}"))


def _running(request: pytest.FixtureRequest, name: str) -> Engine:
    """The engine, or a skip that says why there is none; an error where DYNADB_TEST_ENGINES=all."""
    try:
        return request.config.stash[ENGINES].engine(name)
    except engines.EngineMissingError as missing:
        if engines.WANTED == "all":
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def moto(request: pytest.FixtureRequest) -> Engine:
    """A moto server."""
    return _running(request, "moto")


@pytest.fixture(scope="session")
def dynamodb_local(request: pytest.FixtureRequest) -> Engine:
    """DynamoDB Local."""
    return _running(request, "dynamodb-local")


@pytest.fixture(scope="session")
def dynalite(request: pytest.FixtureRequest) -> Engine:
    """A dynalite whose tables are there at once."""
    return _running(request, "dynalite")


@pytest.fixture(scope="session")
def slow_dynalite(request: pytest.FixtureRequest) -> Engine:
    """A dynalite whose tables are CREATING and DELETING for one second."""
    return _running(request, "slow-dynalite")


@pytest.fixture(scope="module")
def slow() -> Iterator[Engine]:
    """A server that takes 50 ms for each request, so that others come meanwhile."""
    with slow_server() as engine:
        yield engine


@pytest.fixture(scope="session")
def memory() -> Engine:
    """A store of this process."""
    return Engine("memory", f"memory:{uuid4().hex}")


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A store in a file."""
    return Engine("file", f"file:{tmp_path_factory.mktemp('engine')}/db.json")


@pytest.fixture(scope="session", params=["moto", "dynamodb-local", "dynalite", "memory", "file"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    running: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    return running


@pytest.fixture(scope="module")
def table(moto: Engine) -> Iterator[Table]:
    """One table; each test has a user of its own."""
    with new_table(moto) as table:
        yield table


@pytest.fixture
def user_id() -> str:
    """A user who has never been here."""
    return f"user-{uuid4().hex}"


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
