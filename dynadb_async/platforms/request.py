"""A platform's request as a turn needs it, and the error for one that is not as its platform documents it."""

from typing import Any, TypeVar

from attrs import field, frozen

from dynadb_async import DynaDbError, Session

Kind = TypeVar("Kind", str, bool, dict[str, Any], list[Any])

WORDS: dict[type[Any], str] = {str: "a text", bool: "true or false", dict: "an object", list: "an array"}


class MalformedRequestError(DynaDbError, ValueError):
    """The request is not as its platform documents it: the message names the member, never what it holds."""


@frozen(kw_only=True)
class PlatformRequest:
    """
    One request, ready for `db.turn(request.user_id, session=request.session, turn_id=request.turn_id)`.

    Attributes:
        user_id: The person.
        session: The platform's own session; None where it sent none, so that a stored one serves.
        turn_id: The platform's id of this request, the same in a second delivery.
        locale: The person's language as the platform writes it, where it says so.
        raw: The platform's JSON.
    """

    user_id: str = field(repr=False)
    session: Session | None = field(default=None, repr=False)
    turn_id: str
    locale: str | None = None
    raw: dict[str, Any] = field(repr=False)


def member(value: Any, *path: str) -> Any:
    """What is at *path*; None where there is nothing."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def optional_text(value: Any, *path: str) -> str | None:
    """The text at *path*; None where there is none."""
    found = member(value, *path)
    return found if found and isinstance(found, str) else None


def required(platform: str, kind: type[Kind], value: Any, *path: str) -> Kind:
    """
    What is at *path*.

    Raises:
        MalformedRequestError: It is missing, an empty text or of another type.
    """
    found = member(value, *path)
    if isinstance(found, kind) and found != "":
        return found
    what = "nothing" if found is None or found == "" else type(found).__name__
    place = ".".join(path) or "the top"
    msg = f"expected {WORDS[kind]} in a request of {platform}, got {what}; pass its JSON as it came - at {place}"
    raise MalformedRequestError(msg)
