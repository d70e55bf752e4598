"""The manual's voice bot on Pipecat, in real pipelines, with a model of our own and no media."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.frames.frames import (
    CancelWorkerFrame,
    EndWorkerFrame,
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    StartFrame,
    TranscriptionFrame,
    TTSTextFrame,
)
from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies

from dynadb_async import AsyncDynamoDb
from examples.pipecat_bot import PROMPT, TALK, call, context_for, keep
from examples.transcript import Transcript
from tests.frameworks.conftest import AllKept
from tests.frameworks.typechecks import problems_in

PATIENCE = 60  # seconds


class Ears(FrameProcessor):
    """Hears what the test says."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        super().__init__()
        self.is_open = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass it on."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self.is_open.set()

    async def begin(self) -> None:
        """The person opens the mouth, which interrupts whoever speaks."""
        await self.push_frame(ProposedUserStartedSpeakingFrame())

    async def hear(self, text: str) -> None:
        """A sentence of the person, from its beginning to its end."""
        await asyncio.wait_for(self.is_open.wait(), PATIENCE)
        await self.begin()
        await self.push_frame(TranscriptionFrame(text, "user", "now"))
        await self.push_frame(ProposedUserStoppedSpeakingFrame())


class Model(FrameProcessor):
    """Answers with what is written down."""

    def __init__(self, *answers: str) -> None:
        """One of *answers* after another."""
        super().__init__()
        self.answers = iter(answers)
        self.asked: list[list[Any]] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer a context."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        self.asked.append([message["content"] for message in frame.context.messages])
        await self.push_frame(LLMFullResponseStartFrame())
        await self.push_frame(LLMTextFrame(next(self.answers)))
        await self.push_frame(LLMFullResponseEndFrame())


class Mouth(FrameProcessor):
    """Speaks a word after another, and for ever at the word that is a dot."""

    def __init__(self) -> None:
        """Nothing was spoken yet."""
        super().__init__()
        self.is_stuck, self.is_done = asyncio.Event(), asyncio.Semaphore(0)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Speak a text."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMTextFrame):
            await self.push_frame(frame, direction)
            if isinstance(frame, LLMFullResponseEndFrame):
                self.is_done.release()
            return
        for word in frame.text.split():
            if word == ".":
                self.is_stuck.set()
                await asyncio.Event().wait()
            await self.push_frame(TTSTextFrame(word, "word"))


class Call:
    """A call that goes on."""

    def __init__(self, db: AsyncDynamoDb[Any], *answers: str) -> None:
        """It begins."""
        self.ears, self.model, self.mouth = Ears(), Model(*answers), Mouth()
        parts = {"ears": [self.ears], "model": self.model, "mouth": [self.mouth]}
        turns = LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies())
        self._running = asyncio.create_task(call(db, "user", **parts, turns=turns))  # type: ignore[arg-type]

    async def ask(self, text: str) -> None:
        """Say something, and listen to the whole answer."""
        await self.ears.hear(text)
        await asyncio.wait_for(self.mouth.is_done.acquire(), PATIENCE)

    async def end(self, frame: Frame) -> None:
        """Somebody hangs up."""
        await self.ears.push_frame(frame)
        await asyncio.wait_for(self._running, PATIENCE)


async def said(db: AsyncDynamoDb[Any]) -> list[str]:
    """All that is kept of the person's calls."""
    kept = (await db.conversation("user", TALK).messages()).messages
    return [f"{message['role']}: {message['content']}" for message in kept]


async def test_a_call_is_kept_and_the_next_one_goes_on(db: AsyncDynamoDb[Any]) -> None:
    """In the order in which it was said; the next call's model knows it, and the user's item counts the calls."""
    first = Call(db, "Hello Anna", "Bye")
    await first.ask("I am Anna")
    await first.ask("Bye bye")
    await first.end(EndWorkerFrame())
    kept = ["user: I am Anna", "assistant: Hello Anna", "user: Bye bye", "assistant: Bye"]
    assert kept == await said(db)

    second = Call(db, "Welcome back")
    await second.ask("Me again")
    await second.end(EndWorkerFrame())

    assert [text.partition(": ")[2] for text in kept] + ["Me again"] == second.model.asked[0][1:]
    assert [*kept, "user: Me again", "assistant: Welcome back"] == await said(db)
    assert 2 == (await db.load("user")).user.data["calls"]


async def test_an_interrupted_answer_is_kept_as_far_as_it_was_spoken(db: AsyncDynamoDb[Any]) -> None:
    """The model's rest of it is not, and the next question stands after it."""
    talking = Call(db, "Once upon a time . there was", "As you like")
    await talking.ears.hear("A story")
    await asyncio.wait_for(talking.mouth.is_stuck.wait(), PATIENCE)
    await talking.ears.begin()
    async with asyncio.timeout(PATIENCE):
        while len(await said(db)) < 2:
            await asyncio.sleep(0.01)
    await talking.ask("Stop")
    await talking.end(EndWorkerFrame())

    answers = ["assistant: Once upon a time", "user: Stop", "assistant: As you like"]
    assert ["user: A story", *answers] == await said(db)


async def test_who_hangs_up_in_the_middle_of_an_answer(db: AsyncDynamoDb[Any]) -> None:
    """What was spoken until then is kept."""
    talking = Call(db, "Once upon a time . there was")
    await talking.ears.hear("A story")
    await asyncio.wait_for(talking.mouth.is_stuck.wait(), PATIENCE)
    await talking.end(CancelWorkerFrame())

    assert ["user: A story", "assistant: Once upon a time"] == await said(db)


async def test_a_tool_writes_the_users_data(db: AsyncDynamoDb[Any]) -> None:
    """It is in the item, and the model of the next call is told."""
    tools = (await context_for(db, "user")).tools
    results: list[Any] = []

    async def result(value: Any) -> None:
        results.append(value)

    await tools.direct_functions[0].invoke({"name": "Anna"}, SimpleNamespace(result_callback=result))

    assert 1 == len(results)
    assert "Anna" == (await db.load("user")).user.data["name"]
    assert "Anna" in (await context_for(db, "user")).messages[0]["content"]


async def test_a_long_past_is_not_told_whole(db: AsyncDynamoDb[Any]) -> None:
    """The newest part of it, in order."""
    messages = [{"role": "user", "content": str(number)} for number in range(60)]
    await db.conversation("user", TALK).append(messages)

    assert messages[-PROMPT:] == (await context_for(db, "user")).messages[1:]


@pytest.mark.parametrize("is_empty", [False, True])
async def test_silence_is_not_kept(db: AsyncDynamoDb[Any], is_empty: bool) -> None:
    """An answer that was interrupted before its first word was none."""
    aggregators = [Ears(), Ears()]
    for aggregator, event in zip(aggregators, ("on_user_turn_message_added", "on_assistant_turn_stopped"), strict=True):
        aggregator._register_event_handler(event, sync=True)
    async with Transcript(db.conversation("user", TALK)) as transcript:
        keep(transcript, *aggregators)
        message = SimpleNamespace(content="" if is_empty else "Hello", timestamp="now")
        await aggregators[1]._call_event_handler("on_assistant_turn_stopped", message)

    assert ([] if is_empty else ["assistant: Hello"]) == await said(db)


def test_types() -> None:
    """Whoever copies the example gets no complaint from a type checker."""
    assert problems_in("examples/pipecat_bot.py") == ""


async def test_twenty_writers_while_answers_are_lost(all_kept: AllKept) -> None:
    """Items of one conversation, of calls in two processes: each once."""
    await all_kept("voice_agents", "Pipecat: the recipe")
