"""Whether an item is a user's that this package, or the reference, wrote: a table may hold other people's as well."""

from typing import Any

from dynadb_async.errors import MalformedItemError
from dynadb_async.item.layout import HISTORY, LONGEST_KEY, SESSION, USER, Item, Layout
from dynadb_async.item.recent import recent_turns

# What the reference has in each of its elements. An empty `user` is one whose data were deleted.
MARKS = {USER: {"data"}, SESSION: {"id", "data", "state"}, HISTORY: {"items"}}


def user_of(layout: Layout, item: Item) -> str | None:
    """Whose item it is; None if it is no user's."""
    user_id: Any = item.get(layout.key_name, {}).get("S")
    if not isinstance(user_id, str) or not 1 <= len(user_id.encode("utf-8", "surrogatepass")) <= LONGEST_KEY:
        return None
    return user_id if _has_recent_turns(layout, item) or _is_of_the_reference(item) else None


def _has_recent_turns(layout: Layout, item: Item) -> bool:
    try:
        return bool(recent_turns(layout, item))
    except MalformedItemError:
        return False


def _is_of_the_reference(item: Item) -> bool:
    for name, marks in MARKS.items():
        members = item.get(name, {}).get("M")
        if isinstance(members, dict) and (not marks.isdisjoint(members) or (name == USER and not members)):
            return True
    return False
