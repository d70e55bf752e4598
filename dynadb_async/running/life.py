"""An adapter's life: opened, begun anew in another event loop, closed."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dynadb_async.config import DynamoDbConfig
from dynadb_async.connection.sdk.session import SharedSession
from dynadb_async.connection.ways import store_of
from dynadb_async.errors import UsageError
from dynadb_async.item import Layout
from dynadb_async.observer import Observer
from dynadb_async.running.live import Live

if TYPE_CHECKING:
    import aioboto3


class Life:
    """
    What every adapter is, whatever it is asked: open or closed, in one event loop after the other.

    Attributes:
        config: The configuration.
    """

    def __init__(
        self, layout: Layout, *, aws_session: "aioboto3.Session | None", clock: Callable[[], datetime]
    ) -> None:
        self.config: DynamoDbConfig = layout.config
        self._observer: Observer | None = None
        self._layout = layout
        self._session = SharedSession(aws_session)
        self._store = store_of(layout.config.client, layout.config.table.name)
        self._clock = clock
        self._live: Live | None = None
        self._is_closed = False

    @property
    def observer(self) -> Observer | None:
        """Who hears of each turn and request that begins once it is set."""
        return self._observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._observer = observer
        if self._live is not None:
            self._live.observer = self._live.connection.observer = observer

    async def __aenter__(self) -> Self:
        """Open; where that fails, leave nothing open. The same adapter may be opened again."""
        try:
            await self.open()
        except BaseException:
            await self._let_go()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def open(self) -> None:
        """
        Make the client and wait for the table, before the first request has to. Repeating it does nothing.

        Raises:
            ConfigError: There is no region, or there are no credentials.
            TableError: The table does not fit, is not there and may not be created, or was not ACTIVE in time.
            UsageError: After `close()`, or while another event loop uses this adapter.
        """
        live = self._running()
        if self.config.enabled:
            with live.work:
                await live.connection.open()
                await live.ensure_tables()

    async def close(self) -> None:
        """
        Refuse new turns, let open ones save, then close the client. Repeating it does nothing.

        Turns that are still open after `queue_timeout`, or as long as a `handle()` was ready to wait, and twice
        `operation_timeout` can't be saved any more.
        """
        self._leave_ended_loop()
        if self._live is None:
            self._is_closed = True
            return
        live = self._running(is_saving=True)
        self._is_closed = True
        await live.close()
        self._live = None

    async def ensure_table(self) -> None:
        """
        Wait until the table is ACTIVE, and create it first if it is missing and `create_table_on_init` allows it.

        Concurrent callers share one attempt, so that there is one CreateTable call; a cancelled caller harms nobody.
        With `create_table_on_init=False` nothing is done at all.

        Raises:
            TableError: The table has another key schema or TTL attribute.
            TableNotReadyError: It was not ACTIVE within `ready_timeout`.
            RequestError: DynamoDB refused.
        """
        live = self._running()
        if self.config.enabled:
            await live.ensure_tables()

    async def client(self) -> Any:
        """
        The one shared aioboto3 DynamoDB client, for what this package does not do: other tables, scans, backups.

        It is made when it is first asked for, or first needed. It has the settings of `config.client`, so that it
        makes one attempt where the SDK would make several; it belongs to the running event loop, and `close()` ends it.

        Raises:
            ConfigError: There is no region, there are no credentials, or the endpoint is a store in the process.
            UsageError: After `close()`, or while another event loop uses this adapter.
        """
        live = self._running()
        with live.work:
            return await live.connection.client()

    async def ping(self) -> float:
        """
        The seconds that one read of the table takes, for a health check; of nobody's item, and for half a read unit.

        Raises:
            TableError: The table does not fit, or is not there.
            RequestError: DynamoDB or the network refused, or did not answer within `operation_timeout`.
            UsageError: After `close()`.
        """
        live = self._running()
        if not self.config.enabled:
            return 0.0
        with live.under_way("read"):
            left = live.time_left()
            await live.table_ready(live.table, left)
            began = live.loop.time()
            await live.store.ping(until=left.until())
            return live.loop.time() - began

    def _running(self, *, is_saving: bool = False) -> Live:
        """What we have in the running event loop; begun anew if the last loop has ended."""
        loop, live = asyncio.get_running_loop(), self._live
        if live is not None and live.loop is loop and not self._is_closed:
            return live
        self._leave_ended_loop()
        live = self._live
        if self._is_closed and not (is_saving and live is not None):
            msg = "used after close(); make a new AsyncDynamoDb, or close this one later"
            raise UsageError(msg)
        if live is None:
            self._live = live = self._begin()
        if live.loop is not loop:
            msg = "used from a second event loop while the first is alive; make one AsyncDynamoDb for each loop"
            raise UsageError(msg)
        return live

    def _begin(self) -> Live:
        """Everything that belongs to the running event loop."""
        return Live.begin(self._layout, self._session, self._store, self._clock, self._observer)

    async def _let_go(self) -> None:
        """Close what is open in this event loop, but not the adapter."""
        live = self._live
        if live is not None and live.loop is asyncio.get_running_loop():
            # From here on whoever else uses this adapter begins anew.
            self._live = None
            await live.close()

    def _leave_ended_loop(self) -> None:
        """What belongs to an event loop must not outlive it."""
        if self._live is not None and self._live.loop.is_closed():
            self._live.connection.ways.abandon()
            self._live = None
