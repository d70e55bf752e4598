"""Operations on several items: queries, scans, batches and transactions, as far as this package sends them."""

import re
import zlib
from collections.abc import Sequence
from itertools import islice
from typing import Any

from dynadb_async.connection.embedded.expressions import Places
from dynadb_async.connection.embedded.planning import PLANS, Parameters, Planned, table_of
from dynadb_async.connection.embedded.rules import INVALID, check_key, item_size, refused
from dynadb_async.connection.embedded.tables import Item, Key, Table, Tables
from dynadb_async.connection.failures import MEMBER_REFUSED, ConditionFailedError, TransactionRefusedError

LARGEST_PAGE = 1024 * 1024
LARGEST_BATCH, LARGEST_TRANSACTION = 25, 100
LARGEST_TRANSACTION_SIZE = 4 * 1024 * 1024

RANGE = re.compile(r"(#\w+) = (:\w+)(?: AND (#\w+) BETWEEN (:\w+) AND (:\w+))?", re.ASCII)


def query(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    """One partition's items, all or with sort keys between two."""
    table, places = table_of(tables, parameters), Places.of(parameters)
    form = RANGE.fullmatch(parameters["KeyConditionExpression"])
    if form is None:
        raise refused(INVALID, "the embedded store does not know this key condition")
    partition, value, sort, first, last = form.groups()
    names = [places.name(step) for step in (partition, sort) if step is not None]
    if names != list(table.key)[: len(names)]:
        raise refused(INVALID, "Query condition missed key schema element")
    bounds = None if sort is None else (_ordered(places.values[first]), _ordered(places.values[last]))
    found = [
        key
        for key in table.items
        if key[0] == next(iter(places.values[value].items()))
        and (bounds is None or bounds[0] <= _place(key[1]) <= bounds[1])
    ]
    found.sort(key=_place_of_key, reverse=not parameters.get("ScanIndexForward", True))
    return _page(table, found, parameters, places)


def scan(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    """A table's items, or those of one segment of it."""
    table, places = table_of(tables, parameters), Places.of(parameters)
    segment, segments = parameters.get("Segment", 0), parameters.get("TotalSegments", 1)
    found = [key for key in table.items if zlib.crc32(repr(key[0]).encode()) % segments == segment]
    return _page(table, sorted(found, key=_place_of_key), parameters, places)


def _place_of_key(key: Key) -> tuple[Any, ...]:
    return tuple(_place(part) for part in key)


def _place(part: tuple[str, Any]) -> Any:
    """Where a key's part is in DynamoDB's order: texts by their bytes."""
    tag, content = part
    return content.encode("utf-8", "surrogatepass") if tag == "S" else content


def _ordered(value: dict[str, Any]) -> Any:
    (part,) = value.items()
    return _place(part)


def _page(table: Table, found: list[Key], parameters: Parameters, places: Places) -> dict[str, Any]:
    """As many of the items as fit, from where the last page ended."""
    start = parameters.get("ExclusiveStartKey")
    if start is not None:
        check_key(table, start)
        is_backward = not parameters.get("ScanIndexForward", True)
        at = _place_of_key(table.key_of(start))
        found = [key for key in found if (_place_of_key(key) < at if is_backward else _place_of_key(key) > at)]
    items: list[Item] = []
    size = 0
    for key in islice(found, parameters.get("Limit")):
        item = table.item(key) or {}
        items.append(item)
        size += item_size(item)
        if size > LARGEST_PAGE:
            break
    answer: dict[str, Any] = {"Items": [_projected(item, parameters, places) for item in items], "Count": len(items)}
    answer["ScannedCount"] = len(items)
    if len(items) < len(found):
        answer["LastEvaluatedKey"] = {name: items[-1][name] for name in table.key}
    units = max(1, -(-size // 4096)) / (1 if parameters.get("ConsistentRead") else 2)
    return answer | _capacity(parameters, {table.name: units})


def _projected(item: Item, parameters: Parameters, places: Places) -> Item:
    expression = parameters.get("ProjectionExpression")
    if expression is None:
        return item
    names = {places.name(step) for step in expression.split(", ")}
    return {name: value for name, value in item.items() if name in names}


def _capacity(parameters: Parameters, units: dict[str, float]) -> dict[str, Any]:
    if parameters.get("ReturnConsumedCapacity", "NONE") == "NONE":
        return {}
    consumed = [{"TableName": name, "CapacityUnits": count} for name, count in units.items()]
    return {"ConsumedCapacity": consumed[0] if "TableName" in parameters else consumed}


def batch_write(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    """Puts and deletes without conditions."""
    wanted = [(name, request) for name, requests in parameters["RequestItems"].items() for request in requests]
    if not 1 <= len(wanted) <= LARGEST_BATCH:
        raise refused(INVALID, "Too many items requested for the BatchWriteItem call")
    planned = []
    for name, request in wanted:
        ((kind, details),) = request.items()
        planned.append(PLANS[kind.removesuffix("Request")](tables, {"TableName": name, **details}))
    _check_apart(planned)
    for write in planned:
        write.done(tables)
    return {"UnprocessedItems": {}} | _capacity(parameters, _units(planned, 1))


def transact_write(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    """All of it, or nothing."""
    members = parameters["TransactItems"]
    if not 1 <= len(members) <= LARGEST_TRANSACTION:
        raise refused(INVALID, "Member must have length less than or equal to 100")
    planned: list[Planned] = []
    reasons: list[dict[str, Any]] = []
    for member in members:
        ((kind, details),) = member.items()
        try:
            planned.append(PLANS[kind](tables, details))
        except ConditionFailedError as failed:
            reasons.append({"Code": MEMBER_REFUSED} | ({} if failed.item is None else {"Item": failed.item}))
        else:
            reasons.append({"Code": "None"})
    if len(planned) < len(members):
        raise TransactionRefusedError(reasons)
    _check_apart(planned)
    if sum(item_size(write.after or {}) for write in planned) > LARGEST_TRANSACTION_SIZE:
        raise refused(INVALID, "Transaction size has exceeded the maximum allowed size")
    for write in planned:
        write.done(tables)
    return _capacity(parameters, _units(planned, 2))


def _check_apart(planned: Sequence[Planned]) -> None:
    if len({(write.table.name, write.key) for write in planned}) < len(planned):
        raise refused(INVALID, "several operations on one item")


def _units(planned: Sequence[Planned], times: int) -> dict[str, float]:
    units: dict[str, float] = {}
    for write in planned:
        size = max(item_size(write.before or {}), item_size(write.after or {}))
        units[write.table.name] = units.get(write.table.name, 0) + times * max(1, -(-size // 1024))
    return units
