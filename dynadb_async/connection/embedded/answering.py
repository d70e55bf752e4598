"""What the embedded store answers to each operation: pure but for the tables, which it changes in place."""

from collections.abc import Callable
from math import ceil
from typing import Any

from dynadb_async.connection.embedded.expressions import Places, is_met, updated
from dynadb_async.connection.embedded.rules import (
    IN_USE,
    INVALID,
    MISSING,
    UNREADABLE,
    check_item_size,
    check_key,
    item_size,
    refused,
)
from dynadb_async.connection.embedded.tables import Item, Key, Table, Tables
from dynadb_async.connection.failures import ConditionFailedError
from dynadb_async.connection.request import Request

Parameters = dict[str, Any]

READ_UNIT, WRITE_UNIT = 4096, 1024


def answered(tables: Tables, request: Request) -> dict[str, Any]:
    """
    The members of the answer, as DynamoDB has them.

    Raises:
        AttemptFailedError: DynamoDB would refuse; nothing is changed then.
        ConditionFailedError: With the item that is there instead.
    """
    try:
        parameters = request.parameters
    except (ValueError, TypeError, AttributeError):
        raise refused(UNREADABLE, "a binary is in base64") from None
    return ANSWERS[request.operation](tables, parameters)


def _table(tables: Tables, parameters: Parameters) -> Table:
    table = tables.by_name.get(parameters["TableName"])
    if table is None:
        raise refused(MISSING, "Requested resource not found")
    return table


def _keyed(tables: Tables, parameters: Parameters) -> tuple[Table, Key]:
    table = _table(tables, parameters)
    check_key(table, parameters["Key"])
    return table, table.key_of(parameters["Key"])


def _with_capacity(parameters: Parameters, units: float, **members: Any) -> dict[str, Any]:
    if parameters.get("ReturnConsumedCapacity", "NONE") == "NONE":
        return members
    return {**members, "ConsumedCapacity": {"TableName": parameters["TableName"], "CapacityUnits": units}}


def _write_units(*items: Item | None) -> int:
    return max(1, *(ceil(item_size(item or {}) / WRITE_UNIT) for item in items))


def _get_item(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    table, key = _keyed(tables, parameters)
    item = table.item(key)
    strong = max(1, ceil(item_size(item or {}) / READ_UNIT))
    units = strong if parameters.get("ConsistentRead") else strong / 2
    return _with_capacity(parameters, units, **({} if item is None else {"Item": item}))


def _update_item(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    places = Places.of(parameters)
    table, key = _keyed(tables, parameters)
    before = table.item(key)
    item = updated(parameters["UpdateExpression"], table, before or parameters["Key"], places)
    _check_condition(parameters, before, places)
    check_item_size(item)
    tables.put(table, item)
    return _with_capacity(parameters, _write_units(before, item))


def _delete_item(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    places = Places.of(parameters)
    table, key = _keyed(tables, parameters)
    before = table.item(key)
    _check_condition(parameters, before, places)
    tables.remove(table, key)
    return _with_capacity(parameters, _write_units(before))


def _check_condition(parameters: Parameters, item: Item | None, places: Places) -> None:
    condition = parameters.get("ConditionExpression")
    if condition is None or is_met(condition, item, places):
        return
    is_told = parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    raise ConditionFailedError(item if is_told else None)


def _create_table(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    if parameters["TableName"] in tables.by_name:
        raise refused(IN_USE, "Table already exists")
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in parameters["AttributeDefinitions"]}
    roles = [(attribute["KeyType"], attribute["AttributeName"]) for attribute in parameters["KeySchema"]]
    names = [name for _, name in roles]
    if [role for role, _ in roles] not in (["HASH"], ["HASH", "RANGE"]) or {*names} - types.keys():
        raise refused(INVALID, "Invalid KeySchema")
    table = Table(parameters["TableName"], {name: types[name] for name in names})
    tables.add(table)
    return {"TableDescription": _description(table)}


def _describe_table(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    return {"Table": _description(_table(tables, parameters))}


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
    attribute = _table(tables, parameters).time_to_live
    if attribute is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}}


def _update_time_to_live(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    table, wanted = _table(tables, parameters), parameters["TimeToLiveSpecification"]
    if wanted["Enabled"] == (table.time_to_live is not None):
        raise refused(INVALID, f"TimeToLive is already {'enabled' if wanted['Enabled'] else 'disabled'}")
    if not wanted["Enabled"] and wanted["AttributeName"] != table.time_to_live:
        raise refused(INVALID, "TimeToLive is active on a different AttributeName")
    tables.set_time_to_live(table, wanted["AttributeName"] if wanted["Enabled"] else None)
    return {"TimeToLiveSpecification": wanted}


ANSWERS: dict[str, Callable[[Tables, Parameters], dict[str, Any]]] = {
    "GetItem": _get_item,
    "UpdateItem": _update_item,
    "DeleteItem": _delete_item,
    "DescribeTable": _describe_table,
    "CreateTable": _create_table,
    "DescribeTimeToLive": _describe_time_to_live,
    "UpdateTimeToLive": _update_time_to_live,
}
