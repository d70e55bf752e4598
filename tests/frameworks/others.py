"""What the frameworks themselves, or other packages, offer for the same: each to be written to as ours is."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

Write = Callable[[str], Awaitable[Any]]
Read = Callable[[], Awaitable[list[str]]]
Opened = Callable[[dict[str, Any]], AbstractAsyncContextManager[tuple[Write, Read]]]


@asynccontextmanager
async def openai_agents_session(settings: dict[str, Any]) -> AsyncIterator[tuple[Write, Read]]:
    """The DynamoDB session of the package of that name, with a client as its documentation makes it."""
    from aiobotocore.session import get_session  # noqa: PLC0415 - one framework is installed
    from openai_agents_session import DynamoDBSession  # noqa: PLC0415 - …
    from openai_agents_session.dynamodb import create_table_if_not_exists  # noqa: PLC0415 - …

    async with get_session().create_client("dynamodb", **settings["client"]) as client:
        await create_table_if_not_exists(client, settings["table"])
        session = DynamoDBSession("talk", client, settings["table"])

        async def read() -> list[str]:
            return [item["content"] for item in await session.get_items()]

        yield lambda text: session.add_items([{"role": "user", "content": text}]), read


@asynccontextmanager
async def sqlite_session(settings: dict[str, Any]) -> AsyncIterator[tuple[Write, Read]]:
    """The OpenAI Agents SDK's own, on a file."""
    from agents import SQLiteSession  # noqa: PLC0415 - one framework is installed

    session = SQLiteSession("talk", _place(settings))

    async def read() -> list[str]:
        return [str(item["content"]) for item in await session.get_items()]  # type: ignore[typeddict-item]

    yield lambda text: session.add_items([{"role": "user", "content": text}]), read
    session.close()


@asynccontextmanager
async def file_history(settings: dict[str, Any]) -> AsyncIterator[tuple[Write, Read]]:
    """Agent Framework's own, on files."""
    from agent_framework import FileHistoryProvider, Message  # noqa: PLC0415 - one framework is installed

    provider = FileHistoryProvider(_place(settings))

    async def read() -> list[str]:
        return [message.text for message in await provider.get_messages("talk")]

    yield lambda text: provider.save_messages("talk", [Message(role="user", contents=[text])]), read


@asynccontextmanager
async def pya_memory(settings: dict[str, Any]) -> AsyncIterator[tuple[Write, Read]]:
    """The DynamoDB store of the package of that name."""
    from pya_memory import DynamoDBMessageStore  # noqa: PLC0415 - one framework is installed

    async with DynamoDBMessageStore(settings["table"], **_places(settings)) as store:

        async def read() -> list[str]:
            return _texts(await store.load_messages(conversation_id="talk"))

        await store.get_conversation(conversation_id="talk")  # makes the table
        yield lambda text: store.append_messages(conversation_id="talk", messages=[_asked(text)]), read


@asynccontextmanager
async def pydantic_ai_dynamodb_persistence(settings: dict[str, Any]) -> AsyncIterator[tuple[Write, Read]]:
    """The history of the package of that name, which is loaded, added to and saved."""
    from pydantic_ai_dynamodb_persistence import DynamoDBHistoryStore  # noqa: PLC0415 - one framework is installed

    store = await asyncio.to_thread(lambda: DynamoDBHistoryStore(settings["table"], **_places(settings)))

    async def write(text: str) -> None:
        await store.save("talk", [*(await store.load("talk") or []), _asked(text)])

    async def read() -> list[str]:
        return _texts(await store.load("talk") or [])

    yield write, read


@asynccontextmanager
async def dynamodb_fsm(settings: dict[str, Any]) -> AsyncIterator[tuple[Write, Read]]:
    """The storage for aiogram of the package of that name, which can't make its table itself."""
    from aiogram.fsm.storage.base import StorageKey  # noqa: PLC0415 - one framework is installed
    from dynamodb_fsm import FSMDynamodb  # noqa: PLC0415 - …

    keys = {name: settings["client"][name] for name in ("aws_access_key_id", "aws_secret_access_key")}
    storage = FSMDynamodb({**_places(settings), **keys}, settings["table"])
    with suppress(storage.db_client.exceptions.ResourceInUseException):
        await asyncio.to_thread(
            storage.db_client.create_table,
            TableName=settings["table"],
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    key = StorageKey(bot_id=1, chat_id=2, user_id=3)

    async def read() -> list[str]:
        # It blocks the event loop, on which the proxy is, too.
        return list(await asyncio.to_thread(asyncio.run, storage.get_data(key)) or {})

    yield lambda text: storage.update_data(key, {text: True}), read


@asynccontextmanager
async def ask_sdk_dynamodb(settings: dict[str, Any]) -> AsyncIterator[tuple[Write, Read]]:
    """Amazon's own persistence adapter for its ASK SDK, in a thread, since it blocks."""
    import boto3  # noqa: PLC0415 - one framework is installed

    # It makes a client when it is imported.
    os.environ.setdefault("AWS_DEFAULT_REGION", settings["client"]["region_name"])
    from ask_sdk_dynamodb.adapter import DynamoDbAdapter  # noqa: PLC0415 - …

    keys = {name: settings["client"][name] for name in ("aws_access_key_id", "aws_secret_access_key")}

    def adapter() -> Any:
        resource = boto3.resource("dynamodb", **_places(settings), **keys)
        options = {"partition_keygen": lambda _: "user", "create_table": True, "dynamodb_resource": resource}
        return DynamoDbAdapter(settings["table"], **options)

    def add(text: str) -> None:
        made = adapter()
        made.save_attributes(None, {**made.get_attributes(None), text: True})

    async def read() -> list[str]:
        return list(await asyncio.to_thread(lambda: adapter().get_attributes(None)))

    await asyncio.to_thread(adapter)
    yield lambda text: asyncio.to_thread(add, text), read


def _place(settings: dict[str, Any]) -> Path:
    """The same for both processes."""
    return Path(tempfile.gettempdir()) / settings["table"]


def _places(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: settings["client"][name] for name in ("region_name", "endpoint_url")}


def _asked(text: str) -> Any:
    from pydantic_ai.messages import ModelRequest  # noqa: PLC0415 - one framework is installed

    return ModelRequest.user_text_prompt(text)


def _texts(messages: list[Any]) -> list[str]:
    return [part.content for message in messages for part in message.parts]


OTHERS: dict[str, Opened] = {
    opened.__name__: opened
    for opened in (
        openai_agents_session,
        sqlite_session,
        file_history,
        pya_memory,
        pydantic_ai_dynamodb_persistence,
        dynamodb_fsm,
        ask_sdk_dynamodb,
    )
}
