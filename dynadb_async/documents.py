"""
JSON documents by keys, whatever either looks like: what the storages of other people's frameworks are made of.

    documents = Documents(db)
    await documents.write("msteams/users/29:1bSn", {"visits": 1})
    found = await documents.read(["msteams/users/29:1bSn"])

Each document is an item of its own: the key is the user's id, and the document is in `user.data`.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from hashlib import sha256
from typing import Any

from attrs import field, frozen

from dynadb_async import AsyncDynamoDb, SerializationError, Turn, UsageError, VersionConflictError

ANY = "*"
# The only member of `user.data` where the document is no map, or has what only JSON has a form for.
JSON = "$json"
LONGEST_KEY, LONGEST_PREFIX = 2048, 1900  # bytes
MOST_READ, AT_ONCE = 64, 16
ADVICE = "give the storage one of its own"


@frozen(kw_only=True)
class Document:
    """
    A document as it was read.

    Attributes:
        value: JSON.
        revision: Names the newest write to its item; None if that was another program's.
    """

    value: Any = field(repr=False)
    revision: str | None


# A write gets no handle of its read: what they have in common is one task, and those that it starts.
_reads: "ContextVar[dict[tuple[Documents, str], Turn[Any]]]" = ContextVar("dynadb_async_documents_reads")


class Documents:
    """Documents of which two turns at once may change different places: both changes are kept."""

    def __init__(self, db: AsyncDynamoDb[Any]) -> None:
        """
        On the app's adapter, which stays the app's: whoever opened it closes it.

        Raises:
            UsageError: The adapter stores a history, in which each write would be a turn.
        """
        if db.config.stored_elements.history is not None:
            raise UsageError(f"expected an adapter without stored_elements.history; {ADVICE}")
        self._db = db

    async def read(self, keys: Iterable[str]) -> dict[str, Document]:
        """The documents that there are, by their keys."""
        names, turns = list(dict.fromkeys(keys)), dict[str, Turn[Any]]()
        for begin in range(0, len(names), AT_ONCE):
            some = names[begin : begin + AT_ONCE]
            turns |= zip(some, await asyncio.gather(*map(self._load, some)), strict=True)
        earlier = list(_reads.get({}).items())[-MOST_READ:]
        _reads.set(dict(earlier) | {(self, key): turn for key, turn in turns.items()})
        return {key: _document(turn) for key, turn in turns.items() if not turn.user.is_new}

    async def write(self, key: str, value: Any, *, expected: str | None = None) -> None:
        """
        Store *value*, any JSON, as the document of *key*.

        Args:
            key: Any text but an empty one.
            value: It stays as it is.
            expected: The revision that nobody may have written over, where there is any; `*` replaces what is there.
                None merges *value* with what others wrote since this task, or one that started it, read the document;
                without a read it replaces what is there.

        Raises:
            VersionConflictError: Somebody wrote over *expected*; or, in a merge, changed the same thing.
            ValueError: *key* or *expected* is empty.
        """
        if expected == "":
            raise ValueError("expected a revision, as an eTag is, or `*`, or None, got an empty text")
        place, reads = (self, key), _reads.get({})
        turn = reads.get(place)
        if turn is None or expected is not None:
            turn = await self._load_to_write(key, expected)
        try:
            await self._save(turn, value)
        except VersionConflictError as conflict:
            if turn.on_conflict != "overwrite" or not conflict.deleted:
                raise
            # What was to be replaced is deleted meanwhile: so is what would have replaced it.
            reads.pop(place, None)
        turn.on_conflict = None
        if place in reads:
            reads[place] = turn

    async def delete(self, key: str) -> None:
        """Delete the document, if there is one."""
        await self._db.delete(_user_id(key))
        _reads.get({}).pop((self, key), None)

    async def _load(self, key: str) -> Turn[Any]:
        """
        The turn of *key*.

        Raises:
            UsageError: The app's `user.data` is of a class, which has no place for a document.
        """
        turn = await self._db.load(_user_id(key))
        if not isinstance(turn.user.data, dict):
            raise UsageError(f"expected an adapter without user_data=; {ADVICE}")
        return turn

    async def _load_to_write(self, key: str, expected: str | None) -> Turn[Any]:
        turn = await self._load(key)
        turn.on_conflict = "overwrite" if expected in (None, ANY) else "raise"
        if turn.on_conflict == "raise" and turn.revision not in (None, expected):
            raise VersionConflictError
        return turn

    async def _save(self, turn: Turn[Any], value: Any) -> None:
        value = dict(value) if isinstance(value, Mapping) else value
        is_map = isinstance(value, dict) and JSON not in value
        turn.user.data = value if is_map else {JSON: json.dumps(value)}
        try:
            await self._db.save(turn)
        except SerializationError:
            # JSON may be what DynamoDB has no form for: empty names, 1e300, depth.
            turn.user.data = {JSON: json.dumps(value)}
            await self._db.save(turn)


def _document(turn: Turn[Any]) -> Document:
    data = turn.user.data
    return Document(value=json.loads(data[JSON]) if JSON in data else data, revision=turn.revision)


def _user_id(key: str) -> str:
    """The key itself; of one that is too long for DynamoDB, or no Unicode, the beginning and a digest."""
    if not key:
        raise ValueError("a key may not be empty")
    encoded = key.encode(errors="surrogatepass")
    if len(encoded) <= LONGEST_KEY and encoded.decode(errors="ignore") == key:
        return key
    return encoded[:LONGEST_PREFIX].decode(errors="ignore") + "#" + sha256(encoded).hexdigest()
