"""Whether a save may be left out, because it would store again what is stored."""

from datetime import datetime
from typing import Any

from dynadb_async.item.layout import CREATED_AT, HISTORY, SESSION, UPDATED_AT, USER, Item, Layout, time_of_attribute
from dynadb_async.item.loading import Loaded
from dynadb_async.turn import Turn


def is_unchanged(layout: Layout, turn: Turn[Any], ours: Item, now: datetime) -> bool:
    """
    Whether *turn* changed nothing, and its item was written within `touch_every`.

    A turn with an id is always written, so that a second delivery is recognised; so is one that leaves a history entry.
    """
    loaded: Loaded = turn.loaded
    touch_every = layout.config.touch_every
    if touch_every is None or turn.turn_id is not None or HISTORY in ours or loaded.is_merged or loaded.attempts:
        return False
    if loaded.stored is None or loaded.is_expired:
        return False
    written = time_of_attribute(loaded.stored.updated_at)
    if written is None or not now - touch_every < written <= now:
        return False
    base = loaded.base.item()
    if any(ours.get(name) != base.get(name) for name in (USER, CREATED_AT)):
        return False
    return SESSION not in ours or _is_same_session(layout, ours, base)


def _is_same_session(layout: Layout, ours: Item, base: Item) -> bool:
    """Apart from `updatedAt`, which each turn moves."""
    sessions = [layout.element(item, SESSION) for item in (ours, base)]
    for session in sessions:
        session.pop(UPDATED_AT, None)
    return sessions[0] == sessions[1]
