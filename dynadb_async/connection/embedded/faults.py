"""A sick DynamoDB: what a test lets befall the requests to a store in the process."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from enum import Enum

from attrs import define, field

from dynadb_async.connection.answers import Answer
from dynadb_async.connection.codes import failure_of_answer
from dynadb_async.connection.embedded.rules import refused
from dynadb_async.connection.embedded.store import MEMORY, SHARED, MemoryStore
from dynadb_async.connection.failures import (
    BROKEN_OFF,
    LATE,
    AttemptFailedError,
    ConditionFailedError,
    TransactionRefusedError,
)
from dynadb_async.errors import UsageError

Answering = Callable[[], Answer]


class Fault(Enum):
    """What may befall a request."""

    THROTTLED = "throttled"
    """Refused for want of capacity; nothing was done."""
    BROKEN = "broken"
    """Answered with status 500; nothing was done, though the caller can't know that."""
    HANGING = "hanging"
    """Nothing was done, and no answer comes until the time is up."""
    ANSWER_LOST = "answer lost"
    """Done, but the connection breaks before the answer comes."""


@define(eq=False)
class Faults:
    """
    A fault that is switched on.

    Attributes:
        fault: What befalls the requests.
        operations: Which, such as `{"UpdateItem"}`; None for all.
        times: How many more it may befall; None for no end.
        met: How many it befell.
    """

    fault: Fault
    operations: Collection[str] | None = None
    times: int | None = None
    met: int = field(default=0, init=False)

    async def answer(self, answered: Answering, operation: str, until: float) -> Answer:
        """
        What comes of a request that *answered* would answer.

        Raises:
            AttemptFailedError: The fault befell it.
        """
        if self.met == self.times or (self.operations is not None and operation not in self.operations):
            return answered()
        self.met += 1
        match self.fault:
            case Fault.THROTTLED:
                raise refused("ProvisionedThroughputExceededException", "a test switched this on")
            case Fault.BROKEN:
                answer = {"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}}
                raise AttemptFailedError(failure_of_answer(answer))
            case Fault.HANGING:
                await asyncio.sleep(until - asyncio.get_running_loop().time())
                raise AttemptFailedError(LATE)
            case Fault.ANSWER_LOST:
                _done(answered)
                raise AttemptFailedError(BROKEN_OFF)


def _done(answered: Answering) -> None:
    # A refusal is an answer, which is lost, too.
    with suppress(ConditionFailedError, TransactionRefusedError):
        answered()


@contextmanager
def faults_of(url: str | None, faults: Faults) -> Iterator[Faults]:
    """
    *faults* in the store at *url*, until the block ends.

    Raises:
        UsageError: The address is not `memory:NAME`.
    """
    if not url or not url.startswith(MEMORY) or url == MEMORY:
        raise UsageError("only memory:NAME can be sick, at client.endpoint_url; the fixture dynadb_config has one")
    store = SHARED.setdefault(url.removeprefix(MEMORY), MemoryStore())
    before, store.faults = store.faults, faults
    try:
        yield faults
    finally:
        store.faults = before
