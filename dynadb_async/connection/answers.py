"""Whether an answer is DynamoDB's and undamaged: checksum, JSON and shape. The SDK checks none of them."""

import zlib
from typing import Any, NamedTuple

from dynadb_async.connection.failures import CORRUPT, AttemptFailedError
from dynadb_async.connection.operations import OPERATIONS

OK = 200


class Answer(NamedTuple):
    """
    What DynamoDB said to one request.

    Attributes:
        members: In botocore's form.
        body: Their JSON, where it is still at hand.
    """

    members: dict[str, Any]
    body: bytes | None = None


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
    The answer has the members that belong to it, and an item is a map of attribute values.

    Raises:
        AttemptFailedError: Anything else, such as a proxy's page with status 200: it must not read as "no item".
    """
    if not isinstance(answer, dict):
        raise AttemptFailedError(CORRUPT)
    members = OPERATIONS[operation].members
    if members is not None and not members.issuperset(answer):
        raise AttemptFailedError(CORRUPT)
    if operation == "DescribeTable" and not isinstance(answer.get("Table"), dict):
        raise AttemptFailedError(CORRUPT)
    items = [answer["Item"]] if "Item" in answer else answer.get("Items", ())
    if not isinstance(items, list | tuple) or not all(_is_item(item) for item in items):
        raise AttemptFailedError(CORRUPT)
    if operation in ("Query", "Scan") and "Items" not in answer:
        raise AttemptFailedError(CORRUPT)


def _is_item(item: Any) -> bool:
    if type(item) is not dict:
        return False
    return len([1 for value in item.values() if type(value) is dict and len(value) == 1]) == len(item)
