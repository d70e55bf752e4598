"""
Writes the answers in docs/cli.md: what the commands in it say, they said just now, to users in a file.

    python -m tests.cli_page
"""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    DynamoDbConfig,
    Session,
    StoredElements,
    StoredHistory,
    StoredSession,
    TableConfig,
)
from tests.tables import Clock

PAGE = Path(__file__).parent.parent / "docs/cli.md"
SETTINGS = {"DYNADB_TABLE__NAME": "assistant-users", "DYNADB_CLIENT__ENDPOINT_URL": "file:users.json"}
# What is another each time: versions, rates, times, ids of writes, tokens.
PASSING = re.compile(r"(?<=versions: ).*|\d+ a second|[\d.]+ ms|(?<=--token )\w+|(?<=\"write\": )\"[^\"]*\"")

BLOCK = re.compile(r"(?<=```console\n).*?(?=\n```)", re.DOTALL)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


def page() -> str:
    """The page as it is, but with what its commands say now."""
    with TemporaryDirectory() as folder:
        asyncio.run(_fill(folder))
        return BLOCK.sub(lambda block: _answered(block[0], folder), PAGE.read_text())


def _answered(block: str, folder: str) -> str:
    commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    return "\n".join(_said(command, folder) for command in commands)


async def _fill(folder: str) -> None:
    elements = StoredElements(session=StoredSession(), history=StoredHistory(size=2, input=True))
    client = ClientConfig(endpoint_url=f"file:{folder}/users.json")
    config = DynamoDbConfig(TableConfig("assistant-users"), client=client, stored_elements=elements)
    async with AsyncDynamoDb(config, clock=Clock()) as db:
        for number in range(1, 6):
            for said, answered in (("hello", "Hi! What is your name?"), ("Ada", "Nice to meet you, Ada.")):
                async with db.turn(f"user-{number}", session=Session(id=f"session-{number}")) as turn:
                    turn.user.data["name"] = "Ada"
                    turn.input, turn.output = {"text": said}, [{"message": answered}]


def _said(command: str, folder: str) -> str:
    """A command as it is typed, and all that it says."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DYNADB_")}
    said = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=environment | SETTINGS | {"PATH": path, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return f"$ {command}\n{said.stdout}".rstrip()


def lasting(text: str) -> str:
    """The page without what is another each time."""
    return PASSING.sub("…", text)


if __name__ == "__main__":
    main()
