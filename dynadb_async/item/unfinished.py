"""
What a checkpoint leaves of a turn that has not ended, so that its next delivery goes on from there.

In the recent turns it is an entry with `open`, the turn's id, in place of `turn`: no duplicate for anybody, neither for
releases that do not know it. Beside it is the `digest` of the history entry that the checkpoint left, by which the end
of the turn, or its next delivery, knows the entry that its own takes the place of.
"""

import json
from base64 import b64encode
from collections.abc import Collection, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from dynadb_async.item.layout import HISTORY, Element, Item, Layout
from dynadb_async.item.recent import DIGEST, OPEN, WRITE, Entry, recent_turns

# Of 32 bytes as many as nobody's two history entries will ever share.
DIGEST_BYTES = 12


def open_entry(layout: Layout, write: str, turn_id: str | None, attributes: Item) -> Entry:
    """What the checkpoint named *write* adds to the recent turns, beside the *attributes* that it stores."""
    entry: Entry = {"M": {WRITE: {"S": write}}}
    if turn_id is None:
        return entry
    entry["M"][OPEN] = {"S": turn_id}
    # As it will be read: a serializer of the app's own may make other types of it.
    items = layout.element(attributes, HISTORY).get("items")
    if items:
        entry["M"][DIGEST] = {"S": digest_of(items[0])}
    return entry


def open_digests(layout: Layout, item: Item, turn_id: str | None) -> list[str] | None:
    """The history entries that unfinished deliveries of the turn left in *item*; None if there are no deliveries."""
    if turn_id is None:
        return None
    found = [entry["M"] for entry in recent_turns(layout, item) if entry["M"].get(OPEN) == {"S": turn_id}]
    return [digest for members in found if (digest := members.get(DIGEST, {}).get("S"))] if found else None


def places_of(digests: list[str] | None, items: list[Element]) -> list[int]:
    """Where in the history their entries are, each at its newest place."""
    if not digests:
        return []
    places = {digest_of(item): place for place, item in reversed(list(enumerate(items)))}
    return sorted(places[digest] for digest in set(digests) if digest in places)


def without(items: list[Element], places: Collection[int]) -> list[Element]:
    """All but those."""
    return [item for place, item in enumerate(items) if place not in places]


def digest_of(entry: Element) -> str:
    """Short text that is the same for entries that DynamoDB stores alike."""
    text = json.dumps(_plain(entry), ensure_ascii=True, separators=(",", ":"))
    return b64encode(sha256(text.encode()).digest()[:DIGEST_BYTES]).decode()


def _plain(value: Any) -> Any:
    """As JSON that tells apart what is stored differently, with one order and one form of each number."""
    match value:
        case None | bool() | str():
            return value
        case int() | float() | Decimal():
            sign, digits, exponent = Decimal(str(value)).as_tuple()
            text = "".join(map(str, digits)).lstrip("0")
            kept = text.rstrip("0")
            return {"N": [sign if kept else 0, kept, exponent + len(text) - len(kept) if kept else 0]}  # type: ignore[operator]
        case Mapping():
            return {"M": sorted([str(name), _plain(member)] for name, member in value.items())}
        case set() | frozenset():
            return {"S": sorted(json.dumps(_plain(member)) for member in value)}
        case bytes() | bytearray() | memoryview():
            return {"B": bytes(value).hex()}
        case list() | tuple():
            return [_plain(member) for member in value]
        case _:
            return {"?": str(value)}
