"""Why an attempt failed: whether to try again, whether the write may have happened, what to say."""

from collections.abc import Callable, Collection, Mapping, Sequence
from ssl import SSLCertVerificationError
from typing import Any

from attrs import evolve, frozen

from dynadb_async.connection.reasons import reason_of
from dynadb_async.connection.trust import is_too_old
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

SERVER_FAULT = 500

# Of a server's own words: its codes and ids are far shorter.
LONGEST_WORD = 100

CONDITION_FAILED = "ConditionalCheckFailedException"

TRANSACTION_REFUSED = "TransactionCanceledException"
MEMBER_REFUSED = "ConditionalCheckFailed"

# Ours, for what DynamoDB has no code of its own for.
KEY_MISMATCH, INDEX_MISMATCH = "KeyMismatch", "IndexMismatch"
MISMATCHES = {
    "type mismatch for index key": INDEX_MISMATCH,
    "update the secondary index key": INDEX_MISMATCH,
    "key element does not match the schema": KEY_MISMATCH,
    "required keys was not given a value": KEY_MISMATCH,
    "conditions on the keys is invalid": KEY_MISMATCH,
    "type mismatch for key": KEY_MISMATCH,
}
"""By words of a ValidationException's text, which itself may hold a person's."""

MOTO_ON_A_SORT_KEY = "validation exception"

TABLE_OPERATIONS = {"DescribeTable", "CreateTable"}
TTL_OPERATIONS = {"DescribeTimeToLive", "UpdateTimeToLive"}

LIMIT_REACHED = "LimitExceededException"
TABLE_MISSING = "ResourceNotFoundException"
ITEM_TOO_LARGE = "ItemTooLarge"

# What the SDK would repeat by itself, in any of its modes.
THROTTLED = {
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    # Another request with this token, or another program's, is still under way.
    "TransactionInProgressException",
    # Another program's transaction holds the item for a moment.
    "TransactionConflictException",
    # As the reasons of a refused transaction have them: nothing of it happened.
    "TransactionConflict",
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
}

TOO_MANY_REQUESTS = 429

# Another region changes the item at this moment: nothing happened here.
CONFLICTS = {"ReplicatedWriteConflictException"}

# The server did not get the request whole, or so it says.
NOT_RECEIVED = {"RequestTimeout", "RequestTimeoutException"}
NOT_RECEIVED_STATUS = {408, 425}

ADVICE = {
    "AccessDeniedException": "the credentials lack a permission; the README lists what each call needs",
    "ExpiredToken": "the credentials have expired; renew them, or use a provider that refreshes",
    "ExpiredTokenException": "the credentials have expired; renew them, or use a provider that refreshes",
    "IncompleteSignature": "the credentials are incomplete; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "InvalidSignatureException": "the signature was refused; check the secret key and this machine's clock",
    "MissingAuthenticationToken": "the request was not signed; check the credentials",
    "UnrecognizedClientException": "the access key or session token is unknown; check the credentials and the region",
    LIMIT_REACHED: "a limit of the account was reached; use fewer tables, or ask AWS to raise it",
    "ValidationException": (
        "DynamoDB holds the request to be invalid; check that the table's key is table.primary_key_column, a text,"
        " without a sort key, and that its indexes and table.create_options fit; else report it, with the request id"
    ),
}


@frozen(kw_only=True)
class Failure:
    """
    Why one attempt failed.

    Attributes:
        code: The server's error code, or ours for the network.
        advice: What to say.
        request_id: The server's handle.
        reason: AWS's own text, where that can be nobody's words.
        is_retryable: Another attempt may succeed.
        may_have_happened: DynamoDB may have done what was asked.
        is_throttled: DynamoDB asks to slow down.
        is_late: There was no answer in time.
    """

    code: str
    advice: str
    request_id: str = ""
    reason: str = ""
    is_retryable: bool = True
    may_have_happened: bool = True
    is_throttled: bool = False
    is_late: bool = False


class AttemptFailedError(Exception):
    """Raised by each way to an answer, caught by `connection`: never seen by a user."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


class ConditionFailedError(Exception):
    """The item is not as the condition says. Caught by `store`: never seen by a user."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__("the condition was not met")
        self.item = item


