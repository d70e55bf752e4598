"""What a turn leaves in its item: the stored elements and times, as attribute values."""

import inspect
import logging
from datetime import datetime
from itertools import accumulate
from typing import Any

from attrs import NOTHING

from dynadb_async.config import StoredHistory
from dynadb_async.errors import SerializationError, UsageError
from dynadb_async.item.kept import attribute_with
from dynadb_async.item.layout import CREATED_AT, HISTORY, SESSION, UPDATED_AT, USER, Element, Item, Layout, text_of_time
from dynadb_async.item.loading import Loaded
from dynadb_async.turn import Turn
from dynadb_async.values.laying import LEAVES, laid_over
from dynadb_async.values.serializer import AttributeValue, DynamoDbSerializer
from dynadb_async.values.size import MEMBER, attribute_size, fits

logger: logging.Logger = logging.getLogger("dynadb_async")

NO_MAPS = (*LEAVES, list, tuple, set, frozenset)

# Custom elements are functions; these are copied from the turn. `state` is the session's.
COPIED = ("request", "input", "nlu", "asr", "entities", "output", "response")


async def history_entry(history: StoredHistory, turn: Turn[Any]) -> dict[str, Any]:
    """What this turn leaves in the history: the elements that are switched on and set, and the custom ones."""
    values = {name: getattr(turn, name) for name in COPIED if getattr(history, name)}
    if history.state:
        values["state"] = turn.session.state
    entry = {name: value for name, value in values.items() if value is not None}
    for name, element in history.custom.items():
        value = element(turn)
        entry[name] = await value if inspect.isawaitable(value) else value
    return entry


def attributes_of_turn(
    layout: Layout, turn: Turn[Any], entry: dict[str, Any] | None, now: datetime, *, is_whole: bool = True
) -> Item:
    """
    The stored elements of *turn*, laid over what its item held besides.

    Only if *is_whole* they may be looked at; else what the turn left as it was is JSON, fit to be sent.

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
        kept = None if is_whole else loaded.kept
        item[USER] = attribute_with(layout, kept, USER, _user(layout, turn, loaded.elements[USER]))
    if stored.session is not None:
        item[SESSION] = layout.attribute(SESSION, _session(turn, loaded.elements[SESSION]))
    if stored.history is not None:
        items = [entry or {}, *_earlier(turn.history.items)]
        item[HISTORY] = trimmed_history(layout, stored.history, {**loaded.elements[HISTORY], "items": items})
    if stored.created_at:
        item[CREATED_AT] = {"S": text_of_time(turn.created_at, "turn.created_at")}
    if stored.updated_at:
        item[UPDATED_AT] = {"S": text_of_time(now)}
    return item


def _user(layout: Layout, turn: Turn[Any], stored: Element) -> Element:
    data, below = turn.user.data, stored.get("data")
    is_dict = isinstance(data, dict)
    if layout.shape is None and is_dict:
        return {**stored, "data": data}
    _check_map(data, below, USER)
    if not is_dict and not layout.config.marshall.convert_class_instance_to_map:
        # The serializer tells.
        return {**stored, "data": data}
    try:
        data = laid_over(below, data) if layout.shape is None else layout.shape.written(data, below)
    except SerializationError as error:
        problem = error.within(USER, "data")
    else:
        return {**stored, "data": data}
    raise problem


def _check_map(data: Any, below: Any, element: str) -> None:
    """
    Refuse what the next turn could not read as a dict; but what another program stored instead may stay.

    Raises:
        SerializationError: It is no dict, nor an instance of the app's class.
    """
    if not isinstance(data, NO_MAPS) or (data is not None and type(data) is type(below)):
        return
    what = "None" if data is None else type(data).__name__
    raise SerializationError(f"expected a dict, got {what}; to remember nothing, set it to {{}}", (element, "data"))


def _session(turn: Turn[Any], stored: Element) -> Element:
    session = turn.session
    if session.data is not None:
        _check_map(session.data, None, SESSION)
    # Members that we don't know belong to the conversation that they were stored with.
    known = stored if stored.get("id") == session.id and not session.is_new else {}
    members = {
        "id": session.id,
        "data": session.data,
        "state": session.state,
        CREATED_AT: text_of_time(session.created_at, "session.created_at") if session.created_at else None,
        UPDATED_AT: text_of_time(session.updated_at, "session.updated_at") if session.updated_at else None,
    }
    kept = {name: value for name, value in known.items() if name not in members}
    return kept | {name: value for name, value in members.items() if value is not None}


def _earlier(items: object) -> list[Any] | tuple[Any, ...]:
    """The older entries, if the next turn can read them."""
    if not isinstance(items, list | tuple):
        raise SerializationError(f"expected a list of maps, got {type(items).__name__}", (HISTORY, "items"))
    for place, entry in enumerate(items):
        if type(entry) is not dict and isinstance(entry, NO_MAPS) and entry is not NOTHING:
            raise SerializationError(f"expected a map, got {type(entry).__name__}", (HISTORY, "items", place))
    return items


def trimmed_history(layout: Layout, history: StoredHistory, element: Element) -> AttributeValue:
    """The history as an attribute value, without the oldest turns that are beyond `size` and `max_bytes`."""
    items = element["items"][: history.size]
    value, limit = layout.attribute(HISTORY, {**element, "items": items}), history.max_bytes
    if limit is None or not items or fits(value, limit):
        return value
    is_plain = type(layout.serializer) is DynamoDbSerializer
    count = _count_thatfits(value, limit) if is_plain else _count_found(layout, element, items, limit)
    if not count:
        logger.warning("a turn's history entry is over max_bytes by itself and is not kept")
    return layout.attribute(HISTORY, {**element, "items": items[:count]})


def _count_thatfits(value: AttributeValue, limit: int) -> int:
    """How many entries may stay, from the newest: each is measured once, however many there are."""
    entries = value["M"]["items"]["L"]
    sizes = [attribute_size(entry) + MEMBER for entry in entries]
    room = limit - (attribute_size(value) - sum(sizes))
    return sum(taken <= room for taken in accumulate(sizes))


def _count_found(layout: Layout, element: Element, items: list[Any], limit: int) -> int:
    """The same, where only the whole has a size: a user's own serializer may compress it."""
    least, most = 0, len(items) - 1
    while least < most:
        count = (least + most + 1) // 2
        if fits(layout.attribute(HISTORY, {**element, "items": items[:count]}), limit):
            least = count
        else:
            most = count - 1
    return least
