"""Who has conversations: a scan of the second table, in which the items of a user stand together."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from dynadb_async.config import TableConfig
from dynadb_async.conversations.layout import ENTRIES, EXPIRES_AT, HEADS, LAST_NAME, NAME, WRITE
from dynadb_async.item.layout import Item
from dynadb_async.running.scan_source import Seen, Source, key_of

NUMBER = "n"
# What only a head, and only an entry, has. Nothing else is asked for: messages may be long.
MARKS = {HEADS: NUMBER, ENTRIES: WRITE}


def source_of(table: TableConfig, ready: Callable[[], Awaitable[None]]) -> Source:
    """The users in *table*."""
    keys = (table.primary_key_column, NAME)
    asked = [*keys, NUMBER, WRITE, EXPIRES_AT]
    names = {f"#a{at}": name for at, name in enumerate(asked)}
    return Source(
        table=table.name,
        keys=keys,
        is_consistent=table.consistent_read,
        seen=partial(_seen, keys),
        ready=ready,
        more={"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names},
    )


def _seen(keys: tuple[str, ...], item: Item, now: datetime) -> Seen:
    user_id, name = key = key_of(item, keys)
    if MARKS.get(name[:2]) not in item:
        return Seen(after=key, user_id=None)
    if _is_expired(item, now):
        return Seen(after=key, user_id=user_id, is_expired=True)
    return Seen(after=(user_id, LAST_NAME), user_id=user_id)


def _is_expired(item: Item, now: datetime) -> bool:
    try:
        return float(item[EXPIRES_AT]["N"]) <= now.timestamp()
    except (KeyError, ValueError):
        return False