class TransactionRefusedError(Exception):
    """An item is not as its condition in the transaction says, and nothing was written: never seen by a user."""

    def __init__(self, reasons: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("a condition of the transaction was not met")
        self._reasons = reasons
        self.is_first = True
        """Whether no attempt came before, which may have been made though its answer was lost."""

    def is_refused(self, place: int) -> bool:
        """Whether the condition of the member at *place* was not met."""
        return place < len(self._reasons) and self._reasons[place].get("Code") == MEMBER_REFUSED

    def item(self, place: int, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """The item with *key* that is there instead of what the member at *place* expected, where the server tells."""
        item = self._reasons[place].get("Item") if place < len(self._reasons) else None
        # Another's would be the answer to another transaction.
        return item if isinstance(item, dict) and key.items() <= item.items() else None


UNREACHABLE = Failure(
    code="ConnectionFailed",
    advice="no connection to DynamoDB; check the region, the endpoint and the network",
    may_have_happened=False,
)
ALL_BUSY = Failure(
    code="AllConnectionsBusy",
    advice="no connection was free in time; raise client.max_pool_connections",
    is_retryable=False,
    may_have_happened=False,
    is_late=True,
)
UNTRUSTED = Failure(
    code="CertificateRefused",
    advice="the server's certificate was refused; check the endpoint and client.verify",
    is_retryable=False,
    may_have_happened=False,
)
TLS_TOO_OLD = Failure(
    code="TlsRefused",
    advice="the server has no TLS version and cipher in common with this machine; it must speak TLS 1.2 or later",
    is_retryable=False,
    may_have_happened=False,
)
LATE = Failure(code="Timeout", advice="no answer in time", is_late=True)
NOT_BEGUN = Failure(code="Timeout", advice="the time was up before it began", may_have_happened=False, is_late=True)
BROKEN_OFF = Failure(code="ConnectionLost", advice="the connection broke before the answer was complete")
CORRUPT = Failure(code="CorruptAnswer", advice="the answer was damaged, or not from DynamoDB")
NO_CREDENTIALS = Failure(
    code="NoCredentials",
    advice="no credentials could be had; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or check their provider",
    is_retryable=False,
    may_have_happened=False,
)
CREDENTIALS_LATE = Failure(
    code="Timeout",
    advice="the credentials did not come in time; they are still being fetched, so try again",
    may_have_happened=False,
    is_late=True,
)


CONNECTIONLESS = {UNREACHABLE.code, UNTRUSTED.code, TLS_TOO_OLD.code}


def failure_of_handshake(error: BaseException | None) -> Failure:
    """Why no connection stands. A server that was refused once is refused each time: that is told at once."""
    if isinstance(error, SSLCertVerificationError):
        return UNTRUSTED
    return TLS_TOO_OLD if is_too_old(error) else UNREACHABLE


def failure_of_answer(answer: Mapping[str, Any], own_names: frozenset[str] = frozenset()) -> Failure:
    """What an error answer in botocore's form means; *own_names* of our settings may be in its text."""
    details = answer.get("ResponseMetadata", {})
    code, status = told(answer.get("Error", {}).get("Code", "")), details.get("HTTPStatusCode", 0)
    failure = Failure(
        code=code,
        advice=ADVICE.get(code, "DynamoDB refused the request"),
        request_id=told(details.get("RequestId", "")),
        reason=reason_of(code, answer.get("Error", {}).get("Message"), own_names),
        is_retryable=False,
        may_have_happened=False,
    )
    if code in THROTTLED or status == TOO_MANY_REQUESTS:
        advice = "DynamoDB asks to slow down; raise the table's capacity, use on-demand billing, or try later"
        return evolve(failure, advice=advice, is_retryable=True, is_throttled=True)
    if code in CONFLICTS:
        return evolve(failure, advice="another region changed the item at that moment", is_retryable=True)
    if code in NOT_RECEIVED or status in NOT_RECEIVED_STATUS:
        return evolve(failure, advice="DynamoDB did not get the request", is_retryable=True, may_have_happened=True)
    if status >= SERVER_FAULT:
        # Whoever has a fault is in no state to say what is, or is not, there.
        code = str(status) if code in (TABLE_MISSING, CONDITION_FAILED) else code
        return evolve(
            failure, code=code, advice="DynamoDB had a fault of its own", is_retryable=True, may_have_happened=True
        )
    return evolve(failure, code=_code_of_invalid(answer)) if code == "ValidationException" else failure


def _code_of_invalid(answer: Mapping[str, Any]) -> str:
    text = str(answer["Error"].get("Message", "")).lower()
    if text == MOTO_ON_A_SORT_KEY:
        return KEY_MISMATCH
    found = [code for words, code in MISMATCHES.items() if words in text]
    return found[0] if found else ITEM_TOO_LARGE if "size" in text else "ValidationException"


def transaction_refused(answer: Mapping[str, Any]) -> Exception:
    """Why a transaction was refused, from an error answer in botocore's form."""
    reasons = answer.get("CancellationReasons") or []
    codes = [str(reason.get("Code")) for reason in reasons if reason.get("Code") not in (None, "None")]
    if MEMBER_REFUSED in codes:
        return TransactionRefusedError(reasons)
    code = codes[0] if codes else TRANSACTION_REFUSED
    return AttemptFailedError(failure_of_answer({**answer, "Error": {"Code": MEANT.get(code, code)}}))


MEANT = {"ValidationError": "ValidationException", "AccessDenied": "AccessDeniedException"}
"""Codes of a transaction's reasons, as other answers have them."""


def told(words: object) -> str:
    """What a server says, as our own texts may repeat it: short, and without what would break a line or hide one."""
    return "".join([sign for sign in str(words)[:LONGEST_WORD] if sign.isprintable()])


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
        advice += "; the write may have happened, repeat it with the same turn_id"
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
    needed = ", ".join(f"{name} (S)" for name in key) or "the key of the settings"
    return TableError(
        f"table {table} has another key, or a sort key besides, but {needed} alone is needed; "
        "choose another table.name, or the table's own key as table.primary_key_column"
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
