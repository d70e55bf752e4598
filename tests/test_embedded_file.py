"""`file:PATH`: what a person finds in it, and that nothing which was acknowledged is lost."""

import asyncio
import errno
import fcntl
import json
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given

from dynadb_async import (
    AsyncDynamoDb,
    Conversations,
    OutcomeUnknownError,
    RequestError,
    RequestTimeoutError,
    TableError,
    TableNotFoundError,
    TimeToLive,
)
from dynadb_async.connection.embedded import disk, file
from dynadb_async.connection.embedded.content import content_of, tables_in
from dynadb_async.connection.embedded.plain_json import BINARIES, BINARY, NUMBER, NUMBERS, STRINGS
from dynadb_async.connection.embedded.tables import Table, Tables, comparable
from tests.embedded import EmbeddedClient
from tests.test_embedded import adapter, visit, visits
from tests.test_embedded_answers import values

SECRET = "Ada's secret"

FILE_DB = [
    {
        "id": "ada",
        "user": {"data": {"visits": 3, "name": "Ada", "score": 0.1}},
        "session": {"id": "s-1", "data": {}, "createdAt": "2026-03-01T11:00:00.000Z"},
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-03-01T11:00:00.000Z",
    },
    {"id": "bob", "user": {"data": {}}},
]

WORKER = """
import asyncio, sys
from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig

async def count(turn):
    turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1

async def main(url, turns):
    client = ClientConfig(endpoint_url=url, operation_timeout=20)
    async with AsyncDynamoDb(DynamoDbConfig("users", client=client)) as db:
        for number in range(int(turns)):
            await db.handle("user-1", count)
            print(number + 1, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file will be."""
    return tmp_path / "db" / "users.json"


def written(path: Path, content: Any) -> Path:
    """A file as another program wrote it."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content, indent=2).encode())
    return path


# What is in it


async def test_the_references_file_loads_as_it_is(path: Path) -> None:
    """FileDb's list of objects with the key `id`, whatever the table is called here; and ours is such a list."""
    written(path, FILE_DB)
    async with adapter(f"file:{path}", "any-name", key="id") as db:
        assert await visit(db, "ada") == 4

    ada, bob = json.loads(path.read_text())
    assert next(iter(ada)) == "id"
    assert ada["user"]["data"] == {"visits": 4, "name": "Ada", "score": 0.1}
    assert ada["session"] == FILE_DB[0]["session"]
    assert bob == FILE_DB[1]


async def test_the_references_file_holds_users_whatever_is_asked_first(path: Path) -> None:
    """Also where that is a conversation, whose table is another one."""
    written(path, FILE_DB)
    config = adapter(f"file:{path}", key="id").config
    db = AsyncDynamoDb(evolve(config, conversations=Conversations("talks")))
    await db.conversation("ada", "talk").append(["hello"])
    assert await visits(db, "ada") == 3
    await db.close()


async def test_a_file_with_another_key_is_told(path: Path) -> None:
    """The error names both, and the file is left as it is."""
    before = written(path, FILE_DB).read_bytes()
    with pytest.raises(TableError, match=r"has the key id \(S HASH\), but userId"):
        async with adapter(f"file:{path}"):
            pass
    assert path.read_bytes() == before


async def test_a_table_is_not_taken_for_another(path: Path) -> None:
    """Who may create no table finds its own only, after a restart, too; two share a file, each with its items."""
    async with adapter(f"file:{path}", "skill-users") as skill:
        await visit(skill)
    async with adapter(f"file:{path}", "pizza-users") as pizza:
        assert await visit(pizza) == 1
        assert set(json.loads(path.read_text())["tables"]) == {"skill-users", "pizza-users"}
    async with adapter(f"file:{path}", "skill-users") as skill, adapter(f"file:{path}", "pizza-users") as pizza:
        assert [await visit(skill), await visit(pizza), await visit(skill)] == [2, 2, 3]


async def test_the_name_of_a_lists_table_is_kept_beside_it(path: Path) -> None:
    """The list has no place for it; without the note, the list is the table of who asks first."""
    async with adapter(f"file:{path}", "skill-users") as db:
        await visit(db)
    async with adapter(f"file:{path}", "pizza-users") as other:
        assert await visits(other) == 0
    path.unlink()
    path.with_name("users.json.lock").unlink()
    written(path, [{"userId": "user-1", "user": {"data": {"visits": 5}}}])
    async with adapter(f"file:{path}", "pizza-users") as other:
        assert await visit(other) == 6


async def test_another_list_in_its_place(path: Path) -> None:
    """A list with another key is read by it, though the note beside it is about the one that was there."""
    async with adapter(f"file:{path}", "any-name") as db:
        await visit(db)
    written(path, FILE_DB)
    async with adapter(f"file:{path}", "any-name", key="id") as db:
        assert await visit(db, "ada") == 4


