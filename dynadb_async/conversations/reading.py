"""Entries, newest first, as messages: what was replaced or has expired is left out, what is not whole as well; pure."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson
from attrs import define, field

from dynadb_async.conversations.codec import SLOWER, Content, ConversationSerializer, joined, messages_of, value_of
from dynadb_async.conversations.layout import DIGITS, EXPIRES_AT, LAST_NUMBER, NAME, WRITE, number_of
from dynadb_async.errors import MalformedItemError
from dynadb_async.item.layout import Item


@define(eq=False, repr=False)
class Group:
    """
    One append as it is stored: an entry, or the parts of a large one.

    Attributes:
        first: The number of its first entry.
        number: Of its newest.
        write: The id of the write that made it.
        messages: Its messages, oldest first.
        hidden_from: The number from which on newer ones replaced what is older than them; None if nothing.
        hides_from: The same with what this one replaced.
    """

    first: int
    number: int
    write: str
    messages: list[Any]
    hidden_from: int | None
    hides_from: int | None

    @property
    def replaceable_from(self) -> int:
        """The number from which on to replace, for this group to go: what it replaced itself must not come back."""
        return self.first if self.hides_from is None else min(self.first, self.hides_from)


@define(repr=False)
class Reader:
    """
    The groups in entries that come newest first, in pages.

    Attributes:
        now: What time it is.
        serializer: Between messages and what is stored of them.
        hidden_from: The number from which on everything older than the groups so far was replaced; None if nothing.
        dead: Ranges of numbers, without their ends, in which entries were replaced and are still there.
        oldest: The number of the oldest entry that was seen and counts.
        revision: The write id of the newest append that was seen; empty if there was none.
    """

    now: datetime
    serializer: ConversationSerializer | None
    hidden_from: int | None = None
    # What was replaced lies below it.
    oldest: int = LAST_NUMBER + 1
    dead: list[tuple[int, int]] = field(factory=list, init=False)
    revision: str = field(default="", init=False)
    # The newer parts of a large append whose older ones are still to come.
    _open: list[Item] = field(factory=list, init=False)

    def plain(self, items: Sequence[Item], wanted: int) -> list[list[Any]]:
        """
        The messages of those that *items* begin with, as far as they have nothing special: each a group of its own.

        No more than *wanted* messages in all. Nearly everything is read so, without much ado for each; whatever is
        left, or damaged, is for `groups`.
        """
        found: list[list[Any]] = []
        if self.serializer is None and self.hidden_from is None:
            with suppress(KeyError, TypeError, ValueError, RecursionError):
                self._read_plain(items, wanted, found)
        if found:
            self.revision = self.revision or items[0][WRITE]["S"]
            self.oldest = number_of(items[len(found) - 1][NAME]["S"])
        return found

    def _read_plain(self, items: Sequence[Item], wanted: int, found: list[list[Any]]) -> None:
        now = self.now.timestamp()
        for item in items:
            is_special = "cut" in item or "part" in item or not item[NAME]["S"][-DIGITS:].isdecimal()
            if is_special or (EXPIRES_AT in item and int(item[EXPIRES_AT]["N"]) <= now) or not wanted:
                return
            text: str = item["messages"]["S"]
            messages = value_of(text) if text[:1] == SLOWER else orjson.loads(text)
            if type(messages) is not list or not messages or not item[WRITE]["S"]:
                return
            if (wanted := wanted - len(messages)) < 0:
                return
            found.append(messages)

    def groups(self, items: Sequence[Item]) -> Iterator[Group]:
        """Those that end in *items*, which go on where the last ones ended."""
        for item in items:
            try:
                group = self._taken(item)
            except (KeyError, TypeError, ValueError):
                problem = "expected the attributes messages, write and at"
            else:
                if group is not None:
                    yield group
                continue
            raise MalformedItemError("entry of a conversation", problem)

    @property
    def is_at_end(self) -> bool:
        """Whether everything older was replaced."""
        return self.hidden_from == 0

    def _taken(self, item: Item) -> Group | None:
        number = int(item[NAME]["S"][-DIGITS:])
        hidden_from = self.hidden_from
        if hidden_from is not None and number >= hidden_from:
            replaced = hidden_from, self.oldest
            if replaced not in self.dead:
                self.dead.append(replaced)
            if "cut" in item:
                # What it replaced stays so.
                self.hidden_from = min(hidden_from, int(item["cut"]["N"]))
            return None
        if EXPIRES_AT in item and int(item[EXPIRES_AT]["N"]) <= self.now.timestamp():
            self._open = []
            return None
        if "part" in item:
            return self._whole(number, item)
        content = item["messages"].get("S")
        if type(content) is not str:
            content = joined([item["messages"]])
        return self._group(number, number, item, content)

    def _whole(self, number: int, item: Item) -> Group | None:
        """The group that *item* completes: Query may show a part of what was written at once."""
        if "parts" in item:
            self._open = [item]
        elif self._open and self._continues(number, item):
            self._open.append(item)
        else:
            self._open = []
        if not self._open or len(self._open) < int(self._open[0]["parts"]["N"]):
            return None
        parts, self._open = self._open[::-1], []
        return self._group(number, number + len(parts) - 1, parts[-1], joined([part["messages"] for part in parts]))

    def _continues(self, number: int, item: Item) -> bool:
        newer = self._open[-1]
        return number_of(newer[NAME]["S"]) == number + 1 and item[WRITE] == newer[WRITE]

    def _group(self, first: int, number: int, newest: Item, content: Content) -> Group:
        write: str = newest[WRITE]["S"]
        if not isinstance(write, str):
            raise TypeError
        hidden_from = hides_from = self.hidden_from
        if "cut" in newest:
            cut = int(newest["cut"]["N"])
            self.hidden_from = hides_from = cut if hides_from is None else min(cut, hides_from)
        self.revision = self.revision or write
        self.oldest = first
        return Group(first, number, write, messages_of(content, self.serializer), hidden_from, hides_from)
