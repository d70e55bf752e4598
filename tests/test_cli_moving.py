"""`dynadb export` and `import`: from anywhere to anywhere, and what is torn, foreign or full on the way."""

import gzip
import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines import Engine
from tests.tables import Table, new_table
from tests.test_cli import environment_of, fill, items_of, plain_environment, ran, said_to

DYNADB = f"{sys.executable} -m dynadb_async.cli"


@pytest.fixture
def table(file: Engine) -> Iterator[Table]:
    """Thirty users in a file."""
    with new_table(file) as table:
        fill(table, 30)
        yield table


def in_shell(command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A line as it is typed, whose `dynadb` is this one."""
    text = command.replace("dynadb ", f"{DYNADB} ")
    env = plain_environment(**environment)
    return subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {text}"], env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("source", "target"), [("file", "moto"), ("moto", "file")])
def test_from_one_to_another_by_a_pipe(request: pytest.FixtureRequest, source: str, target: str) -> None:
    """`export - | import -`: between a file and a server, value for value, in gzip as well; nothing is left beside."""
    with new_table(request.getfixturevalue(source)) as here, new_table(request.getfixturevalue(target)) as there:
        fill(here, 30)
        to = {f"TO_{name}": value for name, value in environment_of(there).items()}
        into = " ".join(f"{name}=$TO_{name}" for name in environment_of(there))
        said = in_shell(f"dynadb export - | gzip | {into} dynadb import -", **environment_of(here), **to)
        assert 0 == said.returncode, said.stderr
        assert {"30 users exported", "30 users imported"} == {
            line.partition(",")[0] for line in said.stderr.splitlines()
        }
        assert "" == said.stdout
        assert numbered(items_of(here)) == numbered(items_of(there))


def numbered(items: dict[str, Any]) -> Any:
    """The same, with numbers as DynamoDB stores them; moto leaves them as they were written."""
    return json.loads(json.dumps(items).replace('"1.50"', '"1.5"'))


@pytest.mark.parametrize(
    "command", ["dynadb export - > FILE", "dynadb export - >> FILE", "dynadb export - | cat > FILE"]
)
def test_standard_output_into_a_file(table: Table, tmp_path: Path, command: str) -> None:
    """Where the shell writes the file, there is nothing to be resumed, and no file beside it."""
    file = tmp_path / "users.jsonl"
    said = in_shell(command.replace("FILE", str(file)), **environment_of(table))
    assert (0, 30) == (said.returncode, len(file.read_text().splitlines())), said.stderr
    assert [file] == list(tmp_path.iterdir())


def test_who_reads_may_have_enough(table: Table) -> None:
    """A pipe that is closed early is no traceback."""
    said = in_shell("dynadb export - | head -n 1", **environment_of(table))
    assert 1 == len(said.stdout.splitlines())
    assert "Traceback" not in said.stderr
    assert "Exception" not in said.stderr


@pytest.mark.parametrize("command", ["export -", "user list", "user show user-1", "user export user-1", "doctor"])
def test_a_full_disk_is_one_line(table: Table, command: str) -> None:
    """Whatever writes to a disk that is full says so, and ends with status 1."""
    said = in_shell(f"dynadb {command} > /dev/full", **environment_of(table))
    assert (1, "error: output: No space left on device\n") == (said.returncode, said.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["user", "list"],
        ["user", "show", "user-1"],
        ["table", "describe"],
        ["doctor"],
        ["export", "-"],
        ["user", "lost"],
    ],
    ids=" ".join,
)
def test_piped_output_has_no_colours_and_no_bars(table: Table, arguments: list[str]) -> None:
    """Not even where the environment wishes for some."""
    said = ran(*arguments, **environment_of(table), FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b" not in said.stdout + said.stderr
    assert "━" not in said.stderr
    assert "\r" not in said.stdout + said.stderr


# DynamoDB's own export


def aws_export(folder: Path, items: list[dict[str, Any]], name: str = "01695353076000-06e2188f", **said: str) -> Path:
    """The folder that DynamoDB exports into, as AWS documents it, with an empty partition as well."""
    export = folder / "AWSDynamoDB" / name
    (export / "data").mkdir(parents=True)
    parts = {"asdl123dasas": items[::2], "bsdl456": items[1::2], "empty": []}
    entries = []
    for part, members in parts.items():
        text = b"".join(json.dumps({"Item": item}).encode() + b"\n" for item in members)
        (export / "data" / f"{part}.json.gz").write_bytes(gzip.compress(text))
        entries.append(
            {
                "itemCount": len(members),
                "md5Checksum": "sQMSpEILNgoQmarvDFonGQ==",
                "etag": "af83d6f217c19b8b0fff8023d8ca4716-1",
                "dataFileS3Key": f"prefix/AWSDynamoDB/{name}/data/{part}.json.gz",
            }
        )
    (export / "_started").touch()
    (export / "manifest-files.json").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (export / "manifest-files.checksum").write_text("x")
    summary = {
        "version": "2020-06-30",
        "exportArn": f"arn:aws:dynamodb:us-east-1:123456789012:table/users/export/{name}",
        "tableArn": "arn:aws:dynamodb:us-east-1:123456789012:table/users",
        "s3Bucket": "bucket",
        "s3Prefix": "prefix",
        "manifestFilesS3Key": f"AWSDynamoDB/{name}/manifest-files.json",
        "billedSizeBytes": 0,
        "itemCount": len(items),
        "outputFormat": "DYNAMODB_JSON",
        "exportType": "FULL_EXPORT",
    }
    (export / "manifest-summary.json").write_text(json.dumps(summary | said, indent=2))
    (export / "manifest-summary.checksum").write_text("x")
    return export


PEOPLE = [
    {
        "userId": {"S": f"user-{n}"},
        "user": {"M": {"data": {"M": {"score": {"N": "1.5"}, "raw": {"B": "AAE="}, "tags": {"SS": ["a", "b"]}}}}},
    }
    for n in range(21)
]


@pytest.mark.parametrize("place", ["the export", "what it is in", "its data alone", "unpacked data", "one file of it"])
def test_dynamodbs_own_export(file: Engine, tmp_path: Path, place: str) -> None:
    """A folder as it was copied from S3, or a part of it, is imported, whatever part of it is named."""
    export = aws_export(tmp_path, PEOPLE)
    if place == "unpacked data":
        for packed in (export / "data").iterdir():
            packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
            packed.unlink()
    places = {
        "the export": export,
        "what it is in": tmp_path,
        "one file of it": export / "data" / "asdl123dasas.json.gz",
    }
    expected = PEOPLE[::2] if place == "one file of it" else PEOPLE
    with new_table(file) as table:
        told = said_to(table, "import", str(places.get(place, export / "data"))).told
        assert f"{len(expected)} users imported" in told
        stored = items_of(table)
    assert {item["userId"]["S"] for item in expected} == stored.keys()
    assert {"score": {"N": "1.5"}, "raw": {"B": b"\x00\x01"}, "tags": {"SS": ["a", "b"]}} == (
        stored["user-0"]["user"]["M"]["data"]["M"]
    )


def test_an_export_that_is_not_whole(file: Engine, tmp_path: Path) -> None:
    """A file that is missing, short, or torn is told by its name; what is no full export in JSON is told as that."""

    def told(export: Path) -> str:
        with new_table(file) as table:
            said = said_to(table, "import", str(export))
        assert (1, 1) == (said.status, said.told.count("\n")), said.told
        return said.told

    missing = aws_export(tmp_path / "missing", PEOPLE)
    (missing / "data" / "bsdl456.json.gz").unlink()
    assert "bsdl456.json.gz is missing" in told(missing)
    short = aws_export(tmp_path / "short", PEOPLE)
    (short / "data" / "bsdl456.json.gz").write_bytes(gzip.compress(json.dumps({"Item": PEOPLE[0]}).encode()))
    assert "has 1 items, but the manifest says 10" in told(short)
    torn = aws_export(tmp_path / "torn", PEOPLE)
    data = torn / "data" / "asdl123dasas.json.gz"
    data.write_bytes(data.read_bytes()[:-30])
    assert "is no whole gzip file" in told(torn)
    wrong = aws_export(tmp_path / "wrong", PEOPLE)
    data = wrong / "data" / "asdl123dasas.json.gz"
    data.write_bytes(data.read_bytes()[:20] + b"\xff" * 20 + data.read_bytes()[40:])
    assert "is no whole gzip file" in told(wrong)
    assert "format ION" in told(aws_export(tmp_path / "ion", PEOPLE, outputFormat="ION"))
    assert "changes only" in told(aws_export(tmp_path / "part", PEOPLE, exportType="INCREMENTAL_EXPORT"))
    broken = aws_export(tmp_path / "broken", PEOPLE)
    (broken / "manifest-files.json").write_text('{"itemCount": 1')
    assert "is no manifest" in told(broken)
    aws_export(tmp_path / "missing", PEOPLE, "02")
    assert "more than one export" in told(tmp_path / "missing")
    (tmp_path / "nothing").mkdir()
    assert "no data files" in told(tmp_path / "nothing")


def test_other_peoples_items_in_an_export(file: Engine, tmp_path: Path) -> None:
    """DynamoDB exports the whole table: what is no user's is left out, counted, and stops nobody."""
    strangers = [{"userId": {"S": f"order-{n}"}, "total": {"N": "1"}} for n in range(3)]
    export = aws_export(tmp_path, [*strangers, *PEOPLE, {"id": {"N": "1"}}])
    with new_table(file) as table:
        said = said_to(table, "import", str(export))
        assert "21 users imported, 4 items that are no user's (the first is number 1)" in said.told
        assert {item["userId"]["S"] for item in PEOPLE} == items_of(table).keys()


def test_an_import_of_a_folder_is_resumed(file: Engine, tmp_path: Path) -> None:
    """How far it was is beside the folder, for its owner only."""
    export = aws_export(tmp_path, PEOPLE)
    progress = export.with_name(f"{export.name}.imported")
    with new_table(file) as table:
        data = export / "data" / "bsdl456.json.gz"
        whole = data.read_bytes()
        data.write_bytes(whole[:-30])
        assert 1 == said_to(table, "import", str(export), "--max-capacity", "8").status
        assert 0o600 == stat.S_IMODE(progress.stat().st_mode)
        assert 11 <= json.loads(progress.read_text())["number"] < 21
        assert "imported before" not in said_to(table, "import", str(export), "--dry-run").told
        data.write_bytes(whole)
        # It is another file now: all of it is looked at again, and nobody is doubled.
        assert "21 users" not in said_to(table, "import", str(export)).told
        assert {item["userId"]["S"] for item in PEOPLE} == items_of(table).keys()
        assert not progress.exists()


# What an earlier run left


def left(table: Table, file: Path, **other: object) -> Path:
    """An export that was killed after half of the users; *other* stands in its note."""
    said_to(table, "export", str(file))
    listed = json.loads(said_to(table, "user", "list", "--json", "--limit", "10").out)
    lines = {json.loads(line)["Item"]["userId"]["S"]: line for line in file.read_text().splitlines()}
    file.write_text("".join(f"{lines[user['userId']]}\n" for user in listed["users"]))
    progress = file.with_name(f"{file.name}.progress")
    size = file.stat().st_size
    target = note_target(table, file)
    progress.write_text(json.dumps({"target": target, "token": listed["token"], "size": size, "count": 10} | other))
    return progress


def note_target(table: Table, file: Path) -> str:
    """What a note about this table begins with."""
    other = file.with_name("other.jsonl")
    full = said_to(table, "export", str(other), "--segments", "1", DYNADB_TABLE__PRIMARY_KEY_COLUMN="other")
    assert 1 == full.status
    target: str = json.loads(other.with_name("other.jsonl.progress").read_text())["target"]
    for one in (other, other.with_name("other.jsonl.progress")):
        one.unlink()
    return target


def test_a_torn_last_line_is_cut_at_resume(table: Table, tmp_path: Path) -> None:
    """What was written after the note, whole or half, is read again; nobody is lost or there twice."""
    file = tmp_path / "users.jsonl"
    left(table, file)
    with file.open("a") as out:
        out.write('{"Item":{"userId":{"S":"user-1"},"user":{"M":{}}}}\n{"Item":{"userId":{"S":"us')
    assert "30 users exported" in said_to(table, "export", str(file)).told
    ids = [json.loads(line)["Item"]["userId"]["S"] for line in file.read_text().splitlines()]
    assert sorted(f"user-{n}" for n in range(30)) == sorted(ids)
    assert [file] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"size": 10**9}, "was longer"),
        ({"size": "10"}, "can't be read"),
        ({"token": 3}, "can't be read"),
        ({"target": "0"}, "is of another table"),
        ({"token": "xyz"}, "token"),
    ],
    ids=str,
)
def test_a_note_that_does_not_fit(table: Table, tmp_path: Path, other: dict[str, Any], told: str) -> None:
    """It is one line that says what to do, and nothing is written over."""
    file = tmp_path / "users.jsonl"
    left(table, file, **other)
    before = file.read_bytes()
    said = said_to(table, "export", str(file))
    assert (2, 1) == (said.status, said.told.count("\n")), said.told
    assert told in said.told
    assert before == file.read_bytes()


