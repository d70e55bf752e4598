"""
A storage for Microsoft 365 Agents and for Bot Framework: an item for each storage key, the document in `user.data`.

    storage = DynamoDbStorage(db)
    user_state, conversation_state = UserState(storage), ConversationState(storage)

Needs `dynadb-async[m365-agents]` or `dynadb-async[bot-framework]`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from hashlib import sha256
from importlib import import_module
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define

from dynadb_async import AsyncDynamoDb, DynamoDbSerializer, SerializationError, Turn, UsageError, VersionConflictError

if TYPE_CHECKING:
    from microsoft_agents.hosting.core.storage import Storage
else:
    try:
        Storage = import_module("microsoft_agents.hosting.core.storage").Storage
    except ImportError:
        try:
            Storage = import_module("botbuilder.core").Storage
        except ImportError as _missing:
            problem = (
                "this needs Microsoft 365 Agents: pip install 'dynadb-async[m365-agents]', "
                "or Bot Framework: pip install 'dynadb-async[bot-framework]'"
            )
            raise ImportError(problem, name="microsoft_agents") from _missing

T = TypeVar("T")

ADVICE = "give the storage one of its own"
E_TAG, ANY = "e_tag", "*"
# Members of `user.data` beside a document's own: what is no map, what only JSON has a form for, who replaced it unread.
VALUE, JSON, REPLACED = "$value", "$json", "$replaced"
LONGEST_KEY, LONGEST_PREFIX = 2048, 1900  # bytes
MOST_READ, AT_ONCE, MOST_TRIES = 64, 16, 8
ABSENT: Any = object()


class ETagConflictError(VersionConflictError, KeyError):
    """Another eTag is stored than the one that was given; the KeyError of Bot Framework's own storage, too."""

    def __str__(self) -> str:
        """The message, without the quotes of a KeyError."""
        return Exception.__str__(self)


@define(eq=False)
class _Read:
    """What was read for a key, on which the next write is based; nothing once it was replaced or deleted."""

    turn: Turn[Any] | None
    writing: asyncio.Lock


# A write gets no handle of its read: what they have in common is the bot's turn, which is one task and those it starts.
_reads: ContextVar[Mapping[tuple[Storage, str], _Read]] = ContextVar("dynadb_async_bot_framework_reads")


class DynamoDbStorage(Storage):
    """A storage for states: what turns at the same time change in different places is all kept."""

    def __init__(self, db: AsyncDynamoDb[Any]) -> None:
        """
        A storage on the app's adapter, which stays the app's: whoever opened it closes it.

        Raises:
            UsageError: The adapter stores a history, in which each write would be a turn.
        """
        if db.config.stored_elements.history is not None:
            raise UsageError(f"expected an adapter without stored_elements.history; {ADVICE}")
        self._db = db

    async def read(self, keys: Iterable[str], *, target_cls: Any = ABSENT, **_: Any) -> dict[str, Any]:
        """
        The items that there are, by their keys; in Bot Framework without a *target_cls*.

        Raises:
            ValueError: There are no keys, or an empty one; or *target_cls* is None.
        """
        if not keys:
            raise ValueError("Keys are required when reading")
        if target_cls is None:
            raise ValueError("expected a class of items as target_cls, got None")
        turns = await _all(self._load, keys)
        read = {(self, key): _Read(turn, asyncio.Lock()) for key, turn in turns.items()}
        earlier = [(place, each) for place, each in _reads.get({}).items() if place not in read]
        _reads.set(dict(earlier[-MOST_READ:]) | read)
        found = {key: _document(turn.user.data) for key, turn in turns.items() if not turn.user.is_new}
        return {key: _restored(document, target_cls) for key, document in found.items()}

    async def write(self, changes: Mapping[str, Any] | None) -> None:
        """
        Store each of the items.

        One whose `e_tag` is that of an earlier read is stored if nobody wrote since. One without is merged with what
        others wrote since it was read, in the same task or one that started this; without a read, and with an `e_tag`
        of `*`, it replaces what is there.

        Raises:
            ETagConflictError: Somebody wrote since.
            VersionConflictError: Somebody changed the same thing since.
            ValueError: There are no changes, an empty key, or an empty `e_tag`.
        """
        if changes is None or changes == {}:
            raise ValueError("Changes are required when writing")
        await _all(lambda key: self._write(key, _flattened(changes[key])), changes)

    async def delete(self, keys: Iterable[str]) -> None:
        """
        Delete what there is of the keys.

        Raises:
            ValueError: There are no keys, or an empty one.
        """
        if not keys:
            raise ValueError("Keys are required when deleting")
        await _all(self._delete, keys)

    async def _load(self, key: str) -> Turn[Any]:
        return _checked(await self._db.load(_user_id(key)))

    async def _delete(self, key: str) -> None:
        await self._db.delete(_user_id(key))
        if read := _reads.get({}).get((self, key)):
            read.turn = None

    async def _write(self, key: str, document: Any) -> None:
        e_tag = document.pop(E_TAG, None) if isinstance(document, dict) else None
        if e_tag == "":
            raise ValueError("expected an e_tag, `*` or none, got an empty one")
        read = _reads.get({}).get((self, key)) or _Read(None, asyncio.Lock())
        async with read.writing:
            if e_tag not in (None, ANY):
                await self._write_if(key, document, e_tag, read)
            elif e_tag is None and read.turn is not None:
                await self._save(read.turn, _stored(document, read.turn, has_e_tag=False))
            else:
                read.turn = None
                await self._replace(key, document, has_e_tag=e_tag is not None)

    async def _write_if(self, key: str, document: Any, e_tag: str, read: _Read) -> None:
        """Store it if that is still its eTag; what is not there has any."""
        if read.turn is None or read.turn.user.data.get(E_TAG) != e_tag:
            read.turn = await self._load(key)
        if read.turn.user.data.get(E_TAG, e_tag) != e_tag:
            raise ETagConflictError([("user", "data", E_TAG)])
        try:
            await self._save(read.turn, _stored(document, read.turn, has_e_tag=True))
        except VersionConflictError as conflict:
            raise ETagConflictError([("user", "data", E_TAG)]) from conflict

    async def _save(self, turn: Turn[Any], data: dict[str, Any]) -> None:
        before, turn.user.data = turn.user.data, data
        try:
            await self._db.save(turn)
        except BaseException:
            turn.user.data = before
            raise

    async def _replace(self, key: str, document: Any, *, has_e_tag: bool) -> None:
        async def handler(turn: Turn[Any]) -> None:
            # Two that replace it at once are not to be merged member by member: one comes after the other.
            turn.user.data = _stored(document, _checked(turn), has_e_tag=has_e_tag) | {REPLACED: token_urlsafe(6)}

        for tries in range(MOST_TRIES):
            with suppress(VersionConflictError) if tries + 1 < MOST_TRIES else nullcontext():
                await self._db.handle(_user_id(key), handler)
                return


