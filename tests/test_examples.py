"""What users copy works: each example over real HTTP against a moto server, and the demo as `make demo` runs it."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dynadb_async.testing import LocalServer
from examples import llm_chat
from examples.local import Webhooks, environment, running_webhooks, settings_for
from tests.engines import PATIENCE, Engine

LAUNCH = {"type": "LaunchRequest"}
REPEAT = {"type": "IntentRequest", "intent": {"name": "AMAZON.RepeatIntent"}}
NAME = {"type": "IntentRequest", "intent": {"name": "NameIntent", "slots": {"name": {"value": "Ada"}}}}
HELLO = "Hello! This is visit {}. Which pizza would you like?"


@pytest.fixture
async def webhooks(moto: Engine, table_name: str) -> AsyncIterator[Webhooks]:
    """The examples, all on one table that is theirs."""
    settings = settings_for(LocalServer(moto.endpoint_url)) | {
        **{f"DYNADB_CLIENT__{name.upper()}": str(value) for name, value in PATIENCE.items()},
        "DYNADB_TABLE__NAME": table_name,
        "DYNADB_CONVERSATIONS__TABLE__NAME": f"{table_name}-talks",
    }
    with environment(settings):
        async with running_webhooks() as running:
            yield running


@pytest.fixture
async def client(moto: Engine) -> AsyncIterator[Any]:
    """A plain client, to see what is really stored."""
    async with moto.client() as client:
        yield client


async def stored(client: Any, table_name: str, user: str) -> dict[str, Any]:
    """The item."""
    answer = await client.get_item(TableName=table_name, Key={"userId": {"S": user}}, ConsistentRead=True)
    item: dict[str, Any] = answer["Item"]
    return item


async def conversation(user: str) -> list[tuple[str, str]]:
    """Who said what in the chat, as it is stored."""
    page = await llm_chat.app.state.db.conversation(user, llm_chat.TALK).messages()
    return [(message["role"], message["content"]) for message in page.messages]


async def test_alexa_remembers(webhooks: Webhooks) -> None:
    """The state lasts over two turns of a session, "repeat" is what was said last, and visits are counted."""
    said = [
        await webhooks.tell_alexa("ada", LAUNCH, session="1", is_new=True),
        await webhooks.tell_alexa("ada", NAME, session="1"),
        await webhooks.tell_alexa("ada", REPEAT, session="1"),
        await webhooks.tell_alexa("ada", LAUNCH, session="2", is_new=True),
        await webhooks.tell_alexa("ada", NAME, session="2"),
    ]

    assert said == [
        "Welcome! What is your name?",
        "Nice to meet you, Ada.",
        "Nice to meet you, Ada.",
        "Welcome back, Ada. This is visit 2.",
        "Sorry, I did not get that.",
    ]


async def test_alexa_answers_many_first_requests_at_once(webhooks: Webhooks, client: Any, table_name: str) -> None:
    """Everybody is answered and stored."""
    people = [f"person-{n}" for n in range(25)]

    said = await asyncio.gather(*(webhooks.tell_alexa(who, LAUNCH, session=who, is_new=True) for who in people))

    assert Counter(said) == {"Welcome! What is your name?": 25}
    assert (await client.scan(TableName=table_name))["Count"] == 25


async def test_alexa_counts_every_visit_of_one_person(webhooks: Webhooks) -> None:
    """Five devices at once are five visits."""
    await webhooks.tell_alexa("ada", LAUNCH, session="1", is_new=True)
    await webhooks.tell_alexa("ada", NAME, session="1")

    said = await asyncio.gather(*(webhooks.tell_alexa("ada", LAUNCH, session=f"x{n}", is_new=True) for n in range(5)))

    assert sorted(said) == [f"Welcome back, Ada. This is visit {n}." for n in range(2, 7)]


async def test_alexa_request_sent_twice_is_one_visit(webhooks: Webhooks, client: Any, table_name: str) -> None:
    """A second delivery gets the first one's reply, and changes nothing."""
    request = LAUNCH | {"requestId": "request-1"}

    said = [await webhooks.tell_alexa("ada", request, session="1", is_new=True) for _ in range(2)]

    assert said == ["Welcome! What is your name?"] * 2
    assert (await stored(client, table_name, "ada"))["user"]["M"]["data"]["M"]["visits"] == {"N": "1"}


