"""The examples on free loopback ports, and people who talk to them: for the demo and the tests."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import aiohttp
import uvicorn
from aiohttp import web
from attrs import frozen
from fastapi import FastAPI

from dynadb_async.testing import LocalServer
from examples import aiohttp_messenger, fastapi_alexa, llm_chat

LOOPBACK = "127.0.0.1"
START_TIMEOUT = 20


# On a busy machine a test server, or a disk, takes its time, which says nothing about the examples.
PATIENCE = {"DYNADB_CLIENT__READ_TIMEOUT": "5", "DYNADB_CLIENT__OPERATION_TIMEOUT": "15"}


def settings_for(dynamodb: LocalServer) -> dict[str, str]:
    """The variables by which `DynamoDbConfig.from_env` finds *dynamodb*."""
    return {f"DYNADB_CLIENT__{name.upper()}": value for name, value in dynamodb.client.items()} | PATIENCE


@contextmanager
def environment(variables: dict[str, str]) -> Generator[None]:
    """Set *variables* until the block ends."""
    with patch.dict(os.environ, variables):
        yield


@asynccontextmanager
async def served_by_uvicorn(app: FastAPI) -> AsyncGenerator[str]:
    """Run a FastAPI app until the block ends; its address."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on", ws="none"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while not server.started and not serving.done():
                    await asyncio.sleep(0.01)
            if not server.started:
                raise RuntimeError("the server did not start; its log says why")
            yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def served_by_aiohttp(app: web.Application) -> AsyncGenerator[str]:
    """Run an aiohttp app until the block ends; its address."""
    runner = web.AppRunner(app)
    try:
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0).start()
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Outbox:
    """
    What the bot sent to people: a stand-in for Messenger's Send API.

    Attributes:
        sent: Each person's id and the text, in order.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def make_app(self) -> web.Application:
        """The stand-in's server."""
        app = web.Application()
        app.router.add_post("/me/messages", self._receive)
        return app

    async def _receive(self, call: web.Request) -> web.Response:
        message = await call.json()
        self.sent.append((message["recipient"]["id"], message["message"]["text"]))
        return web.json_response({"recipient_id": message["recipient"]["id"], "message_id": f"m_{len(self.sent)}"})


@frozen
class Webhooks:
    """
    The running examples, and a client to call them with.

    Attributes:
        run: What is appended to each person's id, so that nobody was here before.
    """

    http: aiohttp.ClientSession
    alexa: str
    messenger: str
    chat: str
    outbox: Outbox
    run: str

    async def tell_alexa(self, user: str, request: dict[str, Any], *, session: str, is_new: bool = False) -> str:
        """What Alexa says in return."""
        user += self.run
        body = {
            "session": {"new": is_new, "sessionId": session, "user": {"userId": user}},
            "context": {"System": {"user": {"userId": user}}},
            "request": {"requestId": uuid4().hex, "locale": "en-US", **request},
        }
        async with self.http.post(f"{self.alexa}/alexa", json=body) as answer:
            return str((await answer.json())["response"]["outputSpeech"]["text"])

    async def tell_messenger(self, user: str, text: str, *, mid: str) -> str:
        """What the bot sends in return."""
        event = {"sender": {"id": user + self.run}, "message": {"mid": mid, "text": text}}
        body = {"object": "page", "entry": [{"messaging": [event]}]}
        async with self.http.post(f"{self.messenger}/messenger", json=body):
            return self.outbox.sent[-1][1]

    async def tell_chat(self, user: str, text: str, *, message_id: str | None = None) -> str:
        """What the model says in return."""
        message = {"user": user + self.run, "text": text, "id": message_id}
        async with self.http.post(f"{self.chat}/chat", json=message) as answer:
            return (await answer.text()).strip()


@asynccontextmanager
async def running_webhooks(run: str = "") -> AsyncGenerator[Webhooks]:
    """Start the examples, each on a port of its own, and stop them. See `Webhooks` for *run*."""
    async with AsyncExitStack() as stack:
        outbox = Outbox()
        send_api = await stack.enter_async_context(served_by_aiohttp(outbox.make_app()))
        stack.enter_context(environment({"MESSENGER_SEND_URL": f"{send_api}/me/messages"}))
        alexa = await stack.enter_async_context(served_by_uvicorn(fastapi_alexa.app))
        messenger = await stack.enter_async_context(served_by_aiohttp(aiohttp_messenger.make_app()))
        chat = await stack.enter_async_context(served_by_uvicorn(llm_chat.app))
        http = await stack.enter_async_context(aiohttp.ClientSession(raise_for_status=True))
        yield Webhooks(http, alexa, messenger, chat, outbox, run)
