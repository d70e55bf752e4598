"""A turn as one conditional update of its item."""

import inspect
import logging
from datetime import datetime
from typing import Any

from attrs import frozen

from dynadb_async.errors import ItemTooLargeError, UsageError
from dynadb_async.instances import public_fields
from dynadb_async.item.layout import CREATED_AT, HISTORY, SESSION, UPDATED_AT, USER, Item, Layout, text_of_time
from dynadb_async.item.loading import Element, Loaded
from dynadb_async.item.recent import WRITE, Entry, recent_turns, recent_with
from dynadb_async.serializer import AttributeValue
from dynadb_async.size import attribute_size, size_bound
from dynadb_async.turn import Turn

logger = logging.getLogger("dynadb_async")

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html: an item's size, names included.
LARGEST_ITEM = 400 * 1024

# Custom elements are functions; these are copied from the turn. `state` is the session's.
COPIED = ("request", "input", "nlu", "asr", "entities", "output", "response")

Parameters = dict[str, Any]


async def history_entry(layout: Layout, turn: Turn[Any]) -> dict[str, Any] | None:
    """What this turn leaves in the history: the elements that are switched on and set, and the custom ones."""
    history = layout.config.stored_elements.history
    if history is None:
        return None
    values = {name: getattr(turn, name) for name in COPIED if getattr(history, name)}
    if history.state:
        values["state"] = turn.session.state
    entry = {name: value for name, value in values.items() if value is not None}
    for name, element in history.custom.items():
        value = element(turn)
        entry[name] = await value if inspect.isawaitable(value) else value
    return entry


def attributes_of_turn(layout: Layout, turn: Turn[Any], entry: dict[str, Any] | None, now: datetime) -> Item:
    """
    The stored elements of *turn*, laid over what its item held besides.

    Raises:
        SerializationError: A value has no DynamoDB form.
        UsageError: Session data would be lost.
    """
    loaded: Loaded = turn.loaded
    if loaded.is_unstored_session and (turn.session.data or turn.session.state):
        msg = (
            "the session was changed, but the request brought none and none is stored; "
            "switch stored_elements.session on, or pass session="
        )
        raise UsageError(msg)
    stored = layout.config.stored_elements
    item: Item = {}
    if stored.user:
        item[USER] = layout.attribute(USER, _user(layout, turn, loaded.elements[USER]))
    if stored.session is not None:
        item[SESSION] = layout.attribute(SESSION, _session(turn, loaded.elements[SESSION]))
    if stored.history is not None:
        item[HISTORY] = _history(layout, turn, loaded.elements[HISTORY], entry or {})
    if stored.created_at:
        item[CREATED_AT] = {"S": text_of_time(turn.created_at)}
    if stored.updated_at:
        item[UPDATED_AT] = {"S": text_of_time(now)}
    return item


def _user(layout: Layout, turn: Turn[Any], stored: Element) -> Element:
    data = turn.user.data
    if layout.config.marshall.convert_class_instance_to_map:
        data = _laid_over(stored.get("data"), data)
    return {**stored, "data": data}


def _laid_over(stored: Any, value: Any) -> Any:
    """The fields of a class instance over the stored map, so that members its class does not know survive."""
    if isinstance(value, dict) or not isinstance(stored, dict):
        return value
    fields = public_fields(value)
    if fields is None:
        return value
    return {**stored, **{name: _laid_over(stored.get(name), field) for name, field in fields.items()}}


def _session(turn: Turn[Any], stored: Element) -> Element:
    session = turn.session
    # Members that we don't know belong to the conversation that they were stored with.
    known = stored if stored.get("id") == session.id and not session.is_new else {}
    members = {
        "id": session.id,
        "data": session.data,
        "state": session.state,
        CREATED_AT: text_of_time(session.created_at) if session.created_at else None,
        UPDATED_AT: text_of_time(session.updated_at) if session.updated_at else None,
    }
    kept = {name: value for name, value in known.items() if name not in members}
    return kept | {name: value for name, value in members.items() if value is not None}


def _history(layout: Layout, turn: Turn[Any], stored: Element, entry: Element) -> AttributeValue:
    history = layout.config.stored_elements.history
    assert history is not None
    items = [entry, *turn.history.items][: history.size]
    return trimmed_history(layout, {**stored, "items": items})


