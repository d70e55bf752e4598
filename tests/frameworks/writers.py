"""
20 writers of one session, in 2 processes, while answers are lost on the way: what is there of what was acknowledged.

`python -m tests.frameworks.writers SETTINGS` is one of the processes; it prints what it was told to be stored.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from attrs import frozen

from dynadb_async import AsyncDynamoDb, ClientConfig, Conversations, DynamoDbConfig, RequestError, VersionConflictError
from dynadb_async.documents import ANY, Documents
from tests.engines import dynamodb_local
from tests.frameworks.others import OTHERS, Read, Write
from tests.proxy import ITEM_OPERATIONS, Fault, FaultProxy, no_fault, sometimes

PROCESSES, WRITERS, MESSAGES = 2, 10, 5
SHARE_OF_LOST_ANSWERS = 0.1
WRITTEN = PROCESSES * WRITERS * MESSAGES
PATIENCE = 90  # seconds, after which nobody writes any more
WRITES = (*ITEM_OPERATIONS, "PutItem")


def openai_agents(db: AsyncDynamoDb[Any]) -> tuple[Write, Read]:
    """A session of the OpenAI Agents SDK."""
    from dynadb_async.openai_agents import DynamoDbSession  # noqa: PLC0415 - one framework is installed

    session = DynamoDbSession(db, "user", "talk")

    async def read() -> list[str]:
        return [item["content"] for item in await session.get_items()]

    return lambda text: session.add_items([{"role": "user", "content": text}]), read


def claude_agent_sdk(db: AsyncDynamoDb[Any]) -> tuple[Write, Read]:
    """A store of the Claude Agent SDK, its summaries included."""
    from dynadb_async.claude_agent_sdk import DynamoDbSessionStore  # noqa: PLC0415 - one framework is installed

    store, key = DynamoDbSessionStore(db, user_id="user"), {"project_key": "project", "session_id": "talk"}

    async def read() -> list[str]:
        return [entry["text"] for entry in await store.load(key) or []]

    # Without uuids, so that nothing but the store itself keeps one from being there twice.
    return lambda text: store.append(key, [{"type": "x", "text": text}]), read


def agent_framework(db: AsyncDynamoDb[Any]) -> tuple[Write, Read]:
    """A history provider of Microsoft's Agent Framework."""
    from agent_framework import Message  # noqa: PLC0415 - one framework is installed

    from dynadb_async.agent_framework import DynamoDbHistoryProvider  # noqa: PLC0415 - …

    provider = DynamoDbHistoryProvider(db, user_id="user")

    async def read() -> list[str]:
        return [message.text for message in await provider.get_messages("talk")]

    return lambda text: provider.save_messages("talk", [Message(role="user", contents=[text])]), read


def aiogram(db: AsyncDynamoDb[Any]) -> tuple[Write, Read]:
    """A storage of aiogram's state machine: each text is a member of the data."""
    from aiogram.fsm.storage.base import StorageKey  # noqa: PLC0415 - one framework is installed

    from dynadb_async.aiogram import DynamoDbStorage  # noqa: PLC0415 - …

    storage, key = DynamoDbStorage(db), StorageKey(bot_id=1, chat_id=2, user_id=3)

    async def read() -> list[str]:
        return list(await storage.get_data(key))

    return lambda text: storage.update_data(key, {text: True}), read


def aiogram_read_then_write(db: AsyncDynamoDb[Any]) -> tuple[Write, Read]:
    """The same, as aiogram's other storages do it: `update_data` reads, and then writes."""
    from aiogram.fsm.storage.base import BaseStorage, StorageKey  # noqa: PLC0415 - one framework is installed

    from dynadb_async.aiogram import DynamoDbStorage  # noqa: PLC0415 - …

    storage, key = DynamoDbStorage(db), StorageKey(bot_id=1, chat_id=2, user_id=3)
    return lambda text: BaseStorage.update_data(storage, key, {text: True}), aiogram(db)[1]


def pydantic_ai(db: AsyncDynamoDb[Any]) -> tuple[Write, Read]:
    """The recipe's append of a run's messages."""
    from pydantic_ai import ModelMessagesTypeAdapter  # noqa: PLC0415 - one framework is installed
    from pydantic_ai.messages import ModelRequest  # noqa: PLC0415 - …

    talk = db.conversation("user", "talk")

    async def write(text: str) -> None:
        await talk.append(ModelMessagesTypeAdapter.dump_python([ModelRequest.user_text_prompt(text)], mode="json"))

    async def read() -> list[str]:
        messages = ModelMessagesTypeAdapter.validate_python((await talk.messages()).messages)
        return [str(part.content) for message in messages for part in message.parts]

    return write, read


def m365_agents(db: AsyncDynamoDb[Any]) -> tuple[Write, Read]:
    """A storage of Microsoft 365 Agents: each text is a property of a state, which is read in the same turn."""
    from microsoft_agents.hosting.core.state.agent_state import CachedAgentState  # noqa: PLC0415 - one is installed

    from dynadb_async.bot_framework import DynamoDbStorage  # noqa: PLC0415 - …

    storage = DynamoDbStorage(db)

    async def state() -> Any:
        found = await storage.read(["key"], target_cls=CachedAgentState)
        return found.get("key", CachedAgentState())

    async def write(text: str) -> None:
        read = await state()
        read.state[text] = True
        await storage.write({"key": read})

    async def read() -> list[str]:
        return list((await state()).state)

    return write, read


