"""The `dynadb` command: what it says, how it ends, and that nothing is lost on the way."""

import asyncio
import faulthandler
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from typer.testing import CliRunner

from dynadb_async import AsyncDynamoDb, DynamoDbConfig
from dynadb_async.cli import with_settings_first
from dynadb_async.cli.commands import app
from tests.cli_page import PAGE, lasting, page
from tests.engines import Engine
from tests.sizes import of_size
from tests.tables import Table, new_table

COMMANDS = [
    ["user", "list"],
    ["user", "show"],
    ["user", "export"],
    ["user", "delete"],
    ["table", "create"],
    ["table", "describe"],
    ["table", "delete"],
    ["policy"],
    ["doctor"],
    ["export"],
    ["import"],
    ["inspect"],
]
ONE_KB = "x" * 1000


@frozen
class Said:
    """
    What a command answered.

    Attributes:
        status: Its exit status.
        out: Standard output.
        told: Standard error.
    """

    status: int
    out: str
    told: str


Dynadb = Callable[..., Said]


def environment_of(table: Table) -> dict[str, str]:
    """The variables by which a command reaches *table*."""
    client = table.engine.client_settings
    named = {f"DYNADB_CLIENT__{name.upper()}": str(value) for name, value in client.items()}
    return named | {"DYNADB_TABLE__NAME": table.name}


@pytest.fixture(params=["moto", "dynamodb-local", "file"])
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """An empty table."""
    with new_table(request.getfixturevalue(request.param.replace("-", "_"))) as table:
        yield table


