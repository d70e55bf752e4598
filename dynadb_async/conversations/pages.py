"""What is read of a conversation: its messages from the newest on, a page or all."""

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from attrs import define, field, frozen

from dynadb_async.conversations.arguments import checked_limit
from dynadb_async.conversations.calls import Calls
from dynadb_async.conversations.codec import ConversationSerializer
from dynadb_async.conversations.layout import LAST_NUMBER, Names, number_of
from dynadb_async.conversations.reading import Group, Reader
from dynadb_async.errors import SerializationError
from dynadb_async.item import Item
from dynadb_async.turn import Page

# Entries that one Query asks for beyond the messages that are wanted: some may hold none.
SPARE = 2
MOST_ENTRIES = 1000


@frozen(kw_only=True)
class Place:
    """
    Where a page ended.

    Attributes:
        below: The highest number of what is older.
        rest: How many messages of the append with this number are older; 0 for all of them.
        hidden_from: The number from which on everything older was replaced; None if nothing.
    """

    below: int = LAST_NUMBER
    rest: int = 0
    hidden_from: int | None = None

    @classmethod
    def of(cls, token: str | None) -> "Place":
        """
        From `Page.before`.

        Raises:
            SerializationError: It is none.
        """
        if token is None:
            return cls()
        try:
            below, rest, hidden_from = (int(part) if part else None for part in token.split("."))
            return cls(below=min(int(below or 0), LAST_NUMBER), rest=int(rest or 0), hidden_from=hidden_from)
        except (ValueError, AttributeError, TypeError):
            pass
        raise SerializationError("expected the `before` of an earlier page", ("before",))

    def token(self) -> str:
        """As `Page.before`."""
        return f"{self.below}.{self.rest}.{'' if self.hidden_from is None else self.hidden_from}"


@frozen(kw_only=True)
class Pages:
    """
    Reads of one event loop.

    Attributes:
        calls: The requests.
        serializer: Between messages and what is stored of them.
        clock: What time it is, aware and in UTC.
        found_dead: Hears which entries were replaced and are still there.
    """

    calls: Calls
    serializer: ConversationSerializer | None
    clock: Callable[[], datetime]
    found_dead: Callable[[Names, list[tuple[int, int]]], object] = field(repr=False)

    async def read(
        self,
        names: Names,
        reader: Reader,
        wanted: int | None,
        has_enough_with: Callable[[Reader, Sequence[Item]], bool],
        *,
        until: float | None,
        is_consistent: bool,
    ) -> None:
        """Hand over the entries of one Query after another, older than those that *reader* saw, newest first."""
        below = reader.oldest - 1
        limit: dict[str, Any] = {} if wanted is None else {"Limit": min(wanted + SPARE, MOST_ENTRIES)}
        while below >= 0 and not reader.is_at_end:
            items, at = await self.calls.page(
                names, names.entry(0), names.entry(below), until=until, ConsistentRead=is_consistent, **limit
            )
            if has_enough_with(reader, items) or at is None:
                return
            below = number_of(at) - 1
            if reader.hidden_from is not None:
                below = min(below, reader.hidden_from - 1)

    async def page(
        self, names: Names, limit: int | None, before: str | None, *, until: float | None, is_consistent: bool
    ) -> Page:
        """The newest *limit* messages, or those *before* a page; all if there is no limit. See `Conversation`."""
        place, limit = Place.of(before), checked_limit(limit)
        reader = Reader(self.clock(), self.serializer, place.hidden_from, place.below + 1)
        taken = Taken(limit, place)
        if limit is None or limit > 0:
            await self.read(names, reader, limit, taken.has_enough_with, until=until, is_consistent=is_consistent)
        if reader.dead:
            self.found_dead(names, reader.dead)
        return Page(messages=taken.messages(), before=taken.before, number=taken.number, revision=reader.revision)


@define(repr=False)
class Taken:
    """
    The messages of a page, while it grows from the newest on.

    Attributes:
        limit: How many are wanted.
        place: Where the page begins.
        number: Of the append that the oldest so far came with.
        before: For the page that comes before this one, once it is sure that there is one.
    """

    limit: int | None
    place: Place
    number: int | None = field(default=None, init=False)
    before: str | None = field(default=None, init=False)
    _newest_first: list[list[Any]] = field(factory=list, init=False)
    _count: int = field(default=0, init=False)
    _next: Place | None = field(default=None, init=False)

    def has_enough_with(self, reader: Reader, items: Sequence[Item]) -> bool:
        """Take what is wanted of *items*; whether there is more, and no more is wanted."""
        left = sys.maxsize if self.limit is None else self.limit - self._count
        # What was read of in part already, is divided.
        plain = [] if self.place.rest else reader.plain(items, left)
        if plain:
            self._newest_first += plain
            self._count += sum(map(len, plain))
            self.number = reader.oldest
            if self._count == self.limit:
                self._next = Place(below=reader.oldest - 1)
        return any(map(self._is_enough_with, reader.groups(items[len(plain) :])))

    def _is_enough_with(self, group: Group) -> bool:
        """The same of one that may be wanted in part, or not at all."""
        messages = group.messages
        if self.place.rest and group.number == self.place.below:
            messages = messages[: self.place.rest]
        if not messages:
            return False
        if self._next is not None:
            self.before = self._next.token()
            return True
        self.number = group.first
        self._count += len(messages)
        limit = self.limit
        if limit is None or self._count < limit:
            self._newest_first.append(messages)
            return False
        rest = self._count - limit
        self._newest_first.append(messages[rest:])
        if rest:
            self.before = Place(below=group.number, rest=rest, hidden_from=group.hidden_from).token()
        else:
            self._next = Place(below=group.first - 1, hidden_from=group.hides_from)
        return bool(rest)

    def messages(self) -> list[Any]:
        """Oldest first."""
        return [message for messages in reversed(self._newest_first) for message in messages]
