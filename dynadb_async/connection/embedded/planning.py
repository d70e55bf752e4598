"""One item's write: what it would leave, before anything is changed."""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from dynadb_async.connection.embedded.expressions import Places, is_met, updated
from dynadb_async.connection.embedded.rules import MISSING, check_item_size, check_key, check_values, refused
from dynadb_async.connection.embedded.tables import Item, Key, Table, Tables
from dynadb_async.connection.failures import ConditionFailedError

Parameters = dict[str, Any]


@frozen(kw_only=True, repr=False)
class Planned:
    """
    A write that may be done.

    Attributes:
        table: Where.
        key: Of the item.
        before: The item as it is, if there is one.
        after: As it will be; None if it is deleted.
    """

    table: Table
    key: Key
    before: Item | None
    after: Item | None

    def done(self, tables: Tables) -> None:
        """Do it."""
        if self.after is None:
            tables.remove(self.table, self.key)
        elif self.after != self.before:
            tables.put(self.table, self.after)


def table_of(tables: Tables, parameters: Parameters) -> Table:
    """
    The table that is asked for.

    Raises:
        AttemptFailedError: There is none.
    """
    table = tables.by_name.get(parameters["TableName"])
    if table is None:
        raise refused(MISSING, "Requested resource not found")
    return table


def keyed(tables: Tables, parameters: Parameters) -> tuple[Table, Key]:
    """
    The table and the key that are asked for.

    Raises:
        AttemptFailedError: There is no such table, or it has another key.
    """
    table = table_of(tables, parameters)
    check_key(table, parameters["Key"])
    return table, table.key_of(parameters["Key"])


def _update(tables: Tables, parameters: Parameters) -> Planned:
    table = table_of(tables, parameters)
    places = Places.of(parameters)
    table, key = keyed(tables, parameters)
    before = table.item(key)
    # What is written is too large by itself, whatever is stored; the rest is told once the condition is met.
    check_item_size(updated(parameters["UpdateExpression"], table, {}, places))
    _check_condition(parameters, before, places)
    after = updated(parameters["UpdateExpression"], table, before or parameters["Key"], places)
    check_item_size(after)
    return Planned(table=table, key=key, before=before, after=after)


def _put(tables: Tables, parameters: Parameters) -> Planned:
    places = Places.of(parameters)
    table, item = table_of(tables, parameters), parameters["Item"]
    check_values(item)
    check_key(table, {name: item[name] for name in table.key if name in item})
    key = table.key_of(item)
    before = table.item(key)
    _check_condition(parameters, before, places)
    check_item_size(item)
    return Planned(table=table, key=key, before=before, after=item)


def _delete(tables: Tables, parameters: Parameters) -> Planned:
    places = Places.of(parameters)
    table, key = keyed(tables, parameters)
    before = table.item(key)
    _check_condition(parameters, before, places)
    return Planned(table=table, key=key, before=before, after=None)


def _check_condition(parameters: Parameters, item: Item | None, places: Places) -> None:
    condition = parameters.get("ConditionExpression")
    if condition is None or is_met(condition, item, places):
        return
    is_told = parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    raise ConditionFailedError(item if is_told else None)


PLANS: dict[str, Callable[[Tables, Parameters], Planned]] = {"Update": _update, "Put": _put, "Delete": _delete}
"""
By what a transaction calls them.

Raises:
    AttemptFailedError: DynamoDB would refuse.
    ConditionFailedError: With the item that is there instead.
"""