def said_to(table: Table, *arguments: str, asked: str | None = None, **more: str) -> Said:
    """What the command says to *arguments*."""
    result = CliRunner().invoke(
        app, with_settings_first(list(arguments)), env=environment_of(table) | more, input=asked
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def dynadb(table: Table) -> Dynadb:
    """The command, on the table."""
    return lambda *arguments, **more: said_to(table, *arguments, **more)


def fill(table: Table, count: int) -> list[str]:
    """Users as another program stored them."""
    ids = [f"user-{number}" for number in range(count)]
    for user_id in ids:
        table.put(user_id, user={"M": {"data": {"M": {"name": {"S": "Ada"}, "score": {"N": "1.50"}}}}})
    return ids


def items_of(table: Table) -> dict[str, dict[str, Any]]:
    """All items, but for what an import renews."""
    items: dict[str, dict[str, Any]] = {}
    start: dict[str, Any] = {}
    while True:
        answer = table.raw.scan(TableName=table.name, **start)
        items |= {item["userId"]["S"]: item for item in answer["Items"]}
        if "LastEvaluatedKey" not in answer:
            return {name: {k: v for k, v in item.items() if k != "recentTurns"} for name, item in items.items()}
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def test_users_are_listed(table: Table, dynadb: Dynadb) -> None:
    """One id a line, without colours; as JSON with a token to go on by."""
    ids = fill(table, 12)
    assert sorted(ids) == sorted(dynadb("user", "list").out.split())
    first = json.loads(dynadb("user", "list", "--json", "--limit", "5").out)
    rest = json.loads(dynadb("user", "list", "--json", "--token", first["token"]).out)
    assert 5 == first["count"]
    assert sorted(ids) == sorted(user["userId"] for user in first["users"] + rest["users"])


def test_a_user_is_shown_and_exported(table: Table, dynadb: Dynadb, tmp_path: Path) -> None:
    """Times, session, history, sizes; for programs as JSON; into a file that only its owner reads."""
    history = {"M": {"items": {"L": [{"M": {"input": {"M": {"text": {"S": "hello"}}}, "output": {"S": "Hi"}}}]}}}
    session = {"M": {"id": {"S": "s-1"}, "updatedAt": {"S": "2026-01-01T00:00:00.000Z"}}}
    user = {"M": {"data": {"M": {"name": {"S": "A\x1b[31mda"}}}}}
    table.put("ada", user=user, session=session, history=history, createdAt={"S": "2026-01-01T00:00:00.000Z"})
    shown = dynadb("user", "show", "ada").out
    for text in ("expired since 2026-01-01", "← hello", "→ Hi", "2026-01-01T00:00:00.000Z", "history", " B  █"):
        assert text in shown
    assert "\x1b" not in shown
    as_json = json.loads(dynadb("user", "show", "ada", "--json").out)
    assert {"updatedAt", "id"} <= as_json["stored"]["session"].keys()
    assert {"userId", "user", "session", "history", "createdAt"} == as_json["sizes"].keys()
    alive = {"M": {"id": {"S": "s-2"}, "updatedAt": {"S": datetime.now(UTC).isoformat()}}}
    table.put("bob", user=user, session=alive)
    assert "session   alive until" in dynadb("user", "show", "bob").out
    file = tmp_path / "ada.json"
    assert 0 == dynadb("user", "export", "ada", str(file)).status
    assert "A\x1b[31mda" == json.loads(file.read_text())["user"]["data"]["name"]
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


def test_a_user_is_deleted(table: Table, dynadb: Dynadb) -> None:
    """It asks, where somebody is there; it says whether anything is left."""
    fill(table, 2)
    refused = dynadb("user", "delete", "user-1")
    assert (2, "error: nobody is there to ask; say --yes\n") == (refused.status, refused.told)
    assert table.item("user-1") is not None
    assert "deleted, and nothing is left\n" == dynadb("user", "delete", "user-1", "--yes").out
    assert table.item("user-1") is None
    assert {"deleted": True, "left": 0} == json.loads(dynadb("user", "delete", "user-0", "--yes", "--json").out)
    again = dynadb("user", "delete", "user-1", "--yes")
    assert (1, "error: nothing is stored about this user\n") == (again.status, again.told)


def test_tables_are_created_described_and_deleted(table: Table, dynadb: Dynadb) -> None:
    """`create` waits, `describe` tells, `delete` wants the name."""
    name = f"{table.name}-new"
    assert f"{name}: ACTIVE\n" == dynadb("table", "create", "--table", name).out
    assert "ACTIVE" in dynadb("table", "describe", "--table", name).out
    assert "ACTIVE" == json.loads(dynadb("table", "describe", "--table", name, "--json").out)[name]["TableStatus"]
    assert 2 == dynadb("table", "delete", "--table", name, "--confirm", "other").status
    assert 2 == dynadb("table", "delete", "--table", name).status
    assert "deleted\n" == dynadb("table", "delete", "--table", name, "--confirm", name).out
    gone = dynadb("table", "describe", "--table", name)
    assert 1 == gone.status
    assert 1 == gone.told.count("\n")
    assert "does not exist" in gone.told


def test_the_doctor(table: Table, dynadb: Dynadb) -> None:
    """All is well on a table that is there; a missing one is told, with what to do."""
    well = dynadb("doctor")
    assert (0, "") == (well.status, well.told)
    assert "✗" not in well.out
    checks = {check["name"]: check for check in json.loads(dynadb("doctor", "--json").out)}
    assert {f"table {table.name}", f"GetItem on {table.name}", "round trip", "versions"} <= checks.keys()
    if not table.engine.is_embedded:
        assert {"region", "credentials", "endpoint", "certificate", "clock", "way"} <= checks.keys()
    ill = dynadb("doctor", "--table", "not-there")
    assert 1 == ill.status
    assert "✗ table not-there: missing → run `dynadb table create`" in ill.out


def test_exported_and_imported(table: Table, dynadb: Dynadb, tmp_path: Path) -> None:
    """What was exported and imported is equal value for value, under a write id of its own; who is there stays."""
    fill(table, 30)
    table.put("order", total={"N": "1"})
    file = tmp_path / "users.jsonl"
    exported = dynadb("export", str(file))
    assert 0 == exported.status
    assert "30 users exported, 1 items that are no user's" in exported.told
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert [file] == list(tmp_path.iterdir())
    with new_table(table.engine) as other:
        dry = said_to(other, "import", str(file), "--dry-run")
        assert "30 users would be imported" in dry.told
        assert {} == items_of(other)
        assert "30 users imported" in said_to(other, "import", str(file)).told
        before = items_of(table)
        del before["order"]
        assert before == items_of(other)
        other.put("user-1", user={"M": {"data": {"M": {}}}})
        assert "0 users imported, 30 are there already" in said_to(other, "import", str(file)).told
        assert {"M": {"data": {"M": {}}}} == (other.item("user-1") or {})["user"]
        assert "30 users imported" in said_to(other, "import", str(file), "--overwrite").told
        assert before == items_of(other)
        assert [file] == list(tmp_path.iterdir())


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "plain"])
def test_other_formats(memory: Engine, file: Engine, tmp_path: Path, *, packed: bool) -> None:
    """DynamoDB's own export, and the reference's FileDb file, are imported, too."""
    import gzip  # noqa: PLC0415 - here only

    lines = b"".join(
        json.dumps({"Item": {"userId": {"S": f"u-{n}"}, "user": {"M": {"data": {"M": {}}}}}}).encode() + b"\n"
        for n in range(40)
    )
    file_db = json.dumps([{"id": "ada", "user": {"data": {"name": "Ada", "tags": [1, 2.5]}}}], indent=2).encode()
    for content, count in ((lines, 40), (file_db, 1)):
        source = tmp_path / f"data-{count}.json"
        source.write_bytes(gzip.compress(content) if packed else content)
        with new_table(file) as table:
            assert f"{count} users imported" in said_to(table, "import", str(source)).told
            assert count == len(items_of(table))