async def test_alexa_session_end_is_not_answered(webhooks: Webhooks) -> None:
    """Alexa forbids words in reply to a session's end, and "repeat" later skips it."""
    await webhooks.tell_alexa("ada", LAUNCH, session="1", is_new=True)
    request = {"requestId": "request-1", "type": "SessionEndedRequest"}
    body = {"session": {"new": False, "sessionId": "1", "user": {"userId": "ada"}}, "request": request}

    async with webhooks.http.post(f"{webhooks.alexa}/alexa", json=body) as answer:
        assert await answer.json() == {"version": "1.0", "response": {}}

    said = await webhooks.tell_alexa("ada", REPEAT, session="2", is_new=True)
    assert said == "Welcome! What is your name?"


async def test_alexa_refuses_what_is_no_request(webhooks: Webhooks) -> None:
    """A body that Alexa never sent is the caller's mistake, and the answer says which member is missing."""
    async with aiohttp.ClientSession() as http, http.post(f"{webhooks.alexa}/alexa", json={}) as answer:
        assert answer.status == 400
        assert "session.user.userId" in await answer.text()


async def test_messenger_remembers(webhooks: Webhooks) -> None:
    """An order takes two turns of the stored session, and "repeat" is what was said last."""
    said = [
        await webhooks.tell_messenger("bob", text, mid=f"m_{n}")
        for n, text in enumerate(("hi", "margherita", "repeat", "one more"))
    ]

    done = "One margherita is on its way."
    assert said == [HELLO.format(1), done, done, f"{HELLO.format(1)} The usual margherita?"]


async def test_messenger_session_expires(webhooks: Webhooks, client: Any, table_name: str) -> None:
    """Half an hour later the conversation is over: the order is not waited for, and the next visit is counted."""
    await webhooks.tell_messenger("bob", "hi", mid="m_1")
    await client.update_item(
        TableName=table_name,
        Key={"userId": {"S": "bob"}},
        UpdateExpression="SET #session.updatedAt = :then",
        ExpressionAttributeNames={"#session": "session"},
        ExpressionAttributeValues={":then": {"S": "2026-01-01T00:00:00.000Z"}},
    )

    assert await webhooks.tell_messenger("bob", "margherita", mid="m_2") == HELLO.format(2)


async def test_messenger_batch_answers_everybody(webhooks: Webhooks) -> None:
    """Several people's messages in one call are each answered to whom they are from."""
    events = [{"sender": {"id": who}, "message": {"mid": f"m_{who}", "text": "hi"}} for who in ("bob", "cleo")]
    body = {"object": "page", "entry": [{"messaging": [event]} for event in events]}

    async with webhooks.http.post(f"{webhooks.messenger}/messenger", json=body):
        pass

    assert webhooks.outbox.sent == [("bob", HELLO.format(1)), ("cleo", HELLO.format(1))]


async def test_messenger_reply_that_was_not_sent_is_sent_later(webhooks: Webhooks) -> None:
    """A turn that was saved, but whose reply was not delivered, is not applied again; its reply is what was stored."""
    with environment({"MESSENGER_SEND_URL": "http://127.0.0.1:1/"}), pytest.raises(aiohttp.ClientResponseError):
        await webhooks.tell_messenger("bob", "hi", mid="m_1")
    assert webhooks.outbox.sent == []

    again = await webhooks.tell_messenger("bob", "hi", mid="m_1")

    assert again == HELLO.format(1)
    assert await webhooks.tell_messenger("bob", "funghi", mid="m_2") == "One funghi is on its way."


async def test_messenger_refuses_what_is_no_call(webhooks: Webhooks) -> None:
    """A body that Messenger never sent is the caller's mistake, and the answer says which member is missing."""
    async with aiohttp.ClientSession() as http, http.post(f"{webhooks.messenger}/messenger", json={}) as answer:
        assert answer.status == 400
        assert "entry" in await answer.text()
    async with aiohttp.ClientSession() as http, http.post(f"{webhooks.messenger}/messenger", data=b"no JSON") as answer:
        assert answer.status == 400


