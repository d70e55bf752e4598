"""Which attribute holds what: names, times, and the record of recent turns."""

import math
import os
from binascii import b2a_base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from attrs import Factory, evolve, field, frozen

from dynadb_async.config import DynamoDbConfig
from dynadb_async.errors import InvalidUserIdError, MalformedItemError, SerializationError, UsageError
from dynadb_async.item.user_data import Shape, UserData
from dynadb_async.values.serializer import AttributeValue, DynamoDbSerializer, Serializer
from dynadb_async.values.stored_text import StoredText

_isoformat = datetime.isoformat

Item = dict[str, AttributeValue]
Element = dict[str, Any]
"""A stored element as Python values."""

USER, SESSION, HISTORY = "user", "session", "history"
CREATED_AT, UPDATED_AT = "createdAt", "updatedAt"

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html: a partition key's length in bytes.
LONGEST_KEY = 2048


@frozen(kw_only=True, repr=False)
class Layout:
    """
    How this configuration lays a turn out as an item.

    Attributes:
        config: The adapter's configuration.
        serializer: Between stored elements and attribute values; `user`, `session` and `history` pass through it.
        user_data: The class of `user.data`, or what makes it of the stored dict.
        shape: How it is made of that and stored again; None for dicts as they are.
        key_name: The partition key's attribute name.
        recent_name: The attribute that holds the recent turns.
        typed: For `user`: a field of the app's class that is empty is no NULL, which it may not take.
        elements: Which of `user`, `session` and `history` are stored.
        native: Between everything else and attribute values, where conditions need DynamoDB's own types.
    """

    config: DynamoDbConfig
    serializer: Serializer
    user_data: UserData[Any] | Callable[[dict[str, Any]], Any]
    shape: Shape | None = field(init=False, default=Factory(lambda self: Shape.of(self.user_data), takes_self=True))
    native: DynamoDbSerializer = field(
        init=False, default=Factory(lambda self: DynamoDbSerializer(self.config.marshall), takes_self=True)
    )
    key_name: str = field(
        init=False, default=Factory(lambda self: self.config.table.primary_key_column, takes_self=True)
    )
    recent_name: str = field(
        init=False, default=Factory(lambda self: self.config.table.recent_turns_attribute, takes_self=True)
    )
    typed: Serializer = field(init=False, default=Factory(lambda self: self._typed(), takes_self=True))
    elements: tuple[str, ...] = field(init=False, default=Factory(lambda self: self._elements_on(), takes_self=True))

    def _typed(self) -> Serializer:
        serializer = self.serializer
        if self.shape is None or not isinstance(serializer, DynamoDbSerializer):
            return serializer
        return DynamoDbSerializer(evolve(serializer.marshall, convert_empty_values=False))

    def _elements_on(self) -> tuple[str, ...]:
        stored = self.config.stored_elements
        is_on = {USER: stored.user, SESSION: stored.session is not None, HISTORY: stored.history is not None}
        return tuple(name for name, on in is_on.items() if on)

    def key(self, user_id: str) -> Item:
        """The key of a user's item, whose id was looked at by `check_user_id` or is stored already."""
        return {self.key_name: {"S": user_id}}

    def element(self, item: Item, name: str) -> Element:
        """
        A stored element as a dict, empty where it is not stored.

        Raises:
            MalformedItemError: It is no map, or the serializer can't read it.
        """
        value = item.get(name)
        if value is None:
            return {}
        try:
            element = self.serializer.deserialize(value)
        except SerializationError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - a user's own serializer may raise what it likes
            reason = f"the serializer raised {type(error).__name__}"
        else:
            if isinstance(element, dict):
                return element
            reason = f"expected a map, got {type(element).__name__}"
        raise MalformedItemError(name, reason)

    def exported(self, item: Item) -> dict[str, Any]:
        """All of *item* as Python values, by attribute name."""
        elements = {name: self.element(item, name) for name in (USER, SESSION, HISTORY) if name in item}
        return {name: self.plain(name, value) for name, value in item.items() if name not in elements} | elements

    def plain(self, name: str, value: AttributeValue) -> Any:
        """
        The Python value of an attribute that no serializer of the user's own made.

        Raises:
            MalformedItemError: It can't be read.
        """
        try:
            return self.native.deserialize(value)
        except SerializationError as error:
            problem = MalformedItemError(name, str(error))
        raise problem

    def attribute(self, name: str, element: Element) -> AttributeValue:
        """A stored element as an attribute value."""
        try:
            return (self.typed if name == USER else self.serializer).serialize(element)
        except SerializationError as error:
            problem = error.within(name)
        except RecursionError:
            problem = SerializationError("the element is nested too deep; store a flatter structure", (name,))
        raise problem

    def is_expired(self, item: Item, now: datetime) -> bool:
        """Whether TTL says that this item is gone, though DynamoDB, which may take days, has not deleted it yet."""
        ttl = self.config.table.ttl
        if ttl is None:
            return False
        try:
            expires_at = float(item[ttl.attribute]["N"])
        except (KeyError, TypeError, ValueError):
            return False
        return expires_at <= now.timestamp()


