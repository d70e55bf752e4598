"""
For FastAPI: the adapter lives as long as the app, and a handler is given its turn. Needs `dynadb-async[fastapi]`.

    memory = AppDynamoDb(lambda: AsyncDynamoDb("assistant-users"))
    app = FastAPI(lifespan=memory.lifespan, exception_handlers=EXCEPTION_HANDLERS)

    async def user_id(body: dict[str, Any]) -> str: ...

    @app.post("/webhook")
    async def webhook(turn: Annotated[Turn, memory.turn(user_id)]) -> dict[str, Any]: ...
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, Generic

from attrs import define, field
from typing_extensions import TypeVar

try:
    from fastapi import Depends, FastAPI, HTTPException, Request, Response, WebSocketException
    from fastapi.responses import JSONResponse
    from fastapi.routing import APIRoute
    from starlette.requests import ClientDisconnect, HTTPConnection
    from starlette.types import Message, Receive
except ImportError as _missing:
    raise ImportError("this needs FastAPI: pip install 'dynadb-async[fastapi]'", name="fastapi") from _missing

from dynadb_async import AsyncDynamoDb, DynaDbError, Turn, UsageError
from dynadb_async.http_errors import HTTP_ERRORS, http_error
from dynadb_async.platforms import MalformedRequestError, SignatureError, Verifier

T = TypeVar("T", default=dict[str, Any])

MOST_BYTES = 4 * 2**20  # of a call; WhatsApp's, the largest, have up to 3 MB
NO_PLATFORM_CALLS_SO = 1008  # a websocket's code for what is against the rules


async def _nothing() -> None:
    """Stand in for a dependency that was not given."""


@define(eq=False)
class AppDynamoDb(Generic[T]):
    """
    The adapter of an app: made at its first use, opened and closed with the app.

    Attributes:
        make: Makes the adapter; again after the app was stopped, as a test client does.
    """

    make: Callable[[], AsyncDynamoDb[T]]
    _adapter: AsyncDynamoDb[T] | None = field(default=None, init=False, repr=False)

    @property
    def adapter(self) -> AsyncDynamoDb[T]:
        """The adapter. Without a lifespan (Lambda, a test client without `with`) the first turn opens it."""
        if self._adapter is None:
            self._adapter = self.make()
        return self._adapter

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncGenerator[None]:
        """
        Open the adapter before the first request and close it after the last one.

        It is `FastAPI(lifespan=…)` as it is, or one of several context managers within a lifespan of your own.

        Raises:
            DynaDbError: As `AsyncDynamoDb.open`; the app then does not start.
        """
        adapter = self.adapter
        try:
            await adapter.open()
            yield
        finally:
            self._adapter = None
            await adapter.close()

    def turn(
        self,
        user_id: Callable[..., Any],
        *,
        session: Callable[..., Any] = _nothing,
        turn_id: Callable[..., Any] = _nothing,
        io_timeout: float | None = None,
    ) -> Any:
        """
        Hand the handler its turn, as `Annotated[Turn, memory.turn(user_id)]`; it is saved before the reply leaves.

        If the handler raises (an HTTPException, too), or its reply does not validate, nothing is saved. If the save
        fails, the reply is an error. A streamed reply begins after the save: open its turn within the stream.

        Args:
            user_id: A dependency that returns the user id.
            session: A dependency that returns the request's `Session`, or None.
            turn_id: A dependency that returns the request's id on its platform, or None.
            io_timeout: As for `AsyncDynamoDb.turn`.
        """

        async def opened(
            user_id: Annotated[Any, Depends(user_id)],
            session: Annotated[Any, Depends(session)],
            turn_id: Annotated[Any, Depends(turn_id)],
        ) -> AsyncIterator[Turn[T]]:
            place = self.adapter.turn(user_id, session=session, turn_id=turn_id, io_timeout=io_timeout)
            async with place as turn:
                yield turn

        # By default FastAPI ends a dependency after the reply was sent: too late to say that the save failed.
        return Depends(opened, scope="function")


def signed(verifier: Verifier, *, public_url: str = "") -> Any:
    """
    Make the dependency that lets only the platform's calls through: `@app.post(…, dependencies=[signed(verifier)])`.

    Among a path's, an app's or a router's `dependencies` it runs before every other, so before a turn is opened. What
    is not signed is answered with 401, and a websocket is refused: no platform opens one. FastAPI reads what the
    handler takes of the body before that, without a limit, and of a form the bytes are gone then: use `signed_route`
    there.

    Args:
        verifier: Of the platform.
        public_url: How the platform reaches the app, without the path: never taken from what a proxy forwards.
    """

    async def checked(connection: HTTPConnection) -> None:
        if not isinstance(connection, Request):
            raise WebSocketException(NO_PLATFORM_CALLS_SO)
        await _check(connection, verifier, public_url)

    return Depends(checked)


def signed_route(verifier: Verifier, *, public_url: str = "", max_bytes: int = MOST_BYTES) -> type[APIRoute]:
    """
    Make the route class that lets only the platform's calls through: `APIRouter(route_class=signed_route(verifier))`.

    It sees the bytes before FastAPI reads them, so it serves forms too, and a body that is no JSON is 401 if it is not
    signed.

    Args:
        verifier: Of the platform.
        public_url: As for `signed`.
        max_bytes: Of a body; what is longer is 413, and no more of it is read.
    """

    class SignedRoute(APIRoute):
        """A route that checks who calls, then goes on."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """FastAPI's own, behind the check."""
            handler = super().get_route_handler()

            async def checked(request: Request) -> Response:
                bounded = Request(request.scope, _at_most(max_bytes, request.receive))
                await _check(bounded, verifier, public_url)
                return await handler(bounded)

            return checked

    return SignedRoute


def _at_most(max_bytes: int, receive: Receive) -> Receive:
    read = 0

    async def received() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > max_bytes:
            raise HTTPException(413, f"The request's body has more than {max_bytes} bytes.")
        return message

    return received


async def _check(request: Request, verifier: Verifier, public_url: str) -> None:
    try:
        body = await request.body()
    except RuntimeError:
        raise UsageError("the body's bytes are gone, as FastAPI read a form of them: use signed_route()") from None
    except ClientDisconnect:
        # Nobody hears the answer; an error would be logged as the app's.
        raise HTTPException(400, "The request's body broke off.") from None
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    query = request.scope.get("query_string", b"")
    url = public_url + path.decode("latin-1") + ("?" + query.decode("latin-1") if query else "")
    try:
        await verifier.check(request.method, url, request.headers, body)
    except (SignatureError, MalformedRequestError) as error:
        # An answer that needs no handler of the app's: one that forgot EXCEPTION_HANDLERS is closed, too.
        found = http_error(error) or HTTP_ERRORS[SignatureError]
        raise HTTPException(found.status, found.detail) from error


async def _answer(_request: Request, error: DynaDbError) -> Response:
    found = http_error(error)
    if found is None:
        raise error
    if not found.detail:
        return Response(status_code=found.status, headers=dict(found.headers))
    return JSONResponse({"detail": found.detail}, found.status, dict(found.headers))


ExceptionHandler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

EXCEPTION_HANDLERS: dict[int | type[Exception], ExceptionHandler] = {DynaDbError: _answer}
"""
For `FastAPI(exception_handlers=…)`: throttled or out of time is 503 with Retry-After, a conflict 409, a bad id 422.

A handler of yours for the same error takes its place: `EXCEPTION_HANDLERS | {VersionConflictError: mine}`.
"""
