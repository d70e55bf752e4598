"""DynamoDbHistoryProvider in a real agent of Microsoft's Agent Framework, with a chat client of our own."""

from collections.abc import Sequence
from typing import Any

import pytest
from agent_framework import Agent, BaseChatClient, ChatResponse, Message

from dynadb_async import AsyncDynamoDb, InvalidUserIdError, UsageError
from dynadb_async.agent_framework import DynamoDbHistoryProvider
from tests.frameworks.conftest import AllKept, Raced
from tests.frameworks.page import names


class Echo(BaseChatClient):  # type: ignore[misc]
    """Answers with all that it was told."""

    def _inner_get_response(self, *, messages: Sequence[Any], stream: bool, **_options: Any) -> Any:
        assert not stream

        async def response() -> ChatResponse:
            told = "|".join(message.text for message in messages)
            return ChatResponse(messages=[Message(role="assistant", contents=[told])])

        return response()


async def test_a_second_run_knows_the_first(db: AsyncDynamoDb[Any]) -> None:
    """A second agent, in a session of the same id, goes on where the first ended."""
    for text, expected in (("one", "one"), ("two", "one|one|two")):
        agent = Agent(client=Echo(), context_providers=[DynamoDbHistoryProvider(db)])
        session = agent.create_session(session_id="support")
        session.state["dynamodb"] = {"user_id": "user"}

        assert expected == (await agent.run(text, session=session)).text


async def test_users_are_kept_apart(db: AsyncDynamoDb[Any]) -> None:
    """One agent serves all users; the same session id of another user is another conversation."""
    agent = Agent(client=Echo(), context_providers=[DynamoDbHistoryProvider(db)])
    for user in ("user-1", "user-2"):
        session = agent.create_session(session_id="support")
        session.state["dynamodb"] = {"user_id": user}
        assert "hello" == (await agent.run("hello", session=session)).text

    await db.delete("user-1")
    assert await db.conversation("user-2", "support").info() is not None
    assert await db.conversation("user-1", "support").info() is None


async def test_messages_come_back_equal(db: AsyncDynamoDb[Any]) -> None:
    """Also the call of a tool, and what it returned."""
    provider = DynamoDbHistoryProvider(db, user_id="user")
    call = {"type": "function_call", "call_id": "1", "name": "weather", "arguments": '{"city": "Bonn"}'}
    result = {"type": "function_result", "call_id": "1", "result": "12.0"}
    messages = [
        Message(role="user", contents=["What's the weather?"], author_name="Anna"),
        Message.from_dict({"type": "message", "role": "assistant", "contents": [call]}),
        Message.from_dict({"type": "message", "role": "tool", "contents": [result]}),
    ]
    await provider.save_messages("support", messages)

    found = await provider.get_messages("support")
    assert [message.to_dict() for message in messages] == [message.to_dict() for message in found]


async def test_whose_session_it_is_must_be_said(db: AsyncDynamoDb[Any]) -> None:
    """The error says where."""
    agent = Agent(client=Echo(), context_providers=[DynamoDbHistoryProvider(db)])

    with pytest.raises(UsageError, match=r'session.state\["dynamodb"\]'):
        await agent.run("hello", session=agent.create_session())


async def test_a_blank_user_is_refused(db: AsyncDynamoDb[Any]) -> None:
    """One of the provider's own is not replaced by the session's."""
    provider = DynamoDbHistoryProvider(db, user_id="")

    with pytest.raises(InvalidUserIdError):
        await provider.get_messages("support", state={"user_id": "somebody"})


async def test_the_page(db: AsyncDynamoDb[Any]) -> None:
    """What a reader pastes works."""
    defined = names("agent-framework-core", db)
    agent = defined["agent_of"](Echo())

    assert "hello" == await defined["reply"](agent, "user", "hello")
    assert "hello|hello|again" == await defined["reply"](agent, "user", "again")


async def test_twenty_writers_while_answers_are_lost(all_kept: AllKept) -> None:
    """0 lost and 0 doubled, over two processes."""
    await all_kept("agent_framework", "Agent Framework: `DynamoDbHistoryProvider`")


@pytest.mark.filterwarnings("ignore:.*FileHistoryProvider is experimental")
async def test_the_frameworks_own_beside_it(raced: Raced) -> None:
    """The same load on files of its own: told, not judged."""
    assert (await raced("file_history", "Agent Framework: its own `FileHistoryProvider`, on a file")).acknowledged
