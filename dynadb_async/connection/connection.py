"""One `call` through an event loop's client: it ends in time, with an answer or an error."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

from attrs import define, field

from dynadb_async.config import ClientConfig
from dynadb_async.connection.answers import Answer
from dynadb_async.connection.codes import CONDITION_FAILED, KEY_MISMATCH, TRANSACTION_REFUSED
from dynadb_async.connection.failures import (
    NOT_BEGUN,
    NOT_OPEN,
    AttemptFailedError,
    ConditionFailedError,
    Failure,
    TransactionRefusedError,
)
from dynadb_async.connection.given_up import error_of
from dynadb_async.connection.operations import OPERATIONS
from dynadb_async.connection.request import Request
from dynadb_async.connection.retry import TOKENS, Attempts, RetryBudget
from dynadb_async.connection.shape import units_of
from dynadb_async.connection.ways import Ways
from dynadb_async.errors import DynaDbError
from dynadb_async.observer import Observer

logger: logging.Logger = logging.getLogger("dynadb_async")

R = TypeVar("R")


@define(eq=False, repr=False)
class Connection:
    """
    DynamoDB, as one event loop reaches it.

    Attributes:
        ways: What sends the requests.
        observer: Hears of each request.
        budget: What retries are paid from, by all operations together.
        now: The event loop's clock.
    """

    ways: Ways
    observer: Observer | None = None
    budget: RetryBudget = field(factory=RetryBudget, init=False)
    now: Callable[[], float] = field(factory=lambda: asyncio.get_running_loop().time, init=False)

    @property
    def config(self) -> ClientConfig:
        """The client's settings."""
        return self.ways.config

    async def open(self) -> None:
        """
        Open the ways, before the first request has to.

        Raises:
            ConfigError: There is no region, or there are no credentials.
            RequestError: The SDK refused.
        """
        await _or_error(self.ways.open())

    async def client(self) -> Any:
        """
        The ordinary client.

        Raises:
            ConfigError: There is no region, there are no credentials, or there is a store in its place.
            RequestError: The SDK refused.
        """
        return await _or_error(self.ways.client())

    async def call(self, request: Request, *, until: float) -> Answer:
        """
        DynamoDB's answer to *request*.

        Raises:
            ConditionFailedError: With the item that is there instead.
            TransactionRefusedError: The same of a transaction.
            TableNotFoundError: There is no such table.
            RequestError: Refused, or given up by the time *until*, on the event loop's clock.
        """
        if self.observer is not None and OPERATIONS[request.operation].is_about_items:
            request.ask_for_capacity()
        attempts = request.attempts = Attempts(self.ways.config.max_attempts, self.budget, until)
        ask = self._asked if self.observer is None else self._observed
        failure, may_have_happened = NOT_BEGUN, False
        while True:
            try:
                answer = await ask(request, until)
            except AttemptFailedError as error:
                # That the time is up says nothing of what it was spent on.
                failure = error.failure if error.failure is not NOT_BEGUN else failure
                # What a user sees is raised outside of this handler, for the SDK's own text may show what was sent.
            except (ConditionFailedError, TransactionRefusedError):
                # An answer, too: often to a write that was done, though the answer to that was lost.
                attempts.succeeded()
                raise
            else:
                if self.budget.tokens < TOKENS:
                    attempts.succeeded()
                return answer
            may_have_happened |= failure.may_have_happened
            pause = attempts.pause_after(failure, self.now())
            logger.debug("%s: attempt %d failed: %s", request.operation, attempts.made, failure.code)
            if pause is None:
                is_unknown = may_have_happened and not OPERATIONS[request.operation].is_read
                raise self._error(request, failure, may_have_happened=is_unknown)
            await asyncio.sleep(pause)

    def _error(self, request: Request, failure: Failure, *, may_have_happened: bool) -> DynaDbError:
        key: Collection[str] = ()
        if failure.code == KEY_MISMATCH:
            key = request.parameters.get("Key") or [*request.key, *(request.between or ())[:1]]
        names = {"operation": request.operation, "table": request.table, "place": self.ways.place}
        return error_of(failure, **names, may_have_happened=may_have_happened, key=key)

    async def _observed(self, request: Request, until: float) -> Answer:
        code, units = "Cancelled", 0.0
        try:
            answer = await self._asked(request, until)
            code, units = "", units_of(answer.members) or 0.0
        except ConditionFailedError:
            code = CONDITION_FAILED
            raise
        except TransactionRefusedError:
            code = TRANSACTION_REFUSED
            raise
        except AttemptFailedError as error:
            code = error.failure.code
            raise
        finally:
            if self.observer is not None:
                self.observer.attempted(request.operation, code, units)
        return answer

    def _asked(self, request: Request, until: float) -> Awaitable[Answer]:
        """One attempt, to be awaited at once."""
        if self.now() >= until:
            raise AttemptFailedError(NOT_BEGUN)
        for way in self.ways.all:
            if way.takes(request.operation):
                return way.call(request, until)
        return self._asked_once_open(request, until)

    async def _asked_once_open(self, request: Request, until: float) -> Answer:
        limit = asyncio.timeout_at(until)
        try:
            async with limit:
                await self.ways.open()
        except TimeoutError:
            if not limit.expired():
                raise
            raise AttemptFailedError(NOT_OPEN) from None
        return await self._asked(request, until)


async def _or_error(opening: Awaitable[R]) -> R:
    try:
        return await opening
    except AttemptFailedError as error:
        failure = error.failure
    raise error_of(failure, "open", "", may_have_happened=False)
