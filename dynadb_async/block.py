"""A turn from its load to its save: around a block of code, or around a handler."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Generic

from dynadb_async.errors import VersionConflictError
from dynadb_async.live import Live
from dynadb_async.queue import Place
from dynadb_async.time_left import TimeLeft
from dynadb_async.turn import Session, T, Turn

MOST_RUNS = 5


class Stay:
    """
    A turn's place in the user's queue, and the time that it has.

    Attributes:
        left: The time, which begins to run now.
    """

    __slots__ = ("_place", "_work", "left")

    def __init__(self, live: Live, user_id: str, io_timeout: float | None) -> None:
        live.store.layout.key(user_id)
        self.left: TimeLeft = live.time_left(io_timeout)
        self._place: Place = live.queue.place(user_id, patience=self.left.seconds)
        self._work: AbstractContextManager[None] = live.under_way("turn")

    async def begin(self) -> None:
        """Wait for our turn."""
        self._work.__enter__()
        try:
            if not self._place.take_free():
                await self._place.take()
        except BaseException:
            self._work.__exit__(*sys.exc_info())
            raise

    def end(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Let the next one in."""
        self._place.leave()
        self._work.__exit__(kind, error, traceback)


# No generator: the three that this was cost a tenth of the turn.
class TurnBlock(Generic[T]):
    """A turn that is loaded when its block begins and saved when it ends, unless it raises."""

    __slots__ = ("_begin", "_io_timeout", "_live", "_session", "_stay", "_turn", "_turn_id", "_user_id")

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
        await stay.begin()
        try:
            self._turn = turn = await live.load(self._user_id, self._session, self._turn_id, stay.left)
        except BaseException:
            stay.end(*sys.exc_info())
            raise
        turn.loaded.is_open = True
        stay.left.pause()
        return turn

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Save."""
        turn, stay = self._turn, self._stay
        stay.left.resume()
        turn.loaded.is_open = False
        if kind is None:
            try:
                await self._live.save(turn, stay.left)
            except BaseException:
                stay.end(*sys.exc_info())
                raise
        stay.end(kind, error, traceback)


async def handled(
    live: Live,
    user_id: str,
    handler: Callable[[Turn[Any]], Awaitable[Any]],
    session: Session | None,
    turn_id: str | None,
    io_timeout: float | None,
) -> Any:
    """A whole turn; on a true conflict, with which only *handler* can deal, once more from the beginning."""
    stay = Stay(live, user_id, io_timeout)
    await stay.begin()
    try:
        answer = await _handled(live, stay.left, user_id, handler, session, turn_id)
    except BaseException:
        stay.end(*sys.exc_info())
        raise
    stay.end()
    return answer


async def _handled(
    live: Live,
    left: TimeLeft,
    user_id: str,
    handler: Callable[[Turn[Any]], Awaitable[Any]],
    session: Session | None,
    turn_id: str | None,
) -> Any:
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
