"""The `dynadb` command at a terminal: what it asks, what moves, and how Ctrl-C ends it."""

import asyncio
import json
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from attrs import evolve

from tests.engines import Engine
from tests.proxy import Fault, FaultProxy, always
from tests.tables import Table, new_table
from tests.terminal import CTRL_C, CTRL_D, Terminal, at_terminal
from tests.test_cli import environment_of, fill, items_of, plain_environment, said_to

SHOWN, HIDDEN = "\x1b[?25h", "\x1b[?25l"


@pytest.fixture
def table(file: Engine) -> Iterator[Table]:
    """An empty table in a file, which another process has at once."""
    with new_table(file) as table:
        yield table


def dynadb(table: Table, *arguments: str, **more: str) -> AbstractContextManager[Terminal]:
    """The command at a terminal."""
    return at_terminal(*arguments, env=plain_environment(**environment_of(table) | more))


@pytest.mark.parametrize(
    ("typed", "status", "told"),
    [
        ("y\n", 0, "deleted, and nothing is left"),
        ("YES\n", 0, "deleted, and nothing is left"),
        ("n\n", 1, "nothing was deleted"),
        ("\n", 1, "nothing was deleted"),
        ("yesterday\n", 1, "nothing was deleted"),
        (CTRL_D, 1, "nothing was deleted"),
        (CTRL_C, 130, "interrupted; nothing was deleted"),
    ],
    ids=["y", "YES", "n", "Enter", "else", "Ctrl-D", "Ctrl-C"],
)
def test_delete_asks(table: Table, typed: str, status: int, told: str) -> None:
    """Only y and yes delete; all else is No, and Ctrl-C ends it at once."""
    fill(table, 1)
    with dynadb(table, "user", "delete", "user-0") as terminal:
        terminal.until("for good? [y/N] ")
        assert table.item("user-0") is not None
        terminal.type(typed)
        assert status == terminal.end()
    assert told in terminal.text.splitlines()[-1]
    assert (table.item("user-0") is None) == (status == 0)


@pytest.mark.parametrize(
    ("typed", "status", "told"),
    [
        ("NAME\n", 0, "deleted"),
        ("other\n", 2, "that is not the table's name; nothing was deleted"),
        ("y\n", 2, "nothing was deleted"),
        (CTRL_D, 2, "nothing was deleted"),
        (CTRL_C, 130, "interrupted; nothing was deleted"),
    ],
    ids=["the name", "another", "y", "Ctrl-D", "Ctrl-C"],
)
def test_table_delete_asks_for_the_name(table: Table, typed: str, status: int, told: str) -> None:
    """Nothing but the whole name deletes a table."""
    with dynadb(table, "table", "delete") as terminal:
        terminal.until("Type the table's name: ")
        terminal.type(typed.replace("NAME", table.name))
        assert status == terminal.end()
    assert told in terminal.text.splitlines()[-1]
    assert (said_to(table, "table", "describe").status == 0) == (status != 0)


def test_create_waits_with_a_spinner(slow_dynalite: Engine, table_name: str) -> None:
    """Something moves until the table is ACTIVE; then the cursor is there again, and the answer."""
    table = Table(slow_dynalite, table_name, None)
    with dynadb(table, "table", "create") as terminal:
        terminal.until("Waiting for ACTIVE")
        assert 0 == terminal.end()
    assert f"{table_name}: ACTIVE" == terminal.text.splitlines()[-1].strip()
    assert HIDDEN in terminal.seen
    assert terminal.seen.rindex(SHOWN) > terminal.seen.rindex(HIDDEN)


def test_create_ends_by_ctrl_c(slow_dynalite: Engine, table_name: str) -> None:
    """It says that the creation goes on, as it does; the cursor is there again."""
    table = Table(slow_dynalite, table_name, None)
    with dynadb(table, "table", "create") as terminal:
        terminal.until("Waiting for ACTIVE")
        terminal.type(CTRL_C)
        assert 130 == terminal.end()
    assert "interrupted; what DynamoDB began goes on" in terminal.text.splitlines()[-1]
    assert terminal.seen.rindex(SHOWN) > terminal.seen.rindex(HIDDEN)


def test_the_doctor_is_coloured(table: Table) -> None:
    """A mark in green or red before each line; none of it in a pipe."""
    with dynadb(table, "doctor", "--table", "not-there") as terminal:
        assert 1 == terminal.end()
    assert "\x1b[32m✓\x1b[0m versions" in terminal.seen
    assert "\x1b[31m✗\x1b[0m table not-there: missing" in terminal.seen
    with dynadb(table, "doctor", NO_COLOR="1") as terminal:
        assert 0 == terminal.end()
    assert "✓ versions" in terminal.text
    assert "\x1b[32m" not in terminal.seen


def test_a_bar_with_rate_and_time_left(table: Table, tmp_path: Path) -> None:
    """An export and an import show how far they are, how fast, and how long it takes still."""
    fill(table, 40)
    file = tmp_path / "users.jsonl"
    with dynadb(table, "export", str(file)) as terminal:
        terminal.until("exported")
        assert 0 == terminal.end()
    for shown in ("40/40", "/s", "0:00:00", "━"):
        assert shown in terminal.text
    with new_table(table.engine) as other:
        with dynadb(other, "import", str(file)) as terminal:
            assert 0 == terminal.end()
        for shown in ("40/40", "/s", "0:00:00", "━"):
            assert shown in terminal.text
        assert items_of(table) == items_of(other)


