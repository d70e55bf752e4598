"""Why an attempt failed: whether to try again, whether the write may have happened, what to say."""

from collections.abc import Mapping, Sequence
from ssl import SSLCertVerificationError
from typing import Any

from attrs import frozen

from dynadb_async.connection.trust import is_too_old

MEMBER_REFUSED = "ConditionalCheckFailed"


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
NOT_OPEN = Failure(
    code="Timeout",
    advice="the SDK, or the credentials that it fetches, did not come in time; they are still awaited, so try again",
    may_have_happened=False,
    is_late=True,
)
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


def failure_of_handshake(error: BaseException | None) -> Failure:
    """Why no connection stands. A server that was refused once is refused each time: that is told at once."""
    if isinstance(error, SSLCertVerificationError):
        return UNTRUSTED
    return TLS_TOO_OLD if is_too_old(error) else UNREACHABLE
