"""The manual: every block of Python in the README and in docs/ runs, links lead somewhere, and all names are in it."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

import dynadb_async
from dynadb_async import (
    ClientConfig,
    DynamoDbConfig,
    MarshallConfig,
    StoredElements,
    StoredHistory,
    TableConfig,
)
from tests.engines import Engine

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Need frameworks that have venvs of their own: `make frameworks` runs their blocks, each in its framework's.
ELSEWHERE = {ROOT / "docs" / name for name in ("frameworks.md", "bots.md", "ask-sdk.md")}

ALEXA = """
ALEXA = {
    "version": "1.0",
    "session": {"new": True, "sessionId": "session-1", "user": {"userId": "user-1"}},
    "context": {"System": {"user": {"userId": "user-1"}}},
    "request": {"type": "LaunchRequest", "requestId": "request-1", "locale": "en-GB"},
}
"""

# Called after the blocks of these pages: they define what a reader would call.
MORE = {
    "webhooks.md": ALEXA
    + """
import pytest
from fastapi.testclient import TestClient


@pytest.fixture
def client(monkeypatch, dynadb_config):
    monkeypatch.setattr(memory, "make", lambda: AsyncDynamoDb(dynadb_config))
    with TestClient(app) as client:
        yield client


def test_chat(client):
    for _ in range(2):
        message = {"user": "user-1", "id": "m-1", "text": "Hello"}
        assert client.post("/chat", json=message).json() == {"text": "Hello! This is visit 1."}


def test_health(client):
    assert 0 < client.get("/health").json()["seconds"] < 10


@pytest.mark.asyncio
async def test_aiohttp():
    from aiohttp.test_utils import TestClient, TestServer

    async with TestClient(TestServer(make_app())) as client, client.post("/alexa", json=ALEXA) as reply:
        assert (await reply.json())["response"]["outputSpeech"]["text"] == "This is visit 1."
        async with client.get("/health") as health:
            assert 0 < (await health.json())["seconds"] < 10
        async with client.post("/alexa", data=b"no JSON") as refused:
            assert refused.status == 400
""",
    "streaming.md": """
from fastapi.testclient import TestClient


def test_streaming(monkeypatch, dynadb_config):
    import attrs

    config = attrs.evolve(dynadb_config, stored_elements=ELEMENTS)
    monkeypatch.setattr(memory, "make", lambda: AsyncDynamoDb(config))
    message = {"user": "user-2", "id": "m-1", "text": "Hello"}
    with TestClient(app) as client:
        for _ in range(2):
            assert client.post("/stream", json=message).text == "This is visit 1."


async def asked(dynadb_config):
    import attrs

    async with AsyncDynamoDb(attrs.evolve(dynadb_config, stored_elements=ELEMENTS)) as db:
        for text in ("Hello", "Bye"):
            async with db.turn("user-1") as turn:
                turn.input = text
                said = [message["content"] for message in prompt(turn)]
                turn.output = text.upper()
        return said


def test_prompt(dynadb_config):
    import asyncio

    assert asyncio.run(asked(dynadb_config)) == ["Hello", "HELLO", "Bye"]
""",
    "deploying.md": ALEXA
    + """

def test_lambda(monkeypatch):
    import attrs
    from dynadb_async import ClientConfig

    class Context:
        def get_remaining_time_in_millis(self):
            return 6000

    settings = attrs.evolve(DB.config, client=ClientConfig(endpoint_url="memory:"), table=TableConfig("skill-users"))
    monkeypatch.setitem(globals(), "DB", AsyncDynamoDb(settings))
    event = ALEXA | {"request": ALEXA["request"] | {"requestId": "request-2"}}
    assert handler(event, Context()) == {"version": "1.0", "response": {"shouldEndSession": True}}
    RUNNER.run(DB.close())
    RUNNER.close()
""",
    "platforms.md": """
import pytest
import hashlib, hmac, json, time
from urllib.parse import urlencode


