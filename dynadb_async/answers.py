"""Whether an answer is DynamoDB's and undamaged: checksum, JSON and shape. The SDK checks none of them."""

import json
import zlib
from typing import Any

from dynadb_async.failures import CORRUPT, AttemptFailedError

OK = 200

MEMBERS = {
    "GetItem": {"Item", "ConsumedCapacity"},
    "UpdateItem": {"Attributes", "ConsumedCapacity", "ItemCollectionMetrics"},
    "DeleteItem": {"Attributes", "ConsumedCapacity", "ItemCollectionMetrics"},
}


def check_checksum(stated: str | None, body: bytes) -> None:
    """
    Compare *body* with the CRC32 that the server states, where it does (moto does not).

    Raises:
        AttemptFailedError: They differ.
    """
    if stated is not None and stated != str(zlib.crc32(body)):
        raise AttemptFailedError(CORRUPT)


def check_shape(operation: str, answer: Any) -> None:
    """
    An item operation's answer has known members only, and an item is a map of attribute values.

    Raises:
        AttemptFailedError: Anything else, such as a proxy's page with status 200: it must not read as "no item".
    """
    if not isinstance(answer, dict):
        raise AttemptFailedError(CORRUPT)
    members = MEMBERS.get(operation)
    if members is not None and not answer.keys() <= members:
        raise AttemptFailedError(CORRUPT)
    item = answer.get("Item", {})
    if type(item) is not dict or not all(type(value) is dict and len(value) == 1 for value in item.values()):
        raise AttemptFailedError(CORRUPT)


async def check_sdk_answer(http_response: Any, model: Any, **_: Any) -> None:
    """As a handler of the SDK's `after-call` event: it sees the body before anybody believes what was parsed of it."""
    body = await http_response.content
    check_checksum(http_response.headers.get("x-amz-crc32"), body)
    if http_response.status_code != OK:
        return
    try:
        answer = json.loads(body)
    except ValueError:
        raise AttemptFailedError(CORRUPT) from None
    check_shape(model.name, answer)
