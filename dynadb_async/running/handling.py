"""A whole turn, answered by a handler that may run more than once."""

from collections.abc import Awaitable, Callable
from typing import Any

from dynadb_async.errors import VersionConflictError
from dynadb_async.running.live import Live
from dynadb_async.running.stay import Stay
from dynadb_async.turn import Session, Turn

MOST_RUNS = 5


async def handled(
    live: Live,
    user_id: str,
    handler: Callable[[Turn[Any]], Awaitable[Any]],
    session: Session | None,
    turn_id: str | None,
    io_timeout: float | None,
) -> Any:
    """A whole turn; on a true conflict, with which only *handler* can deal, once more from the beginning."""
    async with Stay(live, user_id, io_timeout, is_patient=True) as stay:
        stay.check_turn_came()
        run = 1
        while True:
            turn = await stay.load(session, turn_id)
            if turn.is_duplicate:
                return turn.response
            await _answer(turn, handler, stay)
            try:
                await stay.save(turn)
            except VersionConflictError as conflict:
                if conflict.deleted or run == MOST_RUNS or not await stay.can_go_on(turn, run):
                    raise
                run += 1
            else:
                return turn.response


async def _answer(turn: Turn[Any], handler: Callable[[Turn[Any]], Awaitable[Any]], stay: Stay) -> None:
    """Let *handler* run, in a time of its own."""
    turn.loaded.is_open = True
    stay.left.pause()
    try:
        answer = await handler(turn)
    finally:
        turn.loaded.is_open = False
        stay.left.resume()
    turn.response = turn.response if answer is None else answer
