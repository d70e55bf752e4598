"""
Sessions of the OpenAI Agents SDK, kept as conversations. Needs `dynadb-async[openai-agents]`.

    session = DynamoDbSession(db, user_id, "support")
    result = await Runner.run(agent, "Hello", session=session)

It follows the SDK's `Session` protocol, and goes into its `EncryptedSession` and its compaction as its own stores do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from attrs import frozen

from dynadb_async import AsyncDynamoDb, VersionConflictError

try:
    from agents import SessionSettings
except ImportError as _missing:
    problem = "this needs the OpenAI Agents SDK: pip install 'dynadb-async[openai-agents]'"
    raise ImportError(problem, name="agents") from _missing

T = TypeVar("T")
EVERYTHING = 0


class DynamoDbSession:
    """
    A session: one conversation of one user. Making one does no I/O.

    What writes is awaited to its end also when the caller is cancelled, so that nobody has to guess what is stored.

    Attributes:
        session_id: The conversation's id.
        session_settings: The SDK's; its `limit` holds where `get_items` gets none.
    """

    def __init__(self, db: AsyncDynamoDb[Any], user_id: str, session_id: str, *, session_settings: Any = None) -> None:
        """
        A session on the app's adapter.

        Args:
            db: The app's adapter, with `conversations` in its configuration.
            user_id: Whose session it is: it is exported and deleted with the user.
            session_id: Any text of 1 to about 1000 bytes.
            session_settings: The SDK's `SessionSettings`, or a dictionary of them.

        Raises:
            UsageError: No conversations are configured.
            SerializationError: The session's id is none.
        """
        self.session_id = session_id
        self.session_settings: Any = SessionSettings().resolve(session_settings)
        self._talk = db.conversation(user_id, session_id)

    async def get_items(self, limit: int | None = None) -> list[Any]:
        """The newest *limit* items, oldest of them first; none if it is 0 or less, all if there is no limit."""
        wanted: int | None = self.session_settings.limit if limit is None else limit
        return (await self._talk.messages(None if wanted is None else max(0, wanted))).messages

    async def add_items(self, items: list[Any]) -> None:
        """Add *items*, all of them or none."""
        if items:
            await _to_its_end(self._talk.append(items))

    async def pop_item(self) -> Any:
        """Take the newest item off; None if there is none."""
        return await _to_its_end(self._talk.pop())

    async def clear_session(self) -> None:
        """Remove all items."""
        await _to_its_end(self._talk.clear())

    async def _get_compaction_snapshot(self, limit: int, **_prune: Any) -> "_Snapshot | None":
        """What the SDK asks stores for that can replace the end of a history, if nobody came between."""
        if not self._stores_as_is():
            return None
        page = await self._talk.messages(limit)

        async def replace_suffix(start: int, output: list[Any]) -> bool:
            try:
                await _to_its_end(self._talk.replace(page, output, start=start))
            except VersionConflictError:
                return False
            return True

        return _Snapshot(items=page.messages, complete=page.before is None, replace_suffix=replace_suffix)

    async def _atomic_replace_items(self, items: list[Any]) -> bool:
        """What the SDK asks stores for that can replace a history in one step."""
        if is_ours := self._stores_as_is():
            await _to_its_end(self._talk.append(items, replacing=EVERYTHING))
        return is_ours

    def _stores_as_is(self) -> bool:
        """Whether no subclass changes the items on their way, which these steps would go around."""
        return all(getattr(type(self), name) is getattr(DynamoDbSession, name) for name in ("get_items", "add_items"))


@frozen(kw_only=True)
class _Snapshot:
    items: list[Any]
    complete: bool
    replace_suffix: Callable[[int, list[Any]], Awaitable[bool]]


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """The outcome of *work*, which goes on if the caller is cancelled; that is raised once it is over."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = cancelled or error
    if cancelled is not None:
        _ = task.cancelled() or task.exception()  # looked at, or the loop would complain of it
        raise cancelled
    return task.result()