def test_a_torn_line_and_a_broken_one(file: Engine, tmp_path: Path) -> None:
    """Half a line at the end is left out and told; one in the midst of the file ends the import with its number."""
    with new_table(file) as table:
        fill(table, 3)
        source = tmp_path / "users.jsonl"
        said_to(table, "export", str(source))
        whole = source.read_bytes()
        source.write_bytes(whole[:-20])
        with new_table(file) as other:
            torn = said_to(other, "import", str(source))
            assert 0 == torn.status
            assert "line 3, the last, is torn" in torn.told
            assert 2 == len(items_of(other))
        source.write_bytes(b"{}\n" + whole)
        broken = said_to(table, "import", str(source))
        assert (1, 1) == (broken.status, broken.told.count("\n"))
        assert "line 1" in broken.told


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["user", "show", "nobody"], 1, "nothing is stored about this user"),
        (["user", "list", "--table", "not-there"], 1, "does not exist"),
        (["user", "list", "--table", "a b"], 2, "table"),
        (["user", "show", ""], 2, "user id"),
        (["user", "list", "--token", "xyz"], 2, "token"),
        (["import", "not-there.jsonl"], 2, "No such file"),
        (["export", "/dev/full"], 1, "No space left on device"),
        (["export", "/not/there/users.jsonl"], 1, "No such file"),
    ],
)
def test_bad_input_is_one_line(file: Engine, arguments: list[str], status: int, told: str) -> None:
    """One line that says what is wrong, and a status; no traceback."""
    with new_table(file) as table:
        fill(table, 3)
        said = said_to(table, *arguments)
        assert (status, 1) == (said.status, said.told.count("\n"))
        assert told in said.told
        assert said.told.startswith("error: ")


ODD: dict[str, dict[str, Any]] = {
    "history of texts": {"history": {"M": {"items": {"L": [{"S": "x"}, {"NULL": True}, {"L": []}]}}}},
    "history that is none": {"history": {"M": {"items": {"S": "x"}}}},
    "history of another serializer": {"history": {"S": "{}"}},
    "session without a zone": {"session": {"M": {"updatedAt": {"S": "2026-01-01T00:00:00"}}}},
    "session of the last year": {"session": {"M": {"updatedAt": {"S": "9999-12-31T23:59:59.000Z"}}}},
    "session in numbers": {"session": {"M": {"updatedAt": {"N": "1"}}}},
    "session of another serializer": {"session": {"B": b"\xff"}},
    "user of another serializer": {"user": {"S": "{}"}},
    "data in a list": {"user": {"M": {"data": {"L": [{"S": "x"}]}}}},
    "times that are none": {"createdAt": {"M": {}}, "updatedAt": {"L": [{"BS": [b"x"]}]}},
    "recent turns that are none": {"recentTurns": {"S": "x"}},
    "recent turns of texts": {"recentTurns": {"L": [{"S": "x"}]}},
    "numbers of 38 digits": {"user": {"M": {"data": {"M": {"n": {"N": "1" * 38}, "s": {"NS": ["1", "2.5"]}}}}}},
}


