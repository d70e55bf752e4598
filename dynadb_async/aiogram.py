"""
The storage of aiogram's state machine, in users' items. Needs `dynadb-async[aiogram]`.

    dispatcher = Dispatcher(storage=DynamoDbStorage(db))

What a bot remembers of a chat is in `user.data["aiogram"]` of the person's item, one member for each of aiogram's keys.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from copy import deepcopy
from secrets import token_urlsafe
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

Record = dict[str, Any]
"""What is kept for one of aiogram's keys: `state`, `data`, and `set`, which names the last `set_data`."""


def telegrams_user(key: StorageKey) -> str:
    """The user id of `dynadb_async.platforms.telegram`: Telegram's own, the same in all chats."""
    return str(key.user_id)


class DynamoDbStorage(BaseStorage):
    """A storage of states and data, of which no change is lost, however many dispatchers there are."""

    def __init__(self, db: AsyncDynamoDb[Any], *, user_id: Callable[[StorageKey], str] = telegrams_user) -> None:
        """
        A storage on the app's adapter, which stays the app's: whoever opened it closes it.

        Args:
            db: One whose `user.data` is a dict, and that stores no history.
            user_id: In whose item a `StorageKey` is: Telegram's user, unless told otherwise.

        Raises:
            UsageError: The adapter stores a history, in which each change of a state would be a turn.
        """
        if db.config.stored_elements.history is not None:
            raise UsageError(f"expected an adapter without stored_elements.history; {ADVICE}")
        self._db = db
        self._user_id = user_id

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        """Set the state; None is no state."""
        name = state.state if isinstance(state, State) else state

        def change(record: Record) -> None:
            record["state"] = name

        await self._change(key, change)

    async def get_state(self, key: StorageKey) -> str | None:
        """The state, or None."""
        state: str | None = (await self._record(key)).get("state")
        return state

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        """
        Put *data* in the place of what was there.

        Raises:
            DataNotDictLikeError: It is no dict.
        """
        if not isinstance(data, dict):
            raise DataNotDictLikeError(f"Data must be a dict or dict-like object, got {type(data).__name__}")

        def change(record: Record) -> None:
            # Two that replace it at once are not to be merged member by member: one comes after the other.
            record |= {"data": deepcopy(data), "set": token_urlsafe(6) if data else None}

        await self._change(key, change)

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        """The data; empty if there is none."""
        data: dict[str, Any] = (await self._record(key)).get("data", {})
        return data

    async def update_data(self, key: StorageKey, data: Mapping[str, Any]) -> dict[str, Any]:
        """Change some members of the data, in one step; the data that came of it."""

        def change(record: Record) -> None:
            record["data"] = record.get("data", {}) | deepcopy(dict(data))

        return deepcopy((await self._change(key, change)).get("data", {}))

    async def close(self) -> None:
        """Nothing of its own is open."""

    async def _record(self, key: StorageKey) -> Record:
        turn = await self._db.load(self._user_id(key))
        record: Record = _records(turn).get(_name(key), {})
        return record

    async def _change(self, key: StorageKey, change: Callable[[Record], None]) -> Record:
        """Change what is kept for *key*; where two changes can't be merged, once more over what the other one left."""
        outcome = Record()

        async def handler(turn: Turn[Any]) -> None:
            nonlocal outcome
            records, name = _records(turn), _name(key)
            before = records.pop(name, {})
            change(changed := dict(before))
            outcome = {part: value for part, value in changed.items() if value not in (None, {})}
            if outcome:
                records[name] = outcome
            turn.user.data[MEMBER] = records
            if not records:
                del turn.user.data[MEMBER]
            if not before and not outcome:
                turn.discard()

        for tries in range(MOST_TRIES):
            with suppress(VersionConflictError) if tries + 1 < MOST_TRIES else nullcontext():
                await self._db.handle(self._user_id(key), handler)
                break
        return outcome


def _records(turn: Turn[Any]) -> dict[str, Any]:
    """
    What is kept of the user, by the names of aiogram's keys.

    Raises:
        UsageError: The app's `user.data` is of a class, which has no place for it.
    """
    if not isinstance(turn.user.data, dict):
        raise UsageError(f"expected an adapter without user_data=; {ADVICE}")
    records: dict[str, Any] = turn.user.data.get(MEMBER, {})
    return records


def _name(key: StorageKey) -> str:
    """A name for *key* that no other has."""
    parts = (key.bot_id, key.chat_id, key.user_id, key.thread_id, key.business_connection_id, key.destiny)
    return ":".join("" if part is None else quote(str(part), safe="") for part in parts)
