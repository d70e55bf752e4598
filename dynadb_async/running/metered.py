"""A connection whose requests are added up, and which keeps under a number of units per second."""

import asyncio
from contextlib import AbstractContextManager, nullcontext

from attrs import define

from dynadb_async.connection.connection import Connection
from dynadb_async.observer import Observer


@define(eq=False, repr=False)
class Meter:
    """
    An observer that adds up what requests cost, as DynamoDB itself says it.

    Attributes:
        observer: Who hears of it besides.
        units: The sum.
    """

    observer: Observer | None
    units: float = 0.0

    def doing(self, name: str) -> AbstractContextManager[Observer | None]:
        """See `Observer`."""
        return nullcontext() if self.observer is None else self.observer.doing(name)

    def attempted(self, operation: str, code: str, capacity_units: float) -> None:
        """See `Observer`."""
        self.units += capacity_units
        if self.observer is not None:
            self.observer.attempted(operation, code, capacity_units)

    def duplicate(self) -> None:
        """See `Observer`."""
        if self.observer is not None:
            self.observer.duplicate()

    def over(self, connection: Connection) -> Connection:
        """The same connection, measured."""
        metered = Connection(connection.ways, self)
        metered.budget = connection.budget
        return metered


@define(eq=False, repr=False)
class Pace:
    """
    Keeps what is measured under so many units per second, from its first step on.

    Attributes:
        meter: What is measured.
        most: Units per second; None for as many as there are.
    """

    meter: Meter
    most: float | None
    _began: float | None = None

    def begin(self) -> None:
        """From now on."""
        if self._began is None:
            self._began = asyncio.get_running_loop().time() - (self.meter.units / self.most if self.most else 0)

    async def keep(self) -> None:
        """Wait until what was consumed is as little as it should be by now; time that was left over is not kept."""
        if self.most is None or self._began is None:
            return
        now = asyncio.get_running_loop().time()
        paid_at = self._began + self.meter.units / self.most
        if paid_at > now:
            await asyncio.sleep(paid_at - now)
        else:
            self._began += now - paid_at
