"""An embedded store as the way of one event loop."""

import asyncio
import logging
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from dynadb_async.connection.answers import Answer
from dynadb_async.connection.embedded.answering import ANSWERS
from dynadb_async.connection.failures import LATE, NOT_BEGUN, AttemptFailedError
from dynadb_async.connection.request import Request
from dynadb_async.connection.way import Store

logger: logging.Logger = logging.getLogger("dynadb_async")

SIGNS_OF_PRODUCTION = ("AWS_LAMBDA_FUNCTION_NAME", "AWS_EXECUTION_ENV")

# A store that gives up this much sooner than its caller can say why.
TO_SAY_WHY = 0.05


class Embedded:
    """
    A store in the process: it takes every operation that this package sends.

    What waits for a disk, or for another process, does so in one thread of its own, not on the event loop's.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "dynadb_async.file") if store.waits else None
        self._is_ended = False
        for name in SIGNS_OF_PRODUCTION:
            if os.environ.get(name):
                logger.warning(
                    "%s is set, and client.endpoint_url is a store in the process: this seems to be production, where "
                    "what it holds is lost with the machine, and seen by no other; leave endpoint_url out there",
                    name,
                )
                return

    def takes(self, operation: str) -> bool:
        """See `Way`."""
        return operation in ANSWERS

    async def call(self, request: Request, until: float) -> Answer:
        """See `Way`."""
        left = until - asyncio.get_running_loop().time()
        if self._thread is None:
            answered = partial(self._answered, request, time.monotonic() + left)
            if self._store.faults is not None:
                return await self._store.faults.answer(answered, request.operation, until)
            return answered()
        future = self._thread.submit(self._answered, request, time.monotonic() + left - TO_SAY_WHY)
        try:
            async with asyncio.timeout_at(until):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise AttemptFailedError(NOT_BEGUN if future.cancelled() else LATE) from None

    def _answered(self, request: Request, until: float) -> Answer:
        return Answer(self._store.answer(request, until))

    def abandon(self) -> None:
        """See `Way`: whatever the thread still does, it does alone."""
        self._ended()

    async def close(self) -> None:
        """See `Way`. What the thread has begun comes to its end first."""
        ended = self._ended()
        if ended is not None:
            await asyncio.wrap_future(ended)

    def _ended(self) -> Future[None] | None:
        """When the thread will have done all that it was given; None if there is none, or it was told before."""
        if self._thread is None or self._is_ended:
            return None
        self._is_ended = True
        ended = self._thread.submit(self._store.close)
        self._thread.shutdown(wait=False)
        return ended