def check_user_id(user_id: str) -> None:
    """
    Refuse what can't be a key: where it is handed in, so that nothing is done before.

    Raises:
        InvalidUserIdError: No text of 1 to 2048 bytes.
    """
    if type(user_id) is not str and type(user_id) is not StoredText:
        msg = f"expected the user id as a str, got {type(user_id).__name__}; take it from the platform's request"
        raise InvalidUserIdError(msg)
    try:
        length = len(user_id.encode())
    except UnicodeEncodeError:
        msg = "the user id holds a lone surrogate, which UTF-8 can't express"
        raise InvalidUserIdError(msg) from None
    if not 1 <= length <= LONGEST_KEY:
        msg = f"expected a user id of 1 to {LONGEST_KEY} bytes in UTF-8, got {length}"
        raise InvalidUserIdError(msg)


def aware(moment: datetime, what: str) -> datetime:
    """
    A time that says where it is.

    Raises:
        UsageError: It does not; *what* names it.
    """
    given: object = moment
    got = type(given).__name__
    if isinstance(given, datetime):
        if given.utcoffset() is not None:
            return given
        got = "one without"
    msg = f"expected {what} as a datetime with a time zone, such as datetime.now(UTC), got {got}"
    raise UsageError(msg)


def checked_clock(clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """The same clock, whose times are all `aware`."""
    return lambda: aware(clock(), "the clock's time")


def text_of_time(moment: datetime, what: str = "the turn's times") -> str:
    """
    ISO 8601 in UTC with milliseconds, the form in which the reference stores times.

    Raises:
        UsageError: It has no time zone; *what* names it.
    """
    if getattr(moment, "tzinfo", None) is not UTC:
        moment = aware(moment, what).astimezone(UTC)
    # In JSON it is the same, and made quicker than by `isoformat`; the fraction is there if it is not zero.
    try:
        text = orjson.dumps(moment).decode()
    except orjson.JSONEncodeError:
        # A class of somebody's own, such as freezegun's or pendulum's, which may have an `isoformat` of its own, too.
        return f"{_isoformat(moment, timespec='milliseconds')[:23]}Z"
    return f"{text[1:24]}Z" if moment.microsecond else f"{text[1:20]}.000Z"


def time_of_attribute(value: AttributeValue | None) -> datetime | None:
    """The time in an attribute; None where there is none that can be read."""
    if value is None:
        return None
    text = value.get("S")
    try:
        return time_of_value(float(value["N"]) if text is None else text)
    except (KeyError, TypeError, ValueError):
        return None


def time_of_value(value: Any) -> datetime | None:
    """A stored time: ISO 8601 text or epoch milliseconds, as the reference reads them; None if it is neither."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is UTC:
                return moment
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if isinstance(value, bool) or not math.isfinite(value):
            return None
        return datetime.fromtimestamp(float(value) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def new_write_id() -> str:
    """64 random bits as short text: it costs storage in every item."""
    # As `secrets.token_urlsafe` has it, in one step. From the system each time: a process may be forked, or frozen
    # and thawed many times over, which would repeat what Python's own generator makes.
    return b2a_base64(os.urandom(8), newline=False)[:11].decode()
