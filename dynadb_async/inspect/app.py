"""The pages: all users, one of them, one of their conversations; and the deletion of a user, where it is allowed."""

from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from attrs import frozen
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from dynadb_async import AsyncDynamoDb, DynaDbError, InvalidUserIdError, SerializationError, TableError, UsageError
from dynadb_async.inspect.door import Door
from dynadb_async.inspect.guard import Guard
from dynadb_async.inspect.origin import Address
from dynadb_async.inspect.pages import fault, notice, page
from dynadb_async.inspect.reading import PATIENCE, conversations_of, found, listed
from dynadb_async.inspect.tree import tree
from dynadb_async.inspect.words import bubble_of_message

STATIC = {"inspect.css": "text/css", "inspect.js": "text/javascript", "icon.svg": "image/svg+xml"}
LONGEST_FORM = 65_536
MESSAGES = 20


def make_app(
    db: AsyncDynamoDb[Any],
    *,
    door: Door | None = None,
    address: Address | None = None,
    allow_delete: bool = False,
    patience: float = PATIENCE,
) -> ASGIApp:
    """
    The page as an ASGI app, which answers only to who knows its token.

    Args:
        db: What is looked at; whoever made it closes it.
        door: The secrets; new ones if None.
        address: Where it will be served; on loopback if None.
        allow_delete: Users may be deleted.
        patience: Seconds after which a page of users has whom it found by then.
    """
    door = Door() if door is None else door
    address = Address() if address is None else address
    # No description of itself, and no page that fetches scripts from elsewhere to show it.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    views = _Views(db, door, allow_delete, patience)
    app.get("/")(views.users)
    app.post("/find")(views.find)
    app.get("/user")(views.user)
    app.get("/conversation")(views.conversation)
    app.get("/static/{name}")(_static)
    app.post("/delete")(views.delete)
    app.exception_handler(DynaDbError)(_on_error)
    app.exception_handler(HTTPException)(_on_missing)
    app.exception_handler(Exception)(_on_fault)
    return Guard(app, door, address)


@frozen(repr=False)
class _Views:
    db: AsyncDynamoDb[Any]
    door: Door
    allow_delete: bool
    patience: float

    def _page(self, template: str, **values: Any) -> Response:
        own: dict[str, Any] = {
            "table": self.db.config.table.name,
            "can_delete": self.allow_delete,
            "link": self.door.link,
        }
        return page(template, now=_now(), **own, **values)

    def _texts(self, at: str | None, count: int) -> list[str | None]:
        """What a link is about; of another run's, or of a made-up one, there is no page."""
        texts = [] if at is None else self.door.texts(at)
        if texts is None or len(texts) > count:
            raise HTTPException(404)
        return [*texts, *[None] * (count - len(texts))]

    async def users(self, at: str | None = None, deleted: str | None = None) -> Response:
        (after,) = self._texts(at, 1)
        users = await listed(self.db, after, _now(), patience=self.patience)
        return self._page("users.html", users=users, is_first=after is None, is_deleted=bool(deleted))

    async def find(self, request: Request) -> Response:
        form = await _form(request)
        return RedirectResponse(self.door.link("/user", form.get("id", "")), 303)

    async def user(self, at: str = "") -> Response:
        user_id = self._texts(at, 1)[0] or ""
        person, talks, problem = await found(self.db, user_id, _now())
        if person is None and not talks and problem is None:
            return notice(
                404, "Nobody of this id", "Nothing is stored under it. Ids are compared letter by letter.", "/"
            )
        token = self.door.form_token(user_id)
        values = {"user_id": user_id, "person": person, "talks": talks, "talks_problem": problem, "form_token": token}
        return self._page("user.html", **values)

    async def conversation(self, at: str = "") -> Response:
        user_id, talk_id, before = self._texts(at, 3)
        talk = self.db.conversation(user_id or "", talk_id or "")
        info = await talk.info()
        if info is None:
            return notice(404, "No such conversation", "It may have been deleted meanwhile.", "/")
        messages = await talk.messages(MESSAGES, before=before)
        bubbles = [bubble_of_message(message) for message in messages.messages]
        values = {"user_id": user_id, "info": info, "state": tree(info.state), "bubbles": bubbles}
        return self._page("conversation.html", older=messages.before, is_newest=before is None, **values)

    async def delete(self, request: Request) -> Response:
        if not self.allow_delete:
            return notice(403, "Read-only", "Nothing can be deleted here: start it with --allow-delete.", "/")
        form = await _form(request)
        user_id = form.get("id", "")
        if not self.door.is_form_token(form.get("token", ""), user_id):
            return notice(
                403, "Not from here", "The form is not of this page, or of an earlier run: open it anew.", "/"
            )
        await self.db.delete(user_id)
        if await self.db.stored(user_id) is not None or await conversations_of(self.db, user_id):
            return notice(
                409, "Not all is gone", "Something was stored again meanwhile: look at the user once more.", "/"
            )
        return RedirectResponse("/?deleted=1", 303)


def _now() -> datetime:
    return datetime.now(UTC)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, the first of each name."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise HTTPException(413)
    try:
        fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        raise HTTPException(400) from None
    return {name: values[0] for name, values in fields.items()}


async def _static(name: str) -> Response:
    if name not in STATIC:
        raise HTTPException(404)
    return Response((files("dynadb_async.inspect") / "static" / name).read_bytes(), media_type=STATIC[name])


async def _on_error(_request: Request, error: Any) -> Response:
    is_asked_wrongly = isinstance(error, UsageError | InvalidUserIdError | SerializationError)
    title = (
        "Not to be found like this"
        if is_asked_wrongly
        else "The table"
        if isinstance(error, TableError)
        else "DynamoDB"
    )
    return notice(400 if is_asked_wrongly else 502, title, str(error), "/")


async def _on_missing(_request: Request, error: Any) -> Response:
    return notice(error.status_code, "There is no such page", "It may have moved; the users are where they were.", "/")


async def _on_fault(_request: Request, error: Exception) -> Response:
    return fault(error)
