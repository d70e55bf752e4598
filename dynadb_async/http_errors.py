"""What a webhook answers when its turn could not be loaded or saved, whatever the framework."""

import logging
from collections.abc import Mapping

from attrs import field, frozen

from dynadb_async import (
    DynaDbError,
    InvalidUserIdError,
    OutcomeUnknownError,
    ReplyLostError,
    RequestTimeoutError,
    TableNotReadyError,
    ThrottledError,
    VersionConflictError,
)
from dynadb_async.platforms import MalformedRequestError, SignatureError

logger: logging.Logger = logging.getLogger("dynadb_async")


@frozen
class HttpError:
    """
    An answer in place of the handler's.

    Attributes:
        status: Such as 503.
        detail: What the caller is told; nothing for an empty body. The error's own text names tables and members, and
            goes to the log only.
        headers: Such as Retry-After.
    """

    status: int
    detail: str
    headers: Mapping[str, str] = field(factory=dict)


LATER = HttpError(503, "The memory is busy: send the request again.", {"Retry-After": "1"})

HTTP_ERRORS: Mapping[type[DynaDbError], HttpError] = {
    SignatureError: HttpError(401, "The request is not signed as its platform signs it."),
    MalformedRequestError: HttpError(400, "The request is not as its platform documents it."),
    ThrottledError: LATER,
    RequestTimeoutError: LATER,
    OutcomeUnknownError: LATER,
    TableNotReadyError: LATER,
    VersionConflictError: HttpError(409, "Another request of the same user was faster: send this one again."),
    # Applied long ago: there is nothing to repeat, and platforms repeat on 5xx.
    ReplyLostError: HttpError(200, ""),
    InvalidUserIdError: HttpError(422, "The user id is not valid: it must be a text of 1 to 2048 bytes."),
}
"""The errors that are no fault of the app; all others are the app's, and its framework answers 500."""


def http_error(error: DynaDbError, errors: Mapping[type[DynaDbError], HttpError] = HTTP_ERRORS) -> HttpError | None:
    """The answer to *error*, which is logged; None if it is the app's own fault."""
    found = next((errors[kind] for kind in type(error).__mro__ if kind in errors), None)
    if found is not None:
        logger.warning("answered %d: %s: %s", found.status, type(error).__name__, error)
    return found