async def test_chat_gives_the_model_the_conversation(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model gets all that was said, oldest first."""
    heard = []

    async def model(messages: list[dict[str, str]]) -> AsyncIterator[str]:
        heard.append([(message["role"], message["content"]) for message in messages])
        yield f"reply {len(heard)}"

    monkeypatch.setattr(llm_chat, "model", model)
    said = [await webhooks.tell_chat("cleo", f"message {n}") for n in (1, 2)]

    assert said == ["reply 1", "reply 2"]
    assert heard[1] == [("user", "message 1"), ("assistant", "reply 1"), ("user", "message 2")]


async def test_chat_streams_and_saves_the_message_first(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the model still speaks, its first word is with the reader and the person's message is stored."""
    goes_on = asyncio.Event()

    async def model(_messages: list[dict[str, str]]) -> AsyncIterator[str]:
        yield "Well,"
        await goes_on.wait()
        yield " hello."

    monkeypatch.setattr(llm_chat, "model", model)
    async with webhooks.http.post(f"{webhooks.chat}/chat", json={"user": "cleo", "text": "Hi!"}) as answer:
        assert await answer.content.readany() == b"Well,"
        before = await conversation("cleo")
        goes_on.set()
        assert await answer.content.read() == b" hello."

    assert before == [("user", "Hi!")]
    assert await conversation("cleo") == [("user", "Hi!"), ("assistant", "Well, hello.")]


async def test_chat_delivered_twice_is_in_the_conversation_once(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second delivery gets the first one's reply, however long it is, and the model is not asked again."""
    long = "and " * 5000

    async def model(_messages: list[dict[str, str]]) -> AsyncIterator[str]:
        calls.append(1)
        yield long

    calls: list[int] = []
    monkeypatch.setattr(llm_chat, "model", model)
    said = [await webhooks.tell_chat("cleo", "Hi!", message_id="m-1") for _ in range(2)]

    assert said == [long.strip()] * 2
    assert calls == [1]
    assert await conversation("cleo") == [("user", "Hi!"), ("assistant", long)]


async def test_chat_keeps_the_message_when_the_model_fails(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader sees a broken stream, the message is kept without a reply, and the next turn works."""

    async def broken(_messages: list[dict[str, str]]) -> AsyncIterator[str]:
        yield "Well,"
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(llm_chat, "model", broken)
        with pytest.raises(aiohttp.ClientPayloadError):
            await webhooks.tell_chat("cleo", "Hi!")

    assert await conversation("cleo") == [("user", "Hi!")]
    assert await webhooks.tell_chat("cleo", "Still there?") == "I remember 2 messages. You began with: Hi!"


async def hang_up(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch, message: dict[str, str]) -> None:
    """Send a message, and leave in the middle of the answer."""
    ended = asyncio.Event()

    async def endless(_messages: list[dict[str, str]]) -> AsyncIterator[str]:
        try:
            while True:
                yield "and "
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    with monkeypatch.context() as patch:
        patch.setattr(llm_chat, "model", endless)
        answer = await webhooks.http.post(f"{webhooks.chat}/chat", json=message)
        assert (await answer.content.readany()).startswith(b"and ")
        answer.close()
        async with asyncio.timeout(5):
            await ended.wait()


async def test_chat_survives_a_reader_who_hangs_up(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The turn of a reader who left does not stay open: the next one does not wait for it, and knows the message."""
    await hang_up(webhooks, monkeypatch, {"user": "cleo", "text": "Hi!"})

    assert await webhooks.tell_chat("cleo", "Back again.") == "I remember 2 messages. You began with: Hi!"


async def test_chat_message_that_is_sent_again_after_a_hang_up_is_there_once(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model hears it once, and the conversation has it once, with one reply."""
    await hang_up(webhooks, monkeypatch, {"user": "cleo", "text": "Hi!", "id": "m-1"})

    again = await webhooks.tell_chat("cleo", "Hi!", message_id="m-1")

    assert again == "I remember 1 messages. You began with: Hi!"
    assert await conversation("cleo") == [("user", "Hi!"), ("assistant", f"{again} ")]


async def test_chat_in_two_tabs_at_once(webhooks: Webhooks) -> None:
    """Both are answered, and both messages and replies are there once, each reply after its message."""
    texts = [f"From tab {n}" for n in range(4)]

    await asyncio.gather(*(webhooks.tell_chat("cleo", text, message_id=text) for text in texts))

    messages = (await llm_chat.app.state.db.conversation("cleo", llm_chat.TALK).messages()).messages
    assert sorted(message["content"] for message in messages if message["role"] == "user") == texts
    for text in texts:
        assert [message["role"] for message in messages if message["of"] == text] == ["user", "assistant"]


async def test_chat_keeps_all_and_prompts_with_the_newest(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has no end; what the model gets has."""
    heard: list[int] = []

    async def model(messages: list[dict[str, str]]) -> AsyncIterator[str]:
        heard.append(len(messages))
        yield "yes"

    monkeypatch.setattr(llm_chat, "model", model)
    for n in range(13):
        await webhooks.tell_chat("cleo", f"message {n}")

    assert len(await conversation("cleo")) == 26
    assert heard == [*range(1, 20, 2), 20, 20, 20]


def demo(**variables: str) -> "subprocess.CompletedProcess[str]":
    """The demo, as `make demo` runs it."""
    command = [sys.executable, "-m", "examples.demo"]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=200, check=False)


def test_demo_plays_and_stops_all_it_started() -> None:
    """It ends well, says what it should, and leaves no server behind."""
    played = demo()

    assert (played.returncode, played.stderr) == (0, "")
    for line in (
        "50 × Welcome! What is your name?",
        "Welcome back, Ada. This is visit 3.",
        "One margherita is on its way.",
        "I remember 2 messages. You began with: Good morning!",
        '  userId      {"S": "ada"}',
    ):
        assert line in played.stdout
    *_, created, _, headline, again, look = played.stdout.splitlines()
    assert "'skill-users': 1" in created
    assert "To try next:" == headline
    assert again.endswith("make demo")
    assert "dynadb user list" in look
    for port in re.findall(r"http://127\.0\.0\.1:(\d+)", played.stdout):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port))) != 0


