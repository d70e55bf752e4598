"""
The recent turns of an item, newest first: its lock token, the memory of our own writes and of duplicates in one.

Each is a map of `write`, a random id made for every save and kept over its retries, `turn`, the caller's id of
the turn, and `response`, the reply that a second delivery of that turn gets, or `lost` where there was one that is not
kept. A checkpoint has `open` in place of `turn`: see `unfinished`.
"""

from typing import Any

from dynadb_async.config import DynamoDbConfig
from dynadb_async.errors import MalformedItemError, SerializationError
from dynadb_async.item.layout import Item, Layout
from dynadb_async.item.reply import check_data
from dynadb_async.values.attribute_json import decoded, encoded
from dynadb_async.values.serializer import AttributeValue
from dynadb_async.values.size import fits
from dynadb_async.values.stored_text import is_text

WRITE, TURN, RESPONSE, LOST = "write", "turn", "response", "lost"
OPEN, DIGEST = "open", "digest"

LONGEST_TURN_ID = 256
LARGEST_RESPONSE = 4096

# What stands before an entry, between two, and in those that may have to change; as our own JSON has it.
NONE = b'{"L":[]}'
BEFORE, BETWEEN = b'{"M":{', b'}}},{"M":{'
REPLY, UNFINISHED = b'"response":', b'"open":'

Entry = AttributeValue
"""One recent turn as it is stored, a map."""


def recent_turns(layout: Layout, item: Item) -> list[Entry]:
    """
    The recent turns of *item*; empty if another program wrote it.

    Raises:
        MalformedItemError: The attribute holds something else.
    """
    stored = item.get(layout.recent_name)
    if stored is None:
        return []
    try:
        found: list[Entry] = stored["L"]
        if found and len([1 for entry in found if type(entry["M"][WRITE]["S"]) is str]) == len(found):
            return found
    except (KeyError, TypeError):
        pass
    problem = "expected a list of maps with a write id; choose another table.recent_turns_attribute if it is not ours"
    raise MalformedItemError(layout.recent_name, problem)


def write_of(entry: Entry) -> str:
    """The id of the save that made *entry*."""
    write: str = entry["M"][WRITE]["S"]
    return write


def entry_of_turn(entries: list[Entry], turn_id: str | None, own_writes: set[str] | frozenset[str]) -> Entry | None:
    """The entry of another delivery of the turn *turn_id*."""
    if turn_id is None:
        return None
    return next((e for e in entries if e["M"].get(TURN) == {"S": turn_id} and write_of(e) not in own_writes), None)


def stored_response(layout: Layout, entry: Entry) -> Any:
    """The reply that was stored with *entry*, or None."""
    value = entry["M"].get(RESPONSE)
    return None if value is None else layout.plain(layout.recent_name, value)


def is_reply_lost(entry: Entry) -> bool:
    """Whether there was a reply that is not kept."""
    return LOST in entry["M"]


def new_entry(layout: Layout, write: str, turn_id: str | None, response: Any) -> Entry:
    """
    What this save adds. A reply over 4 KB is not kept: it would make every later turn dearer.

    Raises:
        UsageError: The reply is no data.
        SerializationError: The reply has no DynamoDB form.
    """
    entry: dict[str, AttributeValue] = {WRITE: {"S": write}}
    if turn_id is None:
        return {"M": entry}
    entry[TURN] = {"S": turn_id}
    if response is not None:
        value = _kept_reply(layout, response) if layout.config.recent_responses else None
        entry |= {LOST: {"BOOL": True}} if value is None else {RESPONSE: value}
    return {"M": entry}


def _kept_reply(layout: Layout, response: Any) -> AttributeValue | None:
    check_data(response)
    try:
        value = layout.native.serialize(response)
    except SerializationError as error:
        raise error.within(RESPONSE) from None
    return value if fits(value, LARGEST_RESPONSE) else None


def checked_turn_id(turn_id: str | None) -> str | None:
    """
    The turn's id, fit to be stored in every item.

    Raises:
        SerializationError: No text of 1 to 256 bytes.
    """
    if turn_id is None:
        return None
    problem = f"expected a text of 1 to {LONGEST_TURN_ID} bytes, such as the platform's id of the request"
    if is_text(turn_id, LONGEST_TURN_ID):
        return turn_id
    raise SerializationError(problem, ("turn_id",))


def recent_json(config: DynamoDbConfig, entry: Entry, before: bytes, own_writes: set[str]) -> bytes:
    """JSON of the recent turns once *entry* is the newest; *before* is that of the earlier ones."""
    count, most = before.count(BEFORE), config.recent_turns - 1
    # Where no map lies in an entry, each but the first follows another.
    # To `find` is quicker than `in`, which tries bytes as a number first.
    is_plain = count == before.count(BETWEEN) + 1 and before.find(REPLY) < 0 and before.find(UNFINISHED) < 0
    if own_writes or not is_plain:
        return encoded({"L": recent_with(config, entry, decoded(before)["L"], own_writes)})
    end = len(before) - 2
    for _ in range(count - most):
        end = before.rfind(BETWEEN, 0, end) + 3
    return b'{"L":[' + encoded(entry) + (b"," + before[6:end] if most else b"") + b"]}"


def recent_with(config: DynamoDbConfig, entry: Entry, before: list[Entry], own_writes: set[str]) -> list[Entry]:
    """The recent turns once *entry* is the newest; earlier saves of the same turn give way to it."""
    if own_writes:
        before = [earlier for earlier in before if write_of(earlier) not in own_writes]
    recent = [entry, *before[: config.recent_turns - 1]]
    turn = entry["M"].get(TURN) or entry["M"].get(OPEN)
    with_reply = 0
    for place, earlier in enumerate(recent):
        members = earlier["M"]
        if RESPONSE in members:
            with_reply += 1
            if with_reply > config.recent_responses:
                recent[place] = _without(members, RESPONSE, **{LOST: {"BOOL": True}})
        elif place and OPEN in members and members[OPEN] == turn:
            # Another delivery's, which may ask for its write id still. But who is unfinished now is *entry*, or nobody.
            recent[place] = _without(members, OPEN, DIGEST)
    return recent


def _without(members: dict[str, AttributeValue], *names: str, **more: AttributeValue) -> Entry:
    return {"M": {name: value for name, value in members.items() if name not in names} | more}
