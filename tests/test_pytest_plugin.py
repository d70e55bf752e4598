"""The fixtures as a user's own test run has them."""

import subprocess
import sys

import pytest

import dynadb_async

pytest_plugins = ["pytester"]

# Every warning is an error; pytest-asyncio warns where this is left to its default.
STRICT = ["-W", "error", "-o", "asyncio_default_fixture_loop_scope=function"]

TESTS = """
import pytest
from dynadb_async import AsyncDynamoDb

SEEN = set()

{mark}
@pytest.mark.parametrize("n", [1, 2])
async def test_visits(dynadb, dynadb_config, n):
    async with dynadb.turn("user-1") as turn:
        assert turn.user.is_new
        turn.user.data["n"] = n
    async with AsyncDynamoDb(dynadb_config) as app:
        assert (await app.export("user-1"))["user"]["data"] == {{"n": n}}
    assert dynadb.config is dynadb_config
    SEEN.add((dynadb_config.client.endpoint_url, dynadb_config.table.name))

def test_a_store_for_each():
    import sys
    assert [len(set(names)) for names in zip(*SEEN)] == [2, 2]
    assert not {{"moto", "aioboto3", "botocore"}} & sys.modules.keys()
"""

ON_A_SERVER = """
import attrs, pytest
from dynadb_async import ClientConfig

@pytest.fixture
def dynadb_config(dynadb_config, dynadb_server):
    return attrs.evolve(dynadb_config, client=ClientConfig(**dynadb_server.client))

SEEN = set()

@pytest.mark.parametrize("n", [1, 2])
async def test_visits(dynadb, dynadb_server, n):
    async with dynadb.turn("user-1") as turn:
        assert turn.user.is_new
    SEEN.add(dynadb_server.endpoint_url)
    assert dynadb.config.client.endpoint_url == dynadb_server.endpoint_url

def test_one_server():
    assert len(SEEN) == 1
"""

FIFTY = """
import pytest

async def greet(turn):
    turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
    return f"This is visit {turn.user.data['visits']}."

@pytest.mark.parametrize("n", range(50))
async def test_greeting(dynadb, n):
    for visit in (1, 2, 3):
        assert await dynadb.handle("user-1", greet) == f"This is visit {visit}."
"""

OVERRIDDEN = """
import attrs, pytest
from dynadb_async import StoredElements

@pytest.fixture
def dynadb_config(dynadb_config):
    return attrs.evolve(dynadb_config, stored_elements=StoredElements(history=True))

async def test_history_is_kept(dynadb):
    for said in ("Hello", "Bye"):
        async with dynadb.turn("user-1") as turn:
            turn.output = said
    assert (await dynadb.load("user-1")).history.prev == {"output": "Bye"}
"""


@pytest.mark.parametrize(("mode", "mark"), [("auto", ""), ("strict", "@pytest.mark.asyncio")])
def test_an_open_adapter_on_a_table_of_its_own(pytester: pytest.Pytester, mode: str, mark: str) -> None:
    """In both modes of pytest-asyncio: a store for each test, no server, and no warning of a leak."""
    pytester.makepyfile(TESTS.format(mark=mark))

    run = pytester.runpytest_subprocess(*STRICT, "-o", f"asyncio_mode={mode}")

    run.assert_outcomes(passed=3)


def test_the_real_api_is_a_fixture_away(pytester: pytest.Pytester) -> None:
    """Whoever wants it has one server for the run, and a table for each test."""
    pytester.makepyfile(ON_A_SERVER)

    pytester.runpytest_subprocess(*STRICT, "-o", "asyncio_mode=auto").assert_outcomes(passed=3)


def test_fifty_tests_of_a_handler_take_no_time(pytester: pytest.Pytester) -> None:
    """Measured: 0.6 to 0.9 seconds of CPU for all, pytest itself included; on a busy machine they may take longer."""
    pytester.makepyfile(FIFTY)

    run = pytester.runpytest_subprocess("-o", "asyncio_mode=auto", "-p", "no:cacheprovider")

    run.assert_outcomes(passed=50)
    seconds = float(run.outlines[-1].partition(" in ")[2].partition("s")[0])
    assert seconds < 30


def test_the_settings_can_be_overridden(pytester: pytest.Pytester) -> None:
    """A fixture `dynadb_config` of the user's own builds upon ours."""
    pytester.makepyfile(OVERRIDDEN)

    pytester.runpytest_subprocess("-o", "asyncio_mode=auto").assert_outcomes(passed=1)


def test_a_run_that_uses_no_fixture_imports_nothing(pytester: pytest.Pytester) -> None:
    """Who has this package in the environment pays for two files of it in each run, and for nothing that they need."""
    pytester.makepyfile("""
        import sys

        def test_it():
            ours = {name for name in sys.modules if name.partition(".")[0] == "dynadb_async"}
            assert ours == {"dynadb_async", "dynadb_async.pytest_plugin"}
            assert not {"moto", "attrs", "attr", "orjson", "aiohttp", "botocore", "aioboto3"} & sys.modules.keys()
    """)

    # anyio brings attrs on some releases, hypothesis always: they are other people's plugins.
    others = [option for name in ("anyio", "hypothesispytest", "xdist") for option in ("-p", f"no:{name}")]
    pytester.runpytest_subprocess(*others).assert_outcomes(passed=1)


def test_a_name_that_is_none_is_told() -> None:
    """What is imported late is still known: all names are there, and no others."""
    public = "import dynadb_async; print({*dynadb_async.__all__} <= {*dir(dynadb_async)}, dynadb_async.AsyncDynamoDb)"
    said = subprocess.run([sys.executable, "-c", public], capture_output=True, text=True, check=True).stdout

    assert said == "True <class 'dynadb_async.adapter.AsyncDynamoDb'>\n"
    with pytest.raises(AttributeError, match="AsyncDynamoDB"):
        dynadb_async.AsyncDynamoDB  # type: ignore[attr-defined]  # noqa: B018


def test_without_pytest_asyncio_the_error_names_the_extra(pytester: pytest.Pytester) -> None:
    """Whoever has pytest alone is told what to install, and only if a fixture needs it."""
    pytester.makeconftest("""
        import sys
        sys.modules["pytest_asyncio"] = None
        for name in [name for name in sys.modules if name.startswith("dynadb_async.pytest")]:
            del sys.modules[name]
        import importlib.util
        importlib.util.find_spec = lambda name, found=importlib.util.find_spec: (
            None if name == "pytest_asyncio" else found(name)
        )
        from dynadb_async.pytest_plugin import no_adapter
    """)
    pytester.makepyfile("def test_it(dynadb): pass\n\ndef test_other(): pass")

    run = pytester.runpytest_subprocess("-p", "no:asyncio", "-p", "no:dynadb_async")

    run.assert_outcomes(passed=1, errors=1)
    run.stdout.fnmatch_lines(["*ImportError: the fixture dynadb needs pytest-asyncio: *dynadb-async?testing?*"])
