"""For tests and demos: a DynamoDB API on this machine, which needs `dynadb-async[testing]`, and a sick one."""

import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Timer
from typing import Any

from attrs import frozen

from dynadb_async import ClientConfig, DynamoDbConfig, moto_server
from dynadb_async.connection.embedded.faults import Fault, Faults, faults_of

__all__ = ["Fault", "Faults", "LocalServer", "local_server", "sick"]

START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0


@frozen
class LocalServer:
    """
    A moto server that runs until its `with` block ends, empty at first.

    Attributes:
        endpoint_url: Its address, on loopback.
    """

    endpoint_url: str

    @property
    def client(self) -> dict[str, Any]:
        """The settings that reach it: `ClientConfig(**server.client)`."""
        return {
            "region_name": "us-east-1",
            "endpoint_url": self.endpoint_url,
            "aws_access_key_id": "local",
            "aws_secret_access_key": "local",
        }

    @property
    def client_config(self) -> ClientConfig:
        """
        The same as our settings, with more patience than DynamoDB itself needs.

        moto answers one request at a time, each in some milliseconds of a core. Fifty users at once wait for one
        another longer than the default `read_timeout` of 0.5 s on a busy machine; each attempt that is given up then is
        one more for the server to answer, until no retry is allowed any more and everybody is refused.
        """
        return ClientConfig(**self.client, read_timeout=10, operation_timeout=30)


@contextmanager
def sick(
    config: DynamoDbConfig, fault: Fault, *, operations: Collection[str] | None = None, times: int | None = None
) -> Iterator[Faults]:
    """
    Let *fault* befall the requests to the store in the process that *config* names, until the block ends.

        with sick(dynadb_config, Fault.THROTTLED):
            assert client.post("/chat", json=message).status_code == 503

    Args:
        config: With `memory:NAME` as its `client.endpoint_url`, as the fixture `dynadb_config` is.
        fault: One of `THROTTLED`, `BROKEN` (status 500), `HANGING` (until the time is up), `ANSWER_LOST` (it was done).
        operations: Only these, such as `{"GetItem"}` for loads and `{"UpdateItem"}` for saves; all of them if None.
        times: Only so many requests; a retry is another one. No end if None.

    The block gets what knows how many it befell: `met`.

    Raises:
        UsageError:
            The settings name something else.
    """
    with faults_of(config.client.endpoint_url, Faults(fault, operations, times)) as faults:
        yield faults


@contextmanager
def local_server() -> Iterator[LocalServer]:
    """
    Run a moto server on a free port of 127.0.0.1.

    It is a process of its own: it keeps its own tables, and a busy event loop and the server don't share
    an interpreter. It ends with the block, and also when this process dies. Starting takes about half a
    second and blocks: in a running loop, start it in a fixture, or enter it by `asyncio.to_thread`.

    Raises:
        ImportError:
            moto or its server is not installed.
        RuntimeError:
            The server did not start; its own words are on stderr.
    """
    _require_moto()
    # -P keeps this file's folder off the path: its queue.py and aiohttp.py would hide the real ones.
    command = [sys.executable, "-P", moto_server.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - a constant command
        try:
            yield LocalServer(f"http://127.0.0.1:{_announced_port(process)}")
        finally:
            _stop(process)


def _require_moto() -> None:
    if any(find_spec(name) is None for name in ("moto", "flask", "flask_cors")):
        raise ImportError("local_server() needs moto's server: pip install 'dynadb-async[testing]'", name="moto")


def _announced_port(process: subprocess.Popen[str]) -> int:
    watchdog = Timer(START_TIMEOUT, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        watchdog.cancel()
    if not line:
        raise RuntimeError("the local DynamoDB server did not start; see what it wrote on stderr")
    return int(line)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