@pytest.mark.parametrize("what", ODD)
def test_odd_items_are_shown_or_told(memory: Engine, what: str) -> None:
    """Whatever another program stored is shown as it is, or is one clear line; it can be moved or deleted anyhow."""
    with new_table(memory) as table:
        table.put("ada", **{"user": {"M": {"data": {"M": {}}}}, "createdAt": {"S": "2026"}, **ODD[what]})
        for arguments in (["user", "show"], ["user", "show", "--json"], ["user", "export"]):
            said = said_to(table, *arguments, "ada")
            assert said.status == 0 or (1, 1) == (said.status, said.told.count("\n")), said.told
        assert 0 == said_to(table, "user", "list").status
        assert 0 == said_to(table, "user", "delete", "ada", "--yes").status


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("user list >&-", 0),
        ("user list 2>&-", 0),
        ("import - <&-", 0),
        ("user delete user-1 <&-", 2),
        ("user show user-1 >&- 2>&- <&-", 0),
    ],
)
def test_streams_that_are_closed(file: Engine, command: str, status: int) -> None:
    """A job without input or output, as some schedulers start it, does its work."""
    with new_table(file) as table:
        fill(table, 2)
        environment = plain_environment(**environment_of(table))
        line = f"{sys.executable} -m dynadb_async.cli {command}"
        said = subprocess.run(line, shell=True, env=environment, capture_output=True, text=True, check=False)
        assert status == said.returncode, said.stderr
        assert "Traceback" not in said.stderr


@pytest.mark.parametrize("arguments", [["doctor"], ["user", "show", "ä✓"], ["user", "list"]], ids=" ".join)
def test_a_terminal_that_knows_few_letters(file: Engine, arguments: list[str]) -> None:
    """What can't be shown is shown by its number."""
    with new_table(file) as table:
        table.put("ä✓", user={"M": {"data": {"M": {"name": {"S": "Zoë"}}}}})
        said = ran(*arguments, **environment_of(table), PYTHONIOENCODING="ascii")
        assert (0, "") == (said.returncode, said.stderr.replace("1 users\n", ""))
        assert "\\u2713" in said.stdout


def plain_environment(**more: str) -> dict[str, str]:
    """What a process needs, and nothing of AWS."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DYNADB_C")} | more


def ran(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, in a pipe."""
    command = [sys.executable, "-m", "dynadb_async.cli", *arguments]
    patient = {"DYNADB_CLIENT__OPERATION_TIMEOUT": "30"} | environment
    return subprocess.run(command, env=plain_environment(**patient), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["user", "list", "--table", "users"], "region"),
        (["user", "list"], "--table"),
        (["--config", "not-there.toml", "user", "list"], "not-there.toml"),
        (["user", "lost"], "lost"),
        (["user", "list", "--limit", "many"], "--limit"),
        (["user", "list", "--table", "users", "--region", "eu-west-1"], "credentials"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], told: str) -> None:
    """No credentials, no table, no such command: a line each, and status 2."""
    said = ran(*arguments)
    assert (2, 1) == (said.returncode, said.stderr.count("\n")), said.stderr
    assert told in said.stderr


