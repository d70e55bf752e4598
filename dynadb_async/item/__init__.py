"""A turn as an item and back, its save as an update with its condition: the only place that knows attribute names."""

from dynadb_async.item.conflict import check_policy, is_written, rebased
from dynadb_async.item.elements import attributes_of_turn, history_entry
from dynadb_async.item.layout import Item, Layout, check_user_id, checked_clock, new_write_id
from dynadb_async.item.loading import Loaded, note_duplicate, turn_from_item
from dynadb_async.item.recent import checked_turn_id, entry_of_turn, new_entry, recent_turns
from dynadb_async.item.snapshot import Snapshot
from dynadb_async.item.stored import StoredItem, stored_item
from dynadb_async.item.unchanged import is_unchanged
from dynadb_async.item.unfinished import open_entry
from dynadb_async.item.update import Update, update_of_save
from dynadb_async.item.user_data import UserData

__all__ = [
    "Item",
    "Layout",
    "Loaded",
    "Snapshot",
    "StoredItem",
    "Update",
    "UserData",
    "attributes_of_turn",
    "check_policy",
    "check_user_id",
    "checked_clock",
    "checked_turn_id",
    "entry_of_turn",
    "history_entry",
    "is_unchanged",
    "is_written",
    "new_entry",
    "new_write_id",
    "note_duplicate",
    "open_entry",
    "rebased",
    "recent_turns",
    "stored_item",
    "turn_from_item",
    "update_of_save",
]
