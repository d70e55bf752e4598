"""
A chat with a language model that streams its replies and remembers the conversation, as far as it fits in 32 KB.

    python -m examples.llm_chat          (or: uvicorn examples.llm_chat:app)

Where DynamoDB is, the environment says: AWS_REGION and credentials as usual, or DYNADB_CLIENT__ENDPOINT_URL and so on;
`memory:` there needs none.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from dynadb_async import AsyncDynamoDb, DynamoDbConfig, StoredElements, StoredHistory, Turn

HISTORY = StoredHistory(size=1000, max_bytes=32_768, input=True)
CONFIG = DynamoDbConfig("chat-users", stored_elements=StoredElements(history=HISTORY))


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
    id: str | None = None  # with one, a message that is sent again after a crash is in the conversation once


@app.post("/chat")
async def chat(message: Message) -> StreamingResponse:
    """The model's reply, word by word."""
    return StreamingResponse(reply(message), media_type="text/plain")


async def reply(message: Message) -> AsyncIterator[str]:
    """
    The turn is open for as long as the model speaks, and saved before the stream ends.

    No `handle` here: it may run its handler again, and a model is slow, costs money and never says the same twice.
    """
    db: AsyncDynamoDb = app.state.db
    async with db.turn(message.user, turn_id=message.id) as turn:
        if turn.is_duplicate:
            yield turn.response or ""
            return
        turn.input = message.text
        await db.save(turn)  # a checkpoint: what the person wrote is kept, even if the model fails or they hang up
        said = ""
        async for word in model(conversation(turn)):
            said += word
            yield word
        turn.output = turn.response = said


def conversation(turn: Turn) -> list[dict[str, str]]:
    """All that is remembered, oldest first, as chat models take it."""
    entries = [*reversed(turn.history.items), {"input": turn.input}]
    roles = (("user", "input"), ("assistant", "output"))
    return [{"role": role, "content": entry[name]} for entry in entries for role, name in roles if name in entry]


async def model(messages: list[dict[str, str]]) -> AsyncIterator[str]:
    """Stands in for a language model: put your own client here."""
    questions = [message["content"] for message in messages if message["role"] == "user"]
    for word in f"I remember {len(questions)} messages. You began with: {questions[0]}".split(" "):
        yield f"{word} "


if __name__ == "__main__":
    uvicorn.run(app)