async def test_what_json_does_not_know_is_marked(path: Path) -> None:
    """As it is documented; and a user's own map that looks like a mark comes back as it was."""
    data = {
        "picture": b"hi",
        "tags": {"a"},
        "scores": {1, 2.5},
        "prints": {b"hi"},
        "long": 2**53 + 1,
        "mine": {"$binary": "aGk="},
        "nested": {"$$number": [{"$strings": 1}]},
        "plain": {"$other": 1, "$binary": 2},
    }
    async with adapter(f"file:{path}") as db, db.turn("user-1") as turn:
        turn.user.data.update(data)

    assert json.loads(path.read_text())[0]["user"]["data"] == data | {
        "picture": {BINARY: "aGk="},
        "tags": {STRINGS: ["a"]},
        "scores": {NUMBERS: [1, 2.5]},
        "prints": {BINARIES: ["aGk="]},
        "long": {NUMBER: "9007199254740993"},
        "mine": {"$$binary": "aGk="},
        "nested": {"$$$number": [{"$$strings": 1}]},
    }
    async with adapter(f"file:{path}") as db:
        assert (await db.load("user-1")).user.data == data


@given(value=values)
def test_every_value_survives_the_file(value: dict[str, Any]) -> None:
    """Written as text and read again, it is what it was, by DynamoDB's own equality."""
    tables, table = Tables(), Table("users", {"userId": "S"})
    tables.add(table)
    tables.put(table, {"userId": {"S": "ada"}, "user": value})
    text, note = content_of(tables)

    (item,) = (found.item(found.key_of({"userId": {"S": "ada"}})) for found in tables_in(text, note))
    assert item is not None
    assert comparable(item["user"]) == comparable(value)


@pytest.mark.parametrize("numeral", ["12345678901234567890", "0.12345678901234567890123", "1e400"])
async def test_digits_that_a_double_does_not_hold_stay(path: Path, numeral: str) -> None:
    """Also of an item that another program wrote and nobody touches."""
    written(path, f'[{{"userId": "bob", "user": {{"data": {{"n": {numeral}}}}}}}]'.encode())
    async with adapter(f"file:{path}") as db:
        await visit(db)
    assert f'"{numeral}"' in path.read_text()


async def test_a_text_that_is_no_unicode_stays(path: Path) -> None:
    """Another program's, untouched: it is read, and written again as it was."""
    data = '{"half": "\\ud83d", "set": {"$strings": ["\\ud83d"]}}'
    written(path, f'[{{"userId": "user-1", "user": {{"data": {data}}}}}]'.encode())
    async with adapter(f"file:{path}") as db:
        assert await visit(db) == 1
    assert json.loads(data) | {"visits": 1} == json.loads(path.read_text())[0]["user"]["data"]


async def test_an_item_that_is_nested_without_end_is_told(path: Path) -> None:
    """When it is asked for; the others are there."""
    deep = b'{"userId": "user-1", "user": {"data": {"a": %s}}}' % (b"[" * 900 + b"]" * 900)
    written(path, b'[{"userId": "user-2"}, %s]' % deep)
    async with adapter(f"file:{path}") as db:
        assert await visits(db, "user-2") == 0
        with pytest.raises(RequestError, match=r"users\.json is damaged: it is nested too deep"):
            await visit(db)


async def test_what_a_person_changes_meanwhile_is_seen(path: Path) -> None:
    """The file may be edited, or exchanged, while an adapter has it open."""
    async with adapter(f"file:{path}") as db:
        await visit(db)
        text = path.read_text().replace('"visits": 1', '"visits": 10')
        path.write_text(text)
        assert await visit(db) == 11


async def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    """What it leads to is replaced."""
    link = tmp_path / "link.json"
    link.symlink_to(path)
    async with adapter(f"file:{link}") as db:
        await visit(db)
    assert link.is_symlink()
    assert len(json.loads(path.read_text())) == 1


async def test_time_to_live_is_noted(path: Path) -> None:
    """An adapter with another TTL attribute is told, after a restart, too; what has expired simply stays."""
    config = adapter(f"file:{path}").config
    ttl = TimeToLive(timedelta(seconds=1))
    for _ in range(2):
        async with AsyncDynamoDb(evolve(config, table=evolve(config.table, ttl=ttl))) as db:
            await visit(db)
    ttl = TimeToLive(timedelta(seconds=1), attribute="ttl")
    with pytest.raises(TableError, match="expiresAt"):
        async with AsyncDynamoDb(evolve(config, table=evolve(config.table, ttl=ttl))):
            pass


# Nothing is lost


