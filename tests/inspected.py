"""The page to look at users with, being served; and users to be looked at."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from attrs import frozen

from dynadb_async import AsyncDynamoDb, Conversations, StoredElements, StoredHistory
from dynadb_async.inspect import Door, serve
from dynadb_async.inspect.guard import HEADERS
from tests.engines import Engine
from tests.tables import Table

SCRIPT = "<script>window.harm = 1</script>"
STORED = StoredElements(session=True, history=StoredHistory(input=True))


@frozen
class Inspected:
    """
    A page that is being served.

    Attributes:
        url: What was printed.
        http: A client that came with the token.
        said: What was printed, and the warnings.
        door: Its secrets.
    """

    url: str
    http: aiohttp.ClientSession
    said: list[str]
    door: Door

    def user(self, user_id: str) -> str:
        """Where the page has a user."""
        return self.door.link("/user", user_id)

    def talk(self, user_id: str, conversation_id: str) -> str:
        """Where the page has a conversation."""
        return self.door.link("/conversation", user_id, conversation_id)

    @property
    def base(self) -> str:
        """The address without the token."""
        return self.url.split("?")[0]

    async def read(self, path: str, status: int = 200) -> str:
        """The text of a page."""
        async with self.http.get(self.base + path.removeprefix("/")) as answer:
            assert status == answer.status
            return await answer.text()

    async def status(self, path: str = "/", method: str = "GET", **options: Any) -> int:
        """What is answered to a request."""
        async with self.http.request(
            method, self.base + path.removeprefix("/"), allow_redirects=False, **options
        ) as answer:
            for name, value in HEADERS.items():
                assert value == answer.headers[name]
            return answer.status


@asynccontextmanager
async def inspecting(db: AsyncDynamoDb[Any], **options: Any) -> AsyncIterator[Inspected]:
    """Serve the page for as long as the block."""
    said: list[str] = []
    door = Door()
    serving = asyncio.create_task(serve(db, announce=said.append, door=door, **options))
    while not (said and said[-1].startswith("http")):
        assert not serving.done(), serving.result()
        await asyncio.sleep(0.01)
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            async with http.get(said[-1]) as answer:
                assert answer.status == 200
            yield Inspected(said[-1], http, said, door)
    finally:
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving


def made(engine: Engine, name: str, **options: Any) -> AsyncDynamoDb[Any]:
    """An adapter with everything that is to be seen."""
    settings: dict[str, Any] = {"stored_elements": STORED, "conversations": Conversations(f"{name}-log"), **options}
    return Table(engine, name, None).adapter(**settings)


async def talk(db: AsyncDynamoDb[Any], user_id: str, **data: Any) -> None:
    """A turn that leaves something in every place."""
    async with db.turn(user_id, turn_id=f"turn of {user_id}"[:200]) as turn:
        turn.user.data.update(data)
        turn.session.data["step"] = "third"
        turn.session.state = "asking"
        turn.input = {"type": "TEXT", "text": "What is the time?"}
        turn.output = [{"message": "It is noon."}]
        turn.response = {"say": "It is noon."}


async def store_scripts(db: AsyncDynamoDb[Any], engine: Engine) -> None:
    """A user whose everything is a script."""
    async with db.turn(SCRIPT, turn_id=SCRIPT) as turn:
        turn.user.data[SCRIPT] = {SCRIPT: [SCRIPT, {SCRIPT}]}
        turn.session.id = SCRIPT
        turn.session.data[SCRIPT] = turn.session.state = SCRIPT
        turn.input = turn.output = turn.nlu = {SCRIPT: SCRIPT, "text": SCRIPT}
        turn.response = {SCRIPT: SCRIPT}
    messages = [SCRIPT, {"role": SCRIPT, "content": SCRIPT}, {SCRIPT: [SCRIPT]}]
    await db.conversation(SCRIPT, SCRIPT).append(messages, state={SCRIPT: SCRIPT})
    Table(engine, db.config.table.name, engine.raw()).add(SCRIPT, **{SCRIPT: {"S": SCRIPT}, "session2": {"S": SCRIPT}})
