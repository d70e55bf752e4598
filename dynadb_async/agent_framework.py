"""
History of Microsoft's Agent Framework, kept in conversations. Needs `dynadb-async[agent-framework]`.

    agent = Agent(client=client, context_providers=[DynamoDbHistoryProvider(db)])
    session = agent.create_session(session_id="support")
    session.state["dynamodb"] = {"user_id": user_id}
    await agent.run("Hello", session=session)
"""

from collections.abc import Sequence
from typing import Any

from dynadb_async import AsyncDynamoDb, UsageError
from dynadb_async.conversations import Conversation

try:
    from agent_framework import HistoryProvider, Message
except ImportError as _missing:
    problem = "this needs Microsoft's Agent Framework: pip install 'dynadb-async[agent-framework]'"
    raise ImportError(problem, name="agent_framework") from _missing


class DynamoDbHistoryProvider(HistoryProvider):
    """
    A history provider: the session's id is a conversation of a user.

    The user's id stands in the session's state, under the provider's `source_id`, so that one agent serves all users.
    """

    def __init__(
        self, db: AsyncDynamoDb[Any], *, user_id: str | None = None, source_id: str = "dynamodb", **options: Any
    ) -> None:
        """
        A provider on the app's adapter.

        Args:
            db: With `conversations` in its configuration.
            user_id: Whose sessions they are; None if each session's state says so.
            source_id: The provider's name among the agent's providers.
            options: What the framework's HistoryProvider takes: `load_messages`, `store_inputs` and others.
        """
        super().__init__(source_id, **options)
        self._db = db
        self._user_id = user_id

    async def get_messages(
        self, session_id: str | None, *, state: dict[str, Any] | None = None, **_: Any
    ) -> list[Message]:
        """All messages of the session, oldest first."""
        page = await self._talk(session_id, state).messages()
        return [Message.from_dict(message) for message in page.messages]

    async def save_messages(
        self, session_id: str | None, messages: Sequence[Message], *, state: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """Add *messages*, all of them or none."""
        if messages:
            await self._talk(session_id, state).append([message.to_dict() for message in messages])

    def _talk(self, session_id: str | None, state: dict[str, Any] | None) -> Conversation:
        """
        The session's conversation.

        Raises:
            UsageError: The run has no session, or it is not said whose it is.
        """
        user_id = (state or {}).get("user_id") if self._user_id is None else self._user_id
        if session_id is None or not isinstance(user_id, str):
            place = f'session.state["{self.source_id}"] = {{"user_id": ...}}'
            raise UsageError(f"a history needs a session and a user: run(..., session=session) with {place}")
        return self._db.conversation(user_id, session_id)
