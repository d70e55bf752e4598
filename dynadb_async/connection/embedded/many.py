"""Operations on several items: queries, scans, batches and transactions, as far as this package sends them."""

import re
import zlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from dynadb_async.connection.embedded.expressions import Places
from dynadb_async.connection.embedded.planning import PLANS, Parameters, Planned, table_of
from dynadb_async.connection.embedded.rules import INVALID, check_key, item_size, refused
from dynadb_async.connection.embedded.tables import Item, Key, Table, Tables
from dynadb_async.connection.failures import MEMBER_REFUSED, ConditionFailedError, TransactionRefusedError

LARGEST_PAGE = 1024 * 1024
LARGEST_BATCH, LARGEST_TRANSACTION = 25, 100
MOST_SEGMENTS = 1_000_000
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
    ends = [_checked(table, [places.values[place] for place in (value, end) if place]) for end in (first, last)]
    (first_part, *_), lowest, highest = ends[0], *map(_place, ends)
    if lowest > highest:
        raise refused(INVALID, "The BETWEEN operator requires upper bound to be greater than or equal to lower bound")

    def fits(key: Key) -> bool:
        # Most keys are of other partitions.
        return key[0] == first_part and lowest <= _place(key)[: len(names)] <= highest

    return _page(table, fits, parameters, places)


def _checked(table: Table, values: Sequence[Any]) -> Key:
    """*values*, which may be those of a key's first attributes."""
    part = Table(table.name, dict(islice(table.key.items(), len(values))))
    key = dict(zip(part.key, values, strict=True))
    check_key(part, key)
    return part.key_of(key)


def scan(tables: Tables, parameters: Parameters) -> dict[str, Any]:
    """A table's items, or those of one segment of it."""
    table, places = table_of(tables, parameters), Places.of(parameters)
    segment, segments = parameters.get("Segment"), parameters.get("TotalSegments")
    if (segment is None) is not (segments is None) or not 0 <= (segment or 0) < (segments or 1) <= MOST_SEGMENTS:
        raise refused(INVALID, "Segment must be less than TotalSegments")

    def fits(key: Key) -> bool:
        return segments is None or zlib.crc32(repr(key[0]).encode()) % segments == segment

    return _page(table, fits, parameters, places)


def _place(key: Key) -> tuple[Any, ...]:
    """Where a key is in DynamoDB's order: texts by their bytes."""
    return tuple(_PLACES[tag](content) for tag, content in key)


_PLACES: dict[str, Callable[[Any], Any]] = {
    "S": lambda text: text.encode("utf-8", "surrogatepass"),
    "N": Decimal,
    "B": lambda binary: binary,
}


def _page(table: Table, fits: Callable[[Key], bool], parameters: Parameters, places: Places) -> dict[str, Any]:
    """As many of the items whose keys fit as a page holds, from where the last page ended."""
    found, is_backward = filter(fits, table.items), not parameters.get("ScanIndexForward", True)
    if (start := parameters.get("ExclusiveStartKey")) is not None:
        check_key(table, start)
        if not fits(table.key_of(start)):
            raise refused(INVALID, "The provided starting key is outside of what is asked for")
        at = _place(table.key_of(start))
        found = filter(lambda key: _place(key) < at if is_backward else _place(key) > at, found)
    items, size, is_all = _taken(table, sorted(found, key=_place, reverse=is_backward), parameters.get("Limit"))
    answer: dict[str, Any] = {"Items": [_projected(item, parameters, places) for item in items], "Count": len(items)}
    answer["ScannedCount"] = len(items)
    if not is_all:
        answer["LastEvaluatedKey"] = {name: items[-1][name] for name in table.key}
    units = max(1, -(-size // 4096)) / (1 if parameters.get("ConsistentRead") else 2)
    return answer | _capacity(parameters, {table.name: units})


def _taken(table: Table, keys: list[Key], limit: int | None) -> tuple[list[Item], int, bool]:
    """The first items, their bytes, and whether they are surely all: DynamoDB does not look beyond a limit."""
    if limit is not None and limit < 1:
        raise refused(INVALID, "Limit must be greater than or equal to 1")
    items: list[Item] = []
    size = 0
    for key in keys:
        items.append(table.item(key) or {})
        size += item_size(items[-1])
        if size >= LARGEST_PAGE or len(items) == limit:
            break
    return items, size, len(items) == len(keys) and len(items) != limit


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
