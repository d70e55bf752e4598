"""
Attribute values as plain JSON, which is what the embedded store holds, and what a person reads in its file.

Texts, numbers, booleans, null, lists and maps are JSON's own. What JSON does not know is a map of one member, a mark:

    {"$binary": "aGk="}                       a binary, in base64
    {"$strings": ["a", "b"]}                  a set of texts
    {"$numbers": [1, 2.5]}                    a set of numbers
    {"$binaries": ["aGk="]}                   a set of binaries
    {"$number": "0.12345678901234567890"}     a number that a double does not hold to the last digit

A user's own map that looks like a mark gets one more $ in front of its member's name, and loses it when it is read.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from dynadb_async.values.numeral import number_from, plain_numeral
from dynadb_async.values.stored_text import StoredText

Plain = Any
"""What JSON knows."""

BINARY, NUMBER, STRINGS, NUMBERS, BINARIES = "$binary", "$number", "$strings", "$numbers", "$binaries"
LIKE_A_MARK = re.compile(r"\$+(binary|number|strings|numbers|binaries)")
NUMERAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Beyond, JavaScript's numbers are no whole ones any more.
SAFE = 2**53


def plain_from(value: dict[str, Any]) -> Plain:
    """An attribute value as plain JSON."""
    ((tag, content),) = value.items()
    return _WRITERS[tag](content)


def plain_members(attributes: dict[str, Any]) -> dict[str, Plain]:
    """Attribute values by name, as an item has them, as plain JSON."""
    return {name: plain_from(value) for name, value in attributes.items()}


def attribute_from(plain: Plain) -> dict[str, Any]:
    """
    The attribute value that is written as *plain*.

    Raises:
        KeyError: This is not JSON.
    """
    return _READERS[type(plain)](plain)


def attributes_from(members: dict[str, Plain]) -> dict[str, Any]:
    """Attribute values by name, as an item has them, of plain JSON."""
    return {name: attribute_from(member) for name, member in members.items()}


def number_in_file(numeral: str) -> Plain:
    """A number's text as JSON holds it without loss: as itself, or marked."""
    number = number_from(numeral)
    if -SAFE <= number <= SAFE and number == int(number):
        return int(number)
    fraction = float(numeral)
    return fraction if Decimal(repr(fraction)) == Decimal(numeral) else {NUMBER: plain_numeral(numeral)}


def _number_in_set(numeral: str) -> Plain:
    number = number_in_file(numeral)
    return number[NUMBER] if type(number) is dict else number


def _map(members: dict[str, Any]) -> Plain:
    plain = plain_members(members)
    if len(plain) == 1:
        ((name, member),) = plain.items()
        if LIKE_A_MARK.fullmatch(name):
            return {f"${name}": member}
    return plain


def _base64(binary: bytes) -> str:
    return b64encode(binary).decode()


_WRITERS: dict[str, Callable[[Any], Plain]] = {
    "S": lambda text: text,
    "N": number_in_file,
    "BOOL": lambda truth: truth,
    "NULL": lambda _: None,
    "B": lambda binary: {BINARY: _base64(binary)},
    "L": lambda members: [plain_from(member) for member in members],
    "M": _map,
    "SS": lambda texts: {STRINGS: list(texts)},
    "NS": lambda numerals: {NUMBERS: [_number_in_set(numeral) for numeral in numerals]},
    "BS": lambda binaries: {BINARIES: [_base64(binary) for binary in binaries]},
}


def _from_map(members: dict[str, Plain]) -> dict[str, Any]:
    if len(members) == 1:
        ((name, content),) = members.items()
        if LIKE_A_MARK.fullmatch(name):
            if name.startswith("$$"):
                return {"M": {name[1:]: attribute_from(content)}}
            marked = _marked(name, content)
            if marked is not None:
                return marked
    return {"M": attributes_from(members)}


def _marked(mark: str, content: Plain) -> dict[str, Any] | None:
    """What is marked; None if it is somebody else's map, for what we write is always of the mark's own shape."""
    try:
        return _MARKED[mark](content)
    except (TypeError, ValueError, AttributeError):
        return None


def _numeral(text: Plain) -> str:
    if type(text) in (int, float):
        return plain_numeral(repr(text))
    if NUMERAL.fullmatch(text) is None:
        raise ValueError
    return plain_numeral(text)


def _listed(members: Plain) -> list[Any]:
    if type(members) is not list or not members:
        raise TypeError
    return members


def _text(text: Plain) -> str:
    if not isinstance(text, str):
        raise TypeError
    return text


def _bytes(text: Plain) -> bytes:
    return b64decode(text, validate=True)


_MARKED: dict[str, Callable[[Any], dict[str, Any]]] = {
    BINARY: lambda text: {"B": _bytes(text)},
    NUMBER: lambda text: {"N": _numeral(text)},
    STRINGS: lambda texts: {"SS": list(map(_text, _listed(texts)))},
    NUMBERS: lambda numerals: {"NS": [_numeral(numeral) for numeral in _listed(numerals)]},
    BINARIES: lambda texts: {"BS": [_bytes(text) for text in _listed(texts)]},
}

_READERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    str: lambda text: {"S": text},
    StoredText: lambda text: {"S": text},
    bool: lambda truth: {"BOOL": truth},
    type(None): lambda _: {"NULL": True},
    int: lambda number: {"N": repr(number)},
    float: lambda number: {"N": plain_numeral(repr(number))},
    list: lambda members: {"L": [attribute_from(member) for member in members]},
    dict: _from_map,
}
