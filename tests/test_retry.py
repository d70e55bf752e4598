import asyncio
import ssl
from socket import gaierror
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from dynadb_async import (
    AsyncDynamoDb,
    DynaDbError,
    DynamoDbConfig,
    ItemTooLargeError,
    OutcomeUnknownError,
    RequestError,
    RequestTimeoutError,
    TableNotFoundError,
    ThrottledError,
)
from dynadb_async.connection.failures import Failure
from dynadb_async.connection.given_up import error_of
from dynadb_async.connection.retry import COST, TOKENS, Attempts, RetryBudget
from dynadb_async.connection.sdk.failures import failure_of
from dynadb_async.testing import Fault, sick

WORDS = "secret words of a person"
URL = f"http://127.0.0.1/{WORDS}"

FAULT = Failure(code="InternalServerError", advice="")
LATE = Failure(code="Timeout", advice="", is_late=True)
THROTTLED = Failure(code="ThrottlingException", advice="", may_have_happened=False, is_throttled=True)
REFUSED = Failure(code="AccessDeniedException", advice="", is_retryable=False, may_have_happened=False)

failures = st.sampled_from([FAULT, LATE, THROTTLED])


def pauses(failure: Failure, limit: int = 5, until: float = 100.0) -> list[float]:
    """The pauses of an operation whose every attempt fails at once."""
    attempts, found = Attempts(limit, RetryBudget(), until), list[float]()
    while (pause := attempts.pause_after(failure, sum(found))) is not None:
        found.append(pause)
    return found


@pytest.mark.parametrize(
    ("failure", "limit", "retries"),
    [
        (FAULT, 5, 9),
        (LATE, 5, 4),
        (THROTTLED, 5, 9),
        (THROTTLED, 1, 0),
        (FAULT, 1, 0),
        (FAULT, 2, 3),
        (LATE, 2, 1),
        (REFUSED, 5, 0),
    ],
)
def test_how_often_is_tried_again(failure: Failure, limit: int, retries: int) -> None:
    """As often as the limit says; one that failed at once counts half; one that can't succeed is not repeated."""
    assert len(pauses(failure, limit)) == retries


def test_pauses_double_with_jitter() -> None:
    """From 50 ms to half a second, each at least half of its length, and no two operations in step."""
    longest = [0.05, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5]
    found = [pauses(THROTTLED) for _ in range(20)]

    for one in found:
        assert all(most / 2 <= pause <= most for pause, most in zip(one, longest, strict=True))
    assert len({one[0] for one in found}) > 1


@given(failures, st.integers(1, 20), st.floats(0, 5), st.floats(-1, 6))
def test_no_pause_outlives_the_operation(failure: Failure, limit: int, until: float, now: float) -> None:
    """There is no attempt at or after the operation's end, so no pause that reaches it."""
    attempts = Attempts(limit, RetryBudget(), until)
    for _ in range(limit * 2):
        pause = attempts.pause_after(failure, now)
        if pause is None:
            break
        assert pause > 0
        assert now + pause < until
        now += pause


@given(st.lists(st.lists(st.tuples(failures, st.booleans()), max_size=6), max_size=60))
def test_the_budget_has_bounds(operations: list[list[tuple[Failure, bool]]]) -> None:
    """Whatever operations do, the bucket never holds less than nothing nor more than at the beginning."""
    budget = RetryBudget()
    for operation in operations:
        attempts = Attempts(5, budget, 100.0)
        for failure, succeeds in operation:
            if succeeds:
                attempts.succeeded()
                break
            if attempts.pause_after(failure, 0.0) is None:
                break
            assert 0 <= budget.tokens <= TOKENS
        assert 0 <= budget.tokens <= TOKENS


@pytest.mark.parametrize(("failure", "retries"), [(FAULT, 100), (THROTTLED, 100), (LATE, 50)])
def test_an_outage_is_not_multiplied(failure: Failure, retries: int) -> None:
    """When every attempt fails, retries stop for all operations; a time-out costs twice as much."""
    budget, made = RetryBudget(), 0
    for _ in range(200):
        attempts = Attempts(5, budget, 100.0)
        while attempts.pause_after(failure, 0.0) is not None:
            made += 1

    assert made == retries
    assert Attempts(5, budget, 100.0).pause_after(failure, 0.0) is None


def test_the_budget_recovers() -> None:
    """Each operation that succeeds at once gives one token, so that retries begin again, but slowly."""
    budget = RetryBudget(tokens=0)
    for _ in range(4):
        Attempts(5, budget, 100.0).succeeded()
    assert Attempts(5, budget, 100.0).pause_after(FAULT, 0.0) is None

    Attempts(5, budget, 100.0).succeeded()
    assert Attempts(5, budget, 100.0).pause_after(FAULT, 0.0) is not None


def test_a_success_gives_back_its_retries() -> None:
    """An operation that succeeds in the end has cost nothing."""
    budget = RetryBudget(tokens=100)
    attempts = Attempts(5, budget, 100.0)
    attempts.pause_after(FAULT, 0.0)
    attempts.pause_after(LATE, 0.0)
    assert budget.tokens == 85

    attempts.succeeded()

    assert budget.tokens == 101


async def test_a_write_whose_answer_was_lost_has_succeeded(dynadb_config: DynamoDbConfig) -> None:
    """Its repetition is refused for it was done: that gives back what it took, however often answers are lost."""
    async with AsyncDynamoDb(dynadb_config) as db:
        assert db._live is not None
        db._live.connection.budget.tokens = 2 * COST
        for _ in range(5):
            with sick(dynadb_config, Fault.ANSWER_LOST, operations={"UpdateItem"}, times=1) as faults:
                async with db.turn("me"):
                    pass
            assert 1 == faults.met


