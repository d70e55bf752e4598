"""Values as a person, a program, or a terminal takes them."""

import json
import os
import sys
from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

KILO = 1024


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether a person looks at *stream*, or at standard output: else there are no colours and no bars."""
    return (sys.stdout if stream is None else stream).isatty()


def safe(text: str) -> str:
    """*text* without what a terminal would obey."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in text)


def line(text: str = "") -> None:
    """Print one line."""
    sys.stdout.write(f"{text.encode('utf-8', 'backslashreplace').decode()}\n")


def note(text: str) -> None:
    """Tell whoever runs the command, not whoever reads its output."""
    sys.stderr.write(f"{text}\n")


def as_json(value: Any) -> str:
    """*value* as JSON, whatever was stored."""
    text = json.dumps(value, default=_plain, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return str(value)
        case bytes():
            return b64encode(value).decode()
        case set() | frozenset():
            return sorted(value, key=repr)
        case _:
            return str(value)


def brief(value: Any, longest: int = 100) -> str:
    """*value* on one line."""
    text = value if isinstance(value, str) else json.dumps(value, default=_plain, ensure_ascii=False)
    text = safe(" ".join(text.split()))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def bytes_of(size: int) -> str:
    """A size in words."""
    return f"{size} B" if size < KILO else f"{size / KILO:.1f} KB"


def opened_for_owner(file: Path, flags: int) -> int:
    """A file that nobody but its owner reads: it holds what people said."""
    handle = os.open(file, flags | os.O_WRONLY | os.O_CREAT, 0o600)
    if file.is_file():
        os.fchmod(handle, 0o600)
    return handle


def write_whole(file: Path, text: str) -> None:
    """Write *text* into *file*, for its owner only: all of it, or what was there stays."""
    is_other = file.exists() and not file.is_file()
    beside = file if is_other else file.with_name(f"{file.name}.new")
    try:
        with os.fdopen(opened_for_owner(beside, os.O_TRUNC), "wb") as out:
            out.write(text.encode("utf-8", "backslashreplace"))
        if not is_other:
            beside.replace(file)
    except BaseException:
        if not is_other:
            beside.unlink(missing_ok=True)
        raise
