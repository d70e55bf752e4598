"""What is asked again: at least what the SDK itself would."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, TableConfig
from dynadb_async.connection.codes import failure_of_answer
from tests.raw_server import Asked, answer, raw_server

DATA = Path(botocore.__file__).parent / "data"
# Not DynamoDB's: a body that is not what its checksum says is an attempt that failed anyway.
OF_THE_BODY = {"crc32body"}


def responses(policies: Any) -> Iterator[dict[str, Any]]:
    """What the SDK's policies of one service apply to."""
    definitions = json.loads((DATA / "_retry.json").read_text())["definitions"]
    for policy in policies.values():
        when = (definitions[policy["$ref"]] if "$ref" in policy else policy)["applies_when"]
        if "response" in when and not OF_THE_BODY & when["response"].keys():
            yield when["response"]


def the_sdks() -> list[tuple[str, int]]:
    """The codes and statuses that botocore repeats, in its standard mode, its legacy mode, and DynamoDB's model."""
    codes = [*ThrottledRetryableChecker._THROTTLED_ERROR_CODES, *TransientRetryableChecker._TRANSIENT_ERROR_CODES]
    found = [(code, 400) for code in codes]
    found += [("", status) for status in TransientRetryableChecker._TRANSIENT_STATUS_CODES]
    policies = json.loads((DATA / "_retry.json").read_text())["retry"]
    both = policies["__default__"]["policies"] | policies["dynamodb"]["__default__"]["policies"]
    for response in responses(both):
        found.append((response.get("service_error_code", ""), response["http_status_code"]))
    model = json.loads(gzip.decompress(next((DATA / "dynamodb").rglob("service-2.json.gz")).read_bytes()))
    found += [(name, 400) for name, shape in model["shapes"].items() if "retryable" in shape]
    return sorted(set(found))


TRANSIENT = [*the_sdks(), ("", 408), ("", 425), ("", 429), ("", 509), ("", 520)]


def test_there_are_such_lists() -> None:
    """A release of the SDK that keeps them elsewhere is noticed."""
    assert ("ReplicatedWriteConflictException", 400) in TRANSIENT
    assert ("RequestThrottledException", 400) in TRANSIENT
    assert ("", 429) in the_sdks()
    assert len(the_sdks()) > 20


@pytest.mark.parametrize(("code", "status"), TRANSIENT)
def test_what_the_sdk_repeats_is_repeated(code: str, status: int) -> None:
    """Whatever its own lists say."""
    said = {"Error": {"Code": code or str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}

    assert failure_of_answer(said).is_retryable


@pytest.mark.parametrize("fast_path", [True, False], ids=["wire", "sdk"])
async def test_each_of_them_costs_one_more_request(fast_path: Any) -> None:
    """On each way; nobody hears of it."""
    rest: list[tuple[str, int]] = []

    async def script(asked: Asked) -> None:
        if not rest:
            await asked.send(answer(b"{}"))
            return
        code, status = rest.pop()
        said = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}"}) if code else "<html>later</html>"
        await asked.send(answer(said.encode(), line=f"HTTP/1.1 {status} -".encode()))

    keys = {"region_name": "eu-central-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
    async with raw_server(script) as server:
        times = {"connect_timeout": 5, "read_timeout": 5, "operation_timeout": 20}
        client = ClientConfig(endpoint_url=server.url, fast_path=fast_path, **keys, **times)  # type: ignore[arg-type]
        config = DynamoDbConfig(TableConfig("users", create_table_on_init=False), client=client)
        async with AsyncDynamoDb(config) as db:
            for each in TRANSIENT:
                server.asked.clear()
                rest.append(each)
                await db.load("me")
                assert 2 == len(server.asked), each