def trimmed_history(layout: Layout, element: Element) -> AttributeValue:
    """The history as an attribute value, without the oldest turns that are beyond `size` and `max_bytes`."""
    history = layout.config.stored_elements.history
    assert history is not None
    items = element["items"][: history.size]
    while True:
        value = layout.attribute(HISTORY, {**element, "items": items})
        limit = history.max_bytes
        if limit is None or not items or size_bound(value) <= limit or attribute_size(value) <= limit:
            return value
        items = items[: _how_many_fit(layout, items, limit)]
        if not items:
            logger.warning("a turn's history entry is over max_bytes by itself and is not kept")


def _how_many_fit(layout: Layout, items: list[Any], max_bytes: int) -> int:
    """A first estimate from the entries' own sizes, fewer than there are: one attempt then mostly does."""
    room = max_bytes
    for count, entry in enumerate(items):
        room -= attribute_size(layout.serializer.serialize(entry))
        if room < 0:
            return min(count, len(items) - 1)
    return len(items) - 1


@frozen(kw_only=True)
class Save:
    """
    What a turn wants stored.

    Attributes:
        attributes: The stored elements and times.
        entry: What it adds to the recent turns; its write id names this save.
    """

    attributes: Item
    entry: Entry


def item_of_save(layout: Layout, save: Save, loaded: Loaded, now: datetime) -> Item:
    """
    The whole item as it will be stored, what this save leaves alone included.

    Raises:
        ItemTooLargeError: It would pass 400 KB.
    """
    table = layout.config.table
    kept = {} if loaded.stored is None or loaded.is_expired else loaded.stored
    item = kept | save.attributes
    item[layout.recent_name] = recent_with(layout.config, save.entry, recent_turns(layout, kept), loaded.writes)
    if table.ttl is not None:
        item[table.ttl.attribute] = {"N": str(int((now + table.ttl.after).timestamp()))}
    check_size(item)
    return item


def parameters_of_update(layout: Layout, item: Item, loaded: Loaded, user_id: str) -> Parameters:
    """The UpdateItem call that makes *item* of what was loaded, on condition that nobody changed it since."""
    before = loaded.stored or {}
    changed = [name for name, value in item.items() if before.get(name) is not value and name != layout.key_name]
    dropped = [name for name in before if name not in item and name != layout.key_name]
    condition, names, values = _condition(layout, loaded)
    update = "SET " + ", ".join([f"#{n} = :{n}" for n in range(len(changed))])
    if dropped:
        update += " REMOVE " + ", ".join([f"#{n}" for n in range(len(changed), len(changed) + len(dropped))])
    return {
        "TableName": layout.config.table.name,
        "Key": layout.key(user_id),
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names | {f"#{n}": name for n, name in enumerate(changed + dropped)},
        "ExpressionAttributeValues": values | {f":{n}": item[name] for n, name in enumerate(changed)},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _condition(layout: Layout, loaded: Loaded) -> tuple[str, dict[str, str], Item]:
    """What must still be true of the item, by what was loaded."""
    absent = "attribute_not_exists(#key)"
    names = {"#key": layout.key_name}
    if loaded.stored is None:
        return absent, names, {}
    values: Item = {}
    recent = recent_turns(layout, loaded.stored)
    names["#recent"] = layout.recent_name
    if recent:
        names["#write"] = WRITE
        values[":loaded"] = recent[0][WRITE]
        same = "#recent[0].#write = :loaded"
        del names["#key"]
    else:
        names["#updated"] = UPDATED_AT
        same = "attribute_exists(#key) AND attribute_not_exists(#recent) AND "
        if UPDATED_AT in loaded.stored:
            values[":loaded"] = loaded.stored[UPDATED_AT]
            same += "#updated = :loaded"
        else:
            same += "attribute_not_exists(#updated)"
    if not loaded.is_expired:
        return same, names, values
    return f"{absent} OR ({same})", names | {"#key": layout.key_name}, values


def check_size(item: Item) -> None:
    """
    Refuse what DynamoDB would refuse for its size.

    Raises:
        ItemTooLargeError: Over 400 KB, with the size of each element.
    """
    if size_bound(item) <= LARGEST_ITEM:
        return
    sizes = {name: len(name.encode()) + attribute_size(value) for name, value in item.items()}
    total = sum(sizes.values())
    if total > LARGEST_ITEM:
        shares = ", ".join(f"{name} {size}" for name, size in sorted(sizes.items(), key=lambda s: -s[1]))
        msg = f"the item would have {total} bytes, over DynamoDB's {LARGEST_ITEM}; keep less in it: {shares}"
        raise ItemTooLargeError(msg)
