"""Why stored values do not fit the app's class: each field and its rule, and never a value."""

import re
import sys
from collections.abc import Collection, Iterator
from types import FrameType
from typing import Any, NoReturn

import attrs

from dynadb_async.errors import Path, place

MOST_SHOWN = 10
# As `place` shows what may be somebody's words.
MEMBER = "‹member›"

# What pydantic has as a rule's own numbers and words; the rest of a `ctx` may be somebody's.
PYDANTIC_LIMITS = (
    "ge",
    "gt",
    "le",
    "lt",
    "multiple_of",
    "min_length",
    "max_length",
    "max_digits",
    "decimal_places",
    "pattern",
    "expected",
)
MSGSPEC_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
MSGSPEC_RULES = ("Expected ", "Object missing required field ", "Invalid UUID", "Invalid RFC3339 ")


class Misfit(ValueError):  # noqa: N818 - it becomes a MalformedItemError, and is seen by nobody
    """A stored value is not what a field takes; the text is a rule in our own words."""


def expected(word: str, value: object) -> NoReturn:
    """Tell what the rule is, and what kind of value is there."""
    raise Misfit(f"expected {word}, got {type(value).__name__}")


def told(error: BaseException, names: Collection[str] | None = None, *, subject: str = "user_data") -> str:
    """
    All that does not fit, in one line: `visits: expected a whole number, got str; pet.name: required`.

    Args:
        error: What the class raised.
        names: Of all fields of a pydantic model and of what is in it: its errors do not tell fields from a dict's keys.
            If they are not known, only the outermost field is shown.
        subject: What raised, where it is no field of it.
    """
    found = list(dict.fromkeys(_misfits(error, (), names)))
    texts = [f"{place(path)}: {rule}" if path else _of_all(rule, subject) for path, rule in found[:MOST_SHOWN]]
    return "; ".join(texts) + (f"; and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else "")


def _of_all(rule: str, subject: str) -> str:
    return f"{subject} {rule}" if rule.startswith("raised ") else rule


def _misfits(error: Any, path: Path, names: Collection[str] | None) -> Iterator[tuple[Path, str]]:
    pydantic, msgspec = sys.modules.get("pydantic_core"), sys.modules.get("msgspec")
    if isinstance(error, Misfit):
        yield path, str(error)
    elif hasattr(error, "group_exceptions"):
        yield from _of_cattrs(error, path, names)
    elif pydantic is not None and isinstance(error, pydantic.ValidationError):
        for found in error.errors(include_url=False, include_context=True, include_input=False):
            inner = [_field(part, names, depth) for depth, part in enumerate(found["loc"])]
            yield (*path, *inner), _rule_of_pydantic(found)
    elif msgspec is not None and isinstance(error, msgspec.ValidationError):
        yield _of_msgspec(error, path)
    else:
        yield from _of_constructor(error, path)


def _field(part: str | int, names: Collection[str] | None, depth: int) -> str | int:
    is_known = isinstance(part, int) or (depth == 0 if names is None else part in names)
    return part if is_known else MEMBER


def _of_cattrs(group: Any, path: Path, names: Collection[str] | None) -> Iterator[tuple[Path, str]]:
    noted, others = group.group_exceptions()
    for error, note in noted:
        is_field = hasattr(note, "name")
        name: str | int = note.name if is_field else note.index if isinstance(note.index, int) else MEMBER
        if is_field and type(error) is KeyError and error.args == (name,):
            yield (*path, name), "required"
        else:
            yield from _misfits(error, (*path, name), names)
    for error in others:
        yield from _misfits(error, path, names)


def _rule_of_pydantic(found: Any) -> str:
    context = found.get("ctx", {})
    limits = [f"{name} {context[name]}" for name in PYDANTIC_LIMITS if name in context]
    rule = found["type"] if place((found["type"],)) == found["type"] else "a rule of its own"
    raised = context.get("error")
    if isinstance(raised, Exception):
        rule = f"{rule} ({type(raised).__name__})"
    return "required" if rule == "missing" else f"{rule} ({', '.join(limits)})" if limits else str(rule)


def _of_msgspec(error: Exception, path: Path) -> tuple[Path, str]:
    text = str(error)
    found = MSGSPEC_PLACE.search(text)
    names = re.findall(r"[^.\[\]]+|\[\d*\]", found[1]) if found else []
    where = (*path, *(int(name.strip("[]") or 0) if name.startswith("[") else name for name in names if name != "..."))
    if error.__cause__ is not None:
        return where, f"raised {type(error.__cause__).__name__}"
    rule = MSGSPEC_PLACE.sub("", text)
    # The other texts show the value.
    return where, rule if rule.startswith(MSGSPEC_RULES) else "not one of the values that it may have"


def _of_constructor(error: BaseException, path: Path) -> Iterator[tuple[Path, str]]:
    frames = list(_frames(error))
    broken = [found for frame, _ in frames for found in _broken_validators(frame)]
    if broken:
        yield from [((*path, name), rule) for name, rule in broken]
        return
    frame, line = frames[-1] if frames else (None, 0)
    is_theirs = frame is not None and "cattrs" not in frame.f_code.co_filename
    where = f" in {frame.f_code.co_name}, line {line}" if frame is not None and is_theirs else ""
    yield path, f"raised {type(error).__name__}{where}"


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _broken_validators(frame: FrameType) -> Iterator[tuple[str, str]]:
    """The fields that an attrs class's own validators refuse, where its constructor was in the midst of asking them."""
    made = frame.f_locals.get("self")
    if frame.f_code.co_name != "__init__" or made is None or not attrs.has(type(made)):
        return
    for attribute in attrs.fields(type(made)):
        for validator in getattr(attribute.validator, "_validators", [attribute.validator]):
            if validator is None or not hasattr(made, attribute.name):
                continue
            try:
                validator(made, attribute, getattr(made, attribute.name))
            except Exception as error:  # noqa: BLE001 - a validator raises what it likes
                yield attribute.name, f"{_rule(validator)} raised {type(error).__name__}"


def _rule(validator: Any) -> str:
    """A validator's name; those of attrs say their limit in their repr, which is the app's own."""
    if type(validator).__module__ in ("attr.validators", "attrs.validators"):
        return repr(validator)
    return getattr(validator, "__name__", type(validator).__name__)
