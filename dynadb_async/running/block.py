"""A turn from its load to its save, around a block of code."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Generic

from dynadb_async.errors import UsageError
from dynadb_async.running.live import Live
from dynadb_async.running.stay import Stay
from dynadb_async.turn import Session, T, Turn


# No generator: the three that this was cost a tenth of the turn.
class TurnBlock(Generic[T]):
    """A turn that is loaded when its block begins and saved when it ends, unless it raises."""

    __slots__ = ("_begin", "_io_timeout", "_is_entered", "_session", "_stay", "_turn", "_turn_id", "_user_id")

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
        self._is_entered = False

    async def __aenter__(self) -> Turn[T]:
        """
        Load.

        Raises:
            UsageError: It was entered before, and has not ended.
        """
        if self._is_entered:
            msg = "one db.turn(...) was entered twice at the same time; call db.turn(...) for each turn"
            raise UsageError(msg)
        stay = Stay(self._begin(), self._user_id, self._io_timeout)
        self._is_entered = True
        try:
            if not stay.take():
                await stay.wait()
            try:
                self._turn = turn = await stay.load(self._session, self._turn_id)
            except BaseException:
                stay.end(*sys.exc_info())
                raise
        except BaseException:
            self._is_entered = False
            raise
        self._stay = stay
        turn.loaded.is_open = True
        if self._io_timeout is not None:
            stay.left.pause()
        return turn

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Save."""
        stay, turn = self._stay, self._turn
        if self._io_timeout is not None:
            stay.left.resume()
        turn.loaded.is_open = False
        try:
            if kind is None:
                await stay.live.save(turn, stay.left, stay.line)
        except BaseException:
            stay.end(*sys.exc_info())
            raise
        else:
            stay.end(kind, error, traceback)
        finally:
            self._is_entered = False
