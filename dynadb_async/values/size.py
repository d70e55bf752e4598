"""How many bytes DynamoDB counts for an attribute value, by its rules for the 400 KB that an item may have."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from dynadb_async.values.numeral import numeral_size

CONTAINER, MEMBER = 3, 1


def attribute_size(value: dict[str, Any]) -> int:
    """
    The bytes of an attribute value, its attribute's own name not included.

    Text and names count in UTF-8, binaries as they are, a bool or NULL 1, a map or list 3 and 1 for each member
    (AWS's rules; exact at the limit of 409,600 on DynamoDB Local 3.3, and within a byte or two for each number).
    """
    (tag,) = value
    return _SIZES[tag](value[tag])


def sizes_in(item: Mapping[str, dict[str, Any]]) -> dict[str, int]:
    """The bytes of each attribute of *item*, its name included, by name; all of them together are the item's."""
    return {name: text_size(name) + attribute_size(value) for name, value in item.items()}


def size_bound(value: dict[str, Any]) -> float:
    """
    A number of bytes that an attribute value, or a whole item, surely does not exceed: the length of its JSON.

    Every part is longer there, and it is had far quicker than the exact size; most items need no closer look.
    """
    try:
        return len(orjson.dumps(value, default=_as_text))
    except orjson.JSONEncodeError:
        return math.inf


def fits(value: dict[str, Any], limit: int) -> bool:
    """Whether an attribute value has at most so many bytes."""
    return size_bound(value) <= limit or attribute_size(value) <= limit


def _as_text(binary: bytes) -> str:
    return "x" * len(binary)


def text_size(text: str) -> int:
    """The bytes of *text* in UTF-8: so counts the name of an attribute, too."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def _map_size(members: dict[str, Any]) -> int:
    return CONTAINER + sum(text_size(name) + attribute_size(member) + MEMBER for name, member in members.items())


def _list_size(members: list[Any]) -> int:
    return CONTAINER + sum(attribute_size(member) + MEMBER for member in members)


_SIZES: dict[str, Callable[[Any], int]] = {
    "S": text_size,
    "N": numeral_size,
    "B": len,
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "M": _map_size,
    "L": _list_size,
    "SS": lambda members: sum(map(text_size, members)),
    "NS": lambda members: sum(map(numeral_size, members)),
    "BS": lambda members: sum(map(len, members)),
}
