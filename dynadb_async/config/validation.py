"""The rules that settings obey: attrs validators whose errors name the place and show no secret."""

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import attrs

from dynadb_async.errors import ConfigError

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]

LONGEST_SHOWN = 40
LARGEST_SHOWN = 10**20
LONGEST_DURATION = timedelta(days=36_500)  # a time plus this must still be a datetime


class SettingError(ConfigError):
    """
    A ConfigError that knows its place, so that a mapping or the environment can put its own name there.

    Attributes:
        problem: What is wrong and what is allowed, without the place.
        path: Where, as the names that lead there from the class that was made.
    """

    def __init__(self, problem: str, path: tuple[str, ...], made: str) -> None:
        super().__init__(f"{problem} - at {'.'.join((made, *path))}")
        self.problem = problem
        self.path = path


def wrong(made: object, problem: str, *path: str) -> SettingError:
    """The error of the object that is being made."""
    return SettingError(problem, path, type(made).__name__)


def shown(value: object) -> str:
    """The value as a message may show it: short plain ones as they are, of others the type."""
    match value:
        case None | float():
            return repr(value)
        case int() if abs(value) < LARGEST_SHOWN:
            return repr(value)
        case str():
            return repr(value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "…")
        case timedelta():
            return f"{value.total_seconds():g} s"
        case _:
            return type(value).__name__


def expected(what: str, holds: Callable[[Any], bool], *, is_secret: bool = False) -> Validator:
    """A rule in words and as a function. Of a secret, or of what may hold one, the error shows the type only."""

    def check(made: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if not holds(value):
            got = type(value).__name__ if is_secret else shown(value)
            raise wrong(made, f"expected {what}, got {got}", attribute.name)

    return check


def an_int(at_least: int, *, or_none: bool = False, advice: str = "") -> Validator:
    """A whole number; a bool is none."""

    def holds(value: object) -> bool:
        return (value is None and or_none) or (type(value) is int and value >= at_least)

    return expected(f"an int >= {at_least}" + " or None" * or_none + advice, holds)


def text() -> Validator:
    """A text with something in it, or None for what the standard AWS chain says."""
    return expected("a str that is not empty, or None", lambda value: value is None or is_text(value))


def one_of(*allowed: type | bool | None) -> Validator:
    """An object of one of the classes, or one of the other values."""
    kinds = tuple(item for item in allowed if isinstance(item, type))
    words = [item.__name__ if isinstance(item, type) else str(item) for item in allowed]
    return expected(" or ".join(words), lambda value: isinstance(value, kinds) or any(value is a for a in allowed))


def is_text(value: object) -> bool:
    """Whether it is a text with something in it."""
    return isinstance(value, str) and value != ""


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _is_duration(value: object) -> bool:
    return isinstance(value, timedelta) and timedelta(0) < value <= LONGEST_DURATION


a_bool: Validator = expected("a bool (true or false)", lambda value: isinstance(value, bool))
a_bool_or_none: Validator = expected("a bool or None", lambda value: value is None or isinstance(value, bool))
seconds: Validator = expected("seconds > 0 as an int or a float", _is_seconds)
duration: Validator = expected(f"a timedelta > 0 of at most {LONGEST_DURATION.days} days", _is_duration)
duration_or_none: Validator = expected(
    f"a timedelta > 0 of at most {LONGEST_DURATION.days} days, or None",
    lambda value: value is None or _is_duration(value),
)
by_name: Validator = expected(
    "a dict with str keys",
    lambda value: isinstance(value, Mapping) and all(isinstance(name, str) for name in value),
    is_secret=True,
)


def copied(value: Any) -> Any:
    """A converter: what the caller does with his mapping later is not our setting."""
    return dict(value) if isinstance(value, Mapping) else value


def refuse_ours(made: object, setting: str, value: Mapping[str, Any], ours: Mapping[str, str]) -> None:
    """Say of an option that a setting of *ours* is for it."""
    for name in value:
        if name in ours:
            raise wrong(made, f"{name} is not taken here: set {ours[name]} of {type(made).__name__}", setting, name)