def refusal(code: str, status: int = 400, message: str = WORDS) -> ClientError:
    """The server's error answer, as botocore raises it."""
    details = {"RequestId": "request-1", "HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": details}, "UpdateItem")


# The SDK's error, then what a read and a write of ours raise for it, and whether it is worth another attempt.
MEANINGS: list[tuple[Exception, type[DynaDbError], type[DynaDbError], bool]] = [
    (refusal("ProvisionedThroughputExceededException"), ThrottledError, ThrottledError, True),
    (refusal("ThrottlingException"), ThrottledError, ThrottledError, True),
    (refusal("RequestLimitExceeded"), ThrottledError, ThrottledError, True),
    (refusal("TransactionConflictException"), ThrottledError, ThrottledError, True),
    (refusal("ThrottlingException", 503), ThrottledError, ThrottledError, True),
    (refusal("InternalServerError", 500), RequestError, OutcomeUnknownError, True),
    (refusal("ServiceUnavailable", 503), RequestError, OutcomeUnknownError, True),
    (refusal("502", 502), RequestError, OutcomeUnknownError, True),
    (refusal("AccessDeniedException"), RequestError, RequestError, False),
    (refusal("UnrecognizedClientException"), RequestError, RequestError, False),
    (refusal("ExpiredTokenException"), RequestError, RequestError, False),
    (refusal("ValidationException"), RequestError, RequestError, False),
    (refusal("SomethingNew"), RequestError, RequestError, False),
    (refusal("ResourceNotFoundException"), TableNotFoundError, TableNotFoundError, False),
    (
        refusal("ValidationException", message="Item size has exceeded the maximum allowed size"),
        *(ItemTooLargeError, ItemTooLargeError, False),
    ),
    (EndpointConnectionError(endpoint_url=URL, error=gaierror(WORDS)), RequestError, RequestError, True),
    (
        EndpointConnectionError(endpoint_url=URL, error=ConnectionResetError(WORDS)),
        *(RequestError, OutcomeUnknownError, True),
    ),
    (ConnectTimeoutError(endpoint_url=URL, error=WORDS), RequestError, RequestError, True),
    (ProxyConnectionError(proxy_url=URL, error=WORDS), RequestError, RequestError, True),
    (SSLError(endpoint_url=URL, error=WORDS), RequestError, RequestError, True),
    (ReadTimeoutError(endpoint_url=URL, error=WORDS), RequestTimeoutError, OutcomeUnknownError, True),
    (TimeoutError(WORDS), RequestTimeoutError, OutcomeUnknownError, True),
    (ConnectionClosedError(endpoint_url=URL, error=WORDS), RequestError, OutcomeUnknownError, True),
    (HTTPClientError(error=WORDS), RequestError, OutcomeUnknownError, True),
    (ResponseParserError(WORDS), RequestError, OutcomeUnknownError, True),
    (NoCredentialsError(), RequestError, RequestError, False),
    (CredentialRetrievalError(provider=WORDS, error_msg=WORDS), RequestError, RequestError, False),
    (ParamValidationError(report=WORDS), RequestError, RequestError, False),
]


def name_of(value: Any) -> str:
    """A readable test id, without the error's text."""
    if isinstance(value, ClientError):
        return f"{value.response['Error']['Code']}-{value.response['ResponseMetadata']['HTTPStatusCode']}"
    return type(value).__name__ if isinstance(value, Exception) else ""


@pytest.mark.parametrize(("error", "of_read", "of_write", "is_retryable"), MEANINGS, ids=name_of)
def test_what_an_error_of_the_sdk_means(
    error: Exception, of_read: type[DynaDbError], of_write: type[DynaDbError], is_retryable: bool
) -> None:
    """Each has its class for a read and for a write; no text of the server's, no address, no value is passed on."""
    failure = failure_of(error)
    assert failure is not None

    read = error_of(failure, "GetItem", "users", may_have_happened=False)
    write = error_of(failure, "UpdateItem", "users", may_have_happened=failure.may_have_happened)

    assert (type(read), type(write), failure.is_retryable) == (of_read, of_write, is_retryable)
    for shown in (read, write, failure):
        assert WORDS not in f"{shown} {shown!r} {vars(shown) if hasattr(shown, '__dict__') else ''}"


def test_what_an_error_tells() -> None:
    """Operation, code and the server's request id are attributes, and are in the text."""
    failure = failure_of(refusal("AccessDeniedException"))
    assert failure is not None

    error = error_of(failure, "GetItem", "users", may_have_happened=False)

    assert isinstance(error, RequestError)
    assert (error.operation, error.code, error.request_id) == ("GetItem", "AccessDeniedException", "request-1")
    assert "GetItem: the credentials lack a permission" in str(error)
    assert "(code AccessDeniedException, request id request-1)" in str(error)


def test_an_unknown_outcome_says_what_to_do() -> None:
    """Repeating with the same turn id is safe, and the text says so."""
    failure = failure_of(TimeoutError())
    assert failure is not None

    assert "repeat it with the same turn_id" in str(error_of(failure, "UpdateItem", "users", may_have_happened=True))


@pytest.mark.parametrize("error", [ValueError("ours"), KeyError("ours"), ssl.SSLError("ours"), asyncio.QueueEmpty()])
def test_our_own_bugs_pass_through(error: Exception) -> None:
    """What is not the SDK's error is no failure of an attempt."""
    assert failure_of(error) is None
