"""DynamoDbSession in the OpenAI Agents SDK: what the SDK's own tests don't say."""

import asyncio
from typing import Any

import pytest
from agents import Agent, Runner, Session, SessionSettings
from agents.extensions.memory.encrypt_session import EncryptedSession
from agents.testing import ScriptedModel
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

from dynadb_async import AsyncDynamoDb, SerializationError
from dynadb_async.openai_agents import DynamoDbSession
from tests.frameworks.conftest import AllKept, Raced
from tests.frameworks.page import names


def said(text: str) -> dict[str, Any]:
    """An item of a user."""
    return {"role": "user", "content": text}


def answer(text: str) -> ResponseOutputMessage:
    """What a model says."""
    content = ResponseOutputText(text=text, type="output_text", annotations=[], logprobs=[])
    return ResponseOutputMessage(id="1", type="message", role="assistant", content=[content], status="completed")


async def test_it_is_a_session_that_a_runner_takes(db: AsyncDynamoDb[Any]) -> None:
    """A second run knows the first, also in another object."""
    model = ScriptedModel(steps=[[answer("Hi")], [answer("Anna")]])
    agent = Agent(name="agent", model=model)
    for text in ("I am Anna", "Who am I?"):
        session = DynamoDbSession(db, "user", "talk")
        assert isinstance(session, Session)
        await Runner.run(agent, text, session=session)

    assert [item["content"] for item in model.calls[1].input if item["role"] == "user"] == ["I am Anna", "Who am I?"]


async def test_limits(db: AsyncDynamoDb[Any]) -> None:
    """A limit of 0 or less gives none; the settings hold where there is no limit."""
    session = DynamoDbSession(db, "user", "talk", session_settings=SessionSettings(limit=2))
    await session.add_items([said("1"), said("2"), said("3")])

    assert [said("2"), said("3")] == await session.get_items()
    assert [said("3")] == await session.get_items(1)
    assert await session.get_items(0) == []
    assert await session.get_items(-1) == []


async def test_an_append_is_awaited_through_a_cancellation(db: AsyncDynamoDb[Any]) -> None:
    """Who is cancelled while items are added finds all of them stored, and is cancelled."""
    session = DynamoDbSession(db, "user", "talk")
    adding = asyncio.create_task(session.add_items([said("1"), said("2")]))
    await asyncio.sleep(0)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding

    assert [said("1"), said("2")] == await session.get_items()


async def test_a_suffix_is_replaced_within_an_append(db: AsyncDynamoDb[Any]) -> None:
    """What stands before the suffix stays, in the same append and in others."""
    session = DynamoDbSession(db, "user", "talk")
    await session.add_items([said("1")])
    await session.add_items([said("2"), said("3"), said("4")])
    snapshot = await session._get_compaction_snapshot(2)
    assert snapshot is not None
    assert not snapshot.complete

    assert await snapshot.replace_suffix(1, [said("short")])
    assert [said("1"), said("2"), said("3"), said("short")] == await session.get_items()


async def test_a_suffix_is_not_replaced_if_anybody_came_between(db: AsyncDynamoDb[Any]) -> None:
    """What came since the snapshot is not lost."""
    session = DynamoDbSession(db, "user", "talk")
    await session.add_items([said("1"), said("2")])
    snapshot = await session._get_compaction_snapshot(9)
    await DynamoDbSession(db, "user", "talk").add_items([said("3")])

    assert snapshot is not None
    assert snapshot.complete
    assert not await snapshot.replace_suffix(0, [said("short")])
    assert [said("1"), said("2"), said("3")] == await session.get_items()


async def test_encrypted(db: AsyncDynamoDb[Any]) -> None:
    """What is stored through EncryptedSession can't be read without it."""
    session = EncryptedSession("talk", DynamoDbSession(db, "user", "talk"), "secret")
    await session.add_items([said("hello")])

    assert [said("hello")] == await session.get_items()
    assert "hello" not in str(await db.export("user"))
    assert said("hello") == await session.pop_item()


async def test_what_is_no_json(db: AsyncDynamoDb[Any]) -> None:
    """The error says where, and nothing is stored."""
    session = DynamoDbSession(db, "user", "talk")
    with pytest.raises(SerializationError, match=r"messages\[1\].content"):
        await session.add_items([said("1"), {"role": "user", "content": object()}])

    assert await session.get_items() == []


async def test_the_page(db: AsyncDynamoDb[Any]) -> None:
    """What a reader pastes works."""
    agent = Agent(name="agent", model=ScriptedModel(steps=[[answer("Hi")]]))

    assert "Hi" == await names("openai-agents", db)["answer"](agent, "user", "Hello")
    assert ["Hello"] == [item["content"] for item in await DynamoDbSession(db, "user", "support").get_items()][:1]


async def test_twenty_writers_while_answers_are_lost(all_kept: AllKept) -> None:
    """0 lost and 0 doubled, over two processes."""
    await all_kept("openai_agents", "OpenAI Agents SDK: `DynamoDbSession`")


@pytest.mark.parametrize(
    ("store", "title"),
    [
        ("openai_agents_session", "openai-agents-session 0.1.0: `DynamoDBSession`"),
        ("sqlite_session", "OpenAI Agents SDK: its own `SQLiteSession`, on a file"),
    ],
)
async def test_others_beside_it(raced: Raced, store: str, title: str) -> None:
    """The same load on what others offer: told, not judged."""
    assert (await raced(store, title)).acknowledged
