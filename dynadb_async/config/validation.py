"""The rules that settings obey: attrs validators whose errors name the place and show no secret."""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any
from urllib.parse import urlsplit

import attrs

from dynadb_async.errors import ConfigError

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]

ITEM_ATTRIBUTES = ("user", "session", "history", "createdAt", "updatedAt")
CONVERSATION_ATTRIBUTES = {
    *("name", "n", "recent", "appends", "state", "createdAt", "updatedAt", "expiresAt"),
    *("messages", "write", "at", "append", "cut", "part", "parts"),
}
OWN_TABLE_PARAMETERS = {
    "TableName": "name",
    "KeySchema": "primary_key_column",
    "AttributeDefinitions": "primary_key_column",
    "BillingMode": "billing",
    "ProvisionedThroughput": "billing",
}
OWN_CLIENT_OPTIONS = {
    "connect_timeout": "connect_timeout",
    "read_timeout": "read_timeout",
    "retries": "max_attempts",
    "max_pool_connections": "max_pool_connections",
    "region_name": "region_name",
}
NEEDED_BESIDE = {
    "aws_access_key_id": "aws_secret_access_key",
    "aws_secret_access_key": "aws_access_key_id",
    "aws_session_token": "aws_access_key_id",
}
# A path ends in a file's name.
EMBEDDED = re.compile(r"memory:[\w.-]*|file:[^\0]*[^\0/]", re.DOTALL)
WITHOUT_BLANKS = re.compile("[!-~]+")
# DynamoDB takes the table's ARN in its place.
TABLE_NAME = r"(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/)?[a-zA-Z0-9_.-]{3,255}"
LONGEST_ATTRIBUTE_NAME = 255  # bytes: DynamoDB's limit
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
    return expected("a str that is not empty, or None", lambda value: value is None or _is_text(value))


def one_of(*allowed: type | bool | None) -> Validator:
    """An object of one of the classes, or one of the other values."""
    kinds = tuple(item for item in allowed if isinstance(item, type))
    words = [item.__name__ if isinstance(item, type) else str(item) for item in allowed]
    return expected(" or ".join(words), lambda value: isinstance(value, kinds) or any(value is a for a in allowed))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _is_table_name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(TABLE_NAME, value) is not None


def _is_attribute_name(value: object) -> bool:
    try:
        return isinstance(value, str) and 1 <= len(value.encode()) <= LONGEST_ATTRIBUTE_NAME
    except UnicodeEncodeError:
        return False


def is_embedded(url: str | None) -> bool:
    """Whether *url* names a store in the process: `memory:`, `memory:NAME` or `file:PATH`."""
    return url is not None and EMBEDDED.fullmatch(url) is not None


def _is_url(value: object) -> bool:
    if isinstance(value, str) and is_embedded(value):
        return True
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        # urlsplit itself would drop line breaks.
        is_whole = isinstance(value, str) and value.isprintable() and " " not in value
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        return is_whole and is_web and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


def _is_plain_function(value: object) -> bool:
    """Whether it can be called, and what comes of it need not be awaited."""
    while isinstance(value, partial):
        value = value.func
    asked = (value, getattr(type(value), "__call__", None))  # noqa: B004 - an object is as its `__call__` is
    return callable(value) and not any(map(iscoroutinefunction, asked)) and not any(map(isasyncgenfunction, asked))


a_bool: Validator = expected("a bool (true or false)", lambda value: isinstance(value, bool))
a_bool_or_none: Validator = expected("a bool or None", lambda value: value is None or isinstance(value, bool))
seconds: Validator = expected("seconds > 0 as an int or a float", _is_seconds)
duration: Validator = expected(
    f"a timedelta > 0 of at most {LONGEST_DURATION.days} days",
    lambda value: isinstance(value, timedelta) and timedelta(0) < value <= LONGEST_DURATION,
)
duration_or_none: Validator = expected(
    "a timedelta > 0 or None", lambda value: value is None or (isinstance(value, timedelta) and value > timedelta(0))
)
table_name: Validator = expected("a table's name: 3 to 255 of the characters a-z A-Z 0-9 _ . -", _is_table_name)
attribute_name: Validator = expected("an attribute's name: a str of 1 to 255 bytes", _is_attribute_name)
# The address may hold somebody's password: it is not shown.
url: Validator = expected(
    "a URL like http://localhost:8000, without user or password in it, memory:, memory:NAME, file:PATH or None",
    lambda value: value is None or _is_url(value),
    is_secret=True,
)
# What goes into a header: a line break in it would begin another.
key: Validator = expected(
    "a str without blanks, line breaks and other characters that no key has, or None",
    lambda value: value is None or (isinstance(value, str) and WITHOUT_BLANKS.fullmatch(value) is not None),
    is_secret=True,
)
ca_bundle: Validator = expected(
    "a bool, the path of a CA bundle or None", lambda value: value is None or isinstance(value, bool) or _is_text(value)
)
no_top_level_container: Validator = expected(
    "False, since True wraps the item in one more map and DynamoDB refuses each save", lambda value: value is False
)
conversation_serializer: Validator = expected(
    "an object with the methods serialize and deserialize, or None",
    lambda value: value is None or all(callable(getattr(value, name, None)) for name in ("serialize", "deserialize")),
    is_secret=True,
)
on_conflict: Validator = expected(
    "'merge', 'raise', 'overwrite' or a function (path, loaded, ours, theirs) -> value, which nobody would await",
    lambda value: value in ("merge", "raise", "overwrite") if isinstance(value, str) else _is_plain_function(value),
)
_by_name = expected(
    "a dict with str keys",
    lambda value: isinstance(value, Mapping) and all(isinstance(name, str) for name in value),
    is_secret=True,
)