def test_a_configuration_in_a_file(tmp_path: Path) -> None:
    """TOML or JSON; variables lie over it, and flags over those."""
    toml, other = tmp_path / "c.toml", tmp_path / "c.json"
    toml.write_text(f'[table]\nname = "users"\n[client]\nendpoint_url = "file:{tmp_path}/a.json"\n')
    other.write_text(json.dumps({"table": {"name": "users"}, "client": {"endpoint_url": f"file:{tmp_path}/b.json"}}))
    for file in (toml, other):
        assert "users: ACTIVE\n" == ran("--config", str(file), "table", "create").stdout
        assert "others: ACTIVE\n" == ran("table", "create", "--config", str(file), "--table=others").stdout
    toml.write_text("[table\n")
    assert 2 == ran("--config", str(toml), "user", "list").returncode


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example(command: list[str]) -> None:
    """Each command's help ends with one to copy."""
    result = CliRunner().invoke(app, [*command, "--help"])
    assert f"Example: dynadb {' '.join(command)}" in " ".join(result.stdout.split())


def test_without_its_libraries_the_command_names_the_extra() -> None:
    """Whoever has the package alone is told what to install, in a line."""
    program = "import sys; sys.modules['typer'] = None; from dynadb_async.cli import main; main()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (1, "typer is missing: pip install dynadb-async[cli]\n") == (ended.returncode, ended.stderr)


def test_help_is_there_at_once() -> None:
    """`dynadb --help` loads neither the SDK nor a web framework, nor Rich; it costs little CPU."""
    script = (
        "import sys\nfrom dynadb_async.cli import main\nsys.argv = ['dynadb', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'aioboto3', 'botocore', 'aiohttp', 'fastapi', 'starlette', 'rich'} & set(sys.modules)\n"
        "sys.exit(1 if heavy else 0)\n"
    )
    costs = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert 0 == result.returncode
        assert b"Usage: dynadb" in result.stdout
    # 0.12 s on an idle machine; a busy one takes its time, and so does coverage in each process.
    is_measured = any(name.startswith("COVERAGE_") for name in os.environ)
    assert min(costs) < (2.0 if is_measured else 0.4)


def test_a_pipe_that_is_closed_is_no_traceback(file: Engine) -> None:
    """`dynadb user list` ends quietly where nobody reads any more."""
    with new_table(file) as table:
        fill(table, 3)
        command = f"{sys.executable} -m dynadb_async.cli user list | true"
        environment = plain_environment(**environment_of(table))
        said = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
        assert "Traceback" not in said.stderr
        assert "Exception" not in said.stderr


def test_conversations_are_everywhere(table: Table, dynadb: Dynadb, tmp_path: Path) -> None:
    """Who has nothing but a conversation is listed, shown, exported, deleted and imported, too."""
    talks = {"DYNADB_CONVERSATIONS__TABLE__NAME": f"{table.name}-log"}
    assert 0 == dynadb("table", "create", **talks).status
    environment = environment_of(table) | talks

    async def talk() -> None:
        async with AsyncDynamoDb(DynamoDbConfig.from_env(environment)) as db:
            await db.conversation("ada", "talk").append([{"role": "user", "content": "hello"}])

    asyncio.run(talk())
    assert "ada\n" == dynadb("user", "list", **talks).out
    assert "user      hello" in dynadb("user", "show", "ada", **talks).out
    before = json.loads(dynadb("user", "export", "ada", **talks).out)
    assert "hello" == before["conversations"]["talk"]["messages"][0]["content"]
    file = tmp_path / "users.jsonl"
    assert "1 users exported" in dynadb("export", str(file), **talks).told
    assert "nothing is left" in dynadb("user", "delete", "ada", "--yes", **talks).out
    assert 1 == dynadb("user", "show", "ada", **talks).status
    assert 2 == dynadb("import", str(file)).status
    assert "1 users imported" in dynadb("import", str(file), **talks).told
    assert before == json.loads(dynadb("user", "export", "ada", **talks).out)


def test_the_page_shows_what_the_command_says() -> None:
    """docs/cli.md is written by `make cli-page`, and nothing of it has changed since but times and versions."""
    assert lasting(PAGE.read_text()) == lasting(page())


COUNT = of_size(5_000, large=100_000)
LONGEST = of_size(200, large=3000)


