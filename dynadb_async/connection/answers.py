"""Whether an answer is DynamoDB's, undamaged, and the one to its request. The SDK looks at none of that."""

import re
import zlib
from typing import Any, NamedTuple, Protocol

import orjson

from dynadb_async.connection.failures import CORRUPT, AttemptFailedError
from dynadb_async.connection.refusals import refusal_of
from dynadb_async.connection.request import Request
from dynadb_async.connection.shape import MAY_BE_EMPTY, check_answer
from dynadb_async.values.attribute_json import decoded

OK = 200
EMPTY = b"{}"

# DynamoDB's items have 32 levels, each of them two of JSON. Deeper ones would end Python's stack.
DEEPEST = 250
SMALL = 4096
TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+"')


class Answer(NamedTuple):
    """
    What DynamoDB said to one request.

    Attributes:
        members: In botocore's form.
        body: Their JSON, where it is still at hand.
    """

    members: dict[str, Any]
    body: bytes | None = None

    def __repr__(self) -> str:
        """Nothing of what is in it."""
        return "Answer(…)"


DONE = Answer({}, EMPTY)
"""What there is to say of most writes."""


class Received(Protocol):
    """
    An answer as it came.

    Attributes:
        status: Such as 200.
        checksum: The CRC32 of the body in decimal, if the server states one.
        body: Its JSON.
    """

    status: int
    checksum: str | None
    body: bytes

    @property
    def request_id(self) -> str:
        """The server's handle for the request, or empty."""
        ...


def answer_of(request: Request, received: Received) -> Answer:
    """
    What was said to *request* by what was *received*, if it is to be believed.

    Raises:
        AttemptFailedError: It is an error, or damaged, or the answer to another request.
        ConditionFailedError: With the item that is there instead.
        TransactionRefusedError: The same of a transaction.
    """
    body = received.body
    # Where the server states one; moto does not.
    if received.checksum is not None and received.checksum != str(zlib.crc32(body)):
        raise AttemptFailedError(CORRUPT)
    if received.status != OK:
        raise refusal_of(request, error_answer(received.status, received.request_id, body))
    if body == EMPTY and request.operation in MAY_BE_EMPTY:
        return DONE
    members: Any = decode(body)
    check_answer(request, members)
    return Answer(members, body)


def decode(body: bytes) -> Any:
    """
    The JSON of an answer, binaries as bytes.

    Raises:
        AttemptFailedError: It is none, or nested deeper than any item.
    """
    try:
        members = decoded(body, "Item", "Items", "CancellationReasons", "UnprocessedItems")
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    else:
        # Every attribute value has a brace, and lists in one another without are none: with so few, nothing is deep.
        # In a larger body, to count them takes as long as to look.
        if (len(body) <= SMALL and 2 * body.count(b"{") <= DEEPEST) or not _is_deep(members, body):
            return members
    raise AttemptFailedError(CORRUPT)


def _is_deep(members: Any, body: bytes) -> bool:
    try:
        # It writes no deeper ones, and is the quickest way to know.
        orjson.dumps(members, default=len)
    except orjson.JSONEncodeError:
        level = deepest = 0
        for sign in TEXTS.sub(b"", body):
            level += (sign in b"[{") - (sign in b"]}")
            deepest = max(level, deepest)
        return deepest > DEEPEST
    return False


def error_answer(status: int, request_id: str, body: bytes) -> dict[str, Any]:
    """An answer with another status than 200, as the SDK would read it; what can't be read is of its status alone."""
    try:
        said = decode(body)
        code = said["__type"].partition(":")[0].rpartition("#")[2]
        message = said.get("message", said.get("Message", ""))
    except (AttemptFailedError, TypeError, KeyError, AttributeError):
        code, message, said = str(status), "", {}
    metadata = {"RequestId": request_id, "HTTPStatusCode": status}
    return {**said, "Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}
