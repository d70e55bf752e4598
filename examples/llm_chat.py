"""
A chat with a language model that streams its replies, keeps all that was ever said, and prompts with the newest part.

    python -m examples.llm_chat          (or: uvicorn examples.llm_chat:app)

Where DynamoDB is, the environment says: AWS_REGION and credentials as usual, or DYNADB_CLIENT__ENDPOINT_URL and so on;
`memory:` there needs none.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from dynadb_async import AsyncDynamoDb, Conversations, DynamoDbConfig

CONFIG = DynamoDbConfig("chat-users", conversations=Conversations("chat-conversations"))
PROMPT = 20  # messages; the log itself has no end
TALK = "chat"  # one for each person; an app with several tabs names each


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """One adapter for the whole server, opened before the first request."""
    async with AsyncDynamoDb(DynamoDbConfig.from_env(base=CONFIG)) as app.state.db:
        yield


app = FastAPI(lifespan=lifespan)


class Message(BaseModel):
    """What the person wrote. In a real app the user comes from the login, not from the body."""

    user: str
    text: str
    id: str | None = None  # with one, a message that is sent again is in the conversation once, and so is its reply


@app.post("/chat")
async def chat(message: Message) -> StreamingResponse:
    """The model's reply, word by word."""
    return StreamingResponse(reply(message), media_type="text/plain")


async def reply(message: Message) -> AsyncGenerator[str]:
    """
    The turn is open for as long as the model speaks, and saved before the stream ends, with its messages or not at all.

    No `handle` here: it may run its handler again, and a model is slow, costs money and never says the same twice.
    """
    db: AsyncDynamoDb = app.state.db
    async with db.turn(message.user, turn_id=message.id) as turn:
        talk = turn.conversation(TALK)
        if turn.is_duplicate:  # answered before, to the end
            yield said_to(message, (await talk.messages(limit=PROMPT)).messages)
            return
        talk.add({"role": "user", "content": message.text, "of": message.id})
        # A checkpoint: what the person wrote is kept, even if the model fails or they hang up. What an earlier delivery
        # stored is not stored again.
        await db.save(turn)
        said = ""
        async for word in model(prompt((await talk.messages(limit=PROMPT)).messages)):
            said += word
            yield word
        talk.add({"role": "assistant", "content": said, "of": message.id})


def prompt(messages: list[Any]) -> list[dict[str, str]]:
    """As chat models take them. Two tabs at once may have asked two questions before either was answered."""
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def said_to(message: Message, messages: list[Any]) -> str:
    """What was said in reply to *message* when it came first."""
    replies = (old["content"] for old in reversed(messages) if (old["role"], old["of"]) == ("assistant", message.id))
    return next(replies, "")


async def model(messages: list[dict[str, str]]) -> AsyncIterator[str]:
    """Stands in for a language model: put your own client here."""
    questions = [message["content"] for message in messages if message["role"] == "user"]
    for word in f"I remember {len(questions)} messages. You began with: {questions[0]}".split(" "):
        yield f"{word} "


if __name__ == "__main__":
    uvicorn.run(app)
