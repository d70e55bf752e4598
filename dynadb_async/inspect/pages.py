"""Templates, and how times and numbers read; every value is escaped."""

import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

STEPS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
KILO = 1024


def when(moment: datetime) -> str:
    """A time to be read: `26 Nov 2026, 15:27:14`, in UTC."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M:%S}"


def ago(moment: datetime, now: datetime) -> str:
    """How far a time is from now: `3 hours ago`, `in 2 days`."""
    seconds = (now - moment).total_seconds()
    for unit, length in STEPS:
        count = int(abs(seconds) // length)
        if count:
            span = f"{count} {unit}{'s' * (count != 1)}"
            return f"{span} ago" if seconds > 0 else f"in {span}"
    return "just now"


def size(count: int) -> str:
    """Bytes to be read: `312 B`, `4.2 KB`."""
    return f"{count} B" if count < KILO else f"{count / KILO:.1f} KB"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dynadb_async.inspect"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(when=when, size=size)
    environment.globals.update(ago=ago)
    return environment


ENVIRONMENT = _environment()


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of a template."""
    text = ENVIRONMENT.get_template(template).render(values)
    return HTMLResponse(text.encode(errors="replace"), status)


def notice(status: int, title: str, text: str, again: str | None = None) -> HTMLResponse:
    """A page that says one thing, and where to go on."""
    return page("notice.html", status, title=title, text=text, again=again)


def fault(error: Exception) -> HTMLResponse:
    """Which error, and where; not its text, which may hold what a person said."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return notice(500, "A fault of this page", f"{type(error).__name__}{where}.", "/")