def copied(value: Any) -> Any:
    """A converter: what the caller does with his mapping later is not our setting."""
    return dict(value) if isinstance(value, Mapping) else value


def create_options(made: object, attribute: "attrs.Attribute[Any]", value: Mapping[str, Any]) -> None:
    """A rule: what CreateTable takes besides the settings of the table."""
    _by_name(made, attribute, value)
    _refuse_ours(made, attribute.name, value, OWN_TABLE_PARAMETERS)


def client_options(made: object, attribute: "attrs.Attribute[Any]", value: Mapping[str, Any]) -> None:
    """A rule: what botocore's Config takes besides the settings of the client."""
    _by_name(made, attribute, value)
    _refuse_ours(made, attribute.name, value, OWN_CLIENT_OPTIONS)
    _check_user_agent(made, attribute.name, value)
    if value:
        _check_with_botocore(made, attribute.name, value)


def _check_user_agent(made: object, setting: str, value: Mapping[str, Any]) -> None:
    for name in ("user_agent", "user_agent_extra", "user_agent_appid"):
        words = value.get(name)
        if isinstance(words, str) and not (words.isascii() and words.isprintable()):
            raise wrong(made, "expected a str of printable ASCII characters, without line breaks", setting, name)


def _refuse_ours(made: object, setting: str, value: Mapping[str, Any], ours: Mapping[str, str]) -> None:
    for name in value:
        if name in ours:
            raise wrong(made, f"{name} is not taken here: set {ours[name]} of {type(made).__name__}", setting, name)


def _check_with_botocore(made: object, setting: str, value: Mapping[str, Any]) -> None:
    from aiobotocore.config import AioConfig  # noqa: PLC0415 - slow to import, and few need it

    known = {*AioConfig.OPTION_DEFAULTS, "connector_args", "http_session_cls"} - OWN_CLIENT_OPTIONS.keys()
    for name in value:
        if name not in known:
            raise wrong(made, f"unknown option of botocore's Config{nearest(name, known)}", setting, name)
    try:
        AioConfig(**value)
    except Exception as error:  # noqa: BLE001 - each option has its own; the text may hold a value
        raise wrong(made, f"botocore's Config refuses these options: {type(error).__name__}", setting) from None


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: what was meant, perhaps, and what there is."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    guess = f", perhaps {close[0]} was meant" if close else ""
    return f"{guess}; known are {', '.join(known)}"


def check_attributes_differ(made: object, key: str, recent_turns: str, ttl: Any) -> None:
    """The table's attribute names against each other, and against those of the reference's item."""
    taken: dict[str, str] = dict.fromkeys(ITEM_ATTRIBUTES, "the item itself")
    names = {"primary_key_column": key, "recent_turns_attribute": recent_turns}
    for setting, name in (names | ({"ttl.attribute": ttl.attribute} if ttl else {})).items():
        if name in taken:
            problem = (
                f"expected a name that no other attribute has, got {shown(name)}, the name that {taken[name]} uses"
            )
            raise wrong(made, problem, *setting.split("."))
        taken[name] = setting


def check_conversation_table(made: object, table: Any) -> None:
    """The table of conversations has no settings that are about items, and a key that no attribute of theirs has."""
    if table.ttl is not None:
        raise wrong(made, "expected no TTL of its own: set keep of Conversations", "table", "ttl")
    if table.primary_key_column in CONVERSATION_ATTRIBUTES:
        problem = "expected a name that no other attribute has, got one that conversations use"
        raise wrong(made, problem, "table", "primary_key_column")


def check_touch_every(made: object, touch_every: timedelta | None, limits: Mapping[str, timedelta]) -> None:
    """A turn that is not written does not put off the expiry of its session or item."""
    for setting, limit in limits.items():
        if touch_every is not None and touch_every >= limit:
            raise wrong(made, f"expected less than {setting}, {limit}, got {shown(touch_every)}", "touch_every")


def check_credentials(made: object) -> None:
    """The parts of the credentials come together."""
    for name, needed in NEEDED_BESIDE.items():
        if getattr(made, name) is not None and getattr(made, needed) is None:
            raise wrong(made, f"expected {needed} beside {name}: give both, or neither", needed)


def history_functions(made: object, attribute: "attrs.Attribute[Any]", value: Mapping[str, Any]) -> None:
    """A rule: functions by name, where no switched-on element of the history has the name."""
    _by_name(made, attribute, value)
    for name, function in value.items():
        if not name or not callable(function):
            raise wrong(
                made, f"expected a name and a function of the turn, got {shown(function)}", attribute.name, name
            )
        if getattr(made, name, None) is True:
            problem = f"{name} is an element already: choose another name, or {name}=False to put the function there"
            raise wrong(made, problem, attribute.name, name)
