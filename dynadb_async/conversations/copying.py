"""All items of one user's conversations, to be moved elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from dynadb_async.conversations.calls import BATCH, Calls
from dynadb_async.conversations.layout import END_OF_HEADS, ENTRIES, FIRST_NAME, HEADS, LAST_NAME, NAME, WRITE, Names
from dynadb_async.errors import MalformedItemError
from dynadb_async.item.layout import Item, new_write_id

RECENT = "recent"


async def copied(calls: Calls, names: Names) -> list[Item]:
    """All of them, as they are for sure."""
    return [item async for page in calls.pages(names, FIRST_NAME, LAST_NAME, ConsistentRead=True) for item in page]


async def put(calls: Calls, names: Names, items: Sequence[Mapping[str, Any]]) -> None:
    """
    Write them for the user of *names*: heads last, so that a conversation that is there is whole.

    Raises:
        MalformedItemError: One is none of a conversation.
    """
    renewed = [{**item, **names.partition} for item in _under_fresh_writes(items)]
    for kind in (ENTRIES, HEADS):
        chosen = [item for item in renewed if item[NAME]["S"].startswith(kind)]
        for at in range(0, len(chosen), BATCH):
            await calls.write(names, [{"PutRequest": {"Item": item}} for item in chosen[at : at + BATCH]])


async def is_free(calls: Calls, names: Names, items: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the user has no conversation, but for what an earlier try to write *items* left."""
    ours = {_mark(item) for item in items}
    async for page in calls.pages(names, HEADS, END_OF_HEADS, ConsistentRead=True):
        if any(_mark(item) not in ours for item in page):
            return False
    return True


def _mark(head: Mapping[str, Any]) -> str:
    """What stays of a head under a fresh write."""
    return str([head.get(name) for name in (NAME, "n", "appends", "createdAt", "updatedAt", "state")])


def _under_fresh_writes(items: Sequence[Mapping[str, Any]]) -> list[Item]:
    """The newest append of each conversation, in its head and its entries, under another id: no stale one passes."""
    try:
        writes = {
            head[RECENT]["L"][0]["M"][WRITE]["S"]: new_write_id() for head in items if head[NAME]["S"].startswith(HEADS)
        }
        return [_renewed(item, writes) for item in items]
    except (KeyError, IndexError, TypeError, AttributeError):
        pass
    raise MalformedItemError("conversation", "expected its heads and entries")


def _renewed(item: Mapping[str, Any], writes: Mapping[str, str]) -> Item:
    if item[NAME]["S"].startswith(HEADS):
        newest, *rest = item[RECENT]["L"]
        write = {"S": writes[newest["M"][WRITE]["S"]]}
        return {**item, RECENT: {"L": [{"M": {**newest["M"], WRITE: write}}, *rest]}}
    write = item[WRITE]["S"]
    return {**item, WRITE: {"S": writes.get(write, write)}}
