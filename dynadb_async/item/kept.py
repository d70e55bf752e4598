"""
What a turn leaves as it is, is not made into attribute values again: the JSON it was read from is sent once more.

Most of what is remembered of a person does not change in a turn. Python's side of each list and map directly within
`user.data` is kept as JSON, too, which costs a tenth of making attribute values; where it is the same at the save, so
are the attribute values.
"""

from typing import Any

import orjson

from dynadb_async.item.layout import Element, Layout
from dynadb_async.values.attribute_json import encoded
from dynadb_async.values.serializer import AttributeValue, DynamoDbSerializer

Kept = dict[str, tuple[bytes, bytes]]
"""By the member's name: the JSON of the Python value, and the JSON of its attribute value."""

# Subclasses, and what else orjson would write as text of its own, are not compared.
EXACT = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME

UNKEPT = b"", b""


def kept_of(layout: Layout, value: AttributeValue | None, element: Element) -> Kept:
    """The lists and maps within the `data` of *element*, which was read from *value*."""
    data = element.get("data")
    if value is None or type(layout.serializer) is not DynamoDbSerializer or type(data) is not dict:
        return {}
    values = value["M"]["data"]["M"]
    kept: Kept = {}
    for name, member in data.items():
        # NaN, which can't be stored, would look like None.
        if type(member) in (list, dict) and (print_ := _print(member)) and b"null" not in print_:
            kept[name] = print_, encoded(values[name])
    return kept


def attribute_with(layout: Layout, kept: Kept, name: str, element: Element) -> AttributeValue:
    """As `Layout.attribute`, with what is *kept* taken from there: as JSON, which only `encoded` can read."""
    data = element.get("data")
    if not kept or type(data) is not dict:
        return layout.attribute(name, element)
    changed, same = {}, {}
    for member, value in data.items():
        print_, json = kept.get(member, UNKEPT)
        if print_ and type(value) in (list, dict) and print_ == _print(value):
            same[member] = orjson.Fragment(json)
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
