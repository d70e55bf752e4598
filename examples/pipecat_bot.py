"""
A voice bot on Pipecat that knows the person again, and goes on where the last call ended.

    pip install dynadb-async pipecat-ai

`call` runs one call, between your own transport, speech recognition, model and voice. Of an answer what was spoken is
kept, word by word where the voice tells its words.
"""

from collections.abc import Sequence
from itertools import count
from typing import Any
from uuid import uuid4

from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    AssistantTurnStoppedMessage,
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
    UserTurnMessageAddedMessage,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.workers.runner import WorkerRunner

from dynadb_async import AsyncDynamoDb, Conversations, DynamoDbConfig
from examples.transcript import Transcript

CONFIG = DynamoDbConfig("voice-users", conversations=Conversations("voice-conversations"))
PROMPT = 40  # messages that a new call begins with; the log itself has no end
TALK = "calls"  # one for each person


async def call(
    db: AsyncDynamoDb[Any],
    user_id: str,
    *,
    ears: Sequence[FrameProcessor],
    model: FrameProcessor,
    mouth: Sequence[FrameProcessor],
    turns: LLMUserAggregatorParams | None = None,
) -> None:
    """
    One call, from its first word until its pipeline ends, and until all that was said is stored.

    Args:
        db: With `conversations` in its configuration.
        user_id: Whose call it is.
        ears: The transport's input, and speech recognition.
        model: The language model.
        mouth: The voice, and the transport's output: what comes out of it was spoken.
        turns: How Pipecat knows that the person is done.
    """
    user, assistant = LLMContextAggregatorPair(await context_for(db, user_id), user_params=turns)
    async with Transcript(db.conversation(user_id, TALK)) as transcript:
        keep(transcript, user, assistant)
        runner = WorkerRunner()
        await runner.add_workers(PipelineWorker(Pipeline([*ears, user, model, *mouth, assistant])))
        await runner.run()


async def context_for(db: AsyncDynamoDb[Any], user_id: str) -> LLMContext:
    """What the model begins with: what the person is called, and the newest part of what was said."""
    async with db.turn(user_id) as turn:
        turn.user.data["calls"] = turn.user.data.get("calls", 0) + 1
        name = turn.user.data.get("name", "unknown")

    async def remember_name(params: FunctionCallParams, name: str) -> None:
        """
        Call this when the person says what they are called.

        Args:
            params: Pipecat's own.
            name: As the person said it.
        """
        async with db.turn(user_id) as turn:
            turn.user.data["name"] = name
        await params.result_callback("It is remembered.")

    about: Any = {"role": "system", "content": f"You are a friendly voice assistant. The person's name: {name}."}
    past = (await db.conversation(user_id, TALK).messages(PROMPT)).messages
    return LLMContext([about, *past], tools=[remember_name])


def keep(transcript: Transcript, user: Any, assistant: Any) -> None:
    """
    Store what the two aggregators hear: of an answer that was cut short what was spoken of it.

    Pipecat's turns have no ids of their own, so they get some: what is sent again after a lost answer is stored once.
    """
    ids = (f"{made}/{number}" for made in [uuid4().hex] for number in count())

    async def asked(_: Any, message: UserTurnMessageAddedMessage) -> None:
        transcript.add(next(ids), {"role": "user", "content": message.content})

    async def answered(_: Any, message: AssistantTurnStoppedMessage) -> None:
        if message.content:
            transcript.add(next(ids), {"role": "assistant", "content": message.content})

    user.add_event_handler("on_user_turn_message_added", asked)
    assistant.add_event_handler("on_assistant_turn_stopped", answered)