def signed_by_slack(body):
    now = str(int(time.time()))
    made = hmac.new(b"a-secret", f"v0:{now}:{body}".encode(), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": f"v0={made}"}


def test_fastapi():
    from fastapi.testclient import TestClient

    command = urlencode({"command": "/x", "team_id": "T", "user_id": "U", "channel_id": "C", "trigger_id": "1"})
    asked = json.dumps({"type": "url_verification", "challenge": "abc"})
    with TestClient(app) as client:
        assert client.post("/telegram", json=update).status_code == 401
        token = {"X-Telegram-Bot-Api-Secret-Token": "a-secret"}
        for _ in range(2):
            assert client.post("/telegram", json=update, headers=token).json()["text"] == "This is visit 1."
        assert client.post("/slack", content=command).status_code == 401
        reply = client.post("/slack", content=command, headers=signed_by_slack(command))
        assert reply.json()["text"] == "This is visit 1."
        assert client.post("/slack", content=asked, headers=signed_by_slack(asked)).text == "abc"
        assert client.post("/alexa", json={}).status_code == 401


@pytest.mark.asyncio
async def test_aiohttp():
    from aiohttp.test_utils import TestClient, TestServer

    message = {"from_user_id": "US.1650", "id": "wamid.1", "type": "text"}
    value = {"metadata": {"phone_number_id": "106"}, "messages": [message]}
    body = json.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode()
    made = {"X-Hub-Signature-256": "sha256=" + hmac.new(b"a-secret", body, hashlib.sha256).hexdigest()}
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158", "hub.verify_token": "meatyhamhock"}
    async with TestClient(TestServer(make_app())) as client:
        for headers, status in (({}, 401), (made, 200)):
            async with client.post("/whatsapp/", data=body, headers=headers) as reply:
                assert reply.status == status
        async with client.get("/whatsapp/", params=asked) as reply:
            assert await reply.text() == "1158"


def test_lambda():
    asked = json.dumps({"type": "url_verification", "challenge": "abc"})
    event = {"headers": signed_by_slack(asked), "body": asked, "isBase64Encoded": False}
    assert handler(event, None) == {"statusCode": 200, "body": "abc"}
    for forged in ({"body": asked + " "}, {"body": None}, {"headers": None}):
        assert handler(event | forged, None) == {"statusCode": 401}
    assert handler(event | {"body": "x", "headers": signed_by_slack("x")}, None) == {"statusCode": 400}
    RUNNER.close()
""",
}


def programs(page: Path) -> dict[str, str]:
    """
    The page's blocks of Python as programs by their names, each line at the number that it has on the page.

    Blocks with a title are files of that name; those without are one test module.
    """
    lines = page.read_text().splitlines()
    name, found = "", {}
    unnamed = f"test_{page.stem.lower().replace('-', '_')}.py"
    for number, line in enumerate(lines):
        if line.startswith("```"):
            opened = re.fullmatch(r'```python(?: title="(.+)")?', line) if not name else None
            name = (opened[1] or unnamed) if opened else ("-" if not name else "")
        elif name not in ("", "-"):
            found.setdefault(name, [""] * len(lines))[number] = line
    texts = {name: "\n".join(program) + "\n" for name, program in found.items()}
    if page.name in MORE:
        texts[unnamed] += MORE[page.name]
    return texts


def test_the_code_of_the_pages_runs(moto: Engine, tmp_path: Path) -> None:
    """
    What a reader pastes, top to bottom, works without a warning, in the strict mode that is pytest-asyncio's default.

    Functions that are tests are run as tests. One process for all pages: starting one takes longer than most pages do.
    """
    for page in [page for page in PAGES if page not in ELSEWHERE]:
        folder = tmp_path / page.stem
        folder.mkdir()
        for name, text in programs(page).items():
            (folder / name).write_text(text)
    variables = {
        "AWS_ENDPOINT_URL_DYNAMODB": moto.endpoint_url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "DYNADB_CLIENT__READ_TIMEOUT": "5",
        "DYNADB_CLIENT__OPERATION_TIMEOUT": "15",
    }
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-W", "error"]
    options = ["-o", "asyncio_default_fixture_loop_scope=function", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    files = sorted(str(file) for page in PAGES for file in (tmp_path / page.stem).glob("*.py"))

    ended = subprocess.run(
        [*command, *options, *files], env=os.environ | variables, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    """A link to a file of this repository names one that is there."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_public_name_is_in_the_reference() -> None:
    """Who looks a name up finds it: each is generated from its docstring, or is a class of the tree of errors."""
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    listed = set(re.findall(r"^::: [\w.]*?(\w+)$", pages, re.MULTILINE))
    errors = {
        name
        for name in dynadb_async.__all__
        if getattr(dynadb_async, name).__class__ is type and issubclass(getattr(dynadb_async, name), Exception)
    }

    assert "errors" in listed
    assert {*dynadb_async.__all__} - listed - errors - {"__version__"} == set()


def test_what_errors_say_is_what_the_page_quotes() -> None:
    """The words by which a reader looks an error up are in the program."""
    program = "".join(file.read_text() for file in (ROOT / "dynadb_async").rglob("*.py"))
    program = re.sub(r'"\s*\n\s*f?"', "", program)
    quoted = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)

    assert len(quoted) > 30
    assert [words for words in quoted if words not in program] == []


def test_the_readme_is_read_in_five_minutes() -> None:
    """It stays under 200 lines; more goes to the manual."""
    assert len((ROOT / "README.md").read_text().splitlines()) < 200


def test_the_defaults_are_in_the_reference() -> None:
    """They are those of the README's table, and those of the classes."""
    rows = re.findall(r"^\| `?\w+`? \| .*=.* \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    reference = (ROOT / "docs" / "reference" / "settings.md").read_text()
    kinds = (TableConfig, ClientConfig, MarshallConfig, StoredElements, StoredHistory, DynamoDbConfig)
    defaults = {name: field.default for kind in kinds for name, field in attrs.fields_dict(kind).items()}
    told = re.findall(r"[`( ](\w+)=(True|False|\d[\d.]*|\"\w+\")", "".join(rows))

    assert len(rows) == 5
    assert [row for row in rows if row not in reference] == []
    assert {name: ast.literal_eval(text) for name, text in told if name in defaults} == {
        name: defaults[name] for name, _ in told if name in defaults
    }
    assert len(told) > 30


def test_every_page_is_in_the_manual() -> None:
    """A new page gets its place in mkdocs.yml, under `nav`."""
    named = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]

    assert sorted(pages) == sorted(named)
