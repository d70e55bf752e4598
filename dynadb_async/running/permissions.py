"""What the credentials may do with a table, tried so that nothing is changed."""

from collections.abc import AsyncIterator
from typing import Any

from attrs import evolve, field, frozen

from dynadb_async.connection.failures import ConditionFailedError
from dynadb_async.connection.request import Request
from dynadb_async.errors import DynaDbError, RequestError
from dynadb_async.running.check import Check, refused
from dynadb_async.running.live import Live
from dynadb_async.running.store import NOBODY
from dynadb_async.running.table import Table
from dynadb_async.values.attribute_json import encoded

# No item is both, so nothing is ever written; but who may not write is refused before that is looked at.
NEVER = "attribute_exists(#key) AND attribute_not_exists(#key)"
CREATES_NOT = ", or set table.create_table_on_init=False now that the table is there"


@frozen(kw_only=True, repr=False)
class Trial:
    """
    A request that changes nothing.

    Attributes:
        parameters: What is asked.
        refusals: The codes of those who may, for there is nothing to do.
        instead: What else may be done than to allow it.
        is_for_command: No turn does it.
    """

    parameters: dict[str, Any]
    refusals: frozenset[str] = frozenset()
    instead: str = ""
    is_for_command: bool = field(default=False)


async def permissions(
    live: Live, table: Table, lives: dict[str, Any] | None, *, is_there: bool
) -> AsyncIterator[Check]:
    """
    What may be done, an operation at a time.

    Args:
        live: The adapter.
        table: Which table.
        lives: Its TTL, if that could be read.
        is_there: It could be seen, and is ACTIVE: else it could be created by trying.
    """
    trials = _of_items(table) | (_of_users(table) if table.sort_key is None else _of_talks(table))
    if table.config.create_table_on_init and is_there:
        trials |= _of_setup(table, lives)
    for operation, trial in sorted(trials.items(), key=lambda pair: pair[1].is_for_command):
        yield await _tried(live, table, operation, trial)


def _key(table: Table) -> dict[str, Any]:
    # A sort key that no conversation's item has.
    names = [table.config.primary_key_column, *([table.sort_key] if table.sort_key else [])]
    return {name: {"S": NOBODY} for name in names}


def _never(table: Table, **names: str) -> dict[str, Any]:
    return {
        "ConditionExpression": NEVER,
        "ExpressionAttributeNames": {"#key": table.config.primary_key_column, **{f"#{n}": v for n, v in names.items()}},
    }


def _of_items(table: Table) -> dict[str, Trial]:
    key = _key(table)
    return {
        "GetItem": Trial(parameters={"Key": key}),
        "UpdateItem": Trial(parameters={"Key": key, "UpdateExpression": "REMOVE #no", **_never(table, no="no")}),
        "PutItem": Trial(parameters={"Item": key, **_never(table)}, is_for_command=table.sort_key is None),
        "Scan": Trial(parameters={"Limit": 1}, is_for_command=True),
    }


def _of_users(table: Table) -> dict[str, Trial]:
    return {"DeleteItem": Trial(parameters={"Key": _key(table), **_never(table)})}


def _of_talks(table: Table) -> dict[str, Trial]:
    name, key = table.config.primary_key_column, _key(table)
    query = {
        "KeyConditionExpression": "#key = :key",
        "ExpressionAttributeNames": {"#key": name},
        "ExpressionAttributeValues": {":key": key[name]},
        "Limit": 1,
    }
    # A batch has no condition; but there is nothing under this key.
    batch = {"RequestItems": {table.config.name: [{"DeleteRequest": {"Key": key}}]}}
    return {"Query": Trial(parameters=query), "BatchWriteItem": Trial(parameters=batch)}


def _of_setup(table: Table, lives: dict[str, Any] | None) -> dict[str, Trial]:
    """What is there is created again, which is refused; TTL is set to what it is, which is refused or does nothing."""
    in_use = frozenset({"ResourceInUseException"})
    trials = {"CreateTable": Trial(parameters=table.definition(), refusals=in_use, instead=CREATES_NOT)}
    if table.config.ttl is None or lives is None:
        return trials
    is_on = lives.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    same = {"Enabled": is_on, "AttributeName": lives.get("AttributeName", table.config.ttl.attribute)}
    return trials | {
        "UpdateTimeToLive": Trial(
            parameters={"TimeToLiveSpecification": same},
            refusals=in_use | {"ValidationException"},
            instead=CREATES_NOT,
        )
    }


async def _tried(live: Live, table: Table, operation: str, trial: Trial) -> Check:
    config = table.config
    name = f"{operation} on {config.name}"
    named = {} if operation == "BatchWriteItem" else {"TableName": config.name}
    try:
        with live.work:
            body, key = encoded({**named, **trial.parameters}), trial.parameters.get("Key", {})
            await live.connection.call(Request(operation, config.name, body, key), until=live.time_left().until())
    except ConditionFailedError:
        pass
    except DynaDbError as error:
        if not (isinstance(error, RequestError) and error.code in trial.refusals):
            check = refused(name, error)
            if trial.is_for_command:
                return Check(name, None, check.found, "only `dynadb` itself needs it")
            return evolve(check, advice=check.advice + trial.instead if check.advice else "")
    return Check.good(name, "allowed")
