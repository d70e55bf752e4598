"""
The fast path: what a turn asks for, without botocore's per-call machinery.

Whenever there is something about the ordinary client that only it can do (tracing instrumentation, an event handler, a
patched method), it is asked instead.
"""

import asyncio
import math
from typing import Protocol

from dynadb_async.config import ClientConfig
from dynadb_async.connection.answers import Answer, answer_of
from dynadb_async.connection.failures import CORRUPT, AttemptFailedError
from dynadb_async.connection.keys import EXPIRED, Credentials, Keys, RenewedKeys
from dynadb_async.connection.operations import ON_THE_WIRE, OPERATIONS
from dynadb_async.connection.plain import Plain
from dynadb_async.connection.request import Request
from dynadb_async.connection.trust import unusable_certificates
from dynadb_async.connection.wire.answer import HttpAnswer, UnusualAnswerError
from dynadb_async.connection.wire.endpoint import Endpoint
from dynadb_async.connection.wire.exchange import Pace, Transport
from dynadb_async.connection.wire.oddity import Oddity
from dynadb_async.connection.wire.over_protocol import ProtocolTransport
from dynadb_async.connection.wire.signature import Signer

# What is said of a wrong clock; some of it, of wrong keys too.
SKEWED = {
    "AuthFailure",
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
TARGETS = {name: f"DynamoDB_20120810.{name}" for name in ON_THE_WIRE}
READS = {name for name in ON_THE_WIRE if OPERATIONS[name].is_read}


class Watch(Protocol):
    """Whether the ordinary client still is as the SDK made it."""

    def is_untouched(self) -> bool:
        """Asked before each operation."""
        ...


async def opened_wire(plain: Plain, config: ClientConfig, watch: Watch) -> "Wire":
    """
    The fast path that goes by *plain*.

    Raises:
        ConfigError: The file of certificates can't be read.
    """
    # In a thread: with TLS it reads the certificates of all authorities.
    try:
        endpoint = await asyncio.to_thread(Endpoint.of, plain.endpoint_url, plain.verify)
    except OSError as error:
        raise unusable_certificates(error) from None
    pace = Pace(config.connect_timeout, config.read_timeout, config.max_pool_connections)
    # Marked, so that the server's log tells which way a request came.
    signer = Signer(plain.region_name, endpoint.netloc, f"{plain.user_agent} md/wire")
    return Wire(plain.keys, signer, ProtocolTransport(endpoint, pace), watch)


class Wire:
    """What a turn asks for, over a transport of our own."""

    def __init__(self, keys: Keys | RenewedKeys, signer: Signer, transport: Transport, watch: Watch) -> None:
        self._watch = watch
        self._keys = keys
        self._signer = signer
        self._transport = transport
        self._oddity = Oddity()

    def takes(self, operation: str) -> bool:
        """Whether *operation* can go this way now; else it is the ordinary client's."""
        oddity = self._oddity
        return operation in TARGETS and (oddity.away_until is None or oddity.is_over()) and self._watch.is_untouched()

    async def call(self, request: Request, until: float, *, is_repeated: bool = False) -> Answer:
        """
        DynamoDB's answer.

        Args:
            request: The request.
            until: The end of the attempt's time, on the event loop's clock.
            is_repeated: It was refused for its signature, and is signed otherwise now.

        Raises:
            AttemptFailedError: There was none, or it was an error.
            ConditionFailedError: With the item that is there instead.
        """
        operation, attempts = request.operation, request.attempts
        keys = self._keys
        credentials = keys if isinstance(keys, Keys) else await keys.now(until)
        signed = self._signer.signed(credentials, TARGETS[operation], request.body)
        answer: HttpAnswer | None = None
        try:
            answer = await self._transport.exchange(signed, until, attempts, is_write=operation not in READS)
            self._oddity.in_a_row = 0
            return answer_of(request, answer)
        except UnusualAnswerError as odd:
            if odd.is_first:
                self._oddity.saw(operation)
        except AttemptFailedError as error:
            code = error.failure.code
            if error.failure is CORRUPT:
                if answer is not None:
                    answer.distrust()
            elif answer is None or is_repeated or not await self._signs_otherwise(code, credentials, answer, until):
                raise
            else:
                return await self.call(request, until, is_repeated=True)
        if attempts is not None:
            # On a new connection.
            attempts.trusted = math.inf
        raise AttemptFailedError(CORRUPT)

    async def _signs_otherwise(self, code: str, refused: Credentials, answer: HttpAnswer, until: float) -> bool:
        """Whether a request that was refused with *code* is worth signing anew, by other keys or another clock."""
        if code in EXPIRED:
            return not isinstance(self._keys, Keys) and await self._keys.renewed(refused, until)
        return code in SKEWED and self._signer.learn(answer.date)

    def abandon(self) -> None:
        """Let go of the connections of an event loop that was closed first."""
        self._transport.abandon()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()
