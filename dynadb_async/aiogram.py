"""
The storage of aiogram's state machine, in users' items. Needs `dynadb-async[aiogram]`.

    dispatcher = Dispatcher(storage=DynamoDbStorage(db))

What a bot remembers of a chat is in `user.data["aiogram"]` of the person's item, one member for each of aiogram's keys.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any
from urllib.parse import quote

from dynadb_async import AsyncDynamoDb, Turn, UsageError, VersionConflictError

try:
    from aiogram.exceptions import DataNotDictLikeError
    from aiogram.fsm.state import State
    from aiogram.fsm.storage.base import BaseStorage, StateType, StorageKey
except ImportError as _missing:
    problem = "this needs aiogram: pip install 'dynadb-async[aiogram]'"
    raise ImportError(problem, name="aiogram") from _missing

MEMBER = "aiogram"
# Each of them has five of its own: of changes of the same member, one of many processes is the last.
MOST_TRIES = 8
ADVICE = "give the storage one of its own, on the same table"

Record = dict[str, Any]  # what is kept for one of aiogram's keys: `state` and `data`


class DynamoDbStorage(BaseStorage):
    """A storage of states and data, of which no change is lost, however many dispatchers there are."""

    def __init__(
        self, db: AsyncDynamoDb[Any], *, user_id: Callable[[StorageKey], str] = lambda key: str(key.user_id)
    ) -> None:
        """
        A storage on the app's adapter, which stays the app's: whoever opened it closes it.

        Args:
            db: One whose `user.data` is a dict, and that stores no history.
            user_id: In whose item a `StorageKey` is: Telegram's user, as `platforms.telegram` has it, unless told so.

        Raises:
            UsageError: The adapter stores a history, in which each change of a state would be a turn.
        """
        if db.config.stored_elements.history is not None:
            raise UsageError(f"expected an adapter without stored_elements.history; {ADVICE}")
        self._db = db
        self._user_id = user_id

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        """Set the state; None is no state."""
        await self._change(key, lambda _: {"state": state.state if isinstance(state, State) else state})

    async def get_state(self, key: StorageKey) -> str | None:
        """The state, or None."""
        state: str | None = (await self._record(key)).get("state")
        return state

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        """Put *data*, which has to be a dict, in the place of what was there."""
        if not isinstance(data, dict):
            raise DataNotDictLikeError(f"Data must be a dict or dict-like object, got {type(data).__name__}")
        # Two that replace it at once are not to be merged member by member: one comes after the other.
        await self._change(key, lambda _: {"data": deepcopy(data)}, is_whole=True)

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        """The data; empty if there is none."""
        data: dict[str, Any] = (await self._record(key)).get("data", {})
        return data

    async def update_data(self, key: StorageKey, data: Mapping[str, Any]) -> dict[str, Any]:
        """Change some members of the data, in one step; the data that came of it."""
        record = await self._change(key, lambda record: {"data": record.get("data", {}) | deepcopy(dict(data))})
        updated: dict[str, Any] = record.get("data", {})
        return updated

    async def close(self) -> None:
        """Nothing of its own is open."""

    async def _record(self, key: StorageKey) -> Record:
        return _records(await self._db.load(self._user_id(key))).get(_name(key), {})

    async def _change(self, key: StorageKey, change: Callable[[Record], Record], *, is_whole: bool = False) -> Any:
        """Change what is kept for *key*; where two changes can't be merged, once more over what the other one left."""

        async def handler(turn: Turn[Any]) -> Record:
            turn.on_conflict = "raise" if is_whole else "merge"
            records, name = _records(turn), _name(key)
            before = records.pop(name, {})
            after = {part: value for part, value in (before | change(before)).items() if value not in (None, {})}
            if after:
                records[name] = after
            if not records:
                del turn.user.data[MEMBER]
            if not before and not after:
                turn.discard()
            return after

        for _ in range(MOST_TRIES - 1):
            with suppress(VersionConflictError):
                return await self._db.handle(self._user_id(key), handler)
        return await self._db.handle(self._user_id(key), handler)


def _records(turn: Turn[Any]) -> dict[str, Record]:
    """What is kept of the user, by the names of aiogram's keys; `user.data` of a class has no place for it."""
    if not isinstance(turn.user.data, dict):
        raise UsageError(f"expected an adapter without user_data=; {ADVICE}")
    records: dict[str, Record] = turn.user.data.setdefault(MEMBER, {})
    return records


def _name(key: StorageKey) -> str:
    """A name for *key* that no other has."""
    parts = (key.bot_id, key.chat_id, key.user_id, key.thread_id, key.business_connection_id, key.destiny)
    return ":".join("" if part is None else quote(str(part), safe="") for part in parts)
