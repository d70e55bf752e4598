"""Stands before the app: lets in who has the cookie, and gives each answer the headers that keep it private."""

from attrs import define
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dynadb_async.inspect.door import Door
from dynadb_async.inspect.origin import Address
from dynadb_async.inspect.pages import fault, notice

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CSP,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@define(eq=False, repr=False)
class Guard:
    """
    An app behind a door.

    Attributes:
        app: What is behind it.
        door: Its secrets.
        address: Where it is.
    """

    app: ASGIApp
    door: Door
    address: Address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        is_begun = False

        async def guarded(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer: ASGIApp = self._refusal(Request(scope)) or self.app
        try:
            await answer(scope, receive, guarded)
        except Exception as error:  # noqa: BLE001 - a server's log is no place for what a trace may hold
            if not is_begun:
                await fault(error)(scope, receive, guarded)

    def _refusal(self, request: Request) -> Response | None:
        """What to answer in place of the app; None if the request may pass."""
        problem = self.address.problem(request.headers)
        if problem is not None:
            return notice(403, "Not from here", problem)
        path = request.url.path
        if path == "/" and "token" in request.query_params:
            return self._entered(request.query_params["token"])
        if path.startswith("/static/") or self.door.is_cookie(request.cookies.get(self.door.cookie_name, "")):
            return None
        return _closed()

    def _entered(self, token: str) -> Response:
        if not self.door.is_token(token):
            return _closed()
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self.door.cookie_name, self.door.cookie, httponly=True, samesite="strict", path="/")
        return answer


def _closed() -> Response:
    return notice(401, "Open the printed address", "The command printed an address with a token: open that one.", "/")
