"""A save as one conditional update of its item."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from attrs import define
from orjson import Fragment

from dynadb_async.connection.request import Request
from dynadb_async.errors import ItemTooLargeError
from dynadb_async.item.layout import UPDATED_AT, Item, Layout
from dynadb_async.item.loading import Loaded
from dynadb_async.item.recent import NONE, WRITE, Entry, recent_json, write_of
from dynadb_async.item.snapshot import Snapshot
from dynadb_async.values.attribute_json import encoded
from dynadb_async.values.size import size_bound, sizes_in

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html: an item's size, names included.
LARGEST_ITEM = 400 * 1024


@define(eq=False, repr=False)
class Update:
    """
    One attempt to store a turn.

    Attributes:
        written: The attributes that it writes.
        request: The UpdateItem, on condition that nobody changed the item since it was loaded.
    """

    written: Snapshot
    request: Request


def update_of_save(
    layout: Layout,
    attributes: Item,
    entry: Entry,
    loaded: Loaded,
    user_id: str,
    now: datetime,
    over: Loaded | None = None,
) -> Update:
    """
    The update that stores *attributes*, the elements and times, and adds *entry* to the recent turns.

    It is on condition that the item is as it was *loaded*; or as *over* says, which became that in the process.

    Raises:
        ItemTooLargeError: The item would pass 400 KB.
        SerializationError: A user's own serializer made something that is no attribute value.
    """
    table = layout.config.table
    stored = None if loaded.is_expired else loaded.stored
    recent = recent_json(layout.config, entry, NONE if stored is None else stored.recent, loaded.writes)
    written: dict[str, Any] = {**attributes, layout.recent_name: Fragment(recent)}
    if table.ttl is not None:
        written[table.ttl.attribute] = {"N": str(int((now + table.ttl.after).timestamp()))}
    key = layout.key(user_id)
    request = Request("UpdateItem", table.name, _body(layout, written, over or loaded, key), key)
    snapshot = Snapshot(written.get(UPDATED_AT), write_of(entry), recent, b"", request.body)
    if snapshot.size_bound + (0 if stored is None else stored.size_bound) > LARGEST_ITEM:
        old = {} if stored is None else stored.item()
        beside = {name: value for name, value in old.items() if name not in written} | key
        if snapshot.tighter_bound() + size_bound(beside) > LARGEST_ITEM:
            check_size(beside | snapshot.item())
    return Update(snapshot, request)


def _body(layout: Layout, written: Item, loaded: Loaded, key: Item) -> bytes:
    condition, values = _condition(loaded)
    # An item past its TTL is a new one: what the old one held besides goes.
    old = loaded.stored.item() if loaded.is_expired and loaded.stored is not None else None
    dropped = tuple([name for name in old if name not in written and name != layout.key_name]) if old else ()
    statement, places = _statement(
        layout.config.table.name, layout.key_name, layout.recent_name, condition, tuple(written), dropped
    )
    values.update(zip(places, written.values(), strict=True))
    return statement + encoded({"Key": key, "ExpressionAttributeValues": values})[1:]


@lru_cache(64)
def _statement(
    table: str, key: str, recent: str, condition: str, written: tuple[str, ...], dropped: tuple[str, ...]
) -> tuple[bytes, list[str]]:
    """The beginning of the JSON, the same for every user, and the names of the values written."""
    names = {"#key": key, "#recent": recent, "#write": WRITE, "#updated": UPDATED_AT}
    names = {name: attribute for name, attribute in names.items() if name in condition}
    names |= {f"#{place}": attribute for place, attribute in enumerate((*written, *dropped))}
    places = [f":{place}" for place in range(len(written))]
    expression = "SET " + ", ".join(f"#{place} = :{place}" for place in range(len(written)))
    removed = ", ".join(f"#{place}" for place in range(len(written), len(written) + len(dropped)))
    statement = {
        "TableName": table,
        "UpdateExpression": f"{expression} REMOVE {removed}" if removed else expression,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return encoded(statement)[:-1] + b",", places


ABSENT = "attribute_not_exists(#key)"
AS_WE_LEFT_IT = "#recent[0].#write = :loaded"
NEVER_OURS = "attribute_exists(#key) AND attribute_not_exists(#recent) AND "


def _condition(loaded: Loaded) -> tuple[str, Item]:
    """What must still be true of the item, by what was loaded, and the values in it."""
    stored = loaded.stored
    if stored is None:
        return ABSENT, {}
    values: Item = {}
    if stored.newest is not None:
        same = AS_WE_LEFT_IT
        values[":loaded"] = {"S": stored.newest}
    elif stored.updated_at is not None:
        same = f"{NEVER_OURS}#updated = :loaded"
        values[":loaded"] = stored.updated_at
    else:
        same = f"{NEVER_OURS}attribute_not_exists(#updated)"
    return f"{ABSENT} OR ({same})" if loaded.is_expired else same, values


def check_size(item: Mapping[str, Any]) -> None:
    """
    Refuse what DynamoDB would refuse for its size.

    Raises:
        ItemTooLargeError: Over 400 KB, with the size of each element.
    """
    sizes = sizes_in(item)
    total = sum(sizes.values())
    if total > LARGEST_ITEM:
        shares = ", ".join(f"{name} {size}" for name, size in sorted(sizes.items(), key=lambda s: -s[1]))
        msg = f"the item would have {total} bytes, over DynamoDB's {LARGEST_ITEM}; keep less in it: {shares}"
        raise ItemTooLargeError(msg)
