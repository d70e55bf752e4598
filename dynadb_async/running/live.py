"""What an adapter has in one event loop: client, table, queue, and the turns that are open."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Self

from attrs import define, field

from dynadb_async.connection.connection import Connection
from dynadb_async.connection.sdk.session import SharedSession
from dynadb_async.connection.way import Store as Embedded
from dynadb_async.connection.ways import Ways
from dynadb_async.errors import (
    OutcomeUnknownError,
    TableNotReadyError,
)
from dynadb_async.item import Item, Layout, Snapshot, check_user_id, checked_turn_id
from dynadb_async.observer import Observer
from dynadb_async.running.arguments import check_session, check_turn
from dynadb_async.running.beside import Beside
from dynadb_async.running.line import Line, Lines
from dynadb_async.running.queue import Queue
from dynadb_async.running.saving import Save
from dynadb_async.running.store import Store
from dynadb_async.running.table import Table
from dynadb_async.running.time_left import TimeLeft
from dynadb_async.running.work import Work
from dynadb_async.turn import Session, Turn


@define(eq=False, repr=False)
class Live:
    """
    An adapter within one event loop. Asyncio objects must not be shared between loops; this is what has to be new.

    Attributes:
        loop: The event loop.
        connection: The shared client.
        table: The table, made ready once.
        queue: One turn of a user at a time.
        lines: One save of a user at a time, and what it left.
        store: The items.
        observer: Hears of turns, loads and saves.
        work: What is under way.
        is_enabled: Whether anything is to be loaded and saved.
        operation_timeout: Seconds for each operation.
    """

    loop: asyncio.AbstractEventLoop
    connection: Connection
    table: Table
    queue: Queue
    lines: Lines
    store: Store
    observer: Observer | None
    work: Work
    is_enabled: bool
    operation_timeout: float
    # What an adapter has besides, in a second table; the adapter's own business.
    beside: Beside | None = field(default=None, init=False)

    @classmethod
    def begin(
        cls,
        layout: Layout,
        session: SharedSession,
        store: Embedded | None,
        clock: Callable[[], datetime],
        observer: Observer | None,
    ) -> Self:
        """In the running event loop."""
        config = layout.config
        connection = Connection(Ways.of(session, config.client, store), observer)
        table = Table(config.table, connection)
        return cls(
            loop=asyncio.get_running_loop(),
            connection=connection,
            table=table,
            queue=Queue(config.client.queue_timeout),
            lines=Lines(),
            store=Store(connection=connection, layout=layout, clock=clock),
            observer=observer,
            work=Work(table),
            is_enabled=config.enabled,
            operation_timeout=config.client.operation_timeout,
        )

    async def close(self) -> None:
        """Let what is under way end, but not for ever; then close the client."""
        client = self.connection.config
        waits = max(client.queue_timeout, self.work.waits_until - self.loop.time())
        await self.work.ended(waits + 2 * client.operation_timeout)
        for table in self.tables():
            await table.close()
        await self.connection.ways.close()

    def tables(self) -> list[Table]:
        """All that have to be ready."""
        return [self.table] if self.beside is None else [self.table, self.beside.table]

    async def ensure_tables(self) -> None:
        """Make them ready, at the same time."""
        with self.work:
            await asyncio.gather(*(table.ensure() for table in self.tables()))

    def under_way(self, name: str, observer: Observer | None = None) -> AbstractContextManager[Observer | None]:
        """To be entered while the piece of work called *name* is done; gives who hears of what is within it."""
        observer = self.observer if observer is None else observer
        return self.work if observer is None else self._observed(name, observer)

    @contextlib.contextmanager
    def _observed(self, name: str, observer: Observer) -> Iterator[Observer]:
        with self.work, observer.doing(name) as within:
            yield observer if within is None else within

    def time_left(self, io_timeout: float | None = None) -> TimeLeft:
        """The time for operations that begin now."""
        return TimeLeft(self.connection.now, self.operation_timeout, io_timeout)

    def load(
        self,
        user_id: str,
        session: Session | None,
        turn_id: str | None,
        left: TimeLeft,
        known: Snapshot | None = None,
        observer: Observer | None = None,
        *,
        is_within: bool = False,
    ) -> Awaitable[Turn[Any]]:
        """
        The user's turn, to be awaited at once; of what is *known* to be stored, if that is as good as to read it now.

        If it *is_within* a piece of work that is under way, that is where its *observer* hears of it.
        """
        if turn_id is not None:
            checked_turn_id(turn_id)
        if session is not None:
            check_session(session)
        is_alone = is_within and self.is_enabled and self.table.is_ready and known is None
        if is_alone and self.observer is None and self.beside is None:
            # Nothing to be done but to ask: nearly always.
            return self.store.load(user_id, session, turn_id, until=left.until())
        return self._load(user_id, session, turn_id, left, known, observer)

    async def _load(
        self,
        user_id: str,
        session: Session | None,
        turn_id: str | None,
        left: TimeLeft,
        known: Snapshot | None,
        observer: Observer | None,
    ) -> Turn[Any]:
        if not self.is_enabled:
            return self._with_beside(self.store.turn(user_id, None, session, turn_id))
        with self.under_way("load", observer):
            if known is not None:
                turn = self.store.turn(user_id, known, session, turn_id)
            else:
                if not self.table.is_ready:
                    await self._table_ready(left)
                turn = await self.store.load(user_id, session, turn_id, until=left.until())
        turn.loaded.observer = observer
        self._note_duplicate(turn)
        return self._with_beside(turn)

    def _with_beside(self, turn: Turn[Any]) -> Turn[Any]:
        if self.beside is not None:
            turn.beside = self.beside.of_turn(turn)
        return turn

    def save(self, turn: Turn[Any], left: TimeLeft, line: Line | None = None) -> Awaitable[None]:
        """
        Store the turn, or delete its user, or neither, as the turn wants it; to be awaited at once.

        If it belongs to a piece of work that is under way, that one is in the user's *line*.
        """
        check_turn(turn)
        if turn.is_discarded or turn.is_duplicate or not self.is_enabled:
            return _nothing()
        if turn.is_forgotten:
            return self._forget(turn, left)
        if line is not None and self.observer is None and self.table.is_ready:
            return Save(self.store, turn, line, left.until()).run()
        return self._save(turn, left, line)

    def may_wait_for_others(self, turn: Turn[Any]) -> bool:
        """Whether *turn* can be stored with others by one request: it stores its user's item, and nothing besides."""
        check_turn(turn)
        is_stored = self.is_enabled and not (turn.is_discarded or turn.is_duplicate or turn.is_forgotten)
        return is_stored and self.table.is_ready and (turn.beside is None or not turn.beside.is_pending)

    async def _save(self, turn: Turn[Any], left: TimeLeft, line: Line | None) -> None:
        user_id, lines = turn.loaded.user_id, self.lines
        with self.under_way("save", turn.loaded.observer):
            if not self.table.is_ready:
                await self._table_ready(left)
            joined = lines.join(user_id) if line is None else line
            try:
                await Save(self.store, turn, joined, left.until()).run()
            finally:
                if line is None:
                    lines.leave(user_id, joined)
        self._note_duplicate(turn)

    async def _forget(self, turn: Turn[Any], left: TimeLeft) -> None:
        try:
            if self.beside is not None:
                await self.beside.delete_all(turn.user.id)
            await self._delete(turn.user.id, left, turn.loaded.observer)
        except OutcomeUnknownError as error:
            error.turn_id = turn.turn_id
            raise

    def _note_duplicate(self, turn: Turn[Any]) -> None:
        observer: Observer | None = turn.loaded.observer or self.observer
        if turn.is_duplicate and observer is not None:
            observer.duplicate()

    async def delete(self, user_id: str) -> None:
        """Delete all that is stored of the user."""
        check_user_id(user_id)
        if self.is_enabled:
            await self._delete(user_id, self.time_left())

    async def _delete(self, user_id: str, left: TimeLeft, observer: Observer | None = None) -> None:
        with self.under_way("delete", observer):
            await self._table_ready(left)
            line = self.lines.join(user_id)
            try:
                await self.store.delete(user_id, until=left.until())
            finally:
                line.doubt()
                self.lines.leave(user_id, line)

    async def read(self, user_id: str) -> Item | None:
        """The user's item."""
        check_user_id(user_id)
        if not self.is_enabled:
            return None
        with self.under_way("read"):
            left = self.time_left()
            await self._table_ready(left)
            return await self.store.read(user_id, until=left.until())

    async def _table_ready(self, left: TimeLeft) -> None:
        await self.table_ready(self.table, left)

    async def table_ready(self, table: Table, left: TimeLeft) -> None:
        """Wait for *table*, as far as it is ours to see to that."""
        limit = asyncio.timeout(left.seconds)
        try:
            async with limit:
                await table.ensure()
        except TimeoutError:
            if not limit.expired():
                raise
            msg = "the table was not ACTIVE within io_timeout; its creation goes on, so try again"
            raise TableNotReadyError(msg) from None


async def _nothing() -> None:
    """What there is to be done for a turn that is not stored."""
