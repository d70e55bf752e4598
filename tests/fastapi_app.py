"""A FastAPI webhook that counts visits; `tests.fastapi_app:app` finds its table through the environment."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from dynadb_async import AsyncDynamoDb, DynamoDbConfig, Session, Turn
from dynadb_async.fastapi import EXCEPTION_HANDLERS, AppDynamoDb


class Call(BaseModel):
    """What a caller sends."""

    user: str
    session: str | None = None
    turn: str | None = None


async def user_id(call: Call) -> str:
    """Of the body."""
    return call.user


def session(call: Call) -> Session | None:
    """Of the body; no coroutine, as a dependency may be."""
    return Session(call.session) if call.session else None


async def turn_id(call: Call) -> str | None:
    """Of the body."""
    return call.turn


async def nothing_happens(_turn: Turn[Any]) -> None:
    """By default a handler is alone."""


def make_app(
    make: Callable[[], AsyncDynamoDb[Any]],
    *,
    meanwhile: Callable[[Turn[Any]], Awaitable[None]] = nothing_happens,
    **options: Any,
) -> FastAPI:
    """The app; *meanwhile* runs between a handler's read and its write."""
    memory = AppDynamoDb(make)
    settings: dict[str, Any] = {"lifespan": memory.lifespan, "exception_handlers": EXCEPTION_HANDLERS}
    app = FastAPI(**settings | options)
    app.state.memory = memory
    opened = memory.turn(user_id, session=session, turn_id=turn_id, io_timeout=30)

    @app.post("/visit")
    async def visit(turn: Annotated[Turn[Any], opened]) -> dict[str, Any]:
        """One more visit; a second delivery gets the first one's reply."""
        if turn.is_duplicate:
            return dict(turn.response)
        turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
        await meanwhile(turn)
        turn.response = {"visits": turn.user.data["visits"], "session": turn.session.id}
        return dict(turn.response)

    @app.post("/invalid")
    async def invalid(turn: Annotated[Turn[Any], opened]) -> int:
        """A reply that is not of the type that was promised."""
        turn.user.data["visits"] = 1
        return "one"  # type: ignore[return-value]

    @app.post("/stream")
    async def stream(call: Call) -> StreamingResponse:
        """The words of a reply, one by one; the turn is opened within."""
        return StreamingResponse(words(call), media_type="text/plain")

    async def words(call: Call) -> AsyncIterator[str]:
        async with memory.adapter.turn(call.user) as turn:
            yield "You were here "
            turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
            await meanwhile(turn)
            yield f"{turn.user.data['visits']} times."

    return app


app = make_app(lambda: AsyncDynamoDb(DynamoDbConfig.from_env(base=DynamoDbConfig("visits"))))