def worker(path: Path, turns: int) -> "subprocess.Popen[str]":
    """A process that counts visits, and says each one that was acknowledged."""
    command = [sys.executable, "-c", WORKER, f"file:{path}", str(turns)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def test_killed_at_any_moment(path: Path) -> None:
    """Each acknowledged turn is there after the restart, and at most one more, that nobody could be told of."""
    dice, before = random.Random(1), 0
    for _ in range(5):
        with worker(path, 10_000) as process:
            assert process.stdout
            said = [process.stdout.readline()]
            await asyncio.sleep(dice.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            said += process.stdout.readlines()
        # The last line may be cut off.
        acknowledged = max(int(line) for line in said if line.endswith("\n"))
        async with adapter(f"file:{path}") as db:
            stored = await visits(db)
        assert before + acknowledged <= stored <= before + acknowledged + 1
        before = stored


async def test_two_processes_lose_nothing(path: Path) -> None:
    """As two workers of a server, or a reload: each turn of both counts once."""
    turns = 30
    processes = [worker(path, turns) for _ in range(2)]
    for process in processes:
        process.communicate()
    async with adapter(f"file:{path}") as db:
        assert await visits(db) == 2 * turns
    assert [process.returncode for process in processes] == [0, 0]


async def test_two_adapters_that_write_in_turns(path: Path) -> None:
    """Each reads again what the other wrote, however quickly one file follows the other."""
    async with adapter(f"file:{path}") as one, adapter(f"file:{path}") as other:
        assert [await visit(db) for _ in range(20) for db in (one, other)] == list(range(1, 41))


async def test_a_lock_that_was_thrown_away_is_made_again(path: Path) -> None:
    """A person who cleans up does no harm."""
    async with adapter(f"file:{path}") as db:
        await visit(db)
        path.with_name("users.json.lock").unlink()
        assert await visit(db) == 2


async def test_a_lock_that_is_thrown_away_in_the_midst_of_a_save(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may have a new one then, and save: what it saved is not replaced by what was read before."""
    flush = os.fsync

    def meanwhile(handle: int) -> None:
        monkeypatch.setattr(os, "fsync", flush)
        path.with_name("users.json.lock").unlink()
        other = EmbeddedClient.at(f"file:{path}")
        other.put_item(TableName="users", Item={"userId": {"S": "user-2"}})
        other.close()
        flush(handle)

    async with adapter(f"file:{path}") as db:
        await visit(db)
        monkeypatch.setattr(os, "fsync", meanwhile)
        assert await visit(db) == 2
    assert ["user-1", "user-2"] == [item["userId"] for item in json.loads(path.read_text())]


# What can go wrong

DAMAGED = [
    b"",
    b"{",
    b'[{"userId": "a", "user": "%s"' % SECRET.encode(),
    b"[1]",
    b'"text"',
    b'{"users": []}',
    b'{"tables": []}',
    b'{"tables": {"users": {"items": []}}}',
    b'{"tables": {"users": {"key": {"userId": "X"}, "items": []}}}',
    b'{"tables": {"users": {"key": {"userId": "S"}, "items": [{}]}}}',
    b'{"tables": {"users": {"key": {"userId": "S"}, "timeToLive": 5, "items": []}}}',
    b'{"tables": {"users": {"key": {"userId": "S"}, "items": [{"userId": 1}]}}}',
    b'[{"userId": 5}]',
    b'[{"userId": "%s"}, {"userId": "%s"}]' % (SECRET.encode(), SECRET.encode()),
    b'[{"userId": "a"}, {}]',
    b'[{"userId": "a", "n": NaN}]',
    b"[" * 100_000,
    b'[{"userId": "\xff"}]',
]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
async def test_a_damaged_file_is_left_alone(path: Path, content: bytes) -> None:
    """One clear error, which names the file and nothing that is in it; no byte is changed."""
    written(path, content)
    with pytest.raises(RequestError, match=r"file .*users\.json is damaged: .*; repair it or move it away") as caught:
        async with adapter(f"file:{path}"):
            pass
    assert caught.value.code == "FileUnusable"
    assert SECRET not in str(caught.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "note", [b"{", b"[1]", b'{"table": 5}', b'{"key": ["userId"]}', b'{"timeToLive": {}}', b"\xff"]
)
async def test_a_damaged_note_is_none(path: Path, note: bytes) -> None:
    """What is beside the file is no reason not to read it."""
    written(path, [{"userId": "user-1", "user": {"data": {"visits": 3}}}])
    path.with_name("users.json.lock").write_bytes(note)
    async with adapter(f"file:{path}") as db:
        assert await visit(db) == 4


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
async def test_what_has_no_end_is_not_read(path: Path, kind: str) -> None:
    """It is told at once, though reading it would take for ever."""
    path.parent.mkdir()
    os.mkfifo(path) if kind == "a pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(RequestError, match="a pipe or a device"):
        async with adapter(f"file:{path}"):
            pass


async def test_a_url_of_this_machines_own(path: Path) -> None:
    """`file:///path` and `file://localhost/path` are the file at /path, as elsewhere."""
    for number, url in enumerate((f"file:{path}", f"file://{path}", f"file://localhost{path}"), 1):
        async with adapter(url) as db:
            assert await visit(db) == number


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user who is not allowed everything, where the tests run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_read_only_folder_is_told() -> None:
    """One clear error, and the file stays as it is."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "users.json", FILE_DB)
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        with (
            as_nobody(),
            pytest.raises(RequestError, match=r"users\.json can't be locked: Permission denied") as caught,
        ):
            async with adapter(f"file:{path}", key="id"):
                pass
        assert not isinstance(caught.value, OutcomeUnknownError)
        assert json.loads(path.read_text()) == FILE_DB
        Path(folder).chmod(0o755)


@pytest.mark.parametrize("where", ["a folder", "a file for a folder"])
async def test_a_path_that_can_be_no_file_is_told(tmp_path: Path, where: str) -> None:
    """With the system's own words."""
    (tmp_path / "users.json").mkdir() if where == "a folder" else (tmp_path / "users.json").touch()
    path = tmp_path / "users.json" if where == "a folder" else tmp_path / "users.json" / "db.json"
    with pytest.raises(RequestError, match=r"Is a directory|Not a directory|File exists"):
        async with adapter(f"file:{path}"):
            pass


async def test_a_full_disk_is_told(path: Path) -> None:
    """Nothing was written, nothing is left beside the file, and when there is room again it goes on."""
    async with adapter(f"file:{path}") as db:
        await visit(db)
        before = path.read_bytes()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150, limits[1]))
        try:
            with pytest.raises(RequestError, match=r"users\.json can't be written: File too large") as caught:
                await visit(db)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert not isinstance(caught.value, OutcomeUnknownError)
        assert path.read_bytes() == before
        assert sorted(found.name for found in path.parent.iterdir()) == ["users.json", "users.json.lock"]
        assert await visit(db) == 2


async def test_a_folder_that_can_not_be_flushed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems flush no folders: then nothing is said of it."""
    flush = os.fsync

    def of_files(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(handle)

    monkeypatch.setattr(os, "fsync", of_files)
    async with adapter(f"file:{path}") as db:
        assert [await visit(db), await visit(db)] == [1, 2]


async def test_a_folder_that_is_not_flushed_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is there, and perhaps not after a power cut: the outcome is unknown."""
    async with adapter(f"file:{path}") as db:
        await visit(db)

        def broken(_path: str) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(disk, "flush_folder", broken)
            with pytest.raises(OutcomeUnknownError):
                await visit(db)
        assert await visit(db) == 3


async def test_a_lock_that_another_process_keeps(path: Path) -> None:
    """The operation ends in its time, with the reason, and the event loop goes on meanwhile."""
    async with adapter(f"file:{path}", operation_timeout=0.4) as db:
        await visit(db)
        ticks = 0
        with path.with_name("users.json.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            turn = asyncio.create_task(visit(db))
            while not turn.done():
                await asyncio.sleep(0.01)
                ticks += 1
            with pytest.raises(RequestTimeoutError, match=r"users\.json was locked by another process"):
                await turn
        assert 5 < ticks < 500
        assert await visit(db) == 2


async def test_a_slow_disk_costs_no_more_than_the_operations_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outcome is unknown then; the turn that waits for it lets others go on."""
    async with adapter(f"file:{path}", operation_timeout=0.3) as db:
        await visit(db)
        flush = os.fsync

        def slow(handle: int) -> None:
            time.sleep(1)
            flush(handle)

        began, ticks = time.monotonic(), 0
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", slow)
            turn = asyncio.create_task(visit(db))
            while not turn.done():
                await asyncio.sleep(0.01)
                ticks += 1
            with pytest.raises(OutcomeUnknownError):
                await turn
            assert time.monotonic() - began < 0.95
            assert ticks > 5
    async with adapter(f"file:{path}") as db:
        assert await visits(db) == 2


async def test_a_large_file_is_told_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, which says what to use instead; the saves go on."""
    monkeypatch.setattr(file, "LARGE", 1024)
    async with adapter(f"file:{path}") as db:
        for number in range(20):
            await visit(db, f"user-{number}")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "DynamoDB" in record.getMessage()
    assert len(json.loads(path.read_text())) == 20


async def test_a_missing_table_that_may_not_be_created(path: Path) -> None:
    """There is no file then, and none is made."""
    config = adapter(f"file:{path}").config
    async with AsyncDynamoDb(evolve(config, table=evolve(config.table, create_table_on_init=False))) as db:
        with pytest.raises(TableNotFoundError):
            await visit(db)
    assert not path.exists()
