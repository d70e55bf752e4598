"""
A voice skill that knows its users: Alexa's JSON in, the reply out.

    python -m examples.fastapi_alexa          (or: uvicorn examples.fastapi_alexa:app)

Where DynamoDB is, the environment says: AWS_REGION and credentials as usual, or DYNADB_CLIENT__ENDPOINT_URL and so on;
`memory:` there needs none.
Before it faces the world, Amazon's signature of each request has to be checked: `AlexaVerifier`, in docs/platforms.md.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException

from dynadb_async import AsyncDynamoDb, DynamoDbConfig, StoredElements, StoredHistory, Turn
from dynadb_async.platforms import MalformedRequestError, alexa

CONFIG = DynamoDbConfig(
    "skill-users",
    stored_elements=StoredElements(session=True, history=StoredHistory(size=1)),  # the state, and what was said last
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """One adapter for the whole server. The first request opens it, and creates the table where it is missing."""
    app.state.db = AsyncDynamoDb(DynamoDbConfig.from_env(base=CONFIG))
    yield
    await app.state.db.close()


app = FastAPI(lifespan=lifespan)


@app.post("/alexa")
async def skill(body: dict[str, Any]) -> Any:
    """One turn. Alexa waits 8 seconds; a request that it sends twice gets the first one's reply."""
    try:
        request = alexa.request_from_json(body)
    except MalformedRequestError as error:
        raise HTTPException(400, str(error)) from error
    answer = partial(answered, intent=body["request"])
    db: AsyncDynamoDb = app.state.db
    return await db.handle(request.user_id, answer, session=request.session, turn_id=request.turn_id, io_timeout=6)


async def answered(turn: Turn, *, intent: dict[str, Any]) -> dict[str, Any]:
    """What Alexa says. It may run again if another turn of this user was faster, so it changes nothing but *turn*."""
    if intent.get("type") == "SessionEndedRequest":
        turn.discard()  # Alexa wants no words in return, and nothing has changed
        return {"version": "1.0", "response": {}}
    turn.output = said(turn, intent)
    speech = {"type": "PlainText", "text": turn.output}
    return {"version": "1.0", "response": {"outputSpeech": speech, "shouldEndSession": False}}


def said(turn: Turn, intent: dict[str, Any]) -> str:
    """Visits are counted, the name is asked for and then kept, and "repeat" is answered from the history."""
    user = turn.user.data
    match intent:
        case {"type": "LaunchRequest"}:
            user["visits"] = user.get("visits", 0) + 1
            if "name" in user:
                return f"Welcome back, {user['name']}. This is visit {user['visits']}."
            turn.session.state = "asked-name"
            return "Welcome! What is your name?"
        case {"intent": {"name": "NameIntent", "slots": {"name": {"value": name}}}} if turn.session.state:
            user["name"], turn.session.state = name, None
            return f"Nice to meet you, {name}."
        case {"intent": {"name": "AMAZON.RepeatIntent"}} if turn.history.prev:
            return str(turn.history.prev["output"])
        case _:
            return "Sorry, I did not get that."


if __name__ == "__main__":
    uvicorn.run(app)
