"""From settings to an adapter, and from errors to one line and an exit status."""

import asyncio
import json
import os
import sys
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from attrs import frozen

from dynadb_async.cli.shown import is_terminal
from dynadb_async.cli.waiting import interruptible, until_readable

if TYPE_CHECKING:
    from dynadb_async import AsyncDynamoDb, DynamoDbConfig

R = TypeVar("R")

# Seconds.
PATIENCE: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 5, "operation_timeout": 15}
FAILED, WRONG, INTERRUPTED = 1, 2, 130


@frozen
class Settings:
    """
    Where to look, as the command line has it.

    Attributes:
        file: A configuration, as TOML or JSON.
        table: The table's name.
        endpoint_url: A server's address, `memory:` or `file:PATH`.
        region: The region.
    """

    file: Path | None = None
    table: str | None = None
    endpoint_url: str | None = None
    region: str | None = None

    def config(self, environ: Mapping[str, str] = os.environ) -> "DynamoDbConfig":
        """The flags over the variables over the file."""
        from dynadb_async import DynamoDbConfig

        flags = {
            "DYNADB_TABLE__NAME": self.table,
            "DYNADB_CLIENT__ENDPOINT_URL": self.endpoint_url,
            "DYNADB_CLIENT__REGION_NAME": self.region,
        }
        variables = {**environ, **{name: value for name, value in flags.items() if value is not None}}
        if self.file is None and "DYNADB_TABLE__NAME" not in variables:
            fail("no table is named; say --table NAME, or set DYNADB_TABLE__NAME", WRONG)
        base = None if self.file is None else DynamoDbConfig.from_dict(_content_of(self.file))
        return DynamoDbConfig.from_env(variables, base)


def _content_of(file: Path) -> dict[str, Any]:
    text = file.read_bytes()
    try:
        content = tomllib.loads(text.decode()) if file.suffix == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        fail(f"{file} can't be read: {error}", WRONG)
    if not isinstance(content, dict):
        fail(f"{file} can't be read: expected a table of settings", WRONG)
    return content


def fail(message: str, status: int = FAILED) -> NoReturn:
    """End with one line and an exit status."""
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    raise SystemExit(status)


def interrupted(told: str = "") -> NoReturn:
    """End as Ctrl-C ends it: with one line, which says how things stand."""
    # After the ^C that the terminal shows.
    sys.stderr.write("\n" if is_terminal(sys.stderr) else "")
    sys.stderr.write(f"interrupted; {told}\n" if told else "interrupted\n")
    raise SystemExit(INTERRUPTED)


def answer_to(question: str, *, instead: str, told: str) -> str:
    """
    What a person types.

    Args:
        question: Is shown.
        instead: What to say where nobody is there to ask.
        told: How things stand if Ctrl-C is the answer.
    """
    if not is_terminal(sys.stdin):
        fail(f"nobody is there to ask; say {instead}", WRONG)
    try:
        with interruptible():
            sys.stderr.write(question)
            sys.stderr.flush()
            until_readable(sys.stdin)
            answer = sys.stdin.readline()
    except KeyboardInterrupt:
        interrupted(told)
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip()


def run(
    settings: Settings,
    work: "Callable[[AsyncDynamoDb[Any]], Awaitable[R]]",
    *,
    creates: bool = False,
    observer: Any = None,
    told: str | None = "",
) -> R:
    """
    Do *work* with an adapter that *creates* no table unless it is asked to.

    What goes wrong is one line: status 2 where it was asked for wrongly, 1 where it did not work. Ctrl-C is 130, and a
    line with what is *told* of how things stand then; no line if None.
    """
    from dynadb_async import ConfigError, DynaDbError, InvalidUserIdError, UsageError

    try:
        return asyncio.run(_with_adapter(settings.config(), work, creates=creates, observer=observer))
    except (ConfigError, UsageError, InvalidUserIdError) as error:
        fail(str(error), WRONG)
    except DynaDbError as error:
        fail(str(error))
    except BrokenPipeError:
        # Whoever read has enough.
        raise SystemExit(FAILED) from None
    except OSError as error:
        fail(f"{error.filename or 'output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        if told is None:
            raise SystemExit(INTERRUPTED) from None
        interrupted(told)


async def _with_adapter(
    config: "DynamoDbConfig",
    work: "Callable[[AsyncDynamoDb[Any]], Awaitable[R]]",
    *,
    creates: bool,
    observer: Any,
) -> R:
    from dynadb_async import AsyncDynamoDb

    config = patient(config)
    db = AsyncDynamoDb(config if creates else without_creation(config))
    db.observer = observer
    try:
        return await work(db)
    finally:
        await db.close()


def patient(config: "DynamoDbConfig") -> "DynamoDbConfig":
    """The same, for who has no reply to give within a second: times that nobody set are longer than a turn's."""
    from attrs import evolve, fields_dict

    known = fields_dict(type(config.client))
    longer = {name: time for name, time in PATIENCE.items() if getattr(config.client, name) == known[name].default}
    return evolve(config, client=evolve(config.client, **longer))


def without_creation(config: "DynamoDbConfig") -> "DynamoDbConfig":
    """The same, for who only looks: a table that is missing is told."""
    from attrs import evolve

    table = evolve(config.table, create_table_on_init=False)
    talks = config.conversations
    if talks is not None:
        talks = evolve(talks, table=evolve(talks.table, create_table_on_init=False))
    return evolve(config, table=table, conversations=talks)
