"""The manual's voice agent on LiveKit, in real sessions, with a model of our own and no media."""

import asyncio
from typing import Any

import pytest
from livekit.agents import AgentSession
from livekit.agents.llm import LLM, ChatChunk, ChatContext, ChoiceDelta, FunctionToolCall, LLMStream
from livekit.agents.voice.io import TextOutput

from dynadb_async import AsyncDynamoDb
from examples.livekit_agent import PROMPT, TALK, agent_for, kept, past
from examples.transcript import Transcript
from tests.frameworks.conftest import AllKept
from tests.frameworks.typechecks import problems_in

Step = str | FunctionToolCall | asyncio.Event


class Scripted(LLM):
    """Answers with what is written down, a word after another; an event in between is waited for."""

    def __init__(self, *answers: list[Step]) -> None:
        """One of *answers* after another."""
        super().__init__()
        self.answers = iter(answers)
        self.asked: list[list[str | None]] = []

    def chat(self, *, chat_ctx: ChatContext, tools: Any = None, conn_options: Any = None, **_: Any) -> LLMStream:
        """The next answer."""
        self.asked.append([item.text_content for item in chat_ctx.items if item.type == "message"])
        return Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class Answer(LLMStream):
    """One of them."""

    async def _run(self) -> None:
        for step in next(self._llm.answers):
            if isinstance(step, asyncio.Event):
                await step.wait()
                continue
            said = {"content": step} if isinstance(step, str) else {"tool_calls": [step]}
            self._event_ch.send_nowait(ChatChunk(id="1", delta=ChoiceDelta(role="assistant", **said)))


class Screen(TextOutput):
    """Shows what is spoken, and says when there are so many words."""

    def __init__(self, words: int) -> None:
        """Nothing is shown yet."""
        super().__init__(label="screen", next_in_chain=None)
        self.is_full = asyncio.Event()
        self._words = words

    async def capture_text(self, text: str) -> None:
        """Another word."""
        self._words -= 1
        if not self._words:
            self.is_full.set()

    def flush(self) -> None:
        """The answer is over."""


async def messages(db: AsyncDynamoDb[Any]) -> list[Any]:
    """All that is kept of the person's calls."""
    return (await db.conversation("user", TALK).messages()).messages


def texts(kept: list[Any]) -> list[str]:
    """What was said, and by whom."""
    return [f"{item['role']}: {''.join(item['content'])}" for item in kept if item["type"] == "message"]


async def talk_with(db: AsyncDynamoDb[Any], model: Scripted, *words: str) -> None:
    """One call."""
    session: AgentSession[Any] = AgentSession(llm=model)
    async with kept(session, db.conversation("user", TALK)):
        await session.start(await agent_for(db, "user"))
        for said in words:
            await session.run(user_input=said)


async def test_a_call_is_kept_and_the_next_one_goes_on(db: AsyncDynamoDb[Any]) -> None:
    """In the order in which it was said; the next call's model knows it, and the user's item counts the calls."""
    await talk_with(db, Scripted(["Hello ", "Anna"], ["Bye"]), "I am Anna", "Bye bye")
    said = ["user: I am Anna", "assistant: Hello Anna", "user: Bye bye", "assistant: Bye"]
    assert said == texts(await messages(db))

    model = Scripted(["Welcome back"])
    await talk_with(db, model, "Me again")

    assert [text.partition(": ")[2] for text in said] + ["Me again"] == model.asked[0][1:]
    assert [*said, "user: Me again", "assistant: Welcome back"] == texts(await messages(db))
    assert 2 == (await db.load("user")).user.data["calls"]


async def test_a_tool_writes_the_users_data(db: AsyncDynamoDb[Any]) -> None:
    """It is in the item, the model of the next call is told, and the tool's call is kept with its answer."""
    call = FunctionToolCall(name="remember_name", arguments='{"name": "Anna"}', call_id="1")
    await talk_with(db, Scripted([call], ["Hello Anna"]), "I am Anna")

    assert "Anna" == (await db.load("user")).user.data["name"]
    kinds = [item["type"] for item in await messages(db)]
    assert {"function_call", "function_call_output"} < set(kinds)
    assert kinds.index("function_call") + 1 == kinds.index("function_call_output")
    model = Scripted(["Yes"])
    await talk_with(db, model, "Do you know me?")
    assert "Anna" in (model.asked[0][0] or "")


@pytest.mark.parametrize("is_hung_up", [False, True])
async def test_what_was_not_spoken_is_not_kept(db: AsyncDynamoDb[Any], is_hung_up: bool) -> None:
    """Whoever interrupts an answer, or hangs up in the middle of it, heard its beginning only."""
    never = asyncio.Event()
    session: AgentSession[Any] = AgentSession(llm=Scripted(["Once upon", " a time", never, " there was"]))
    async with kept(session, db.conversation("user", TALK)):
        await session.start(await agent_for(db, "user"))
        session.output.transcription = screen = Screen(words=2)
        answer = session.generate_reply(user_input="A story")
        await asyncio.wait_for(screen.is_full.wait(), 30)
        if not is_hung_up:
            await answer.interrupt()
            await answer

    question, story = await messages(db)
    assert ["user: A story", "assistant: Once upon a time"] == texts([question, story])
    assert (False, True) == (question["interrupted"], story["interrupted"])


async def test_an_item_that_is_told_twice_is_kept_once(db: AsyncDynamoDb[Any]) -> None:
    """Its id is that of its append, also when two listen."""
    session: AgentSession[Any] = AgentSession(llm=Scripted(["Hello"]))
    talk = db.conversation("user", TALK)
    async with kept(session, talk), kept(session, talk):
        await session.start(await agent_for(db, "user"))
        await session.run(user_input="Hi")

    assert ["user: Hi", "assistant: Hello"] == texts(await messages(db))


async def test_a_long_past_is_not_told_whole(db: AsyncDynamoDb[Any]) -> None:
    """The newest part, which does not begin with the answer of a tool that nobody called."""
    talk = db.conversation("user", TALK)
    session: AgentSession[Any] = AgentSession(llm=Scripted())
    chat = ChatContext.empty()
    async with kept(session, talk):
        for number in range(60):
            session._conversation_item_added(chat.add_message(role="user", content=str(number)))

    found = (await past(talk)).items
    assert [str(number) for number in range(60 - PROMPT, 60)] == [item.text_content for item in found]
    assert chat.items[-1].id == found[-1].id

    output = {"type": "function_call_output", "call_id": "1", "output": "1", "is_error": False}
    async with Transcript(db.conversation("other", TALK)) as transcript:
        transcript.add("1", output, *(item.model_dump(mode="json") for item in chat.items[:PROMPT]))
    assert {"message"} == {item.type for item in (await past(db.conversation("other", TALK))).items}


def test_types() -> None:
    """Whoever copies the example gets no complaint from a type checker."""
    assert problems_in("examples/livekit_agent.py") == ""


async def test_twenty_writers_while_answers_are_lost(all_kept: AllKept) -> None:
    """Items of one conversation, of calls in two processes: each once."""
    await all_kept("voice_agents", "LiveKit Agents: the recipe")
