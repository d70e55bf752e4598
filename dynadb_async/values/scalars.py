"""Plain values and Enums of what is stored: each of its own type, or told."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, Flag
from functools import cache
from types import NoneType
from typing import Any
from uuid import UUID

from dynadb_async.config import MarshallConfig
from dynadb_async.errors import SerializationError
from dynadb_async.values.misfit import Misfit, expected
from dynadb_async.values.serializer import DynamoDbSerializer
from dynadb_async.values.stored_text import StoredText

Read = Callable[[Any], Any]
"""Of a stored value."""


def scalar(exact: type, read: Callable[[Any], Any], value: Any, kind: Any) -> Any:
    """A plain value; cattrs asks for subclasses of its type here, too."""
    if kind is exact:
        return read(value)
    return member_of(value, kind) if issubclass(kind, Enum) else kind(read(value))


def member_of(value: Any, kind: Any) -> Any:
    """The member of an Enum, by the form in which its value is read; several flags at once are no single member."""
    if issubclass(kind, Flag) and type(value) is int and value >= 0:
        try:
            return kind(value)
        except ValueError:
            pass
    for form, member in _forms_of(kind):
        if form == value and isinstance(form, bool) == isinstance(value, bool):
            return member
    raise Misfit(f"no {kind.__name__} has this value")


@cache
def _forms_of(kind: Any) -> list[tuple[Any, Any]]:
    serializer = DynamoDbSerializer(MarshallConfig())
    forms = []
    for member in kind:
        try:
            forms.append((serializer.deserialize(serializer.serialize(member.value)), member))
        except SerializationError:
            # It can't be stored either.
            continue
    return forms


def _exactly(kind: type, word: str) -> Read:
    return lambda value: value if type(value) is kind else expected(word, value)


def _of_text(read: Callable[[str], Any], word: str) -> Read:
    def read_text(value: Any) -> Any:
        try:
            return read(value) if type(value) is str else expected(word, value)
        except ValueError as error:
            unread = error
        # A text's own words are in the error.
        raise unread if isinstance(unread, Misfit) else Misfit(f"expected {word}, got another text")

    return read_text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _int(value: Any) -> Any:
    return int(value) if _is_number(value) and value == value // 1 else expected("a whole number", value)


def _float(value: Any) -> Any:
    return float(value) if _is_number(value) else expected("a number", value)


def _decimal(value: Any) -> Any:
    return Decimal(str(value)) if _is_number(value) else expected("a number", value)


EXACT: Mapping[type, Read] = {
    str: lambda value: value if type(value) in (str, StoredText) else expected("a text", value),
    bool: _exactly(bool, "true or false"),
    bytes: _exactly(bytes, "a binary"),
    bytearray: lambda value: bytearray(value) if type(value) is bytes else expected("a binary", value),
    NoneType: _exactly(NoneType, "null"),
    int: _int,
    float: _float,
    Decimal: _decimal,
    datetime: _of_text(datetime.fromisoformat, "a time in ISO 8601"),
    date: _of_text(date.fromisoformat, "a date in ISO 8601"),
    time: _of_text(time.fromisoformat, "a time of day in ISO 8601"),
    UUID: _of_text(UUID, "a UUID"),
}
