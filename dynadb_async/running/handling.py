"""A whole turn, answered by a handler that may run more than once."""

import inspect
from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any, TypeAlias

from dynadb_async.errors import ReplyLostError, UsageError, VersionConflictError
from dynadb_async.running.arguments import check_functions
from dynadb_async.running.live import Live
from dynadb_async.running.patient import PatientStay
from dynadb_async.turn import Session, Turn

MOST_RUNS = 5

LostReply: TypeAlias = Callable[[Turn[Any]], Any]
"""Makes the reply of a second delivery, where the first one's is not kept; a function, or a coroutine function."""


async def handled(
    live: Live,
    user_id: str,
    handler: Callable[[Turn[Any]], Awaitable[Any]],
    session: Session | None,
    turn_id: str | None,
    io_timeout: float | None,
    lost_reply: LostReply | None,
) -> Any:
    """A whole turn; on a true conflict, with which only *handler* can deal, once more from the beginning."""
    check_functions(handler, lost_reply)
    async with PatientStay(live, user_id, io_timeout) as stay:
        stay.check_turn_came()
        run = 1
        while True:
            turn = await stay.load(session, turn_id)
            try:
                is_stored = await _is_taken(turn, handler, stay)
            except VersionConflictError as conflict:
                is_gone = conflict.deleted and not conflict.paths
                if is_gone or run == MOST_RUNS or not await stay.can_go_on(turn, run):
                    raise
            else:
                if is_stored:
                    return await _first_reply(turn, lost_reply)
                if run == MOST_RUNS:
                    raise VersionConflictError
            run += 1
            await stay.begin_anew()


async def _is_taken(turn: Turn[Any], handler: Callable[[Turn[Any]], Awaitable[Any]], stay: PatientStay) -> bool:
    """Whether the turn was taken and stored, rather than that what it was built on was lost."""
    if turn.is_duplicate:
        return await stay.is_grounded()
    try:
        await _answer(turn, handler, stay)
    except Exception:
        if await stay.is_grounded():
            raise
        return False
    return await stay.has_stored(turn)


async def _answer(turn: Turn[Any], handler: Callable[[Turn[Any]], Awaitable[Any]], stay: PatientStay) -> None:
    """Let *handler* run, in a time of its own."""
    turn.loaded.is_open = turn.loaded.may_run_again = True
    stay.left.pause()
    try:
        answer = await _begun(handler, turn)
    finally:
        turn.loaded.is_open = turn.loaded.may_run_again = False
        stay.left.resume()
    turn.response = turn.response if answer is None else answer


async def _first_reply(turn: Turn[Any], lost_reply: LostReply | None) -> Any:
    """The turn's reply; of one that was delivered twice, the first delivery's."""
    if not (turn.is_duplicate and turn.loaded.is_reply_lost):
        return turn.response
    if lost_reply is None:
        msg = (
            "this turn was applied when it was delivered first, and its reply is not kept any more; "
            "pass lost_reply= to make one, or answer with nothing"
        )
        raise ReplyLostError(msg)
    made = lost_reply(turn)
    turn.response = await made if inspect.isawaitable(made) else made
    return turn.response


def _begun(handler: Callable[[Turn[Any]], Awaitable[Any]], turn: Turn[Any]) -> Awaitable[Any]:
    running: object = handler(turn)
    # The first of them, nearly always: to look for methods, as the second does, takes longer.
    if isinstance(running, (CoroutineType, Awaitable)):
        return running
    msg = (
        f"expected a coroutine function as handler, got one that returns {type(running).__name__}; "
        "write it with async def, and without yield; nothing was saved"
    )
    raise UsageError(msg)
