"""What DynamoDB's error codes mean: the failure of the attempt that they answer."""

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from dynadb_async.connection.failures import MEMBER_REFUSED, AttemptFailedError, Failure, TransactionRefusedError
from dynadb_async.connection.reasons import reason_of

CONDITION_FAILED = "ConditionalCheckFailedException"
TRANSACTION_REFUSED = "TransactionCanceledException"
LIMIT_REACHED = "LimitExceededException"
TABLE_MISSING = "ResourceNotFoundException"

# Ours, for what DynamoDB has no code of its own for.
KEY_MISMATCH, INDEX_MISMATCH, ITEM_TOO_LARGE = "KeyMismatch", "IndexMismatch", "ItemTooLarge"
MISMATCHES = {
    "type mismatch for index key": INDEX_MISMATCH,
    "update the secondary index key": INDEX_MISMATCH,
    "key element does not match the schema": KEY_MISMATCH,
    "required keys was not given a value": KEY_MISMATCH,
    "conditions on the keys is invalid": KEY_MISMATCH,
    "type mismatch for key": KEY_MISMATCH,
    "query condition missed key schema element": KEY_MISMATCH,
    "query key condition not supported": KEY_MISMATCH,
    "condition parameter type does not match schema type": KEY_MISMATCH,
}
"""By words of a ValidationException's text, which itself may hold a person's."""
MOTO_ON_A_SORT_KEY = "validation exception"

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

TOO_MANY_REQUESTS, SERVER_FAULT = 429, 500

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
    "UnknownOperationException": (
        "the server knows no such operation; dynalite, for one, has no transactions, which conversations need, nor TTL"
    ),
    LIMIT_REACHED: "a limit of the account was reached; use fewer tables, or ask AWS to raise it",
    "ValidationException": (
        "DynamoDB holds the request to be invalid; check that the table's key is table.primary_key_column, a text,"
        " without a sort key, and that its indexes and table.create_options fit; else report it, with the request id"
    ),
}


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
    texts = [reason.get("Message") for reason in reasons if reason.get("Code") == code]
    error = {"Code": MEANT.get(code, code), "Message": texts[0] if texts else None}
    return AttemptFailedError(failure_of_answer({**answer, "Error": error}))


MEANT = {"ValidationError": "ValidationException", "AccessDenied": "AccessDeniedException"}
"""Codes of a transaction's reasons, as other answers have them."""


# Its codes and ids are far shorter.
LONGEST_WORD = 100


def told(words: object) -> str:
    """What a server says, as our own texts may repeat it: short, and without what would break a line or hide one."""
    return "".join([sign for sign in str(words)[:LONGEST_WORD] if sign.isprintable()])
