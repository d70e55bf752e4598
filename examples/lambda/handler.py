"""
An Alexa skill on AWS Lambda, without a web framework: Lambda calls `handler` with Alexa's JSON.

`template.yaml` beside it deploys it, with its table.

Event loop, client and connection are made once, while Lambda starts this process, and kept over all its invocations.
Where DynamoDB is, the environment says: on Lambda the region and the role's credentials, else DYNADB_CLIENT__….
"""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

from dynadb_async import AsyncDynamoDb, DynamoDbConfig, StoredElements, TableConfig, TimeToLive, Turn
from dynadb_async.platforms import alexa

# The table comes with the deployment: the function's role may read and write items, and no first turn waits for it.
# No call but these two is made, and so there is one connection.
CONFIG = DynamoDbConfig(
    TableConfig("skill-users", create_table_on_init=False, ttl=TimeToLive(timedelta(days=365))),  # since the last turn
    stored_elements=StoredElements(session=True),
)
RESERVE = 0.5  # seconds, for the answer to leave before Lambda stops the invocation

# Not asyncio.run: it would end its event loop, and with that the client, after each invocation.
RUNNER = asyncio.Runner()
DB = AsyncDynamoDb(DynamoDbConfig.from_env(base=CONFIG))
RUNNER.run(DB.open())


def handler(event: dict[str, Any], context: Any) -> Any:
    """One turn, within the time that Lambda leaves."""
    seconds = context.get_remaining_time_in_millis() / 1000 - RESERVE
    return RUNNER.run(answer(event, seconds))


async def answer(event: dict[str, Any], seconds: float) -> Any:
    """The reply; to a request that comes a second time, the first one's."""
    request = alexa.request_from_json(event)
    handle = partial(said, intent=request.raw["request"])
    return await DB.handle(
        request.user_id, handle, session=request.session, turn_id=request.turn_id, io_timeout=max(seconds, 0.1)
    )


async def said(turn: Turn, *, intent: dict[str, Any]) -> dict[str, Any]:
    """What Alexa says: the visits are counted. It may run again, so it changes nothing but *turn*."""
    if intent["type"] == "LaunchRequest":
        turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
    text = f"This is visit {turn.user.data.get('visits', 1)}."
    return {
        "version": "1.0",
        "response": {"outputSpeech": {"type": "PlainText", "text": text}, "shouldEndSession": True},
    }
