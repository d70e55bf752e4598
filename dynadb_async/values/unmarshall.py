"""An attribute value as the Python value that it holds: the reading half of the serializer."""

from collections.abc import Callable, Mapping
from typing import Any

from dynadb_async.errors import SerializationError
from dynadb_async.values.numeral import SURELY_EXACT, number_from, refuse_collisions
from dynadb_async.values.stored_text import StoredText

UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
NO_ATTRIBUTE_VALUE = "this is no attribute value as DynamoDB has them, one type tag and what belongs to it; repair it"


def unmarshalled(value: Mapping[str, Any]) -> Any:
    """
    The Python value in an attribute value, which is left as it is.

    Raises:
        SerializationError: This is no attribute value; the path starts at *value*.
    """
    try:
        (tag,) = value
        return _READERS[tag](value[tag])
    except SerializationError:
        raise
    except UNREADABLE:
        raise SerializationError(NO_ATTRIBUTE_VALUE) from None
    except RecursionError:
        raise SerializationError("this is nested deeper than DynamoDB's 32 levels; repair it") from None


# The hot path: the commonest types are read in the loop, and the place is put together only when an error comes by.
def _read_map(content: Mapping[str, Any]) -> dict[str, Any]:
    readers = _READERS
    members: dict[str, Any] = {}
    for name, value in content.items():
        try:
            (tag,) = value
            inner = value[tag]
            if tag == "S" and type(inner) is str:
                members[name] = inner
            elif tag == "N" and inner.isdecimal():
                members[name] = int(inner)
            elif tag == "N" and "." in inner and len(inner) <= SURELY_EXACT and "e" not in inner and "E" not in inner:
                members[name] = float(inner)
            else:
                members[name] = readers[tag](inner)
        except SerializationError as error:
            raise error.within(name) from None
        except UNREADABLE:
            raise SerializationError(NO_ATTRIBUTE_VALUE, (name,)) from None
    return members


def _read_list(content: list[Any]) -> list[Any]:
    readers = _READERS
    members: list[Any] = []
    for index, value in enumerate(_listed(content)):
        try:
            (tag,) = value
            inner = value[tag]
            if tag == "S" and type(inner) is str:
                members.append(inner)
            else:
                members.append(_read_map(inner) if tag == "M" else readers[tag](inner))
        except SerializationError as error:
            raise error.within(index) from None
        except UNREADABLE:
            raise SerializationError(NO_ATTRIBUTE_VALUE, (index,)) from None
    return members


def _read_truth(content: bool) -> bool:  # noqa: FBT001
    if not isinstance(content, bool):
        raise TypeError
    return content


def _read_text(content: str) -> str:
    return content if type(content) is StoredText else str.__str__(content)


def _read_numbers(content: list[Any]) -> set[Any]:
    numbers = [number_from(numeral) for numeral in _listed(content)]
    refuse_collisions(numbers)
    return set(numbers)


def _listed(content: list[Any]) -> list[Any]:
    if not isinstance(content, list):
        raise TypeError
    return content


# `str.__str__` and `bytes.__bytes__` hand the same object on, and refuse everything else, at the speed of C.
_READERS: dict[str, Callable[[Any], Any]] = {
    "S": _read_text,
    "N": number_from,
    "M": _read_map,
    "L": _read_list,
    "BOOL": _read_truth,
    "NULL": lambda _: None,
    "B": bytes.__bytes__,
    "SS": lambda content: set(map(_read_text, _listed(content))),
    "NS": _read_numbers,
    "BS": lambda content: set(map(bytes.__bytes__, _listed(content))),
}
