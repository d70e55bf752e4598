"""
The example webhooks at work: they, and a DynamoDB for them, run here on free ports, and people talk to them over HTTP.

    python -m examples.demo
    DYNADB_CLIENT__ENDPOINT_URL=memory: python -m examples.demo     (or file:db.json: without a server)

It ends with an error if any reply is not as expected. Nothing leaves this machine, and nothing is left running.
"""

import asyncio
import base64
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from dynadb_async.testing import LocalServer, local_server
from examples import fastapi_alexa
from examples.local import PATIENCE, Webhooks, environment, running_webhooks, settings_for

TIMEOUT = 60
LONGEST_SHOWN = 160
PEOPLE = ["ada", *(f"person-{n}" for n in range(1, 50))]


def show(person: str, said: str, reply: str, expected: str) -> None:
    """Print what was said, and stop the demo if the reply is wrong."""
    print(f"  {person:>5}: {said}\n       → {reply}")
    if reply != expected:
        raise SystemExit(f"expected: {expected}")


LAUNCH = {"type": "LaunchRequest"}
NAME = {"type": "IntentRequest", "intent": {"name": "NameIntent", "slots": {"name": {"value": "Ada"}}}}
REPEAT = {"type": "IntentRequest", "intent": {"name": "AMAZON.RepeatIntent"}}


async def everybody_at_once(webhooks: Webhooks) -> None:
    """The first request works, for each of 50 people."""
    print(f"\n{len(PEOPLE)} people open the Alexa skill at once, and its table does not exist yet:")
    began = time.monotonic()
    calls = [webhooks.tell_alexa(who, LAUNCH, session=f"{who}-1", is_new=True) for who in PEOPLE]
    replies = Counter(await asyncio.gather(*calls))
    said = f"[open the skill, answered in {time.monotonic() - began:.1f} s]"
    reply = ", ".join(f"{count} × {text}" for text, count in replies.items())
    show("All", said, reply, f"{len(PEOPLE)} × Welcome! What is your name?")


async def ada_and_alexa(webhooks: Webhooks) -> None:
    """A state over two turns, "repeat", a visit later, and two devices at once."""
    print("\nAda goes on talking to Alexa, and comes back the next day, on two devices at once:")
    show("Ada", "Ada", await webhooks.tell_alexa("ada", NAME, session="ada-1"), "Nice to meet you, Ada.")
    show("Ada", "repeat", await webhooks.tell_alexa("ada", REPEAT, session="ada-1"), "Nice to meet you, Ada.")
    devices = [webhooks.tell_alexa("ada", LAUNCH, session=f"ada-{n}", is_new=True) for n in (2, 3)]
    for visit, reply in enumerate(sorted(await asyncio.gather(*devices)), start=2):
        show("Ada", "[opens the skill]", reply, f"Welcome back, Ada. This is visit {visit}.")


async def bob_and_messenger(webhooks: Webhooks) -> None:
    """A stored session, and a message that Messenger delivers twice."""
    print("\nBob orders on Messenger, which has no sessions, and delivers one of his messages twice:")
    hello = "Hello! This is visit 1. Which pizza would you like?"
    show("Bob", "hi", await webhooks.tell_messenger("bob", "hi", mid="m_1"), hello)
    for _ in range(2):
        reply = await webhooks.tell_messenger("bob", "margherita", mid="m_2")
        show("Bob", "margherita", reply, "One margherita is on its way.")


async def cleo_and_the_model(webhooks: Webhooks) -> None:
    """A conversation that the model is given each time."""
    print("\nCleo chats with a language model (a canned one), which streams its replies:")
    for count, text in enumerate(("Good morning!", "What did I say first?"), start=1):
        reply = await webhooks.tell_chat("cleo", text)
        show("Cleo", text, reply, f"I remember {count} messages. You began with: Good morning!")


