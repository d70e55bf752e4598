"""What is stored about a user, as it is to be shown; pure."""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from attrs import field, frozen

from dynadb_async import (
    AttributeValue,
    DynamoDbConfig,
    DynamoDbSerializer,
    SerializationError,
    StoredItem,
    StoredSession,
)
from dynadb_async.inspect.tree import Node, tree
from dynadb_async.inspect.words import Bubble, bubbles_of_turn

USER, SESSION, HISTORY, CREATED_AT, UPDATED_AT = "user", "session", "history", "createdAt", "updatedAt"
LARGEST_ITEM = 409_600


@frozen(repr=False)
class SessionView:
    """
    A stored session.

    Attributes:
        is_alive: The next turn goes on with it.
        ends_at: When that ends, or ended; None if it says no time.
        updated_at: When its latest turn began.
        id: Its id, if it has one.
        members: What is in it.
    """

    is_alive: bool
    ends_at: datetime | None
    updated_at: datetime | None
    id: str | None
    members: Node


@frozen(repr=False)
class Exchange:
    """An entry of the history: what was said, and all that is stored of it."""

    bubbles: list[Bubble]
    whole: Node


@frozen(repr=False)
class Recent:
    """
    One of the recent turns.

    Attributes:
        write: The id of the save.
        turn_id: The id of the request, if it had one.
        outcome: What is known of it.
        response: The reply that a second delivery gets.
    """

    write: str
    turn_id: str | None
    outcome: str
    response: Node | None


@frozen(repr=False)
class Share:
    """How much of an item an attribute is, in bytes, and in percent of the item."""

    name: str
    size: int
    percent: float


@frozen(repr=False)
class Person:
    """
    A user's item, read as far as it can be.

    Attributes:
        stored: The item.
        config: How it is laid out.
        now: What time it is.
        problems: What could not be read.
    """

    stored: StoredItem
    config: DynamoDbConfig
    now: datetime
    problems: list[str] = field(factory=list, init=False)

    @property
    def created_at(self) -> datetime | None:
        """When the item was first stored."""
        return moment_of(self._value(CREATED_AT))

    @property
    def updated_at(self) -> datetime | None:
        """When it was last stored."""
        return moment_of(self._value(UPDATED_AT))

    @property
    def is_expired(self) -> bool:
        """Whether TTL says that it is gone."""
        return self.stored.expires_at is not None and self.stored.expires_at <= self.now

    @property
    def percent_of_limit(self) -> float:
        """How much of what an item may be."""
        return 100 * self.stored.size / LARGEST_ITEM

    def data(self) -> Node | None:
        """What the app remembers, with whatever stands beside it."""
        element = self._element(USER)
        if isinstance(element, dict) and set(element) == {"data"}:
            element = element["data"]
        return None if element is None else tree(element)

    def session(self) -> SessionView | None:
        """The stored session."""
        element = self._element(SESSION)
        if element is None:
            return None
        members = element if isinstance(element, dict) else {}
        settings = self.config.stored_elements.session or StoredSession()
        updated_at = moment_of(members.get(UPDATED_AT))
        ends_at = None if updated_at is None else _after(updated_at, settings.expires_after)
        is_alive = ends_at is not None and self.now <= ends_at
        name = members.get("id")
        return SessionView(is_alive, ends_at, updated_at, name if isinstance(name, str) else None, tree(element))

    def history(self) -> list[Exchange]:
        """The turns of the history, oldest first, as a conversation is read."""
        element = self._element(HISTORY)
        items = element.get("items") if isinstance(element, dict) else None
        if element is None or items is None:
            return []
        entries = items if isinstance(items, list) else [items]
        return [Exchange(bubbles_of_turn(one) if isinstance(one, dict) else [], tree(one)) for one in entries[::-1]]

    def recent(self) -> list[Recent]:
        """The recent turns, newest first."""
        value = self._value(self.config.table.recent_turns_attribute)
        return [_recent(entry) for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []

    def others(self) -> Node | None:
        """The attributes that another program keeps in the item."""
        table = self.config.table
        ours = {table.primary_key_column, table.recent_turns_attribute, table.ttl.attribute if table.ttl else ""}
        known = {USER, SESSION, HISTORY, CREATED_AT, UPDATED_AT} | ours
        found = {name: self._value(name) for name in self.stored.attributes if name not in known}
        return tree(found) if found else None

    def shares(self) -> list[Share]:
        """The attributes by their size, the largest first."""
        sizes, whole = self.stored.sizes, max(1, self.stored.size)
        return [Share(name, sizes[name], 100 * sizes[name] / whole) for name in sorted(sizes, key=sizes.__getitem__)][
            ::-1
        ]

    def raw(self) -> str:
        """The item as DynamoDB has it, as JSON; binaries in Base64."""
        return json.dumps(self.stored.attributes, indent=2, ensure_ascii=False, default=_text_of_binary)

    def _value(self, name: str) -> Any:
        value: AttributeValue | None = self.stored.attributes.get(name)
        if value is None:
            return None
        try:
            return DynamoDbSerializer(self.config.marshall).deserialize(value)
        except SerializationError:
            self._note(f"{name} can't be read; the raw item has it as it is.")
            return None

    def _element(self, name: str) -> Any:
        """A stored element; of one that another serializer made, what JSON there may be in it."""
        value = self._value(name)
        if isinstance(value, dict | None):
            return value
        self._note(f"{name} is no map: a serializer of the app's own may have made it.")
        try:
            return orjson.loads(value)
        except (ValueError, TypeError):
            return value

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _recent(entry: Mapping[str, Any]) -> Recent:
    turn_id, write = entry.get("turn"), entry.get("write")
    outcome = "open: a checkpoint, not ended" if "open" in entry else "reply not kept" if "lost" in entry else "saved"
    response = tree(entry["response"]) if "response" in entry else None
    return Recent(str(write), None if turn_id is None else str(turn_id), outcome, response)


def moment_of(value: Any) -> datetime | None:
    """A stored time: ISO 8601, or milliseconds since 1970; None if it is neither."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return datetime.fromtimestamp(float(value) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _after(moment: datetime, span: timedelta) -> datetime | None:
    try:
        return moment + span
    except OverflowError:
        return None


def _text_of_binary(value: Any) -> str:
    return b64encode(value).decode() if isinstance(value, bytes | bytearray) else str(value)
