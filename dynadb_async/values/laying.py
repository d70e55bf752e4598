"""What is stored of the app's own classes, laid over what is there."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any
from uuid import UUID

from dynadb_async.values.instances import is_array, public_fields
from dynadb_async.values.serializer import LEVELS

PLAIN = frozenset({str, int, float, bool, NoneType})
LEAVES = (str, bytes, bytearray, memoryview, int, float, Decimal, NoneType, datetime, date, time, UUID, Enum)


def laid_over(stored: Any, value: Any, read: Callable[[], Any] | None = None) -> Any:
    """
    *value* as maps, lists and leaves, and under an instance's fields the members of the *stored* map beside them.

    So members that a class does not know survive, unless there is an instance of another class now than *read* makes of
    what is stored. An empty set, which DynamoDB can't store, becomes an empty list; so does any other sequence, and
    keys become text where they have one.

    Raises:
        SerializationError: A pydantic model refers back to itself.
    """
    return _Laying(read).over(stored, value, (), ())


class _Laying:
    """A value being laid over what is stored; a place is the member's name and the place that it is in."""

    def __init__(self, read: Callable[[], Any] | None) -> None:
        """*read* is called only where a stored map holds more than an instance's fields."""
        self.read = read and cache(read)
        self.were: dict[tuple[Any, ...], Mapping[Any, Any]] = {}

    def over(self, stored: Any, value: Any, passed: tuple[Any, ...], place: tuple[Any, ...]) -> Any:
        """*value* over what is *stored* at its *place*; *passed* are those that it is in."""
        if isinstance(value, LEAVES) or len(passed) > LEVELS or any(value is outer for outer in passed):
            # What lies too deep, or around itself, the serializer tells.
            return value
        passed = (*passed, value)
        if isinstance(value, list | tuple | deque):
            return self._listed(value, passed)
        if isinstance(value, set | frozenset):
            return value or []
        below: Mapping[str, Any] = stored if isinstance(stored, dict) else {}
        if isinstance(value, Mapping):
            return self._members(below, value, passed, place)
        fields = public_fields(value)
        if fields is None:
            return value
        if is_array(value):
            return self._listed(fields.values(), passed)
        if place and self.read and below.keys() - fields.keys() and self._is_another(place, value):
            below = {}
        return {**below, **self._members(below, fields, passed, place)}

    def _members(
        self, below: Mapping[str, Any], members: Mapping[Any, Any], passed: tuple[Any, ...], place: tuple[Any, ...]
    ) -> dict[Any, Any]:
        return {
            (name := key if type(key) is str else key_as_text(key)): member
            if type(member) in PLAIN
            else self.over(below.get(name), member, passed, (name, place))
            for key, member in members.items()
        }

    def _listed(self, members: Iterable[Any], passed: tuple[Any, ...]) -> list[Any]:
        return [member if type(member) in PLAIN else self.over(None, member, passed, ()) for member in members]

    def _is_another(self, place: tuple[Any, ...], value: Any) -> bool:
        was = self._read_at(place)
        return was is not None and type(was) is not type(value)

    def _read_at(self, place: tuple[Any, ...]) -> Any:
        if not place:
            return self.read and self.read()
        name, outer = place
        # Kept by place: each of many members may ask for those beside it.
        if outer not in self.were:
            self.were[outer] = self._members_at(outer)
        return self.were[outer].get(name)

    def _members_at(self, place: tuple[Any, ...]) -> Mapping[Any, Any]:
        within = self._read_at(place)
        if isinstance(within, Mapping):
            return {key_as_text(key): member for key, member in within.items()}
        return public_fields(within) or {}


def key_as_text(key: Any) -> Any:
    """The text as which a dict's key is stored; the key itself if it has none, which the serializer tells."""
    match key:
        case Enum(value=str(text)):
            return text
        case UUID():
            return str(key)
        case date() | time():
            return key.isoformat()
    return key
