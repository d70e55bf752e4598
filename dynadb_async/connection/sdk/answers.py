"""Our checks of an answer, where the SDK does none, or stumbles."""

import zlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from dynadb_async.connection.answers import OK, decode, error_answer
from dynadb_async.connection.codes import failure_of_answer
from dynadb_async.connection.failures import CORRUPT, AttemptFailedError
from dynadb_async.connection.refusals import BAD_REQUEST
from dynadb_async.connection.shape import check_item, check_shape

AS_IT_IS = "identity"
TEXTS, LISTS = {"S", "N"}, {"SS", "NS", "BS"}


# An app's own calls of the same client are as those of any other.
is_ours: ContextVar[bool] = ContextVar("dynadb_async_is_ours", default=False)


def check_sdk_answer(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """
    As a handler of the SDK's `before-parse` event: it sees the body before anybody believes it, or stumbles over it.

    Raises:
        AttemptFailedError: It is the answer to a request of ours, and not DynamoDB's, or damaged.
    """
    if not is_ours.get():
        return
    body, status, headers = response_dict["body"], response_dict["status_code"], response_dict["headers"]
    # The SDK asks for no other encoding, and would read it as it came.
    is_encoded = headers.get("content-encoding", AS_IT_IS).lower() != AS_IT_IS
    if is_encoded or headers.get("x-amz-crc32") not in (None, str(zlib.crc32(body))):
        raise AttemptFailedError(CORRUPT)
    if status == OK:
        answer = decode(body)
        check_shape(operation_model.name, answer)
    elif status < BAD_REQUEST:
        raise AttemptFailedError(CORRUPT)
    else:
        answer = error_answer(status, headers.get("x-amzn-requestid", ""), body)
        if "__type" not in answer:
            # The SDK would read it as it reads any JSON, or raise what nobody expects.
            raise AttemptFailedError(failure_of_answer(answer))
    for item in _items(answer):
        check_item(item)
        if not all(map(_is_value, item.values())):
            raise AttemptFailedError(CORRUPT)


def _items(answer: Mapping[str, Any]) -> Iterator[Any]:
    if answer.get("Item"):
        yield answer["Item"]
    if isinstance(answer.get("Items"), list):
        yield from answer["Items"]
    reasons = answer.get("CancellationReasons") or []
    if not isinstance(reasons, list) or not all(isinstance(reason, dict) for reason in reasons):
        raise AttemptFailedError(CORRUPT)
    yield from (reason["Item"] for reason in reasons if reason.get("Item"))


def _is_value(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    [(kind, content)] = value.items()
    match content:
        case dict():
            return kind == "M" and all(map(_is_value, content.values()))
        case list():
            if kind == "L":
                return all(map(_is_value, content))
            return kind in LISTS and _are_all(content, bytes if kind == "BS" else str)
        case bool():
            return kind in ("BOOL", "NULL")
        case str():
            return kind in TEXTS
        case _:
            return kind == "B" and isinstance(content, bytes)


def _are_all(members: list[Any], kind: type) -> bool:
    return all(isinstance(member, kind) for member in members)
