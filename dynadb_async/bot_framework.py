"""
A storage for Microsoft 365 Agents and for Bot Framework: an item for each storage key, the document in `user.data`.

    storage = DynamoDbStorage(db)
    user_state, conversation_state = UserState(storage), ConversationState(storage)

Needs `dynadb-async[m365-agents]` or `dynadb-async[bot-framework]`.
"""

import asyncio
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dynadb_async import AsyncDynamoDb, VersionConflictError
from dynadb_async.documents import ANY, Document, Documents

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

E_TAG = "e_tag"
ABSENT: Any = object()


class ETagConflictError(VersionConflictError, KeyError):
    """Another eTag is stored than the one that was given; the KeyError of Bot Framework's own storage, too."""

    def __str__(self) -> str:
        """The message, without the quotes of a KeyError."""
        return Exception.__str__(self)


class DynamoDbStorage(Storage):
    """
    A storage for states: what turns at the same time change in different places is all kept.

    No keys, or an empty one, are a ValueError, as in the frameworks' own storages.
    """

    def __init__(self, db: AsyncDynamoDb[Any]) -> None:
        """On the app's adapter, which stays the app's; `Documents` says which are refused."""
        self._documents = Documents(db)

    async def read(self, keys: Iterable[str], *, target_cls: Any = ABSENT, **_: Any) -> dict[str, Any]:
        """The items that there are, by their keys; in Bot Framework without a *target_cls*."""
        if not keys:
            raise ValueError("Keys are required when reading")
        if target_cls is None:
            raise ValueError("expected a class of items as target_cls, got None")
        found = await self._documents.read(keys)
        return {key: _item(document, target_cls) for key, document in found.items()}

    async def write(self, changes: Mapping[str, Any] | None) -> None:
        """
        Store each of the items.

        One whose `e_tag` is that of an earlier read is stored if nobody wrote since. One without is merged with what
        others wrote since it was read, in the same task or one that started this; without a read, and with an `e_tag`
        of `*`, it replaces what is there.

        Raises:
            ETagConflictError: Somebody wrote since.
            VersionConflictError: Somebody changed the same thing since.
            ValueError: There are no changes, or an `e_tag` is empty.
        """
        if changes is None or changes == {}:
            raise ValueError("Changes are required when writing")
        if "" in changes:
            raise ValueError("a key may not be empty")
        for ended in await asyncio.gather(*(self._write(key, changes[key]) for key in changes), return_exceptions=True):
            if ended is not None:
                raise ended

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete what there is of the keys."""
        if not keys:
            raise ValueError("Keys are required when deleting")
        for key in keys:
            await self._documents.delete(key)

    async def _write(self, key: str, item: Any) -> None:
        value = _json(item)
        e_tag = value.get(E_TAG) if isinstance(value, Mapping) else None
        try:
            await self._documents.write(key, _tagged(value, ANY), expected=e_tag)
        except VersionConflictError as conflict:
            if e_tag in (None, ANY):
                raise
            raise ETagConflictError([("user", "data", E_TAG)]) from conflict


def _tagged(value: Any, e_tag: str | None) -> Any:
    """*value* with this eTag, if it has any: what is stored has none of its own, and is read with its revision."""
    return {**value, E_TAG: e_tag} if isinstance(value, Mapping) and E_TAG in value else value


def _json(item: Any) -> Any:
    """The item as JSON: as it makes it of itself, or else as Bot Framework's own storages do."""
    if hasattr(item, "store_item_to_json"):
        return item.store_item_to_json()
    return import_module("jsonpickle.pickler").Pickler(make_refs=False).flatten(item)


def _item(document: Document, target_cls: Any) -> Any:
    value = _tagged(document.value, document.revision)
    if target_cls is not ABSENT:
        return target_cls.from_json_to_store_item(value)
    return import_module("jsonpickle.unpickler").Unpickler().restore(value)
