"""
For aiohttp: the adapter lives as long as the app, and a handler finds its turn on the request.

    async def read(request: web.Request) -> PlatformRequest:
        return alexa.request_from_json(await request.json())

    async def webhook(request: web.Request) -> web.Response:
        turn = request[TURN]
        ...

    app = web.Application(middlewares=[turns(read)])
    app.cleanup_ctx.append(adapter_context(lambda: AsyncDynamoDb("assistant-users")))
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from json import JSONDecodeError
from traceback import walk_tb
from typing import Any, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

try:
    from aiohttp.web import RequestKey
except ImportError as _missing:
    raise ImportError("this needs aiohttp 3.14: pip install 'dynadb-async[aiohttp]'", name="aiohttp") from _missing

from dynadb_async import AsyncDynamoDb, DynaDbError, Session, Turn
from dynadb_async.http_errors import HTTP_ERRORS, HttpError, http_error
from dynadb_async.platforms import MalformedRequestError, SignatureError, Verifier

ADAPTER: web.AppKey[AsyncDynamoDb[Any]] = web.AppKey("dynadb_async.adapter", AsyncDynamoDb)
"""Where the app keeps its adapter: `request.config_dict[ADAPTER]`, in an app within an app as well."""

TURN: RequestKey[Turn[Any]] = RequestKey("dynadb_async.turn", Turn)
"""Where the middleware puts the request's turn: `request[TURN]`."""


READS = (web.Request.text.__code__, web.Request.json.__code__)


class TurnRequest(Protocol):
    """What a turn needs of a request; the platforms' `PlatformRequest` is one."""

    @property
    def user_id(self) -> str:
        """The person."""
        ...

    @property
    def session(self) -> Session | None:
        """The request's own session."""
        ...

    @property
    def turn_id(self) -> str | None:
        """The request's id on its platform."""
        ...


def adapter_context(make: Callable[[], AsyncDynamoDb[Any]]) -> Callable[[web.Application], AsyncIterator[None]]:
    """For `app.cleanup_ctx`: make and open the adapter when the app starts, and close it when it stops."""

    async def opened(app: web.Application) -> AsyncIterator[None]:
        async with make() as app[ADAPTER]:
            yield

    return opened


def turns(
    read: Callable[[web.Request], Awaitable[TurnRequest | None]],
    *,
    io_timeout: float | None = None,
    errors: Mapping[type[DynaDbError], HttpError] = HTTP_ERRORS,
) -> Middleware:
    """
    Make the middleware that opens a turn for each request and saves it before the response starts.

    If the handler raises (a `web.HTTPException`, too), nothing is saved. If the save fails, the response is an error.
    A handler that sends its response bit by bit opens the turn itself: *read* returns None for it.

    Args:
        read: What the turn needs of a request; None for a request without a turn.
        io_timeout: As for `AsyncDynamoDb.turn`.
        errors: The answers to errors; `HTTP_ERRORS | {VersionConflictError: HttpError(…)}` is how to change one.
    """

    @web.middleware
    async def with_turn(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await _answered(request, _response(request, handler, read, io_timeout), errors)

    return with_turn


def signed(
    verifier: Verifier,
    *,
    public_url: str = "",
    errors: Mapping[type[DynaDbError], HttpError] = HTTP_ERRORS,
) -> Middleware:
    """
    Make the middleware that lets only the platform's calls through; what is not signed is answered with 401.

    It belongs before `turns`: `web.Application(middlewares=[signed(verifier), turns(read)])`, or stands alone where the
    handler calls the adapter itself, and answers its errors as `turns` does. It checks every route of its app, so give
    each platform an app of its own (`app.add_subapp("/slack", slack_app)`).

    A body is read as far as `client_max_size` of the outermost app, a megabyte by default; WhatsApp sends up to three.

    Args:
        verifier: Of the platform.
        public_url: How the platform reaches the app, without the path: never taken from what a proxy forwards.
        errors: As for `turns`.
    """

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is None:
            url = public_url + request.rel_url.raw_path_qs
            try:
                await verifier.check(request.method, url, request.headers, await _body(request))
            except (SignatureError, MalformedRequestError) as error:
                return _answer(http_error(error, errors) or HTTP_ERRORS[SignatureError])
        return await _answered(request, handler(request), errors)

    return checked


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.RequestPayloadError:
        problem = "expected a body that can be read: its Content-Encoding does not fit"
    except ConnectionResetError:
        problem = "the body broke off"  # nobody hears it; an error would be logged as the app's
    raise MalformedRequestError(problem)


async def _answered(
    request: web.Request, response: Awaitable[web.StreamResponse], errors: Mapping[type[DynaDbError], HttpError]
) -> web.StreamResponse:
    """The handler's response, or the answer to its error."""
    try:
        return await response
    except DynaDbError as error:
        # What has begun can only be broken off: aiohttp does, for an error.
        found = None if request.writer.output_size else http_error(error, errors)
        if found is None:
            raise
        return _answer(found)


def _answer(found: HttpError) -> web.Response:
    if not found.detail:
        return web.Response(status=found.status, headers=found.headers)
    return web.json_response({"detail": found.detail}, status=found.status, headers=found.headers)


async def _response(
    request: web.Request,
    handler: Handler,
    read: Callable[[web.Request], Awaitable[TurnRequest | None]],
    io_timeout: float | None,
) -> web.StreamResponse:
    """The handler's, once its turn was saved."""
    is_routed = request.match_info.http_exception is None
    told = await _told(request, read) if is_routed else None
    if told is None:
        return await handler(request)
    place = request.config_dict[ADAPTER].turn(
        told.user_id, session=told.session, turn_id=told.turn_id, io_timeout=io_timeout
    )
    async with place as turn:
        request[TURN] = turn
        return await handler(request)


async def _told(
    request: web.Request, read: Callable[[web.Request], Awaitable[TurnRequest | None]]
) -> TurnRequest | None:
    try:
        return await read(request)
    except (JSONDecodeError, UnicodeDecodeError, RecursionError, web.RequestPayloadError):
        # Nearly always `await request.json()`, of whatever somebody sends; the error shows it.
        msg = "expected JSON in the request's body"
    except (ValueError, LookupError) as error:
        # A number of 5,000 digits, a charset that nobody knows; everywhere else these are faults of the app.
        is_of_the_body = any(frame.f_code in READS for frame, _ in walk_tb(error.__traceback__))
        if isinstance(error, DynaDbError) or not is_of_the_body:
            raise
        msg = "expected JSON in the request's body, in a charset that Python knows"
    raise MalformedRequestError(msg)
