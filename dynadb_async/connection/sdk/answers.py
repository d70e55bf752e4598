"""Our checks of an answer, where the SDK does none."""

import json
from typing import Any

from dynadb_async.connection.answers import OK, check_checksum, check_shape
from dynadb_async.connection.failures import CORRUPT, AttemptFailedError


def check_sdk_answer(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """
    As a handler of the SDK's `before-parse` event: it sees the body before anybody believes it, or stumbles over it.

    Raises:
        AttemptFailedError: It is not DynamoDB's, or damaged.
    """
    body = response_dict["body"]
    check_checksum(response_dict["headers"].get("x-amz-crc32"), body)
    if response_dict["status_code"] != OK:
        return
    try:
        answer = json.loads(body)
    except ValueError:
        raise AttemptFailedError(CORRUPT) from None
    check_shape(operation_model.name, answer)