async def _all(work: Callable[[str], Awaitable[T]], keys: Iterable[str]) -> dict[str, T]:
    """The outcomes by their keys, once all have ended; then the first error, if there was one."""
    names, free = list(dict.fromkeys(keys)), asyncio.Semaphore(AT_ONCE)
    if "" in names:
        raise ValueError("a key may not be empty")

    async def one(key: str) -> T:
        async with free:
            return await work(key)

    ended = dict(zip(names, await asyncio.gather(*map(one, names), return_exceptions=True), strict=True))
    for error in ended.values():
        if isinstance(error, BaseException):
            raise error
    return {key: outcome for key, outcome in ended.items() if not isinstance(outcome, BaseException)}


def _user_id(key: str) -> str:
    """The key itself; of one that is too long for DynamoDB, or no Unicode, the beginning and a digest."""
    encoded = key.encode(errors="surrogatepass")
    if len(encoded) <= LONGEST_KEY and encoded.decode(errors="ignore") == key:
        return key
    return encoded[:LONGEST_PREFIX].decode(errors="ignore") + "#" + sha256(encoded).hexdigest()


def _checked(turn: Turn[Any]) -> Turn[Any]:
    """
    The turn, if a document has a place in it.

    Raises:
        UsageError: The app's `user.data` is of a class.
    """
    if not isinstance(turn.user.data, dict):
        raise UsageError(f"expected an adapter without user_data=; {ADVICE}")
    return turn


def _flattened(item: Any) -> Any:
    """The item as JSON: as it makes it of itself, or else as Bot Framework's own storages do."""
    if hasattr(item, "store_item_to_json"):
        document = item.store_item_to_json()
        return dict(document) if isinstance(document, Mapping) else document
    return import_module("jsonpickle.pickler").Pickler(make_refs=False).flatten(item)


def _restored(document: Any, target_cls: Any) -> Any:
    if target_cls is not ABSENT:
        return target_cls.from_json_to_store_item(document)
    return import_module("jsonpickle.unpickler").Unpickler().restore(document)


def _stored(document: Any, turn: Turn[Any], *, has_e_tag: bool) -> dict[str, Any]:
    """*document* as `user.data`, under a new eTag if it has, or had, one."""
    is_map = isinstance(document, dict) and not {VALUE, JSON, REPLACED} & document.keys()
    data = dict(document) if is_map else {VALUE: document}
    try:
        DynamoDbSerializer().serialize(data)
    except SerializationError:
        # Other stores keep JSON, which may be what DynamoDB has no form for: empty names, 1e300, depth.
        data = {JSON: json.dumps(document)}
    return data | ({E_TAG: token_urlsafe(9)} if has_e_tag or E_TAG in turn.user.data else {})


def _document(data: dict[str, Any]) -> Any:
    document = {name: value for name, value in data.items() if name != REPLACED}
    if JSON in document:
        whole = json.loads(document[JSON])
        return whole | {E_TAG: document[E_TAG]} if E_TAG in document else whole
    return document.get(VALUE, document)
