"""What an answer that is an error means to its request."""

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from dynadb_async.connection.codes import (
    ADVICE,
    CONDITION_FAILED,
    LIMIT_REACHED,
    TRANSACTION_REFUSED,
    failure_of_answer,
    transaction_refused,
)
from dynadb_async.connection.failures import CORRUPT, AttemptFailedError, ConditionFailedError
from dynadb_async.connection.operations import OPERATIONS
from dynadb_async.connection.request import Request
from dynadb_async.connection.shape import check_item, check_key
from dynadb_async.values.stored_text import as_stored

BAD_REQUEST = 400


def refusal_of(request: Request, answer: Mapping[str, Any]) -> Exception:
    """What *answer*, with another status than 200 and in botocore's form, means to *request*."""
    code = answer.get("Error", {}).get("Code")
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", BAD_REQUEST)
    if status < BAD_REQUEST:
        # No success, and no error of DynamoDB's either: nobody knows what was done.
        return AttemptFailedError(CORRUPT)
    try:
        if status == BAD_REQUEST and code == CONDITION_FAILED:
            return _failed_condition(request, as_stored(answer.get("Item")))
        if status == BAD_REQUEST and code == TRANSACTION_REFUSED:
            _check_reasons(request, answer.get("CancellationReasons"))
            return transaction_refused(answer)
    except AttemptFailedError as error:
        return error
    failure = failure_of_answer(answer, frozenset({request.table}))
    if code == LIMIT_REACHED and not OPERATIONS[request.operation].is_about_items:
        # Of requests at once it is over soon; of tables it is not, and whoever asked knows which it may be.
        failure = evolve(failure, advice=ADVICE[LIMIT_REACHED], is_retryable=False, is_throttled=False)
    return AttemptFailedError(failure)


def _failed_condition(request: Request, item: Any) -> Exception:
    # A transaction says which of its conditions were not met, by another code.
    if not request.is_conditional or request.operation == "TransactWriteItems":
        raise AttemptFailedError(CORRUPT)
    if item:
        check_item(item)
        check_key(request, {"Item": item})
    return ConditionFailedError(item or None)


def _check_reasons(request: Request, reasons: Any) -> None:
    """They are one for each member of the transaction, and their items are those that it names."""
    members = request.parameters.get("TransactItems", [])
    if not isinstance(reasons or [], list) or len(reasons or members) != len(members):
        raise AttemptFailedError(CORRUPT)
    for member, reason in zip(members, reasons or [], strict=False):
        if not isinstance(reason, dict):
            raise AttemptFailedError(CORRUPT)
        if reason.get("Item"):
            check_item(reason["Item"])
            [action] = member.values()
            if not action.get("Key", {}).items() <= reason["Item"].items():
                raise AttemptFailedError(CORRUPT)