def test_ctrl_c_during_an_export(table: Table, tmp_path: Path) -> None:
    """It says what to do, leaves only whole lines that count, which only their owner reads; the same goes on."""
    ids = fill(table, 80)
    file, progress = tmp_path / "users.jsonl", tmp_path / "users.jsonl.progress"
    with dynadb(table, "export", str(file), "--max-capacity", "8", "--segments", "2") as terminal:
        terminal.until("/s")
        terminal.while_so(lambda: not (file.exists() and file.stat().st_size))
        terminal.type(CTRL_C)
        assert 130 == terminal.end()
    assert "interrupted; the same command goes on from here" in terminal.text.splitlines()[-1]
    assert "Traceback" not in terminal.text
    assert [0o600] * 2 == [stat.S_IMODE(one.stat().st_mode) for one in (file, progress)]
    before = file.read_bytes()
    counted = json.loads(progress.read_text())
    assert counted["size"] == len(before) > 0
    assert counted["count"] == before.count(b"\n") < len(ids)
    assert f"{len(ids)} users exported" in said_to(table, "export", str(file)).told
    found = [json.loads(line)["Item"]["userId"]["S"] for line in file.read_text().splitlines()]
    assert sorted(ids) == sorted(found)
    assert file.read_bytes().startswith(before)
    assert not progress.exists()


def test_ctrl_c_during_an_import(table: Table, tmp_path: Path) -> None:
    """Every user is there whole or not at all; the same command goes on where it was."""
    fill(table, 80)
    file, progress = tmp_path / "users.jsonl", tmp_path / "users.jsonl.imported"
    said_to(table, "export", str(file))
    with new_table(table.engine) as other:
        with dynadb(other, "import", str(file), "--max-capacity", "20") as terminal:
            # More than one step of it.
            terminal.while_so(lambda: len(items_of(other)) < 12)
            terminal.type(CTRL_C)
            assert 130 == terminal.end()
        assert "interrupted; the same command goes on from here" in terminal.text.splitlines()[-1]
        assert 0o600 == stat.S_IMODE(progress.stat().st_mode)
        whole, before = items_of(table), items_of(other)
        assert 0 < len(before) < len(whole)
        assert {name: whole[name] for name in before} == before
        resumed = said_to(other, "import", str(file)).told
        number = json.loads(resumed.partition(" were imported before")[0].rpartition(" ")[2])
        assert 0 < number <= len(before)
        assert whole == items_of(other)
        assert not progress.exists()


def test_ctrl_c_while_an_import_waits_for_its_input(table: Table) -> None:
    """Standard input that does not come keeps nobody."""
    with dynadb(table, "import", "-") as terminal:
        terminal.until("imported")
        terminal.type(CTRL_C)
        assert 130 == terminal.end()
    assert "interrupted" in terminal.text
    assert "Traceback" not in terminal.text


LATE = """
import ctypes, functools, io, signal, sys
from dynadb_async.cli import main

# In C: Python looks for a signal before this and after the wait, and the wait begins after the signal.
late = type("Late", (io.FileIO,), {})(0, closefd=False)
late.fileno = functools.partial(ctypes.PyDLL(None)["raise"], signal.SIGINT)
sys.stdin = io.TextIOWrapper(io.BufferedReader(late))
main()
"""


def test_ctrl_c_just_before_an_import_waits(table: Table) -> None:
    """A signal between the last look for one and the wait ends that wait all the same."""
    environment = plain_environment(**environment_of(table))
    command = [sys.executable, "-c", LATE, "import", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stderr=pipe, text=True) as process:
        try:
            assert 130 == process.wait(60)
        finally:
            process.kill()
        assert "interrupted" in str(process.stderr and process.stderr.read())


async def test_ctrl_c_in_the_midst_of_a_deletion(moto: Engine) -> None:
    """Whether all is deleted can't be known then, so it says to delete again."""

    def play() -> str:
        patience = {"DYNADB_CLIENT__READ_TIMEOUT": "50", "DYNADB_CLIENT__OPERATION_TIMEOUT": "50"}
        with dynadb(behind, "user", "delete", "user-0", "--yes", **patience) as terminal:
            terminal.while_so(lambda: not proxy.seen["DeleteItem"])
            terminal.type(CTRL_C)
            assert 130 == terminal.end()
            return terminal.text

    with new_table(moto) as table:
        fill(table, 1)
        async with FaultProxy(moto, always(Fault.HANG, {"DeleteItem"})) as proxy:
            behind = evolve(table, engine=evolve(moto, endpoint_url=proxy.client_settings["endpoint_url"]))
            seen = await asyncio.to_thread(play)
    assert "interrupted; perhaps not all is deleted: delete again" == seen.splitlines()[-1]


def test_ctrl_c_before_an_answer(moto: Engine) -> None:
    """What waits for a server that does not answer ends by Ctrl-C with one line, and at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        table = Table(evolve(moto, endpoint_url=url), "users", None)
        patience = {"DYNADB_CLIENT__READ_TIMEOUT": "50", "DYNADB_CLIENT__OPERATION_TIMEOUT": "50"}
        with dynadb(table, "user", "list", **patience) as terminal:
            silent.accept()[0].close()
            asked, _ = silent.accept()
            with asked:
                terminal.type(CTRL_C)
                assert 130 == terminal.end()
        assert "interrupted" == terminal.text.splitlines()[-1]
