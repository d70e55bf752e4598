"""One append as the members of a transaction, and what a refusal's head says of it; pure."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from attrs import frozen

from dynadb_async.conversations.codec import (
    LARGEST_APPEND,
    LARGEST_PART,
    Content,
    attribute_of,
    json_of,
    size_of,
    state_of,
)
from dynadb_async.conversations.layout import (
    EXPIRES_AT,
    RECENT,
    WRITE,
    Head,
    Names,
    Recent,
    expires_at,
    milliseconds,
)
from dynadb_async.errors import ItemTooLargeError
from dynadb_async.item.layout import Item, new_write_id, text_of_time

ABSENT = "attribute_not_exists(#key)"
AS_KNOWN = "#recent[0].#write = :known"
EVERYTHING = 0
"""As `replacing`: all that is there."""


@frozen(kw_only=True, repr=False)
class Writing:
    """
    What one append wants to store.

    Attributes:
        parts: Its messages, in pieces that fit into items; at least one.
        write: Names this append, over all its attempts.
        append_id: The caller's id.
        replacing: The number from which on its messages take the place of those that are there.
        is_resolved: What it replaces replaced nothing below that itself.
        state: The app's own value beside the messages, as JSON, or a function that makes it of the one that is there;
            None leaves it.
    """

    parts: tuple[Content, ...]
    write: str
    append_id: str | None = None
    replacing: int | None = None
    is_resolved: bool = False
    state: str | Callable[[Any], Any] | None = None

    @classmethod
    def of(cls, parts: tuple[Content, ...], **wanted: Any) -> "Writing":
        """With a write id of its own."""
        return cls(parts=parts, write=new_write_id(), **wanted)

    def state_after(self, state: str | None) -> str | None:
        """
        What is kept beside the messages, where it is *state* now.

        Raises:
            SerializationError: A function made something of it that is no JSON value.
            ItemTooLargeError: It does not fit into an item.
            MalformedItemError: What is there is no JSON.
        """
        if self.state is None:
            return state
        made = self.state
        text = json_of(made(state_of(state)), ("state",)) if callable(made) else made
        if (size := size_of(text)) > LARGEST_PART:
            raise ItemTooLargeError(f"{size} bytes, over {LARGEST_PART}; keep less beside the messages", ("state",))
        return text

    def done(self, head: Head) -> Recent | None:
        """Find this very append in *head*, if an earlier attempt made it: its answer got lost."""
        return next((recent for recent in head.recent if recent.write == self.write), None)

    def delivered(self, head: Head) -> Recent | None:
        """Another append with the same id in *head*: this one is its second delivery."""
        if self.append_id is None:
            return None
        named = (recent for recent in head.recent if recent.append_id == self.append_id)
        return next((recent for recent in named if recent.write != self.write), None)


@frozen(kw_only=True, repr=False)
class Written:
    """
    An append, ready to be sent.

    Attributes:
        members: Of a transaction: the head's update first, then the entries.
        head: What is known of the conversation once it is stored.
        first: The number of its first entry.
    """

    members: tuple[dict[str, Any], ...]
    head: Head
    first: int


def written(
    table: str, names: Names, writing: Writing, known: Head | None, now: datetime, keep: timedelta | None
) -> Written:
    """
    *writing* on top of *known*; None if there is no conversation yet.

    Raises:
        ItemTooLargeError: It is over 4 MB, with the state.
    """
    live = None if known is None or known.is_expired(now) else known
    first = _next_number(known, now)
    number = first + len(writing.parts) - 1
    at = text_of_time(now)
    recent = Recent(write=writing.write, number=number, append_id=writing.append_id)
    head = Head(
        number=number,
        appends=1 if live is None else live.appends + 1,
        recent=(recent, *(live.recent if live else ()))[:RECENT],
        created_at=at if live is None else live.created_at,
        updated_at=at,
        state=writing.state_after(None if live is None else live.state),
        expires_at=expires_at(keep, live, now),
    )
    if len(writing.parts) > 1:
        _check_size(writing.parts, head.state or "")
    puts = tuple(
        {"Put": {"TableName": table, "Item": item, "ConditionExpression": ABSENT} | _names(names)}
        for item in _entries(names, writing, first, head)
    )
    return Written(members=(_update(table, names, head, known, is_new=live is None), *puts), head=head, first=first)


def _check_size(parts: tuple[Content, ...], state: str) -> None:
    size = sum(map(size_of, parts)) + size_of(state)
    if size > LARGEST_APPEND:
        problem = f"{size} bytes in one append with its state, over {LARGEST_APPEND}; append them one after another"
        raise ItemTooLargeError(problem)


def _next_number(known: Head | None, now: datetime) -> int:
    if known is None:
        return milliseconds(now)
    return known.number + 1 if not known.is_expired(now) else max(known.number + 1, milliseconds(now))


def _names(names: Names) -> dict[str, Any]:
    return {"ExpressionAttributeNames": {"#key": names.key_name}}


def _entries(names: Names, writing: Writing, first: int, head: Head) -> list[Item]:
    count = len(writing.parts)
    common: Item = {WRITE: {"S": writing.write}, "at": {"S": head.updated_at}}
    if head.expires_at is not None:
        common[EXPIRES_AT] = {"N": str(head.expires_at)}
    items = []
    for place, part in enumerate(writing.parts):
        item = names.key(names.entry(first + place)) | {"messages": attribute_of(part)} | common
        if count > 1:
            item["part"] = {"N": str(place)}
        items.append(item)
    newest = items[-1]
    if count > 1:
        newest["parts"] = {"N": str(count)}
    if writing.append_id is not None:
        newest["append"] = {"S": writing.append_id}
    if writing.replacing is not None:
        newest["cut"] = {"N": str(writing.replacing)}
    return items


def _update(table: str, names: Names, head: Head, known: Head | None, *, is_new: bool) -> dict[str, Any]:
    stored: Item = {
        "n": {"N": str(head.number)},
        "appends": {"N": str(head.appends)},
        "recent": {"L": [recent.attribute() for recent in head.recent]},
        "createdAt": {"S": head.created_at},
        "updatedAt": {"S": head.updated_at},
    }
    if head.state is not None:
        stored["state"] = {"S": head.state}
    if head.expires_at is not None:
        stored[EXPIRES_AT] = {"N": str(head.expires_at)}
    dropped = tuple(name for name, is_gone in _droppable(head, known, is_new=is_new) if is_gone)
    condition = ABSENT if known is None else f"{ABSENT} OR {AS_KNOWN}" if is_new else AS_KNOWN
    expression, attributes = _statement(names.key_name, tuple(stored), dropped, condition)
    values = {f":{place}": value for place, value in enumerate(stored.values())}
    if known is not None:
        values[":known"] = {"S": known.revision}
    return {
        "Update": {
            "TableName": table,
            "Key": names.key(names.head),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": attributes,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


@lru_cache(64)
def _statement(
    key_name: str, stored: tuple[str, ...], dropped: tuple[str, ...], condition: str
) -> tuple[str, Mapping[str, str]]:
    """The update, and what its names and those of the condition stand for: the same for nearly all appends."""
    attributes = {f"#{place}": name for place, name in enumerate((*stored, *dropped))}
    attributes |= {name: at for name, at in _IN_CONDITIONS.items() if name in condition}
    if "#key" in condition:
        attributes["#key"] = key_name
    sets = ", ".join(f"#{place} = :{place}" for place in range(len(stored)))
    removes = ", ".join(f"#{place}" for place in range(len(stored), len(stored) + len(dropped)))
    return f"SET {sets} REMOVE {removes}" if removes else f"SET {sets}", attributes


_IN_CONDITIONS = {"#recent": "recent", "#write": WRITE}


def _droppable(head: Head, known: Head | None, *, is_new: bool) -> tuple[tuple[str, bool], ...]:
    """What an earlier head may hold that this one does not."""
    return (
        ("state", is_new and known is not None and known.state is not None and head.state is None),
        (EXPIRES_AT, known is not None and known.expires_at is not None and head.expires_at is None),
    )
