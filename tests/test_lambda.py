"""The Lambda examples, each in a process as Lambda starts one, behind TLS."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from dynadb_async import DynamoDbConfig, TableConfig, TimeToLive
from tests.engines import Engine
from tests.tables import Table, new_table
from tests.tls import TlsTerminator, certificate

INVOCATIONS = 20
# One; and one more for each answer that a busy machine delays, since it is asked for again on another.
FEW = 4


@pytest.fixture(scope="module")
def table(dynamodb_local: Engine) -> Iterator[Table]:
    """A table on DynamoDB Local, which, unlike moto, keeps connections open."""
    with new_table(dynamodb_local) as table:
        yield table


@pytest.fixture
async def tls(table: Table, tmp_path: Path) -> AsyncIterator[TlsTerminator]:
    """TLS in front of the table's engine."""
    async with TlsTerminator(table.engine.endpoint_url, certificate(tmp_path)) as tls:
        yield tls


async def invoked(module: str, events: list[dict[str, Any]], table: Table, tls: TlsTerminator, **more: str) -> Any:
    """What a process of *module* said and how long it took."""
    settings = table.engine.client_settings | {"endpoint_url": tls.url, "verify": str(tls.certificate)}
    environment = {f"DYNADB_CLIENT__{name.upper()}": str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.lambda_process", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment, "DYNADB_TABLE__NAME": table.name, **more},
    )
    said, _ = await process.communicate("\n".join(map(json.dumps, events)).encode())
    assert process.returncode == 0
    return json.loads(said)


def alexa_event(number: int) -> dict[str, Any]:
    """A launch of the skill."""
    return {
        "version": "1.0",
        "session": {"new": True, "sessionId": f"session-{number}", "user": {"userId": "alexa-user"}},
        "context": {"System": {"user": {"userId": "alexa-user"}}},
        "request": {"type": "LaunchRequest", "requestId": f"request-{number}", "locale": "en-GB"},
    }


def http_event(number: int) -> dict[str, Any]:
    """A call of a function URL."""
    return {
        "version": "2.0",
        "rawPath": "/chat",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "example.org"},
        "requestContext": {
            "http": {"method": "POST", "path": "/chat", "sourceIp": "192.0.2.1", "protocol": "HTTP/1.1"},
            "stage": "$default",
        },
        "body": json.dumps({"user": "http-user", "id": f"message-{number}", "text": "Hello"}),
        "isBase64Encoded": False,
    }


def alexa_text(answer: dict[str, Any]) -> Any:
    """What Alexa says."""
    return answer["response"]["outputSpeech"]["text"]


def http_text(answer: dict[str, Any]) -> Any:
    """What the chat shows."""
    return json.loads(answer["body"])["text"]


@pytest.mark.parametrize(
    ("module", "event", "text"),
    [("examples.lambda.handler", alexa_event, alexa_text), ("examples.lambda_mangum", http_event, http_text)],
)
async def test_one_connection_serves_all_invocations(
    table: Table, tls: TlsTerminator, module: str, event: Any, text: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty invocations of one process share a TLS connection, and each turn is counted once."""
    events = [event(number) for number in range(INVOCATIONS)]

    said = await invoked(module, [*events, events[-1]], table, tls)

    expected = [f"This is visit {number}." for number in range(1, INVOCATIONS + 1)]
    assert [text(answer) for answer in said["answers"]] == [*expected, expected[-1]]
    assert tls.connections <= FEW
    first, *warm = said["invocations"]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{module}: {tls.connections} connection for {INVOCATIONS} invocations; start {said['start']} ms, "
            f"first {first} ms, then {sorted(warm)[len(warm) // 2]} ms (median)\n"
        )


async def test_looking_after_the_table_is_done_once(table: Table, tls: TlsTerminator) -> None:
    """Its description and that of its TTL may each want a connection beside the items'; later turns want none."""
    events = [alexa_event(number) for number in range(INVOCATIONS)]

    await invoked("examples.lambda.handler", events, table, tls, DYNADB_TABLE__CREATE_TABLE_ON_INIT="true")

    assert tls.connections <= FEW + 2


def template() -> dict[str, Any]:
    """The resources of the example's deployment; CloudFormation's own tags as the name that they refer to."""

    class Loader(yaml.SafeLoader):
        """Knows `!Ref` and its like."""

    def name(_: Any, __: str, node: yaml.ScalarNode) -> Any:
        return node.value

    Loader.add_multi_constructor("!", name)
    text = (Path(__file__).parent.parent / "examples" / "lambda" / "template.yaml").read_text()
    resources: dict[str, Any] = yaml.load(text, Loader)["Resources"]
    return resources


def test_the_template_is_what_the_handler_needs() -> None:
    """Key, TTL and the table's name are as the handler has them, and the role may do what a turn does, and no more."""
    source = (Path(__file__).parent.parent / "examples" / "lambda" / "handler.py").read_text()
    table, function = template()["Users"]["Properties"], template()["Skill"]["Properties"]
    config = DynamoDbConfig(TableConfig("users", ttl=TimeToLive(timedelta(days=1))))
    statement = function["Policies"][0]["Statement"][0]

    assert [{"AttributeName": config.table.primary_key_column, "KeyType": "HASH"}] == table["KeySchema"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": config.table.ttl.attribute, "Enabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert set(statement["Action"]) == {"dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
    assert statement["Resource"] == "Users.Arn"
    assert function["Environment"]["Variables"] == {"DYNADB_TABLE__NAME": "Users"}
    assert function["Handler"] == "handler.handler"
    assert "create_table_on_init=False" in source
    assert "def handler(" in source


def test_the_template_passes_the_linter() -> None:
    """CloudFormation would take it."""
    command = [str(Path(sys.executable).parent / "cfn-lint"), "examples/lambda/template.yaml"]

    ended = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (0, "")
