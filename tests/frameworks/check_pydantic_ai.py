"""The page's recipe for Pydantic AI, with the framework's own models for tests."""

from typing import Any

import pytest
from pydantic_ai import Agent, ModelMessagesTypeAdapter
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel

from dynadb_async import AsyncDynamoDb
from tests.frameworks.conftest import AllKept, Raced
from tests.frameworks.page import names


def recipe(db: AsyncDynamoDb[Any]) -> Any:
    """What the page defines."""
    return names("pydantic-ai-slim", db)["run"]


async def test_a_second_run_knows_the_first(db: AsyncDynamoDb[Any]) -> None:
    """Another agent sees what was said, in order."""

    def told(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        texts = [str(part.content) for message in messages for part in message.parts if hasattr(part, "content")]
        return ModelResponse(parts=[TextPart("|".join(texts))])

    assert "one" == await recipe(db)(Agent(FunctionModel(told)), "user", "one", "m-1")
    assert "one|one|two" == await recipe(db)(Agent(FunctionModel(told)), "user", "two", "m-2")


async def test_the_call_of_a_tool_is_kept(db: AsyncDynamoDb[Any]) -> None:
    """TestModel calls every tool: four messages, which read back are what the run had."""
    agent = Agent(TestModel())

    @agent.tool_plain
    def weather(city: str) -> float:
        assert city
        return 12.0

    await recipe(db)(agent, "user", "Weather?", "m-1")

    stored = (await db.conversation("user", "support").messages()).messages
    read = ModelMessagesTypeAdapter.validate_python(stored)
    assert 4 == len(read)
    assert ["request", "response", "request", "response"] == [message.kind for message in read]
    assert stored == ModelMessagesTypeAdapter.dump_python(read, mode="json")


async def test_a_second_delivery_is_stored_once(db: AsyncDynamoDb[Any]) -> None:
    """The platform's id of the message is the append's."""
    for _ in range(2):
        await recipe(db)(Agent(TestModel()), "user", "Hello", "m-1")

    assert 2 == len((await db.conversation("user", "support").messages()).messages)


async def test_twenty_writers_while_answers_are_lost(all_kept: AllKept) -> None:
    """0 lost and 0 doubled, over two processes."""
    await all_kept("pydantic_ai", "Pydantic AI: the recipe")


@pytest.mark.parametrize(
    ("store", "title"),
    [
        ("pya_memory", "pya-memory 0.0.1: `DynamoDBMessageStore`"),
        ("pydantic_ai_dynamodb_persistence", "pydantic-ai-dynamodb-persistence 0.1.0: `DynamoDBHistoryStore`"),
    ],
)
async def test_others_beside_it(raced: Raced, store: str, title: str) -> None:
    """The same load on what others offer: told, not judged."""
    assert (await raced(store, title)).acknowledged
