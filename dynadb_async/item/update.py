"""A save as one conditional update of its item."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from attrs import frozen

from dynadb_async.errors import ItemTooLargeError
from dynadb_async.item.layout import UPDATED_AT, Item, Layout
from dynadb_async.item.loading import Loaded
from dynadb_async.item.recent import WRITE, Entry, attribute_of_recent, recent_with
from dynadb_async.item.snapshot import Snapshot
from dynadb_async.request import Request
from dynadb_async.size import attribute_size

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html: an item's size, names included.
LARGEST_ITEM = 400 * 1024


@frozen
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
    layout: Layout, attributes: Item, entry: Entry, loaded: Loaded, user_id: str, now: datetime
) -> Update:
    """
    The update that stores *attributes*, the elements and times, and adds *entry* to the recent turns.

    Raises:
        ItemTooLargeError: The item would pass 400 KB.
    """
    table = layout.config.table
    stored = None if loaded.is_expired else loaded.stored
    recent = recent_with(layout.config, entry, [] if stored is None else stored.recent, loaded.writes)
    written = {**attributes, layout.recent_name: attribute_of_recent(recent)}
    if table.ttl is not None:
        written[table.ttl.attribute] = {"N": str(int((now + table.ttl.after).timestamp()))}
    request = Request("UpdateItem", _parameters(layout, written, loaded, user_id))
    snapshot = Snapshot.of_update(written, recent, request)
    kept_size = 0 if stored is None else stored.size_bound
    if snapshot.size_bound + kept_size > LARGEST_ITEM:
        check_size(({} if stored is None else stored.item()) | written | layout.key(user_id))
    return Update(snapshot, request)


def _parameters(layout: Layout, written: Item, loaded: Loaded, user_id: str) -> dict[str, Any]:
    condition, names, values = _condition(layout, loaded)
    # An item past its TTL is a new one: what the old one held besides goes.
    old = loaded.stored.item() if loaded.is_expired and loaded.stored is not None else {}
    dropped = [name for name in old if name not in written and name != layout.key_name]
    for place, name in enumerate((*written, *dropped)):
        names[f"#{place}"] = name
    for place, value in enumerate(written.values()):
        values[f":{place}"] = value
    return {
        "TableName": layout.config.table.name,
        "Key": layout.key(user_id),
        "UpdateExpression": _expression(len(written), len(dropped)),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


@lru_cache(64)
def _expression(written: int, dropped: int) -> str:
    expression = "SET " + ", ".join(f"#{place} = :{place}" for place in range(written))
    removed = ", ".join(f"#{place}" for place in range(written, written + dropped))
    return f"{expression} REMOVE {removed}" if removed else expression


def _condition(layout: Layout, loaded: Loaded) -> tuple[str, dict[str, str], Item]:
    """What must still be true of the item, by what was loaded."""
    absent = "attribute_not_exists(#key)"
    key, recent = {"#key": layout.key_name}, {"#recent": layout.recent_name}
    stored = loaded.stored
    if stored is None:
        return absent, key, {}
    values: Item = {}
    if stored.newest is not None:
        same, names = "#recent[0].#write = :loaded", recent | {"#write": WRITE}
        values[":loaded"] = {"S": stored.newest}
    else:
        same, names = "attribute_exists(#key) AND attribute_not_exists(#recent) AND ", key | recent
        names["#updated"] = UPDATED_AT
        if stored.updated_at is not None:
            values[":loaded"] = stored.updated_at
            same += "#updated = :loaded"
        else:
            same += "attribute_not_exists(#updated)"
    if not loaded.is_expired:
        return same, names, values
    return f"{absent} OR ({same})", names | key, values


def check_size(item: Mapping[str, Any]) -> None:
    """
    Refuse what DynamoDB would refuse for its size.

    Raises:
        ItemTooLargeError: Over 400 KB, with the size of each element.
    """
    sizes = {name: len(name.encode()) + attribute_size(value) for name, value in item.items()}
    total = sum(sizes.values())
    if total > LARGEST_ITEM:
        shares = ", ".join(f"{name} {size}" for name, size in sorted(sizes.items(), key=lambda s: -s[1]))
        msg = f"the item would have {total} bytes, over DynamoDB's {LARGEST_ITEM}; keep less in it: {shares}"
        raise ItemTooLargeError(msg)
