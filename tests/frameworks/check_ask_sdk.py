"""The page's skill of the ASK SDK, in an asyncio server."""

import asyncio
import threading
import time
from typing import Any

import pytest
from ask_sdk_core.skill_builder import CustomSkillBuilder
from fastapi.testclient import TestClient

from dynadb_async import AsyncDynamoDb
from tests.frameworks.conftest import AllKept, MakeDb, Raced
from tests.frameworks.page import names


def launched(number: int = 1, user: str = "amzn1.ask.account.AAAA", **attributes: Any) -> dict[str, Any]:
    """A LaunchRequest as Amazon's documentation has it, with all of its members."""
    application = {"applicationId": "amzn1.ask.skill.1"}
    return {
        "version": "1.0",
        "session": {
            "new": not attributes,
            "sessionId": "amzn1.echo-api.session.1",
            "application": application,
            "attributes": attributes,
            "user": {"userId": user},
        },
        "context": {
            "System": {
                "application": application,
                "user": {"userId": user},
                "device": {"deviceId": "amzn1.ask.device.1", "supportedInterfaces": {"AudioPlayer": {}}},
                "apiEndpoint": "https://api.amazonalexa.com",
                "apiAccessToken": "a-token",
            },
            "AudioPlayer": {"playerActivity": "IDLE"},
        },
        "request": {
            "type": "LaunchRequest",
            "requestId": f"amzn1.echo-api.request.{number}",
            "timestamp": "2026-10-13T12:28:43Z",
            "locale": "en-US",
        },
    }


@pytest.fixture
def page(db: AsyncDynamoDb[Any]) -> dict[str, Any]:
    """What the page defines."""
    return names("ask-sdk-core", db)


def said(reply: dict[str, Any]) -> str:
    """What Alexa says."""
    return str(reply["response"]["outputSpeech"]["ssml"])


def test_a_server_of_it(page: dict[str, Any]) -> None:
    """It knows its person again, over HTTP, and a request that is sent twice is one visit."""
    with TestClient(page["app"]) as client:
        texts = [said(client.post("/alexa", json=launched(number)).json()) for number in (1, 1, 2)]

    assert [f"<speak>This is visit {visit}.</speak>" for visit in (1, 1, 2)] == texts


async def test_attributes_are_the_turns(page: dict[str, Any], db: AsyncDynamoDb[Any]) -> None:
    """Those of the person and those of the session, which go out with the reply as well."""
    reply = await page["answer"](launched(before=1))

    assert {"before": 1, "asked": True} == reply["sessionAttributes"]
    assert {"visits": 1} == (await db.load("amzn1.ask.account.AAAA")).user.data


async def test_twenty_at_once(page: dict[str, Any], db: AsyncDynamoDb[Any]) -> None:
    """Each visit counts, and each has a number of its own; another person's do not."""
    asked = [launched(number) for number in range(20)]
    replies = await asyncio.gather(*map(page["answer"], asked), page["answer"](launched(20, user="other")))

    assert {f"<speak>This is visit {visit}.</speak>" for visit in range(1, 21)} == set(map(said, replies[:20]))
    assert "<speak>This is visit 1.</speak>" == said(replies[20])


async def test_what_is_not_saved_is_not_stored(page: dict[str, Any], db: AsyncDynamoDb[Any]) -> None:
    """As with the SDK's own adapter; and what is deleted is gone."""
    builder = CustomSkillBuilder(persistence_adapter=page["TurnAttributes"]())

    @builder.request_handler(can_handle_func=lambda _: True)  # type: ignore[untyped-decorator]
    def forgetful(handler_input: Any) -> Any:
        manager = handler_input.attributes_manager
        if handler_input.request_envelope.request.request_id.endswith(".2"):
            manager.delete_persistent_attributes()
        manager.persistent_attributes["unsaved"] = True
        return handler_input.response_builder.speak("Hello").response

    await page["answer"](launched(1))
    for number, expected in ((3, {"visits": 1}), (2, {})):
        async with db.turn("amzn1.ask.account.AAAA") as turn:
            await page["answered_by"](builder.lambda_handler(), launched(number))(turn)
        assert expected == (await db.load("amzn1.ask.account.AAAA")).user.data


async def test_a_skill_that_waits_holds_nobody(page: dict[str, Any], make_db: MakeDb) -> None:
    """The event loop goes on, and another person is answered meanwhile."""
    builder, let_go = CustomSkillBuilder(persistence_adapter=page["TurnAttributes"]()), threading.Event()

    @builder.request_handler(can_handle_func=lambda _: True)  # type: ignore[untyped-decorator]
    def slow(handler_input: Any) -> Any:
        assert let_go.wait(60)
        return handler_input.response_builder.speak("Done").response

    async with make_db("slow").turn("somebody") as turn:
        waiting = asyncio.create_task(page["answered_by"](builder.lambda_handler(), launched())(turn))
        began = time.monotonic()
        assert "visit 1" in said(await page["answer"](launched(user="other")))
        assert not waiting.done()
        let_go.set()
        assert "Done" in said(await waiting)
    assert time.monotonic() - began < 60


async def test_twenty_writers_while_answers_are_lost(all_kept: AllKept) -> None:
    """0 lost and 0 doubled, over two processes."""
    await all_kept("ask_sdk", "ASK SDK: a skill in a turn")


async def test_amazons_own_beside_it(raced: Raced) -> None:
    """The SDK's own adapter for DynamoDB, which reads an item and puts it back."""
    assert (await raced("ask_sdk_dynamodb", "the SDK's own `DynamoDbAdapter`")).lost > 0
