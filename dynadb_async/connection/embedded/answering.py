"""What the embedded store answers to each operation: pure but for the tables, which it changes in place."""

from collections.abc import Callable
from functools import partial
from math import ceil
from typing import Any

from dynadb_async.connection.embedded.many import batch_write, query, scan, transact_write
from dynadb_async.connection.embedded.planning import PLANS, Parameters, keyed, table_of
from dynadb_async.connection.embedded.rules import (
    IN_USE,
    INVALID,
    LARGEST_KEYS_NAME,
    UNREADABLE,
    check_name,
    item_size,
    refused,
)
from dynadb_async.connection.embedded.tables import Item, Table, Tables
from dynadb_async.connection.operations import OPERATIONS
from dynadb_async.connection.request import Request

READ_UNIT, WRITE_UNIT = 4096, 1024

# What this package may ask of an item; anything else would be passed over in silence.
KNOWN = frozenset(
    {
        *("TableName", "Key", "Item", "RequestItems", "TransactItems", "ConsistentRead", "ReturnConsumedCapacity"),
        *("ConditionExpression", "KeyConditionExpression", "ProjectionExpression", "UpdateExpression"),
        *("ExpressionAttributeNames", "ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure"),
        *("ExclusiveStartKey", "Limit", "ScanIndexForward", "Segment", "TotalSegments"),
    }
)


def answered(tables: Tables, request: Request) -> dict[str, Any]:
    """
    The members of the answer, as DynamoDB has them.

    Raises:
        AttemptFailedError: DynamoDB would refuse; nothing is changed then.
        ConditionFailedError: With the item that is there instead.
        TransactionRefusedError: The same of a transaction.
    """
    try:
        parameters = request.parameters
    except (ValueError, TypeError, AttributeError):
        raise refused(UNREADABLE, "a binary is in base64") from None
    if OPERATIONS[request.operation].is_about_items and not parameters.keys() <= KNOWN:
        raise refused(INVALID, "the embedded store does not know a parameter of this request")
    return ANSWERS[request.operation](tables, parameters)


def _with_capacity(parameters: Parameters, units: float, **members: Any) -> dict[str, Any]:
    if parameters.get("ReturnConsumedCapacity", "NONE") == "NONE":
        return members
    return {**members, "ConsumedCapacity": {"TableName": parameters["TableName"], "CapacityUnits": units}}


def _write_units(*items: Item | None) -> int:
    return max(1, *(ceil(item_size(item or {}) / WRITE_UNIT) for item in items))


def _get_item(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    table, key = keyed(tables, parameters)
    item = table.item(key)
    strong = max(1, ceil(item_size(item or {}) / READ_UNIT))
    units = strong if parameters.get("ConsistentRead") else strong / 2
    return _with_capacity(parameters, units, **({} if item is None else {"Item": item}))


def _written(kind: str, tables: Tables, parameters: Parameters) -> dict[str, Any]:
    planned = PLANS[kind](tables, parameters)
    planned.done(tables)
    return _with_capacity(parameters, _write_units(planned.before, planned.after))


def _delete_table(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    table = table_of(tables, parameters)
    tables.drop(table.name)
    return {"TableDescription": _description(table) | {"TableStatus": "DELETING"}}


def _create_table(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    if parameters["TableName"] in tables.by_name:
        raise refused(IN_USE, "Table already exists")
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in parameters["AttributeDefinitions"]}
    roles = [(attribute["KeyType"], attribute["AttributeName"]) for attribute in parameters["KeySchema"]]
    names = [name for _, name in roles]
    for name in names:
        check_name(name, LARGEST_KEYS_NAME)
    if (
        not {*types.values()} <= {"S", "N", "B"}
        or [role for role, _ in roles] not in (["HASH"], ["HASH", "RANGE"])
        or {*names} != types.keys()
    ):
        raise refused(INVALID, "Invalid KeySchema")
    table = Table(parameters["TableName"], {name: types[name] for name in names})
    tables.add(table)
    return {"TableDescription": _description(table)}


def _describe_table(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    return {"Table": _description(table_of(tables, parameters))}


def _description(table: Table) -> dict[str, Any]:
    roles = zip(table.key, ("HASH", "RANGE"), strict=False)
    return {
        "TableName": table.name,
        "TableStatus": "ACTIVE",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in table.key.items()],
        "KeySchema": [{"AttributeName": name, "KeyType": role} for name, role in roles],
        "ItemCount": len(table.items),
    }


def _describe_time_to_live(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    attribute = table_of(tables, parameters).time_to_live
    if attribute is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}}


def _update_time_to_live(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    table, wanted = table_of(tables, parameters), parameters["TimeToLiveSpecification"]
    check_name(wanted["AttributeName"], LARGEST_KEYS_NAME)
    if wanted["Enabled"] == (table.time_to_live is not None):
        raise refused(INVALID, f"TimeToLive is already {'enabled' if wanted['Enabled'] else 'disabled'}")
    if not wanted["Enabled"] and wanted["AttributeName"] != table.time_to_live:
        raise refused(INVALID, "TimeToLive is active on a different AttributeName")
    tables.set_time_to_live(table, wanted["AttributeName"] if wanted["Enabled"] else None)
    return {"TimeToLiveSpecification": wanted}


ANSWERS: dict[str, Callable[[Tables, Parameters], dict[str, Any]]] = {
    "GetItem": _get_item,
    "UpdateItem": partial(_written, "Update"),
    "DeleteItem": partial(_written, "Delete"),
    "PutItem": partial(_written, "Put"),
    "Query": query,
    "Scan": scan,
    "BatchWriteItem": batch_write,
    "TransactWriteItems": transact_write,
    "DescribeTable": _describe_table,
    "CreateTable": _create_table,
    "DeleteTable": _delete_table,
    "DescribeTimeToLive": _describe_time_to_live,
    "UpdateTimeToLive": _update_time_to_live,
}
