"""
A FastAPI webhook on AWS Lambda: Mangum turns the events of an API Gateway or a function URL into requests to the app.

Mangum would run the app's lifespan in each invocation, so open and close the client each time. With lifespan="off" it
does neither: the first turn opens the client, and it is kept with its event loop as long as Lambda keeps the process.
"""

import asyncio
from typing import Annotated, Any

from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

from dynadb_async import AsyncDynamoDb, DynamoDbConfig, TableConfig, Turn
from dynadb_async.fastapi import EXCEPTION_HANDLERS, AppDynamoDb

# The table comes with the deployment: the function's role may read and write items, and no first turn waits for it.
# No call but these two is made, and so there is one connection.
CONFIG = DynamoDbConfig(TableConfig("chat-users", create_table_on_init=False))

memory = AppDynamoDb(lambda: AsyncDynamoDb(DynamoDbConfig.from_env(base=CONFIG)))
# On a server the same app runs with its lifespan.
app = FastAPI(lifespan=memory.lifespan, exception_handlers=EXCEPTION_HANDLERS)


class Message(BaseModel):
    """What the person wrote. In a real app the user comes from the login, not from the body."""

    user: str
    id: str
    text: str


async def user_id(message: Message) -> str:
    """Who wrote."""
    return message.user


async def turn_id(message: Message) -> str:
    """By which a second delivery is recognised."""
    return message.id


@app.post("/chat")
async def chat(turn: Annotated[Turn, memory.turn(user_id, turn_id=turn_id, io_timeout=6)]) -> Any:
    """One turn: the visits are counted."""
    if not turn.is_duplicate:
        turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
        turn.response = {"text": f"This is visit {turn.user.data['visits']}."}
    return turn.response


# Mangum runs all invocations in the thread's current event loop, and never ends it.
asyncio.set_event_loop(asyncio.new_event_loop())
handler = Mangum(app, lifespan="off")
