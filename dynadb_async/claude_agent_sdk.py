"""
A store for the sessions of the Claude Agent SDK, on conversations. Needs `dynadb-async[claude-agent-sdk]`.

    options = ClaudeAgentOptions(session_store=DynamoDbSessionStore(db, user_id=user_id))

A session is a conversation, and each transcript of its subagents another one. What the SDK sends again, because it
heard no answer, is stored once.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from attrs import field, frozen

from dynadb_async import AsyncDynamoDb, VersionConflictError
from dynadb_async.conversations import ConversationInfo

try:
    # It has a venv of its own.
    from claude_agent_sdk import fold_session_summary  # pyright: ignore[reportMissingImports]
except ImportError as _missing:
    problem = "this needs the Claude Agent SDK: pip install 'dynadb-async[claude-agent-sdk]'"
    raise ImportError(problem, name="claude_agent_sdk") from _missing

BETWEEN = "\x1f"
MOST_TRIES = 40
LONGEST_PAUSE = 0.5  # seconds


_fold: Any = fold_session_summary


@frozen(eq=False)
class DynamoDbSessionStore:
    """
    The SDK's `SessionStore`, with all that is optional in it. Making one does no I/O.

    Attributes:
        db: The app's adapter, with `conversations` in its configuration.
        user_id: Whose sessions they are: they are exported and deleted with the user. None makes each project key,
            which the SDK derives from the working directory, a user of its own.
    """

    db: AsyncDynamoDb[Any]
    user_id: str | None = field(default=None, kw_only=True, repr=False)

    async def append(self, key: Mapping[str, str], entries: Sequence[Mapping[str, Any]]) -> None:
        """Add *entries*; a batch that came before, by its entries' uuids, is not stored again."""
        if not entries:
            return
        talk, append_id = self._talk(key), _append_id(entries)
        if key.get("subpath"):
            await talk.append(entries, append_id=append_id)
            return
        for tries in range(MOST_TRIES):
            info = await talk.info()
            state = _fold(info and _summary(key["session_id"], info), key, list(entries))
            try:
                expected = info.revision if info else ""
                await talk.append(entries, append_id=append_id, state=state["data"], expected=expected)
            except VersionConflictError:
                # Another process came between: the summary is to be made of what it left.
                if tries + 1 == MOST_TRIES:
                    raise
                await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.01 * 2**tries)))  # noqa: S311 - no secret
            else:
                return

    async def load(self, key: Mapping[str, str]) -> list[Any] | None:
        """All entries, each uuid once; None if there are none."""
        seen: set[str] = set()
        entries = []
        for entry in (await self._talk(key).messages()).messages:
            uuid = entry.get("uuid")
            if uuid in seen:
                continue
            entries.append(entry)
            if uuid is not None:
                seen.add(uuid)
        return entries or None

    async def list_sessions(self, project_key: str) -> list[Any]:
        """The project's sessions, each with the time of its newest append in milliseconds."""
        return [
            {"session_id": session_id, "mtime": _milliseconds(info.updated_at)}
            async for session_id, subpath, info in self._sessions(project_key)
            if not subpath
        ]

    async def list_session_summaries(self, project_key: str) -> list[Any]:
        """The project's sessions, with what the SDK says in short of each."""
        return [
            _summary(session_id, info)
            async for session_id, subpath, info in self._sessions(project_key)
            if not subpath and info.state is not None
        ]

    async def list_subkeys(self, key: Mapping[str, str]) -> list[str]:
        """The subpaths of a session."""
        sessions = self._sessions(key["project_key"])
        return [subpath async for session_id, subpath, _ in sessions if subpath and session_id == key["session_id"]]

    async def delete(self, key: Mapping[str, str]) -> None:
        """Delete a session with its subpaths, or one subpath. Repeating it does nothing."""
        if not key.get("subpath"):
            # The session itself goes last, so that what is interrupted can be found and repeated.
            for subpath in await self.list_subkeys(key):
                await self._talk({**key, "subpath": subpath}).delete()
        await self._talk(key).delete()

    def _talk(self, key: Mapping[str, str]) -> Any:
        """
        The conversation of *key*.

        Raises:
            ValueError: There is a U+001F in it, which stands between its parts.
        """
        parts = [key["session_id"]] if self.user_id is None else [key["project_key"], key["session_id"]]
        if any(BETWEEN in part for part in parts):
            raise ValueError("a project key or session id with U+001F in it can't be kept apart from others")
        if subpath := key.get("subpath"):
            parts.append(subpath)
        return self.db.conversation(self._owner(key["project_key"]), BETWEEN.join(parts))

    def _owner(self, project_key: str) -> str:
        return project_key if self.user_id is None else self.user_id

    async def _sessions(self, project_key: str) -> AsyncIterator[tuple[str, str, ConversationInfo]]:
        """Session id, subpath or an empty text, and what there is to know, of each conversation of the project."""
        prefix = "" if self.user_id is None else project_key + BETWEEN
        async for info in self.db.conversations(self._owner(project_key)):
            if info.id.startswith(prefix):
                session_id, _, subpath = info.id.removeprefix(prefix).partition(BETWEEN)
                yield session_id, subpath, info


def _append_id(entries: Sequence[Mapping[str, Any]]) -> str | None:
    """The same for the same batch; None for one without uuids, each of which is another one."""
    if not any(entry.get("uuid") for entry in entries):
        return None
    return str(uuid5(NAMESPACE_OID, json.dumps(entries, sort_keys=True)))


def _summary(session_id: str, info: ConversationInfo) -> Any:
    return {"session_id": session_id, "mtime": _milliseconds(info.updated_at), "data": info.state or {}}


def _milliseconds(moment: datetime | None) -> int:
    return int(moment.timestamp() * 1000) if moment else 0
