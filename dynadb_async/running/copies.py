"""Users as they are stored, out of a table and into one."""

from typing import Any

from dynadb_async.connection.failures import ConditionFailedError
from dynadb_async.connection.request import Request
from dynadb_async.errors import MalformedItemError, UsageError
from dynadb_async.item import Item, check_user_id
from dynadb_async.item.copy import UserCopy, fresh
from dynadb_async.item.ours import user_of
from dynadb_async.item.recent import recent_turns, write_of
from dynadb_async.running.arguments import refuse
from dynadb_async.running.live import Live
from dynadb_async.running.scan_source import Seen
from dynadb_async.running.users import Reading

# What the reference's FileDb calls the key.
OTHER_KEY = "id"


async def copy_of(reading: Reading, number: int, seen: Seen) -> UserCopy | None:
    """All that is stored of whose item was seen; None if that was said before."""
    user_id = await reading.id_of(number, seen)
    if user_id is None:
        return None
    conversations = [] if reading.beside is None else await reading.beside.copied(user_id)
    return UserCopy(item=seen.item, conversations=conversations)


async def copy_of_user(live: Live, user_id: str) -> UserCopy | None:
    """All that is stored of one user, expired or not; None if there is nothing."""
    item = await live.read(user_id)
    conversations = [] if live.beside is None else await live.beside.copied(user_id)
    return UserCopy(item=item, conversations=conversations) if item or conversations else None


async def restore(live: Live, copy: UserCopy, *, overwrite: bool, is_dry: bool = False) -> bool:
    """Write *copy*, conversations first and the item last: what was cut short is told from what is there."""
    given: object = copy
    if not isinstance(given, UserCopy):
        refuse("copy", "a UserCopy (of a line: UserCopy.from_json)", given)
    user_id, item = _read(live, copy)
    if copy.conversations and live.beside is None:
        msg = "the user has conversations, but none are configured; set conversations=Conversations(table)"
        raise UsageError(msg)
    if not live.is_enabled:
        return False
    if not overwrite and not await _is_free(live, user_id, copy, is_dry=is_dry):
        return False
    if is_dry:
        return True
    if live.beside is not None and overwrite:
        await live.beside.delete_all(user_id)
    if live.beside is not None and copy.conversations:
        await live.beside.put(user_id, copy.conversations)
    return item is None or await _put(live, user_id, item, overwrite=overwrite)


def _read(live: Live, copy: UserCopy) -> tuple[str, Item | None]:
    """
    Whose it is, and the item under this table's key.

    Raises:
        MalformedItemError: It is no user's.
    """
    layout = live.store.layout
    if copy.item is None:
        key = live.beside.source().keys[0] if live.beside is not None else layout.key_name
        found, item = {layout.key_name: copy.conversations[0].get(key, {})}, None
    else:
        found = item = dict(copy.item)
        if layout.key_name not in item and OTHER_KEY in item:
            item[layout.key_name] = item.pop(OTHER_KEY)
        if user_of(layout, item) is None:
            found = {}
    user_id: Any = found.get(layout.key_name, {}).get("S")
    if not isinstance(user_id, str):
        raise MalformedItemError("item", f"it has no {layout.key_name}, or nothing that a user's item has")
    check_user_id(user_id)
    return user_id, item


async def _is_free(live: Live, user_id: str, copy: UserCopy, *, is_dry: bool) -> bool:
    if live.beside is None and not is_dry:
        # The put's own condition says.
        return True
    if await live.read(user_id) is not None:
        return False
    return live.beside is None or await live.beside.is_free(user_id, copy.conversations)


async def _put(live: Live, user_id: str, item: Item, *, overwrite: bool) -> bool:
    """One conditional PutItem; whether it was written, also where its answer got lost."""
    layout = live.store.layout
    written, write = fresh(layout, item)
    parameters: dict[str, Any] = {"TableName": layout.config.table.name, "Item": written}
    if not overwrite:
        parameters |= {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": layout.key_name},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    with live.under_way("save"):
        line = live.lines.join(user_id)
        left = live.time_left()
        try:
            await live.table_ready(live.table, left)
            await live.connection.call(Request.of("PutItem", parameters), until=left.until())
        except ConditionFailedError as failed:
            there = failed.item if failed.item is not None else await live.read(user_id)
            return there is not None and _newest_write(live, there) == write
        finally:
            line.doubt()
            live.lines.leave(user_id, line)
    return True


def _newest_write(live: Live, item: Item) -> str | None:
    entries = recent_turns(live.store.layout, item)
    return write_of(entries[0]) if entries else None
