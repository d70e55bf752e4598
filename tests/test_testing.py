import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import aioboto3
import pytest

from dynadb_async import AsyncDynamoDb, DynamoDbConfig, Turn, testing
from dynadb_async.testing import local_server

OWNER_THAT_DIES = """
import os, sys
from dynadb_async.testing import local_server
with local_server() as server:
    print(server.endpoint_url, flush=True)
    os._exit(1)
"""

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(30)
"""


STRICT_CLIENT = """
import asyncio
from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig
from dynadb_async.testing import local_server

async def main(server):
    async with AsyncDynamoDb(DynamoDbConfig("users", client=ClientConfig(**server.client, fast_path=False))) as db:
        async with db.turn("user-1") as turn:
            turn.user.data["visits"] = 1
        print((await db.load("user-1")).user.data["visits"])

with local_server() as server:
    asyncio.run(main(server))
"""


def address(endpoint_url: str) -> tuple[str, int]:
    """Host and port."""
    host, _, port = endpoint_url.removeprefix("http://").partition(":")
    return host, int(port)


def tables(endpoint_url: str) -> list[str]:
    """ListTables without an SDK."""
    headers = {
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request",
    }
    request = urllib.request.Request(endpoint_url, data=b"{}", headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        names: list[str] = json.load(answer)["TableNames"]
        return names


def answers(endpoint_url: str) -> bool:
    """Whether a server is there; one that ends while it is asked is not."""
    try:
        tables(endpoint_url)
    except OSError:
        return False
    return True


def test_it_answers_in_the_block_and_is_gone_after_it() -> None:
    """A server is there, empty, as long as its block runs, and no longer."""
    with local_server() as server:
        assert tables(server.endpoint_url) == []

    assert not answers(server.endpoint_url)


async def test_its_settings_are_all_that_a_client_needs() -> None:
    """`client` alone reaches the server."""
    with local_server() as server:
        async with aioboto3.Session().client("dynamodb", **server.client) as client:
            assert (await client.list_tables())["TableNames"] == []


async def test_fifty_users_at_once_are_all_answered() -> None:
    """With the settings that it gives, who come first on a busy machine wait for one another, and none in vain."""

    async def visit(turn: Turn) -> int:
        visits: int = turn.user.data.get("visits", 0) + 1
        turn.user.data["visits"] = visits
        return visits

    with local_server() as server:
        async with AsyncDynamoDb(DynamoDbConfig("users", client=server.client_config)) as db:
            assert await asyncio.gather(*(db.handle(f"user-{n}", visit) for n in range(50))) == [1] * 50


async def test_two_servers_have_their_own_ports_and_tables() -> None:
    """What one server stores, another one does not have."""
    with local_server() as one, local_server() as other:
        async with aioboto3.Session().client("dynamodb", **one.client) as client:
            await client.create_table(
                TableName="users",
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
            )

        assert one.endpoint_url != other.endpoint_url
        assert tables(one.endpoint_url) == ["users"]
        assert tables(other.endpoint_url) == []


def test_it_listens_on_loopback_only() -> None:
    """Nobody on the network reaches it: it answers at 127.0.0.1, and not at another address of this machine."""
    with local_server() as server:
        assert answers(server.endpoint_url)
        assert not answers(server.endpoint_url.replace("127.0.0.1", "127.0.0.2"))


@pytest.mark.parametrize("target", ["ListTables", "NoSuchOperation"])
def test_it_sends_each_header_once(target: str) -> None:
    """Strict clients refuse an answer with two `Server` headers, be it good or bad news."""
    with local_server() as server, socket.create_connection(address(server.endpoint_url), timeout=5) as client:
        client.sendall(
            f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nX-Amz-Target: DynamoDB_20120810.{target}\r\n"
            "Content-Type: application/x-amz-json-1.0\r\nAuthorization: AWS4-HMAC-SHA256 "
            "Credential=local/20260101/us-east-1/dynamodb/aws4_request\r\n\r\n{}".encode()
        )
        head = b"".join(iter(lambda: client.recv(65536), b"")).partition(b"\r\n\r\n")[0].decode().lower()

    names = [line.partition(":")[0] for line in head.split("\r\n")[1:]]
    assert sorted(set(names)) == sorted(names)
    assert {"server", "content-type"} <= set(names)


def test_a_strict_client_reads_it() -> None:
    """aioboto3 and the adapter's SDK way work under `python -X dev`, where aiohttp forgives nothing."""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-c", STRICT_CLIENT], capture_output=True, text=True, check=False
    )

    assert (ended.stdout, ended.returncode) == ("1\n", 0), ended.stderr


def test_it_stops_when_the_block_fails() -> None:
    """An exception passes through unchanged and leaves no server behind."""
    block = local_server()
    server = block.__enter__()
    failure = KeyError("the block's own")

    assert not block.__exit__(KeyError, failure, None)

    assert not answers(server.endpoint_url)


def test_it_stops_when_its_owner_dies() -> None:
    """A process that ends without leaving the block leaves no server behind."""
    command = [sys.executable, "-c", OWNER_THAT_DIES]
    # The server has its owner's stderr: a pipe there would be waited for until the server ends.
    owner = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    endpoint_url = owner.stdout.strip()

    deadline = time.monotonic() + 5
    while answers(endpoint_url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not answers(endpoint_url)


def test_a_server_that_does_not_obey_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The block ends soon, whatever the server does."""
    monkeypatch.setattr(testing, "STOP_TIMEOUT", 0.1)
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as stubborn:
        assert stubborn.stdout
        assert stubborn.stdout.readline() == "ready\n"

        testing._stop(stubborn)

    assert stubborn.returncode == -signal.SIGKILL


def test_a_server_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing is given up, not waited for."""
    monkeypatch.setattr(testing, "START_TIMEOUT", 0.0)

    with pytest.raises(RuntimeError, match="did not start"), local_server():
        pass


@pytest.mark.parametrize("missing", ["moto", "flask"])
def test_without_moto_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Whoever lacks moto, or has it without its server, is told what to install."""
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(ImportError, match=r"dynadb-async\[testing\]"), local_server():
        pass
