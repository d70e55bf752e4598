"""A platform's request as a turn needs it, and the error for one that is not as its platform documents it."""

from contextlib import suppress
from typing import Any, Self, TypeVar

import orjson
from attrs import evolve, field, frozen

from dynadb_async import DynaDbError, DynamoDbSerializer, SerializationError, Session, UsageError

Kind = TypeVar("Kind", str, bool, dict[str, Any], list[Any])

WORDS: dict[type[Any], str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    dict: "an object",
    list: "an array",
}


# Bytes: of a key in DynamoDB, and of a turn id here.
LONGEST_ID, LONGEST_TURN_ID = 2048, 256
LARGEST_ITEM = 409_600
MOST_LEVELS = 254
LONGEST_NUMBER = 64  # bits
NO_UNICODE = "expected texts of valid Unicode, got a lone surrogate; no platform sends one"


class MalformedRequestError(DynaDbError, ValueError):
    """
    The request is not as its platform documents it, or nothing that could be stored.

    The message names the member, never what it holds.
    """


@frozen(kw_only=True)
class PlatformRequest:
    """
    One request, ready for `db.turn(request.user_id, session=request.session, turn_id=request.turn_id)`.

    Attributes:
        user_id: The person, as the platform names it. Two platforms may use one id for two persons: see `prefixed`.
        platform: Which platform it came from, such as `alexa`; a name of one's own for one's own platform.
        session: The platform's own session; None where it sent none, so that a stored one serves.
        chat_id: Where it was said, on a platform of chats: a group, a channel, the business's number; None on others.
            A session of its own for each chat is `session=Session(request.chat_id)`, with `stored_elements.session`
            switched on.
        turn_id: The platform's id of this request, the same in a second delivery; None where it has none.
        locale: The person's language as the platform writes it, where it says so.
        raw: The platform's JSON.
    """

    user_id: str = field(repr=False)
    platform: str = ""
    session: Session | None = field(default=None, repr=False)
    chat_id: str | None = field(default=None, repr=False)
    turn_id: str | None = field(default=None, repr=False)
    locale: str | None = None
    raw: dict[str, Any] = field(repr=False)

    def prefixed(self, prefix: str | None = None) -> Self:
        """
        The same request of a user whose id begins with its platform, `alexa:…`, so that platforms share no item.

        Off unless asked for, since the items that Jovo wrote have no prefix.

        Args:
            prefix: What it begins with instead.

        Raises:
            UsageError: There is neither a platform nor a prefix.
        """
        if prefix is None and not self.platform:
            msg = "expected a prefix, or a request with platform= set: without either, all platforms share their users"
            raise UsageError(msg)
        start = f"{self.platform}:" if prefix is None else prefix
        return evolve(self, user_id=f"{start}{self.user_id}")

    def __attrs_post_init__(self) -> None:
        """
        Check that a turn can be made of it and stored: no request that no platform sends may look like our fault.

        Raises:
            MalformedRequestError: An id is no text, or something is too long, too deep, or no Unicode.
        """
        _check_id("user_id", self.user_id, LONGEST_ID)
        if self.turn_id is not None:
            _check_id("turn_id", self.turn_id, LONGEST_TURN_ID)
            if not self.turn_id:
                raise MalformedRequestError("expected a text of 1 byte at least, or None - at turn_id")
        if self.chat_id is not None:
            _check_id("chat_id", self.chat_id, LONGEST_ID)
        _check_unicode_and_depth(self.raw)
        if self.session is not None:
            if self.session.id:
                _check_id("session.id", self.session.id, LONGEST_ID)
            _check_storable("session.data", self.session.data)


def _check_id(name: str, text: object, most: int) -> None:
    if not isinstance(text, str):
        raise MalformedRequestError(f"expected a text as an id, got {type(text).__name__} - at {name}")
    length = len(text.encode(errors="surrogatepass"))
    if length > most:
        msg = f"expected at most {most} bytes, got {length}; no platform sends so many - at {name}"
        raise MalformedRequestError(msg)
    # An id is not always within what is read here as a whole.
    if not _is_unicode(text):
        raise MalformedRequestError(f"{NO_UNICODE} - at {name}")


def _check_unicode_and_depth(body: dict[str, Any]) -> None:
    # What the encoder takes is sound, and it is quick; it refuses numbers of many digits, too, which are no damage.
    with suppress(orjson.JSONEncodeError):
        orjson.dumps(body)
        return
    level: list[Any] = [body]
    for _ in range(MOST_LEVELS):
        texts = [name for value in level if isinstance(value, dict) for name in value]
        inner = [member for value in level for member in (value.values() if isinstance(value, dict) else value)]
        texts += [value for value in inner if isinstance(value, str)]
        if not all(map(_is_unicode, texts)):
            raise MalformedRequestError(NO_UNICODE)
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return
    raise MalformedRequestError(f"expected at most {MOST_LEVELS} levels of objects and arrays; no platform sends more")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_storable(name: str, data: dict[str, Any]) -> None:
    if not data:
        return
    try:
        # Its JSON is longer than what DynamoDB counts: that there is little of it is known quickly.
        is_small = len(orjson.dumps(DynamoDbSerializer().serialize(data), default=repr)) <= LARGEST_ITEM
        problem = "" if is_small or _least_size(data) <= LARGEST_ITEM else f"expected at most {LARGEST_ITEM} bytes"
    except SerializationError as error:
        problem = error.problem
    if problem:
        raise MalformedRequestError(f"{problem} - at {name}")


def _least_size(data: dict[str, Any]) -> int:
    """How many bytes of an item *data* takes at least: its texts, and one for each other member."""
    size, left = 0, [data]
    while left:
        value: Any = left.pop()
        size += len(value.encode()) if isinstance(value, str) else 1
        if isinstance(value, dict | list):
            left += [*value, *value.values()] if isinstance(value, dict) else value
    return size


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
    raise _unexpected(platform, kind, found, path)


def _unexpected(platform: str, kind: type[Any], found: Any, path: tuple[str, ...]) -> MalformedRequestError:
    what = "nothing" if found is None or found == "" else type(found).__name__
    place = ".".join(path) or "the top"
    msg = f"expected {WORDS[kind]} in a request of {platform}, got {what}; pass its JSON as it came - at {place}"
    return MalformedRequestError(msg)


def number_as_text(platform: str, value: Any, *path: str) -> str:
    """
    The whole number at *path*, as an id.

    Raises:
        MalformedRequestError: It is missing, of another type, or beyond 64 bits.
    """
    number = member(value, *path)
    # True is an int to Python, and to no platform.
    if not isinstance(number, int) or isinstance(number, bool):
        raise _unexpected(platform, int, number, path)
    if number.bit_length() > LONGEST_NUMBER:
        msg = f"expected a number of at most {LONGEST_NUMBER} bits in a request of {platform} - at {'.'.join(path)}"
        raise MalformedRequestError(msg)
    return str(number)