async def show_item() -> None:
    """What is stored about one person, and a table of the app's own, through the adapter's client."""
    client = await fastapi_alexa.app.state.db.client()
    item = (await client.get_item(TableName="skill-users", Key={"userId": {"S": "ada"}}))["Item"]
    show_members("Ada's item in the table skill-users", item)
    await client.create_table(
        TableName="pizza-menu",
        AttributeDefinitions=[{"AttributeName": "pizza", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pizza", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    await client.put_item(TableName="pizza-menu", Item={"pizza": {"S": "margherita"}, "price": {"N": "8.50"}})
    show_members("The first item in a table beside it", (await client.scan(TableName="pizza-menu"))["Items"][0])


def show_members(what: str, item: dict[str, Any]) -> None:
    """Print an item, or everything that is known of a person."""
    print(f"\n{what}:")
    for name, value in item.items():
        text = json.dumps(value)
        print(f"  {name:<11} {text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + ' …'}")


def show_tables(recording: Path) -> None:
    """How often each table was created, by what the DynamoDB itself was asked."""
    calls = [json.loads(line) for line in recording.read_text().splitlines()]
    created = [call["body"] for call in calls if call["headers"].get("X-Amz-Target", "").endswith(".CreateTable")]
    tables = Counter(json.loads(base64.b64decode(body))["TableName"] for body in created)
    print(f"\nCreateTable calls among the {len(calls)} requests that DynamoDB got: {dict(tables)}")
    if tables != {"skill-users": 1, "pizza-users": 1, "chat-users": 1, "chat-conversations": 1, "pizza-menu": 1}:
        raise SystemExit("expected one for each table")


async def talk(webhooks: Webhooks) -> None:
    """All that people say."""
    print(f"Webhooks: Alexa {webhooks.alexa}, Messenger {webhooks.messenger}, chat {webhooks.chat}")
    await everybody_at_once(webhooks)
    await ada_and_alexa(webhooks)
    await bob_and_messenger(webhooks)
    await cleo_and_the_model(webhooks)


async def play_on_server(dynamodb: LocalServer, recording: Path) -> None:
    """The whole demo, and what the server knows of it."""
    async with asyncio.timeout(TIMEOUT), running_webhooks() as webhooks:
        print(f"DynamoDB (moto): {dynamodb.endpoint_url}")
        await talk(webhooks)
        await show_item()
    show_tables(recording)


async def play_in_process(store: str) -> None:
    """The whole demo without a server; whoever talks has not been here before, though a file remembers all others."""
    run = f"-{uuid4().hex[:6]}" if store.startswith("file:") else ""
    async with asyncio.timeout(TIMEOUT), running_webhooks(run) as webhooks:
        print(f"A store in the process: {store}")
        await talk(webhooks)
        show_members("All that is known of Ada", await fastapi_alexa.app.state.db.export(f"ada{run}"))


def show_what_to_try(store: str) -> None:
    """Two commands: to look at those who talked, if they are still somewhere."""
    looks = f"{Path(sys.executable).parent / 'dynadb'} user list --table skill-users --endpoint-url"
    print("\nTo try next:")
    if store.startswith("file:"):
        print(f"  {looks} {store}\n  {looks.replace('user list', 'export users.jsonl')} {store}")
    else:
        print(f"  DYNADB_CLIENT__ENDPOINT_URL=file:demo.json make demo\n  {looks} file:demo.json")


def main() -> None:
    """Start everything, play, stop everything, and say what to try next."""
    store = os.environ.get("DYNADB_CLIENT__ENDPOINT_URL", "")
    play(store)
    show_what_to_try(store)


def play(store: str) -> None:
    """The demo, without a server or with one."""
    if store.startswith(("memory:", "file:")):
        with environment(PATIENCE):
            asyncio.run(play_in_process(store))
        return
    with TemporaryDirectory() as folder:
        recording = Path(folder) / "requests"
        record = {"MOTO_ENABLE_RECORDING": "true", "MOTO_RECORDER_FILEPATH": str(recording)}
        with environment(record), local_server() as dynamodb, environment(settings_for(dynamodb)):
            asyncio.run(play_on_server(dynamodb, recording))


if __name__ == "__main__":
    main()
