"""
A store for the sessions of the Claude Agent SDK, on conversations. Needs `dynadb-async[claude-agent-sdk]`.

    options = ClaudeAgentOptions(session_store=DynamoDbSessionStore(db, user_id=user_id))

A session is a conversation, and each transcript of its subagents another one. What the SDK sends again, because it
heard no answer, is stored once.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from attrs import field, frozen

from dynadb_async import AsyncDynamoDb
from dynadb_async.conversations import Conversation, ConversationInfo

try:
    from claude_agent_sdk import fold_session_summary
except ImportError as _missing:
    problem = "this needs the Claude Agent SDK: pip install 'dynadb-async[claude-agent-sdk]'"
    raise ImportError(problem, name="claude_agent_sdk") from _missing

BETWEEN = "\x1f"


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

        def folded(data: Any) -> Any:
            return fold_session_summary(data and _summary(key["session_id"], data), key, list(entries))["data"]

        if entries:
            # A subagent's transcript says nothing of its session.
            state = None if key.get("subpath") else folded
            await self._talk(key).append(entries, append_id=_append_id(entries), state=state)

    async def load(self, key: Mapping[str, str]) -> list[Any] | None:
        """All entries, each uuid once; None if there are none."""
        once: dict[Any, Any] = {}
        for place, entry in enumerate((await self._talk(key).messages()).messages):
            uuid = entry.get("uuid")
            once.setdefault(uuid if uuid and isinstance(uuid, str) else place, entry)
        return list(once.values()) or None

    async def list_sessions(self, project_key: str) -> list[Any]:
        """The project's sessions, each with the time of its newest append in milliseconds."""
        sessions = self._sessions(project_key)
        return [{"session_id": name, "mtime": _mtime(info)} async for name, subpath, info in sessions if not subpath]

    async def list_session_summaries(self, project_key: str) -> list[Any]:
        """The project's sessions, with what the SDK says in short of each."""
        return [
            _summary(session, info.state, _mtime(info))
            async for session, subpath, info in self._sessions(project_key)
            if not subpath and info.state is not None
        ]

    async def list_subkeys(self, key: Mapping[str, str]) -> list[str]:
        """The subpaths of a session."""
        sessions = self._sessions(key["project_key"])
        return [subpath async for session, subpath, _ in sessions if subpath and session == key["session_id"]]

    async def delete(self, key: Mapping[str, str]) -> None:
        """Delete a session with its subpaths, or one subpath. Repeating it does nothing."""
        if not key.get("subpath"):
            # The session itself goes last, so that what is interrupted can be found and repeated.
            for subpath in await self.list_subkeys(key):
                await self._talk({**key, "subpath": subpath}).delete()
        await self._talk(key).delete()

    def _talk(self, key: Mapping[str, str]) -> Conversation:
        """The conversation of *key*; a ValueError if there is a U+001F in it, which stands between its parts."""
        parts = [key["session_id"]] if self.user_id is None else [key["project_key"], key["session_id"]]
        if any(BETWEEN in part for part in parts):
            raise ValueError("a project key or session id with U+001F in it can't be kept apart from others")
        parts += [key["subpath"]] if key.get("subpath") else []
        # A blank user id is refused, rather than taken for none: all users would share the project's.
        user_id = key["project_key"] if self.user_id is None else self.user_id
        return self.db.conversation(user_id, BETWEEN.join(parts))

    async def _sessions(self, project_key: str) -> AsyncIterator[tuple[str, str, ConversationInfo]]:
        """Session id, subpath or an empty text, and what there is to know, of each conversation of the project."""
        prefix = "" if self.user_id is None else project_key + BETWEEN
        async for info in self.db.conversations(project_key if self.user_id is None else self.user_id):
            if info.id.startswith(prefix):
                session_id, _, subpath = info.id.removeprefix(prefix).partition(BETWEEN)
                yield session_id, subpath, info


def _append_id(entries: Sequence[Mapping[str, Any]]) -> str | None:
    """The same for the same batch, JSON or not; None for one without uuids, each of which is another one."""
    is_named = any(entry.get("uuid") for entry in entries)
    return str(uuid5(NAMESPACE_OID, json.dumps(entries, sort_keys=True, default=repr))) if is_named else None


def _summary(session_id: str, data: Any, mtime: int = 0) -> Any:
    return {"session_id": session_id, "mtime": mtime, "data": data}


def _mtime(info: ConversationInfo) -> int:
    return int(info.updated_at.timestamp() * 1000) if info.updated_at else 0
