"""What the caller gets when an operation is given up: one of our errors, with what to do."""

from collections.abc import Callable, Collection, Mapping

from dynadb_async.connection.codes import INDEX_MISMATCH, ITEM_TOO_LARGE, KEY_MISMATCH, TABLE_MISSING
from dynadb_async.connection.failures import TLS_TOO_OLD, UNREACHABLE, UNTRUSTED, Failure
from dynadb_async.errors import (
    DynaDbError,
    ItemTooLargeError,
    OutcomeUnknownError,
    RequestError,
    RequestTimeoutError,
    TableError,
    TableNotFoundError,
    ThrottledError,
)

TABLE_OPERATIONS = {"DescribeTable", "CreateTable"}
TTL_OPERATIONS = {"DescribeTimeToLive", "UpdateTimeToLive"}
SAFE_WITH = {"UpdateItem": " with the same turn_id", "TransactWriteItems": " with the same turn_id or append_id"}
CONNECTIONLESS = {UNREACHABLE.code, UNTRUSTED.code, TLS_TOO_OLD.code}


def error_of(
    failure: Failure, operation: str, table: str, *, may_have_happened: bool, key: Collection[str] = (), place: str = ""
) -> DynaDbError:
    """
    The error that a user sees when *operation* on *table* is given up for *failure*.

    Args:
        failure: Why.
        operation: What was asked.
        table: Of which table.
        may_have_happened: It may have been done.
        key: The attributes that were sent as the item's key.
        place: Host, port and region, for where there is no connection.
    """
    if failure.code in NOT_OF_THE_REQUEST:
        return NOT_OF_THE_REQUEST[failure.code](failure, table, key)
    kind: type[RequestError] = RequestError
    advice = (
        failure.advice
        + _permission(failure, operation)
        + (f" - at {place}" if place and failure.code in CONNECTIONLESS else "")
    )
    if may_have_happened:
        kind = OutcomeUnknownError
        advice += f"; the write may have happened, repeat it{SAFE_WITH.get(operation, '')}"
    elif failure.is_throttled:
        kind = ThrottledError
    elif failure.is_late:
        kind = RequestTimeoutError
    return kind(advice, operation=operation, code=failure.code, request_id=failure.request_id, reason=failure.reason)


def _permission(failure: Failure, operation: str) -> str:
    if "AccessDenied" not in failure.code:
        return ""
    if operation in TTL_OPERATIONS:
        return "; with table.ttl=None, or table.create_table_on_init=False, this needs none"
    return "; with table.create_table_on_init=False this needs none" if operation in TABLE_OPERATIONS else ""


def _missing(failure: Failure, table: str, _: Collection[str]) -> DynaDbError:
    said = f" (AWS says: {failure.reason})" if failure.reason else ""
    return TableNotFoundError(f"table {table} does not exist; create it, or set table.create_table_on_init{said}")


def _key_mismatch(_: Failure, table: str, key: Collection[str]) -> DynaDbError:
    partition, *sort = [f"{name} (S)" for name in key] or ["the key of the settings"]
    advice = "choose another table.name, or the table's own key as table.primary_key_column"
    if sort:
        return TableError(
            f"table {table} has another key, but {partition} with the sort key {sort[0]} is needed; {advice}"
        )
    return TableError(
        f"table {table} has another key, or a sort key besides, but {partition} alone is needed; {advice}"
    )


def _index_mismatch(_: Failure, table: str, __: Collection[str]) -> DynaDbError:
    return TableError(
        f"table {table} has an index on an attribute that is stored here with another type (updatedAt and createdAt "
        "are texts); choose another table.name, change the index, or switch that element off in stored_elements"
    )


def _too_large(*_: object) -> DynaDbError:
    return ItemTooLargeError("DynamoDB holds the item to be over 400 KB; keep less in it")


NOT_OF_THE_REQUEST: Mapping[str, Callable[[Failure, str, Collection[str]], DynaDbError]] = {
    TABLE_MISSING: _missing,
    ITEM_TOO_LARGE: _too_large,
    KEY_MISMATCH: _key_mismatch,
    INDEX_MISMATCH: _index_mismatch,
}
"""By code: what is wrong with the table or the item, whatever was asked."""
