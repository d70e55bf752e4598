"""A turn from its load to its save: around a block of code, or around a handler."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Generic

from dynadb_async.errors import VersionConflictError
from dynadb_async.running.live import Live
from dynadb_async.running.queue import Place
from dynadb_async.running.time_left import TimeLeft
from dynadb_async.turn import Session, T, Turn

MOST_RUNS = 5


class Stay:
    """A turn's place in the user's queue, and the time that it has, as an async context manager."""

    __slots__ = ("_left", "_place", "_work")

    def __init__(self, live: Live, user_id: str, io_timeout: float | None) -> None:
        live.store.layout.key(user_id)
        self._left: TimeLeft = live.time_left(io_timeout)
        self._place: Place = live.queue.place(user_id, patience=self._left.seconds)
        self._work: AbstractContextManager[None] = live.under_way("turn")

    async def __aenter__(self) -> TimeLeft:
        """Wait for our turn; the time began to run when this was made."""
        self._work.__enter__()
        try:
            await self._place.__aenter__()
        except BaseException:
            self._work.__exit__(*sys.exc_info())
            raise
        return self._left

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the next one in."""
        await self._place.__aexit__(kind, error, traceback)
        self._work.__exit__(kind, error, traceback)


# No generator: the three that this was cost a tenth of the turn.
class TurnBlock(Generic[T]):
    """A turn that is loaded when its block begins and saved when it ends, unless it raises."""

    __slots__ = ("_begin", "_io_timeout", "_left", "_live", "_session", "_stay", "_turn", "_turn_id", "_user_id")

    def __init__(
        self,
        begin: Callable[[], Live],
        user_id: str,
        session: Session | None,
        turn_id: str | None,
        io_timeout: float | None,
    ) -> None:
        self._begin = begin
        self._user_id = user_id
        self._session = session
        self._turn_id = turn_id
        self._io_timeout = io_timeout

    async def __aenter__(self) -> Turn[T]:
        """Load."""
        self._live = live = self._begin()
        self._stay = stay = Stay(live, self._user_id, self._io_timeout)
        self._left = left = await stay.__aenter__()
        try:
            self._turn = turn = await live.load(self._user_id, self._session, self._turn_id, left)
        except BaseException:
            await stay.__aexit__(*sys.exc_info())
            raise
        turn.loaded.is_open = True
        left.pause()
        return turn

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Save."""
        self._left.resume()
        self._turn.loaded.is_open = False
        if kind is None:
            try:
                await self._live.save(self._turn, self._left)
            except BaseException:
                await self._stay.__aexit__(*sys.exc_info())
                raise
        await self._stay.__aexit__(kind, error, traceback)


async def handled(
    live: Live,
    user_id: str,
    handler: Callable[[Turn[Any]], Awaitable[Any]],
    session: Session | None,
    turn_id: str | None,
    io_timeout: float | None,
) -> Any:
    """A whole turn; on a true conflict, with which only *handler* can deal, once more from the beginning."""
    async with Stay(live, user_id, io_timeout) as left:
        run = 1
        while True:
            turn = await live.load(user_id, session, turn_id, left)
            if turn.is_duplicate:
                return turn.response
            turn.loaded.is_open = True
            left.pause()
            try:
                answer = await handler(turn)
            finally:
                turn.loaded.is_open = False
            left.resume()
            turn.response = turn.response if answer is None else answer
            try:
                await live.save(turn, left)
            except VersionConflictError as conflict:
                if conflict.deleted or run == MOST_RUNS or left.seconds == 0:
                    raise
                run += 1
            else:
                return turn.response