def test_a_file_that_is_gone_is_not_made_up(table: Table, tmp_path: Path) -> None:
    """A note without its file is told: what it counts is nowhere."""
    file = tmp_path / "users.jsonl"
    progress = left(table, file)
    file.unlink()
    assert "was longer" in said_to(table, "export", str(file)).told
    assert not file.exists()
    progress.write_text("{")
    assert "can't be read" in said_to(table, "export", str(file)).told


def test_a_file_that_is_there_is_not_written_over(table: Table, tmp_path: Path) -> None:
    """Somebody's file stays as it is."""
    file = tmp_path / "users.jsonl"
    file.write_text("mine")
    assert 2 == said_to(table, "export", str(file)).status
    assert "mine" == file.read_text()


def test_a_users_file_is_whole_or_as_it_was(table: Table, tmp_path: Path) -> None:
    """`user export` replaces a file at once, for its owner only; where that can't be, what was there stays."""
    file = tmp_path / "user.json"
    file.write_text("before")
    assert 1 == said_to(table, "user", "export", "user-1", str(tmp_path / "not" / "there.json")).status
    assert 1 == said_to(table, "user", "export", "nobody", str(file)).status
    assert "before" == file.read_text()
    assert 0 == said_to(table, "user", "export", "user-1", str(file)).status
    assert "1.5" in file.read_text()
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert [file] == list(tmp_path.iterdir())


def test_the_capacity_of_an_export_is_kept_under(table: Table) -> None:
    """It reads no faster than it may."""
    import time  # noqa: PLC0415 - here only

    began = time.monotonic()
    assert 30 == said_to(table, "export", "-", "--max-capacity", "10").out.count("\n")
    assert time.monotonic() - began > 30 / 2 / 10 * 0.3
