"""One call about conversations: under way, with the second table ready."""

import sys
from contextlib import AbstractContextManager
from types import TracebackType

from dynadb_async.errors import TableNotFoundError
from dynadb_async.running.live import Live
from dynadb_async.running.table import Table


# No generator: it is there for each call.
class Working:
    """One call, with the table ready; the time by which it has to end, on the event loop's clock."""

    __slots__ = ("_live", "_table", "_work")

    def __init__(self, live: Live, table: Table, what: str) -> None:
        self._live = live
        self._table = table
        self._work: AbstractContextManager[object] = live.under_way(what)

    async def __aenter__(self) -> float:
        """Wait for the table."""
        self._work.__enter__()
        try:
            left = self._live.time_left()
            if not self._table.is_ready and self._live.is_enabled:
                await self._live.table_ready(self._table, left)
        except BaseException:
            self._work.__exit__(*sys.exc_info())
            raise
        return left.until()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Note a table that vanished."""
        if kind is TableNotFoundError:
            self._table.vanished()
        self._work.__exit__(kind, error, traceback)
