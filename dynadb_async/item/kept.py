"""
What a turn leaves as it is, is not made into attribute values again: the JSON it was read from is sent once more.

Most of what is remembered of a person does not change in a turn. Of each list and map directly within `user.data` that
is worth it, its JSON or the hash of that is kept, which costs a tenth of making attribute values, and the place of its
attribute value in GetItem's answer; where the JSON is the same at the save, so is the attribute value.
"""

import marshal
from typing import Any, Final

import orjson
from attrs import define

from dynadb_async.item.layout import Element, Layout
from dynadb_async.values.attribute_json import encoded
from dynadb_async.values.serializer import AttributeValue, DynamoDbSerializer


@define(eq=False, repr=False)
class Kept:
    """
    What need not be made again.

    Attributes:
        body: GetItem's answer, or the item's JSON.
        members: By the member's name: its value's JSON or the hash of that, and its attribute value's or the place of
            that in *body*.
    """

    body: bytes
    members: dict[str, tuple[bytes | int, bytes | tuple[int, int]]]


# Bytes of a member's JSON: what is kept of it, some 250 bytes, then is no more than itself.
WORTH = 256
# The first is kept itself if it is short, which is quicker; not more, as orjson's bytes take 4 KB each.
SHORT: Final = 1024
BEGINNING: Final = 64
# A server that writes JSON otherwise than we do, as moto does with its blanks, is not searched to the end.
MOST_MISSED: Final = 3

UNKEPT: Final = b"", b""

# Subclasses, and what else orjson would write as text of its own, are not compared.
EXACT: Final = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def kept_of(layout: Layout, value: AttributeValue | None, element: Element, body: bytes) -> Kept | None:
    """Of the lists and maps within the `data` of *element*, which was read from *value*, which is in *body*."""
    data = element.get("data")
    serializer = layout.serializer
    if value is None or type(serializer) is not DynamoDbSerializer or type(data) is not dict:
        return None
    if serializer.marshall.convert_empty_values:
        return None  # it would change what is empty and was left
    values = value["M"]["data"]["M"]
    members: dict[str, tuple[bytes | int, bytes | tuple[int, int]]] = {}
    position = missed = 0
    for name, member in data.items():
        kind = type(member)
        # NaN, which can't be stored, would look like None.
        if (kind is list or kind is dict) and len(print_ := _print(member)) >= WORTH and print_.find(b"null") < 0:
            json = encoded(values[name])
            if not members and len(print_) <= SHORT:
                members[name] = print_, json
                continue
            # To search for all of it would take as long as to make it.
            start = body.find(json[:BEGINNING], position)
            if start >= 0 and body.startswith(json, start):
                position = start + len(json)
                members[name] = hash(print_), (start, position)
            elif (missed := missed + 1) > MOST_MISSED:
                break
    return Kept(body, members) if members else None


def attribute_with(layout: Layout, kept: Kept | None, name: str, element: Element) -> AttributeValue:
    """As `Layout.attribute`, with what is *kept* taken from there: as JSON, which only `encoded` can read."""
    data = element.get("data")
    if kept is None or type(data) is not dict:
        return layout.attribute(name, element)
    changed, same = {}, {}
    for member, value in data.items():
        mark, json = kept.members.get(member, UNKEPT)
        if mark and type(value) in (list, dict) and _is_same(value, mark):
            same[member] = orjson.Fragment(kept.body[json[0] : json[1]] if isinstance(json, tuple) else json)
        else:
            changed[member] = value
    made = layout.attribute(name, {**element, "data": changed})
    made["M"]["data"]["M"].update(same)
    return made


def _print(value: Any) -> bytes:
    """Equal only for values that are stored alike, but for None; empty where that can't be told."""
    try:
        return orjson.dumps(value, option=EXACT)
    except orjson.JSONEncodeError:
        return b""


def _is_same(value: Any, mark: bytes | int) -> bool:
    print_ = _print(value)
    if mark != (print_ if type(mark) is bytes else hash(print_)):
        return False
    try:
        # It takes built-in types only. An Enum, as `attrs.NOTHING` is one, has the print of its value.
        marshal.dumps(value)
    except ValueError:
        return False
    return True