def test_demo_fails_when_something_is_off() -> None:
    """A webhook that forgets ends the demo with an error that says what was expected."""
    played = demo(DYNADB_STORED_ELEMENTS__HISTORY="false")

    assert played.returncode == 1
    assert "expected: Nice to meet you, Ada." in played.stderr


@pytest.mark.parametrize("store", ["memory:", "file:{}/db/users.json"])
def test_demo_plays_without_a_server(tmp_path: Path, store: str) -> None:
    """One variable is enough; and a file, which remembers who was here, lets it play again."""
    for _ in range(2):
        played = demo(DYNADB_CLIENT__ENDPOINT_URL=store.format(tmp_path))

        assert (played.returncode, played.stderr) == (0, "")
        for line in (
            "50 × Welcome! What is your name?",
            "This is visit 3.",
            "I remember 2 messages.",
            '  userId      "ada',
        ):
            assert line in played.stdout
    if store.startswith("file:"):
        look = played.stdout.splitlines()[-2]
        listed = subprocess.run(look, shell=True, capture_output=True, text=True, check=True)
        assert 100 == len(listed.stdout.split())


@pytest.mark.parametrize("store", ["memory:", "file:{}/db/users.json"])
async def test_examples_without_a_server(tmp_path: Path, store: str) -> None:
    """Each example runs on a store in the process."""
    with environment({"DYNADB_CLIENT__ENDPOINT_URL": store.format(tmp_path)}):
        async with running_webhooks() as webhooks:
            assert await webhooks.tell_alexa("ada", LAUNCH, session="1", is_new=True) == "Welcome! What is your name?"
            assert await webhooks.tell_messenger("bob", "hi", mid="m_1") == HELLO.format(1)
            assert await webhooks.tell_chat("cleo", "Hi!") == "I remember 1 messages. You began with: Hi!"
