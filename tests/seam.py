"""Faults between the adapters and a store in the process, as the fault proxy has them in front of a server."""

from collections import Counter
from typing import Any, Self
from unittest.mock import patch

from attrs import define, field

from dynadb_async.connection.answers import Answer
from dynadb_async.connection.codes import failure_of_answer
from dynadb_async.connection.embedded.rules import refused
from dynadb_async.connection.embedded.way import Embedded
from dynadb_async.connection.failures import (
    BROKEN_OFF,
    CORRUPT,
    AttemptFailedError,
    ConditionFailedError,
    Failure,
    TransactionRefusedError,
)
from dynadb_async.connection.request import Request
from tests.engines import Engine
from tests.proxy import Fault, FaultProxy, Plan, no_fault


def with_faults(engine: Engine) -> "FaultProxy | FaultySeam":
    """What stands between the adapters and *engine*, while its `async with` block runs."""
    return FaultySeam(engine.endpoint_url) if engine.is_embedded else FaultProxy(engine)


def failure_of(fault: Fault) -> Failure:
    """How an adapter sees *fault*."""
    match fault:
        case Fault.THROTTLE:
            failed = refused("ProvisionedThroughputExceededException", "slow down")
            return failed.failure
        case Fault.ERROR_500 | Fault.ERROR_503:
            return failure_of_answer({"Error": {"Code": "500"}, "ResponseMetadata": {"HTTPStatusCode": 500}})
        case Fault.CORRUPT:
            return CORRUPT
        case _:
            return BROKEN_OFF


@define(eq=False)
class FaultySeam:
    """
    What the fault proxy is for a server, where there is no network: it stands between every adapter and its store.

    Attributes:
        url: The store's address.
        plan: What befalls the next request; it may be exchanged at any time.
        seen: How many requests came, by operation.
    """

    url: str
    plan: Plan = no_fault
    seen: Counter[str] = field(factory=Counter, init=False)
    _patch: Any = field(default=None, init=False)

    @property
    def client_settings(self) -> dict[str, Any]:
        """What reaches the store through it."""
        return {"endpoint_url": self.url}

    async def __aenter__(self) -> Self:
        call = Embedded.call

        async def faulty(way: Embedded, request: Request, until: float) -> Answer:
            self.seen[request.operation] += 1
            fault = self.plan(request.operation)
            if fault is None:
                return await call(way, request, until)
            try:
                if fault.is_applied:
                    await call(way, request, until)
            except (ConditionFailedError, TransactionRefusedError):
                pass
            raise AttemptFailedError(failure_of(fault))

        self._patch = patch.object(Embedded, "call", faulty)
        self._patch.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._patch.stop()
