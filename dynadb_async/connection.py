"""One `call` through an event loop's client: it ends in time, with an answer or an error."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

from attrs import define, field
from botocore.exceptions import ClientError

from dynadb_async.answers import Answer
from dynadb_async.client import SharedClient
from dynadb_async.config import ClientConfig
from dynadb_async.failures import (
    NOT_BEGUN,
    AttemptFailedError,
    ConditionFailedError,
    error_of,
    failure_of,
)
from dynadb_async.observer import Observer
from dynadb_async.request import Request
from dynadb_async.retry import Attempts, RetryBudget

logger: logging.Logger = logging.getLogger("dynadb_async")

METHODS = {
    "GetItem": "get_item",
    "UpdateItem": "update_item",
    "DeleteItem": "delete_item",
    "DescribeTable": "describe_table",
    "CreateTable": "create_table",
    "DescribeTimeToLive": "describe_time_to_live",
    "UpdateTimeToLive": "update_time_to_live",
}
ITEM_OPERATIONS = {"GetItem", "UpdateItem", "DeleteItem"}
READS = {"GetItem", "DescribeTable", "DescribeTimeToLive"}

CONDITION_FAILED = "ConditionalCheckFailedException"


@define(eq=False)
class Connection:
    """
    DynamoDB, as one event loop reaches it.

    Attributes:
        client: What sends the requests.
        observer: Hears of each request.
        budget: What retries are paid from, by all operations together.
    """

    client: SharedClient
    observer: Observer | None = None
    budget: RetryBudget = field(factory=RetryBudget, init=False)

    @property
    def config(self) -> ClientConfig:
        """The client's settings."""
        return self.client.config

    async def call(self, request: Request, *, until: float) -> Answer:
        """
        DynamoDB's answer to *request*.

        Raises:
            ConditionFailedError: With the item that is there instead.
            TableNotFoundError: There is no such table.
            RequestError: Refused, or given up by the time *until*, on the event loop's clock.
        """
        if self.observer is not None and request.operation in ITEM_OPERATIONS:
            request.ask_for_capacity()
        attempts: Attempts | None = None
        may_have_happened = False
        while True:
            try:
                answer = await self._attempt(request, until)
            except Exception as error:
                failure = failure_of(error)
                if failure is None:
                    raise
                # What a user sees is raised outside of this handler, for the SDK's own text may show what was sent.
            else:
                if attempts is None:
                    self.budget.give(1)
                else:
                    attempts.succeeded()
                return answer
            attempts = attempts or Attempts(self.config.max_attempts, self.budget, until)
            may_have_happened |= failure.may_have_happened
            pause = attempts.pause_after(failure, asyncio.get_running_loop().time())
            logger.debug("%s: attempt %d failed: %s", request.operation, attempts.made, failure.code)
            if pause is None:
                is_unknown = may_have_happened and request.operation not in READS
                raise error_of(failure, request.operation, request.table, may_have_happened=is_unknown)
            await asyncio.sleep(pause)

    def _attempt(self, request: Request, until: float) -> Awaitable[Answer]:
        """One attempt, to be awaited at once."""
        if self.observer is not None:
            return self._observed(self.observer, request, until)
        return self._asked(request, until)

    async def _observed(self, observer: Observer, request: Request, until: float) -> Answer:
        code, units = "Cancelled", 0.0
        try:
            answer = await self._asked(request, until)
            code, units = "", answer.members.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
        except ConditionFailedError:
            code = CONDITION_FAILED
            raise
        except Exception as error:
            failure = failure_of(error)
            code = code if failure is None else failure.code
            raise
        finally:
            observer.attempted(request.operation, code, units)
        return answer

    def _asked(self, request: Request, until: float) -> Awaitable[Answer]:
        if asyncio.get_running_loop().time() >= until:
            raise AttemptFailedError(NOT_BEGUN)
        client = self.client
        if client.sdk is None:
            return self._asked_once_open(request, until)
        if client.wire is not None and client.wire.takes(request.operation):
            return client.wire.call(request, until)
        return self._ask_sdk(request, until)

    async def _asked_once_open(self, request: Request, until: float) -> Answer:
        limit = asyncio.timeout_at(until)
        try:
            async with limit:
                await self.client.open()
        except TimeoutError:
            if not limit.expired():
                raise
            raise AttemptFailedError(NOT_BEGUN) from None
        return await self._asked(request, until)

    async def _ask_sdk(self, request: Request, until: float) -> Answer:
        limit = asyncio.get_running_loop().time() + self.config.connect_timeout + self.config.read_timeout
        # The client's own time-outs see neither the wait for a free connection nor an answer that trickles in.
        try:
            async with asyncio.timeout_at(min(limit, until)):
                return Answer(await getattr(self.client.sdk, METHODS[request.operation])(**request.parameters))
        except ClientError as error:
            refused: dict[str, Any] = dict(error.response)
            if refused["Error"].get("Code") == CONDITION_FAILED:
                raise ConditionFailedError(refused.get("Item")) from None
            raise
