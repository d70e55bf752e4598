"""
The fast path: an item operation without botocore's per-call machinery.

Whenever there is something about the ordinary client that only it can do (tracing instrumentation, an event handler, a
patched method), it is asked instead.
"""

import asyncio
import logging
from typing import Any, Protocol

from dynadb_async.config import ClientConfig
from dynadb_async.connection.answers import OK, Answer, check_checksum, check_shape
from dynadb_async.connection.failures import (
    CONDITION_FAILED,
    CORRUPT,
    TRANSACTION_REFUSED,
    AttemptFailedError,
    ConditionFailedError,
    failure_of_answer,
    transaction_refused,
)
from dynadb_async.connection.keys import Keys, RenewedKeys
from dynadb_async.connection.operations import ITEM_OPERATIONS
from dynadb_async.connection.plain import Plain
from dynadb_async.connection.request import Request
from dynadb_async.connection.wire.endpoint import Endpoint
from dynadb_async.connection.wire.exchange import HttpAnswer, Pace, Transport, UnusualAnswerError
from dynadb_async.connection.wire.over_protocol import ProtocolTransport
from dynadb_async.connection.wire.signature import Signer
from dynadb_async.values.attribute_json import decoded

logger: logging.Logger = logging.getLogger("dynadb_async")

EMPTY = b"{}"
TARGETS = {name: f"DynamoDB_20120810.{name}" for name in ITEM_OPERATIONS}


class Watch(Protocol):
    """Whether the ordinary client still is as the SDK made it."""

    def is_untouched(self) -> bool:
        """Asked before each operation."""
        ...


async def opened_wire(plain: Plain, config: ClientConfig, watch: Watch) -> "Wire":
    """The fast path that goes by *plain*."""
    # In a thread: with TLS it reads the certificates of all authorities.
    endpoint = await asyncio.to_thread(Endpoint.of, plain.endpoint_url, plain.verify)
    pace = Pace(config.connect_timeout, config.read_timeout, config.max_pool_connections)
    # Marked, so that the server's log tells which way a request came.
    transport = ProtocolTransport(endpoint, pace, f"{plain.user_agent} md/wire")
    return Wire(plain.keys, Signer(plain.region_name, endpoint.netloc), transport, watch)


class Wire:
    """Item operations over a transport of our own."""

    def __init__(self, keys: Keys | RenewedKeys, signer: Signer, transport: Transport, watch: Watch) -> None:
        self._watch = watch
        self._keys = keys
        self._signer = signer
        self._transport = transport
        self._is_understood = True

    def takes(self, operation: str) -> bool:
        """Whether *operation* can go this way now; else it is the ordinary client's."""
        return operation in TARGETS and self._is_understood and self._watch.is_untouched()

    async def call(self, request: Request, until: float) -> Answer:
        """
        DynamoDB's answer.

        Raises:
            AttemptFailedError: There was none, or it was an error.
            ConditionFailedError: With the item that is there instead.
        """
        operation, body = request.operation, request.body
        keys = self._keys
        credentials = keys if isinstance(keys, Keys) else await keys.now(until)
        signed = self._signer.signed(credentials, TARGETS[operation], body)
        try:
            answer = await self._transport.exchange(signed, until)
        except UnusualAnswerError:
            logger.info("%s: no answer in DynamoDB's form; from now on, the ordinary client is used", operation)
            self._is_understood = False
            raise AttemptFailedError(CORRUPT) from None
        check_checksum(answer.checksum, answer.body)
        if answer.status != OK:
            raise _refusal(answer)
        members: dict[str, Any] = decode(answer.body) if answer.body != EMPTY else {}
        if answer.checksum is None or type(members) is not dict:
            # What has the right checksum is DynamoDB's, or in its form.
            check_shape(operation, members)
        return Answer(members, answer.body)

    def abandon(self) -> None:
        """Let go of the connections of an event loop that was closed first."""
        self._transport.abandon()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def decode(body: bytes) -> Any:
    """
    The JSON of an answer, binaries as bytes.

    Raises:
        AttemptFailedError: It is no JSON.
    """
    try:
        return decoded(body, "Item", "Items", "CancellationReasons", "UnprocessedItems")
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise AttemptFailedError(CORRUPT)


def _refusal(answer: HttpAnswer) -> Exception:
    """What an error answer says, as the SDK would read it."""
    try:
        said = decode(answer.body)
        code = str(said["__type"]).partition(":")[0].rpartition("#")[2]
        message = said.get("message", said.get("Message", ""))
    except (AttemptFailedError, TypeError, KeyError, AttributeError):
        code, message, said = str(answer.status), "", {}
    if code == CONDITION_FAILED:
        return ConditionFailedError(said.get("Item"))
    metadata = {"RequestId": answer.request_id, "HTTPStatusCode": answer.status}
    if code == TRANSACTION_REFUSED:
        return transaction_refused({"ResponseMetadata": metadata, **said})
    return AttemptFailedError(
        failure_of_answer({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata})
    )
