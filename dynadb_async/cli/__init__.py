"""The `dynadb` command: users, tables and permissions of an assistant, for whoever runs it."""

import os
import sys
from io import TextIOWrapper

SETTINGS = ("--config", "--table", "--endpoint-url", "--region")


def main() -> None:
    """Run the command with the arguments of this process."""
    _have_streams()
    try:
        try:
            status: str | int | None = _run(sys.argv[1:])
        except SystemExit as end:
            status = end.code
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = _ended("interrupted", 130)
    except OSError as error:
        # Nothing more can be flushed when Python ends. Whoever reads a pipe may have enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1 if isinstance(error, BrokenPipeError) else _ended(f"error: output: {error.strerror or error}", 1)
    sys.exit(status)


def _have_streams() -> None:
    """Where a scheduler gives none, nobody reads them; letters that standard output can't show are numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115 - as long as the process
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _run(arguments: list[str]) -> int:
    try:
        from dynadb_async.cli.commands import app
    except ModuleNotFoundError as missing:
        return _ended(f"{missing.name} is missing: pip install dynadb-async[cli]", 1)
    try:
        status = app(with_settings_first(arguments), prog_name="dynadb", standalone_mode=False)
    except Exception as error:
        told = getattr(error, "format_message", None)
        if told is None:
            raise
        # Without arguments there is help instead.
        text = told() if "Usage:" in told() else f"error: {' '.join(told().split())}"
        return _ended(text, getattr(error, "exit_code", 2))
    return status if isinstance(status, int) else 0


def _ended(text: str, status: int) -> int:
    sys.stderr.write(f"{text}\n")
    return status


def with_settings_first(arguments: list[str]) -> list[str]:
    """The same *arguments*: settings may stand anywhere, but are read before everything else."""
    settings: list[str] = []
    others: list[str] = []
    left = iter(arguments)
    for argument in left:
        if argument == "--":
            others += [argument, *left]
        elif argument in SETTINGS:
            settings += [argument, *(value for value in [next(left, None)] if value is not None)]
        elif argument.startswith(tuple(f"{name}=" for name in SETTINGS)):
            settings.append(argument)
        else:
            others.append(argument)
    return settings + others