def test_killed_and_resumed(dynamodb_local: Engine, tmp_path: Path) -> None:
    """An export and an import that are killed in the middle lose nobody and double nobody; memory stays flat."""
    # It takes minutes on a slow machine, or if it is large, and bounds each process itself.
    faulthandler.cancel_dump_traceback_later()
    with new_table(dynamodb_local) as table, new_table(dynamodb_local) as other:
        seed, file = tmp_path / "seed.jsonl", tmp_path / "users.jsonl"
        seeded = {}
        with seed.open("w") as out:
            for number in range(COUNT):
                data = {"name": {"S": f"{number}"}, "notes": {"S": ONE_KB}, "more": {"S": ONE_KB}}
                item = {"userId": {"S": f"user-{number}"}, "user": {"M": {"data": {"M": data}}}}
                seeded[f"user-{number}"] = item
                out.write(json.dumps({"Item": item}) + "\n")
        killed = run_killed(table, seed.with_name("seed.jsonl.imported"), "import", str(seed))
        assert seeded == items_of(table)
        killed += run_killed(table, file.with_name("users.jsonl.progress"), "export", str(file))
        ids = [json.loads(line)["Item"]["userId"]["S"] for line in file.read_text().splitlines()]
        assert sorted(seeded) == sorted(ids)
        least = peak_of(table, "user", "list", "--limit", "1")
        assert peak_of(other, "import", str(file)) < least + 40
        assert seeded == items_of(other)
        assert killed
        assert peak_of(table, "export", str(tmp_path / "again")) < least + 40
        assert peak_of(table, "user", "list") < least + 40


# A process of its own: what is forked from a large one counts as large.
MEASURED = (
    "import resource, subprocess, sys; status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024); sys.exit(status)"
)


def peak_of(table: Table, *arguments: str) -> int:
    """The most memory that the command took, in MB: it does not grow with the users. What it tells is printed."""
    command = [sys.executable, "-c", MEASURED, sys.executable, "-m", "dynadb_async.cli", *arguments]
    environment = plain_environment(**environment_of(table))
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert 0 == said.returncode, said.stderr
    print(f"{arguments[0]}, {said.stdout.strip()} MB: {said.stderr.strip()}")  # noqa: T201 - for who asks
    return int(said.stdout)


def run_killed(table: Table, progress: Path, *arguments: str) -> int:
    """Kill the command as soon as it noted some *progress*, twice; let it end, and say how often it was killed."""
    command = [sys.executable, "-m", "dynadb_async.cli", *arguments]
    environment = plain_environment(**environment_of(table))
    killed = 0
    for share in (0.05, 0.4, 1.0):
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            while process.poll() is None and share < 1 and noted(progress) < COUNT * share:
                time.sleep(0.02)
            if process.poll() is None and share < 1:
                # So that something was done since.
                time.sleep(0.3)
                process.send_signal(signal.SIGKILL)
            _, told = process.communicate(timeout=LONGEST)
        if process.returncode == -signal.SIGKILL:
            killed += 1
            if progress.exists():
                continue
            # It was through, and about to end.
            break
        assert 0 == process.returncode, told
        print(f"{arguments[0]}, killed {killed} times before: {told.strip()}")  # noqa: T201 - for who asks
        break
    return killed


def noted(progress: Path) -> int:
    """How many users are behind it."""
    try:
        content = json.loads(progress.read_bytes())
    except FileNotFoundError:
        return 0
    count: int = content["count"] if "count" in content else content["number"]
    return count


def test_the_capacity_is_kept_under(dynamodb_local: Engine, tmp_path: Path) -> None:
    """An import writes no faster than it may."""
    with new_table(dynamodb_local) as table, new_table(dynamodb_local) as other:
        fill(table, 40)
        file = tmp_path / "users.jsonl"
        said_to(table, "export", str(file))
        began = time.monotonic()
        assert 0 == said_to(other, "import", str(file), "--max-capacity", "20").status
        # A unit each.
        assert time.monotonic() - began > 40 / 20 * 0.8
