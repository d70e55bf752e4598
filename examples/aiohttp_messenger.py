"""
A pizza bot on Facebook Messenger, which has no sessions: the stored one, with its expiry, serves.

    PAGE_ACCESS_TOKEN=… python -m examples.aiohttp_messenger

Where DynamoDB is, the environment says: AWS_REGION and credentials as usual, or DYNADB_CLIENT__ENDPOINT_URL and so on;
`memory:` there needs none.
Before it faces the world, Meta's signature of each call has to be checked: `MetaVerifier`, in docs/platforms.md.
"""

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from functools import partial

import aiohttp
from aiohttp import web

from dynadb_async import (
    AsyncDynamoDb,
    DynamoDbConfig,
    ReplyLostError,
    StoredElements,
    StoredHistory,
    StoredSession,
    Turn,
)
from dynadb_async.platforms import messenger

HISTORY = StoredHistory(size=1, output=False, response=True)  # what was said last
ELEMENTS = StoredElements(session=StoredSession(timedelta(minutes=30)), history=HISTORY)
CONFIG = DynamoDbConfig("pizza-users", stored_elements=ELEMENTS)
DB: web.AppKey[AsyncDynamoDb] = web.AppKey("db", AsyncDynamoDb)
HTTP = web.AppKey("http", aiohttp.ClientSession)


async def resources(app: web.Application) -> AsyncIterator[None]:
    """One adapter and one HTTP client for the whole server, opened before the first request."""
    config = DynamoDbConfig.from_env(base=CONFIG)
    async with AsyncDynamoDb(config) as app[DB], aiohttp.ClientSession(raise_for_status=True) as app[HTTP]:
        yield


async def webhook(call: web.Request) -> web.Response:
    """Answer each message of the call. If one fails, Messenger calls again; those that were saved are not repeated."""
    try:
        requests = messenger.requests_from_json(await call.json())
    except ValueError as error:  # no JSON, or not as Messenger documents it
        raise web.HTTPBadRequest(text=str(error)) from error
    for request in requests:
        answer = partial(answered, text=request.raw.get("message", {}).get("text", ""))
        with suppress(ReplyLostError):  # answered so long ago that nobody waits; an error would be called again for
            reply = await call.app[DB].handle(request.user_id, answer, turn_id=request.turn_id)
            await send(call.app, request.user_id, reply)
    return web.Response(text="EVENT_RECEIVED")


async def answered(turn: Turn, *, text: str) -> str:
    """The reply. This may run again if another turn of the same user was faster: it changes nothing but *turn*."""
    user, session = turn.user.data, turn.session
    if text == "repeat" and turn.history.prev:
        return str(turn.history.prev["response"])
    if session.state == "ordering":
        user["usual"], session.state = text, None
        return f"One {text} is on its way."
    session.state = "ordering"
    user["visits"] = user.get("visits", 0) + session.is_new
    usual = f" The usual {user['usual']}?" if "usual" in user else ""
    return f"Hello! This is visit {user['visits']}. Which pizza would you like?{usual}"


async def send(app: web.Application, user_id: str, text: str) -> None:
    """Hand the reply to Messenger, which delivers it."""
    url = os.environ.get("MESSENGER_SEND_URL", "https://graph.facebook.com/v21.0/me/messages")
    message = {"recipient": {"id": user_id}, "messaging_type": "RESPONSE", "message": {"text": text}}
    headers = {"Authorization": f"Bearer {os.environ.get('PAGE_ACCESS_TOKEN', '')}"}
    (await app[HTTP].post(url, json=message, headers=headers)).release()


def make_app() -> web.Application:
    """The server."""
    app = web.Application()
    app.cleanup_ctx.append(resources)
    app.router.add_post("/messenger", webhook)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1")
