"""The members that an answer has, and whether it belongs to its request."""

from collections.abc import Mapping
from typing import Any

from dynadb_async.connection.failures import CORRUPT, AttemptFailedError
from dynadb_async.connection.operations import OPERATIONS
from dynadb_async.connection.request import Request

# Of an item: there is none; of what is written: it is done.
MAY_BE_EMPTY = {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}

# What a table's description has, and what is in it beside a name.
NAMED = {"KeySchema": "KeyType", "AttributeDefinitions": "AttributeType"}


def check_shape(operation: str, answer: Any) -> None:
    """
    The answer has the members that belong to it, and an item is a map of attribute values.

    Raises:
        AttemptFailedError: Anything else, such as a proxy's page with status 200: it must not read as "no item".
    """
    asked = OPERATIONS[operation]
    if type(answer) is not dict or (asked.members is not None and not asked.members.issuperset(answer)):
        raise AttemptFailedError(CORRUPT)
    if "Item" in answer:
        check_item(answer["Item"])
    if not asked.is_about_items:
        _check_description(operation, answer)
    elif operation in ("Query", "Scan"):
        _check_items(answer)
    if "ConsumedCapacity" in answer and units_of(answer) is None:
        raise AttemptFailedError(CORRUPT)


def check_item(item: Any) -> None:
    """
    It is a map of attribute values.

    Raises:
        AttemptFailedError: It is something else.
    """
    if type(item) is not dict:
        raise AttemptFailedError(CORRUPT)
    for value in item.values():
        if type(value) is not dict or len(value) != 1:
            raise AttemptFailedError(CORRUPT)


def check_key(request: Request, answer: Mapping[str, Any]) -> None:
    """
    Items have the key, and a table the name, that was asked for.

    Raises:
        AttemptFailedError: It is the answer to another request.
    """
    key = request.key.items()
    if "Item" in answer and not key <= answer["Item"].items():
        raise AttemptFailedError(CORRUPT)
    if "Items" in answer and request.between is not None:
        _check_between(request.key, request.between, answer["Items"])
    # Asked for by its ARN, a table is described by the name at the ARN's end.
    if "Table" in answer and answer["Table"].get("TableName", request.table) not in (
        request.table,
        request.table.rpartition("/")[2],
    ):
        raise AttemptFailedError(CORRUPT)


def _check_between(key: Mapping[str, Any], between: tuple[str, str, str], items: list[Mapping[str, Any]]) -> None:
    name, first, last = between
    ((partition, value),) = key.items()
    try:
        # DynamoDB orders texts by their bytes in UTF-8, which is the order of their characters.
        if all(item[partition] == value and first <= item[name]["S"] <= last for item in items):
            return
    except (KeyError, TypeError):
        pass
    raise AttemptFailedError(CORRUPT)


def units_of(answer: Mapping[str, Any]) -> float | None:
    """The capacity that was consumed, of one table or of several; None if what is said about it is none."""
    try:
        stated = answer.get("ConsumedCapacity", [])
        return float(sum(one.get("CapacityUnits", 0.0) for one in (stated if isinstance(stated, list) else [stated])))
    except (AttributeError, TypeError, OverflowError):
        return None


def _check_items(answer: Mapping[str, Any]) -> None:
    items = answer.get("Items")
    if not isinstance(items, list) or not isinstance(answer.get("LastEvaluatedKey", {}), dict):
        raise AttemptFailedError(CORRUPT)
    try:
        values = [value for item in items for value in item.values()]
    except AttributeError:
        raise AttemptFailedError(CORRUPT) from None
    # All at once, for there may be many.
    if values and not (set(map(type, values)) == {dict} and set(map(len, values)) == {1}):
        raise AttemptFailedError(CORRUPT)


def _check_description(operation: str, answer: Mapping[str, Any]) -> None:
    is_table = operation == "DescribeTable"
    described = answer.get("Table" if is_table else "TimeToLiveDescription", None if is_table else {})
    if not isinstance(described, dict) or (is_table and not _is_table(described)):
        raise AttemptFailedError(CORRUPT)


def _is_table(table: Mapping[str, Any]) -> bool:
    # One that is made or deleted just now may lack them.
    is_passing = table.get("TableStatus") in ("CREATING", "DELETING")
    return isinstance(table.get("TableStatus", ""), str) and all(
        _are_named(table[member], beside) if member in table else is_passing for member, beside in NAMED.items()
    )


def _are_named(attributes: Any, beside: str) -> bool:
    names = ("AttributeName", beside)
    return isinstance(attributes, list) and all(
        isinstance(one, dict) and all(isinstance(one.get(name), str) for name in names) for one in attributes
    )
