"""The members that an answer has, and whether it belongs to its request."""

from collections.abc import Mapping
from typing import Any

from dynadb_async.connection.failures import CORRUPT, AttemptFailedError
from dynadb_async.connection.operations import OPERATIONS
from dynadb_async.connection.request import Request

# Of an item: there is none; of what is written: it is done.
MAY_BE_EMPTY = {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}

# What a table's description has, and what is in it beside a name.
NAMED = {"KeySchema": "KeyType", "AttributeDefinitions": "AttributeType"}


def check_answer(request: Request, answer: Any) -> None:
    """
    It has the members that belong to it, and is of what was asked for.

    Raises:
        AttemptFailedError: It is something else, or the answer to another request.
    """
    if request.operation == "GetItem" and type(answer) is dict and len(answer) == 1 and "Item" in answer:
        # What nearly all answers are.
        check_item(answer["Item"])
    else:
        check_shape(request.operation, answer)
    check_key(request, answer)


def check_shape(operation: str, answer: Any) -> None:
    """
    The answer has the members that belong to it, and an item is a map of attribute values.

    Raises:
        AttemptFailedError: Anything else, such as a proxy's page with status 200: it must not read as "no item".
    """
    if type(answer) is not dict:
        raise AttemptFailedError(CORRUPT)
    asked = OPERATIONS[operation]
    if asked.members is not None and not asked.members.issuperset(answer):
        raise AttemptFailedError(CORRUPT)
    if "Item" in answer:
        check_item(answer["Item"])
    if not asked.is_about_items:
        _check_description(operation, answer)
    elif asked.needs:
        _check_many(asked.needs, answer)
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
    item = answer.get("Item")
    if item is not None:
        for name, value in request.key.items():
            if item.get(name) != value:
                raise AttemptFailedError(CORRUPT)
        if request.operation == "GetItem":
            return
    if "Items" in answer:
        _check_page(request, answer["Items"], answer.get("LastEvaluatedKey"))
    if answer.get("UnprocessedItems"):
        _check_left(request, answer["UnprocessedItems"])
    # Asked for by its ARN, a table is described by the name at the ARN's end.
    if "Table" in answer and answer["Table"].get("TableName", request.table) not in (
        request.table,
        request.table.rpartition("/")[2],
    ):
        raise AttemptFailedError(CORRUPT)


def _check_page(request: Request, items: list[Mapping[str, Any]], more_at: Mapping[str, Any] | None) -> None:
    """It is no copy of the page before it, by which there would be no end, and all of it was asked for."""
    if request.after is not None and more_at is not None and request.after.items() <= more_at.items():
        raise AttemptFailedError(CORRUPT)
    if request.between is None:
        return
    name, first, last = request.between
    ((partition, value),) = request.key.items()
    keys = items if more_at is None else [*items, more_at]
    try:
        last = last if request.after is None else request.after[name]["S"]
        # DynamoDB orders texts by their bytes in UTF-8, which is the order of their characters.
        are_asked_for = all(key[partition] == value and first <= key[name]["S"] <= last for key in keys)
        if are_asked_for and not (request.after is not None and keys and keys[0][name]["S"] == last):
            return
    except (KeyError, TypeError):
        pass
    raise AttemptFailedError(CORRUPT)


def _check_left(request: Request, left: Any) -> None:
    """What was not done of a batch was asked for."""
    try:
        written = [action for requests in left.values() for one in requests for (action,) in [one.values()]]
        items = [action.get("Key", action.get("Item")) for action in written]
        for item in items:
            check_item(item)
        if left.keys() == {request.table} and all(request.key.items() <= item.items() for item in items):
            return
    except (TypeError, ValueError, AttributeError):
        pass
    raise AttemptFailedError(CORRUPT)


def units_of(answer: Mapping[str, Any]) -> float | None:
    """The capacity that was consumed, of one table or of several; None if what is said about it is none."""
    try:
        stated = answer.get("ConsumedCapacity", [])
        return float(sum(one.get("CapacityUnits", 0.0) for one in (stated if isinstance(stated, list) else [stated])))
    except (AttributeError, TypeError, OverflowError):
        return None


def _check_many(needs: str, answer: Mapping[str, Any]) -> None:
    if needs == "Items":
        _check_items(answer)
    elif not isinstance(answer.get(needs), dict):
        raise AttemptFailedError(CORRUPT)


def _check_items(answer: Mapping[str, Any]) -> None:
    items = answer.get("Items")
    if not isinstance(items, list) or answer.get("Count", len(items)) != len(items):
        raise AttemptFailedError(CORRUPT)
    if "LastEvaluatedKey" in answer:
        # Without a key in it there would be no way on, nor an end.
        check_item(answer["LastEvaluatedKey"] or None)
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