def bot_framework(db: AsyncDynamoDb[Any]) -> tuple[Write, Read]:
    """The same of Bot Framework, whose states are dicts."""
    from dynadb_async.bot_framework import DynamoDbStorage  # noqa: PLC0415 - one framework is installed

    storage = DynamoDbStorage(db)

    async def state() -> dict[str, Any]:
        return (await storage.read(["key"])).get("key", {})

    async def write(text: str) -> None:
        await storage.write({"key": await state() | {text: True}})

    async def read() -> list[str]:
        return list(await state())

    return write, read


def documents_replaced(db: AsyncDynamoDb[Any]) -> tuple[Write, Read]:
    """As the own storages of both do it: what is written replaces what is there."""
    documents = Documents(db)

    async def state() -> dict[str, Any]:
        found = await documents.read(["key"])
        return found["key"].value if "key" in found else {}

    async def write(text: str) -> None:
        await documents.write("key", await state() | {text: True}, expected=ANY)

    async def read() -> list[str]:
        return list(await state())

    return write, read


def ask_sdk(db: AsyncDynamoDb[Any]) -> tuple[Write, Read]:
    """The page's persistence adapter, in the thread of a skill; each text is an attribute."""
    from tests.frameworks.page import names  # noqa: PLC0415 - one framework is installed

    page = names("ask-sdk-core", db)
    attributes = page["TurnAttributes"]()

    def skill(event: dict[str, Any], _context: None) -> dict[str, Any]:
        attributes.save_attributes(None, {**attributes.get_attributes(None), event["text"]: True})
        return {}

    async def read() -> list[str]:
        return list((await db.load("user")).user.data)

    return lambda text: db.handle("user", page["answered_by"](skill, {"text": text})), read


def voice_agents(db: AsyncDynamoDb[Any]) -> tuple[Write, Read]:
    """What LiveKit's and Pipecat's recipes store each item of a call with."""
    from examples.transcript import Transcript  # noqa: PLC0415 - not needed by the others

    talk = db.conversation("user", "calls")

    async def write(text: str) -> None:
        async with Transcript(talk) as transcript:
            transcript.add(text, {"role": "user", "content": text})

    async def read() -> list[str]:
        return [message["content"] for message in (await talk.messages()).messages]

    return write, read


OURS = {
    made.__name__: made
    for made in (
        openai_agents,
        claude_agent_sdk,
        agent_framework,
        pydantic_ai,
        aiogram,
        aiogram_read_then_write,
        m365_agents,
        bot_framework,
        documents_replaced,
        ask_sdk,
        voice_agents,
    )
}


@frozen
class Race:
    """
    What came of it.

    Attributes:
        acknowledged: The messages of which a writer was told that they are stored.
        found: Those that are.
        lost_answers: How many answers were lost on the way.
    """

    acknowledged: list[str]
    found: list[str]
    lost_answers: int

    @property
    def lost(self) -> int:
        """How many were acknowledged and are not there."""
        return len(set(self.acknowledged) - set(self.found))

    @property
    def doubled(self) -> int:
        """How many are there more than once."""
        return sum(times > 1 for times in Counter(self.found).values())

    def row(self, title: str) -> str:
        """As a line of the manual's table."""
        return f"| {title} | {len(self.acknowledged)} of {WRITTEN} | {self.lost} | {self.doubled} |"


@asynccontextmanager
async def _store(settings: dict[str, Any]) -> AsyncIterator[Callable[[], tuple[Write, Read]]]:
    """What makes each writer's own."""
    if other := OTHERS.get(settings["store"]):
        async with other(settings) as made:
            yield lambda: made
    else:
        async with _adapter(settings) as db:
            await db.ensure_table()
            yield lambda: OURS[settings["store"]](db)


def _adapter(settings: dict[str, Any]) -> AsyncDynamoDb[Any]:
    # An answer that is lost is told at once; a server that is slow on a busy machine is waited for.
    patient = {"connect_timeout": 5, "read_timeout": 20, "operation_timeout": 60, "queue_timeout": 60}
    client = ClientConfig(**settings["client"], **patient)
    conversations = Conversations(f"{settings['table']}-talks")
    return AsyncDynamoDb(DynamoDbConfig(settings["table"], client=client, conversations=conversations))


async def race(store: str) -> Race:
    """Let them write to one of ours, by its function's name, or to one of the others."""
    with dynamodb_local() as engine:
        async with FaultProxy(engine) as proxy:
            settings = {"store": store, "table": f"race-{uuid4().hex}", "client": proxy.client_settings}
            async with _store(settings) as of_a_writer:
                proxy.plan = sometimes(SHARE_OF_LOST_ANSWERS, Fault.LOSE, seed=1, operations=WRITES)
                told = await asyncio.gather(*(_process({**settings, "name": name}) for name in range(PROCESSES)))
                proxy.plan = no_fault
                found = await of_a_writer()[1]()
            return Race([text for texts in told for text in texts], found, proxy.injected[Fault.LOSE])


async def _process(settings: dict[str, Any]) -> list[str]:
    command = [sys.executable, "-m", "tests.frameworks.writers", json.dumps(settings)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("a process of writers did not come to its end; its own words are above")
    acknowledged: list[str] = json.loads(told)
    return acknowledged


async def work(settings: dict[str, Any]) -> list[str]:
    """What one process was told to be stored."""
    acknowledged = []
    # A fault of our own ends the run; what others raise is an answer.
    refusals = Exception if settings["store"] in OTHERS else (RequestError, VersionConflictError)
    async with _store(settings) as of_a_writer:

        async def write(writer: int) -> None:
            append, _ = of_a_writer()
            for number in range(MESSAGES):
                text = f"{settings['name']}-{writer}-{number}"
                try:
                    await append(text)
                except refusals as error:
                    print(f"not acknowledged: {type(error).__name__}: {error}", file=sys.stderr)
                else:
                    acknowledged.append(text)

        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    return acknowledged


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(work(json.loads(sys.argv[1])))))
