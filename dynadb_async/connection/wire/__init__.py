"""
The fast path: an item operation without botocore's per-call machinery.

The ordinary client stays the owner of settings, credentials, endpoint and TLS. Whenever there is something about it
that only it can do (a proxy, tracing instrumentation, an event handler, a patched method), it is asked instead.
"""

import asyncio
import logging
from typing import Any

from aiobotocore.credentials import AioCredentials

from dynadb_async.config import ClientConfig
from dynadb_async.connection.answers import Answer, check_checksum, check_shape
from dynadb_async.connection.failures import (
    CONDITION_FAILED,
    CORRUPT,
    NOT_BEGUN,
    AttemptFailedError,
    ConditionFailedError,
    failure_of_answer,
)
from dynadb_async.connection.request import Request
from dynadb_async.connection.wire.endpoint import Endpoint, Watch, is_plain_client, verify_of
from dynadb_async.connection.wire.exchange import HttpAnswer, Pace, Transport, UnusualAnswerError
from dynadb_async.connection.wire.over_protocol import ProtocolTransport
from dynadb_async.connection.wire.signature import Credentials, Signer
from dynadb_async.values.attribute_json import decoded

logger: logging.Logger = logging.getLogger("dynadb_async")

OK = 200
EMPTY = b"{}"
TARGETS = {name: f"DynamoDB_20120810.{name}" for name in ("GetItem", "UpdateItem", "DeleteItem")}


async def wire_beside(client: Any, credentials: Any, config: ClientConfig) -> "Wire | None":
    """The fast path beside *client*, if there is nothing about it that only it can do."""
    try:
        if not config.fast_path or not is_plain_client(client):
            return None
        verify = verify_of(client)
    except AttributeError:
        # A release of the SDK that keeps its settings elsewhere.
        return None
    meta = client.meta
    # In a thread: with TLS it reads the certificates of all authorities.
    endpoint = await asyncio.to_thread(Endpoint.of, meta.endpoint_url, verify)
    pace = Pace(config.connect_timeout, config.read_timeout, config.max_pool_connections)
    # Marked, so that the server's log tells which way a request came.
    agent = f"{meta.config.user_agent} md/wire"
    transport = ProtocolTransport(endpoint, pace, agent)
    return Wire(client, credentials, Signer(meta.region_name, endpoint.netloc), transport)


class Wire:
    """Item operations of one client, over a transport of our own."""

    def __init__(self, client: Any, credentials: Any, signer: Signer, transport: Transport) -> None:
        self._watch = Watch(client)
        self._credentials = credentials
        # All that refresh themselves are of other classes.
        self._lasting: Credentials | None = credentials if type(credentials) is AioCredentials else None
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
        credentials = self._lasting or await self._frozen_credentials(until)
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

    async def _frozen_credentials(self, until: float) -> Credentials:
        try:
            # They are fetched now and then, over the network.
            async with asyncio.timeout_at(until):
                frozen: Credentials = await self._credentials.get_frozen_credentials()
        except TimeoutError:
            raise AttemptFailedError(NOT_BEGUN) from None
        return frozen

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
        return decoded(body, "Item")
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
    return AttemptFailedError(
        failure_of_answer({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata})
    )
