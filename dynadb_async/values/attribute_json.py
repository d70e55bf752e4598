"""
Attribute values as JSON and back, as DynamoDB's protocol has them: a binary is base64 there, and bytes with us.

Other programs store texts that are no Unicode, with a lone surrogate: they are read, and kept, as they are.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson

from dynadb_async.errors import SerializationError
from dynadb_async.values.stored_text import as_stored, is_unicode

# Requests by the table's name, rather than attribute values by theirs.
BY_TABLE = {"RequestItems", "UnprocessedItems"}

B = ord("B")
# As each text begins with a quotation mark, to look for a B first is quicker.
_may_hold_binaries: Callable[[bytes], re.Match[bytes] | None] = re.compile(rb'B(?<="B)S?"').search


def encoded(members: Mapping[str, Any], *, is_stored: bool = False) -> bytes:
    """
    JSON of a mapping that has attribute values in it: an item, or botocore's parameters of an item operation.

    Texts that are no Unicode are refused, unless they, or all of the mapping, are stored already.

    Raises:
        SerializationError: A user's own serializer made something that is no attribute value.
    """
    try:
        return orjson.dumps(members, default=_base64)
    except orjson.JSONEncodeError as error:
        with suppress(TypeError, ValueError, RecursionError):
            if is_stored or _is_sound(members):
                return json.dumps(members, default=_plain, allow_nan=False).encode()
        problem = f"the serializer made something that is no attribute value ({type(error).__name__}); correct it"
    raise SerializationError(problem)


def _is_sound(value: Any) -> bool:
    """Whether all texts in it are Unicode, or were stored, and all names are texts."""
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_sound(name) and _is_sound(member) for name, member in value.items())
    if isinstance(value, list):
        return all(map(_is_sound, value))
    return type(value) is not str or is_unicode(value)


def _plain(value: Any) -> Any:
    return json.loads(orjson.dumps(value)) if isinstance(value, orjson.Fragment) else _base64(value)


def _base64(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode()
    raise TypeError


def decoded(body: bytes, *maps: str) -> Any:
    """
    What is in *body*, binaries as bytes in its members named *maps*: objects of attribute values, or lists around them.

    All others stay in base64, as they are sent.

    Raises:
        ValueError, TypeError, AttributeError, RecursionError: It is no JSON, or there is something else in *maps*.
    """
    try:
        members = orjson.loads(body)
    except ValueError:
        members = _with_surrogates(body)
    # Nearly no item holds binaries, and only one whose JSON has these texts can: all others need not be walked. One
    # byte is found far quicker than two.
    if B in body and _may_hold_binaries(body) and isinstance(members, dict):
        for name in maps:
            if isinstance(members.get(name), dict) and name not in BY_TABLE:
                members[name] = _with_binaries(members[name])
            elif isinstance(members.get(name), dict | list):
                members[name] = _around_binaries(members[name])
    return members


def _with_surrogates(body: bytes) -> Any:
    if b"\\ud" not in body.lower():
        raise ValueError
    # From bytes it would take UTF-16, too, and a byte-order mark; and it knows numbers that JSON doesn't.
    return as_stored(json.loads(body.decode(), parse_constant=_refuse))


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _with_binaries(values: Mapping[str, Any]) -> dict[str, Any]:
    """Attribute values by name whose binaries are in base64 as those whose binaries are bytes."""
    return {name: _with_bytes(value) for name, value in values.items()}


def _around_binaries(value: Any) -> Any:
    """Lists and objects around attribute values; none of them is an object with nothing but a `B` or `BS` in it."""
    match value:
        case list():
            return [_around_binaries(member) for member in value]
        case {"B": str()} | {"BS": list()} if len(value) == 1:
            return _with_bytes(value)
        case dict():
            return {name: _around_binaries(member) for name, member in value.items()}
        case _:
            return value


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    match value:
        case dict() if len(value) != 1:
            return value
        case {"B": text}:
            return {"B": b64decode(text, validate=True)}
        case {"BS": texts}:
            return {"BS": [b64decode(text, validate=True) for text in texts]}
        case {"M": members}:
            return {"M": _with_binaries(members)}
        case {"L": members}:
            return {"L": [_with_bytes(member) for member in members]}
        case _:
            return value
