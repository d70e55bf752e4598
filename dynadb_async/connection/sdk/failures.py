"""What an exception of the SDK means, in our own words: the only place that knows them."""

from collections.abc import Iterator
from contextlib import contextmanager
from socket import gaierror
from traceback import walk_tb

from aiohttp import ClientConnectorError
from attrs import evolve
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    CredentialRetrievalError,
    HTTPClientError,
    NoAuthTokenError,
    NoCredentialsError,
)
from botocore.parsers import ResponseParserError

from dynadb_async.connection.codes import failure_of_answer
from dynadb_async.connection.failures import (
    BROKEN_OFF,
    CORRUPT,
    LATE,
    NO_CREDENTIALS,
    UNREACHABLE,
    AttemptFailedError,
    Failure,
    failure_of_handshake,
)
from dynadb_async.connection.refusals import refusal_of
from dynadb_async.connection.request import Request
from dynadb_async.errors import ConfigError

REFUSED = Failure(
    code="",
    advice="the AWS SDK refused; check client.options and the AWS_… variables",
    is_retryable=False,
    may_have_happened=False,
)


# Of our requests only what a user adds to CreateTable can be of another shape than the SDK knows.
MISSHAPEN = evolve(REFUSED, advice="the AWS SDK can't make a request of it; check table.create_options")

PARSERS = ("botocore.parsers", "aiobotocore.parsers")
SERIALIZERS = ("botocore.serialize",)


@contextmanager
def translated(request: Request | None = None) -> Iterator[None]:
    """
    What the SDK raises within, in our words, asking for *request*; anything else is a bug, to be seen as it is.

    Raises:
        AttemptFailedError: There was no answer, or it was an error.
        ConditionFailedError: With the item that is there instead.
    """
    try:
        yield
    except Exception as error:
        failed = failed_of(error, request)
        if failed is None:
            raise
        raise failed from None


def failed_of(error: Exception, request: Request | None) -> Exception | None:
    """What to raise instead of *error*; None if it stays as it is."""
    if (
        isinstance(error, ClientError)
        and request is not None
        and "HTTPStatusCode" in error.response["ResponseMetadata"]
    ):
        return refusal_of(request, error.response)
    within = error.kwargs.get("error") if isinstance(error, HTTPClientError) else None
    if isinstance(within, ConfigError):
        # Our own connections said so.
        return within
    failure = failure_of(error)
    if failure is None and _is_of(PARSERS, error):
        failure = CORRUPT
    if failure is None and _is_of(SERIALIZERS, error):
        failure = evolve(MISSHAPEN, code=type(error).__name__)
    return None if failure is None else AttemptFailedError(failure)


def _is_of(modules: tuple[str, ...], error: Exception) -> bool:
    """Whether the SDK stumbled in these *modules* of its own, in which nobody else's code runs."""
    return any(frame.f_globals.get("__name__") in modules for frame, _ in walk_tb(error.__traceback__))


def failure_of(error: Exception) -> Failure | None:
    """What the SDK's *error* means; None if it is not the SDK's, but a bug to be seen as it is."""
    match error:
        case ClientError():
            return failure_of_answer(error.response)
        case NoCredentialsError() | CredentialRetrievalError() | NoAuthTokenError():
            return NO_CREDENTIALS
        case TimeoutError():
            return LATE
        case ResponseParserError():
            return CORRUPT
        case HTTPClientError() | ConnectionError():
            return _failure_of_connection(error)
        case BotoCoreError():
            return evolve(REFUSED, code=type(error).__name__)
        case _:
            return None


def _failure_of_connection(error: BotoCoreError) -> Failure:
    # The names of botocore's exceptions: a connection that never stood sent nothing.
    match type(error).__name__:
        # The SDK has this name for a reset in the midst of an answer, too.
        case "EndpointConnectionError" if not isinstance(error.kwargs.get("error"), ClientConnectorError | gaierror):
            return BROKEN_OFF
        case "SSLError":
            return failure_of_handshake(getattr(error.kwargs.get("error"), "__cause__", None))
        case "EndpointConnectionError" | "ConnectTimeoutError" | "ProxyConnectionError":
            return UNREACHABLE
        case "ReadTimeoutError":
            return LATE
        case _:
            return BROKEN_OFF
