"""Every block of Python in the README and in docs/ runs, against a server of this machine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import Engine

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NO_TESTS = 5

# Called after the blocks of docs/webhooks.md: they define these, and a reader would call them.
MORE = {
    "webhooks.md": """
ALEXA = {
    "version": "1.0",
    "session": {"new": True, "sessionId": "session-1", "user": {"userId": "user-1"}},
    "context": {"System": {"user": {"userId": "user-1"}}},
    "request": {"type": "LaunchRequest", "requestId": "request-1", "locale": "en-GB"},
}


def test_health(client):
    assert 0 < client.get("/health").json()["seconds"] < 10


def test_streaming(client):
    message = {"user": "user-2", "id": "m-1", "text": "Hello"}
    for _ in range(2):
        assert client.post("/stream", json=message).text == "This is visit 1."


async def test_aiohttp():
    from aiohttp.test_utils import TestClient, TestServer

    async with TestClient(TestServer(make_app())) as client, client.post("/alexa", json=ALEXA) as reply:
        assert (await reply.json())["response"]["outputSpeech"]["text"] == "This is visit 1."
        async with client.get("/health") as health:
            assert 0 < (await health.json())["seconds"] < 10
        async with client.post("/alexa", data=b"no JSON") as refused:
            assert refused.status == 400


def test_lambda():
    class Context:
        def get_remaining_time_in_millis(self):
            return 6000

    event = ALEXA | {"request": ALEXA["request"] | {"requestId": "request-2"}}
    assert handler(event, Context()) == {"version": "1.0", "response": {"shouldEndSession": True}}
    RUNNER.run(DB.close())
    RUNNER.close()
""",
}


def program(page: Path) -> str:
    """The page's blocks of Python as one program, each line at the number that it has on the page."""
    lines, is_python = [], False
    for line in page.read_text().splitlines():
        is_fence = line.startswith("```")
        lines.append(line if is_python and not is_fence else "")
        is_python = line == "```python" if is_fence else is_python
    return "\n".join(lines) + "\n" + MORE.get(page.name, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page: Path, moto: Engine, tmp_path: Path) -> None:
    """What a reader pastes, top to bottom, works without a warning; functions that are tests are run as tests."""
    script = tmp_path / f"{page.stem}.py"
    script.write_text(program(page))
    variables = {
        "AWS_ENDPOINT_URL_DYNAMODB": moto.endpoint_url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-W", "error", "-o", "asyncio_mode=auto"]
    options = ["-o", "asyncio_default_fixture_loop_scope=function", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]

    ended = subprocess.run(
        [*command, *options, str(script)], env=os.environ | variables, capture_output=True, text=True, check=False
    )

    assert ended.returncode in (0, NO_TESTS), ended.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    """A link to a file of this repository names one that is there."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []
