"""Values as a tree to be shown, bounded in every direction; pure."""

from base64 import b64encode
from collections.abc import Iterable
from itertools import islice
from typing import Any

from attrs import define, frozen

# What a browser shows at once without a pause; the raw item has all of it.
MOST_NODES = 4000
MOST_MEMBERS = 500
MOST_LEVELS = 34
MOST_TEXT = 100_000


@frozen(repr=False)
class Node:
    """
    A value.

    Attributes:
        key: Its name in a map, or its place in a list; None of the whole, and in a set.
        kind: Such as `text`, `number` or `map`.
        text: What it reads, if nothing is in it.
        members: What is in it.
        count: How much that is.
        hidden: How many of them are not shown.
    """

    key: str | None
    kind: str
    text: str = ""
    members: tuple["Node", ...] = ()
    count: int = 0
    hidden: int = 0

    @property
    def is_branch(self) -> bool:
        """Whether something is in it."""
        return bool(self.count)


def tree(value: Any) -> Node:
    """*value*, and what is in it."""
    return _Grower().node(None, value, MOST_LEVELS)


def shortened(text: str) -> str:
    """*text*, as much of it as is shown."""
    rest = len(text) - MOST_TEXT
    return text if rest <= 0 else f"{text[:MOST_TEXT]}… and {rest:,} more characters"


@define
class _Grower:
    left: int = MOST_NODES

    def node(self, key: str | None, value: Any, levels: int) -> Node:
        self.left -= 1
        match value:
            case dict():
                members: Iterable[tuple[str | None, Any]] = ((str(name), member) for name, member in value.items())
                return self._branch(key, "map", members, len(value), levels)
            case list() | tuple():
                members = ((str(place), member) for place, member in enumerate(value))
                return self._branch(key, "list", members, len(value), levels)
            case set() | frozenset():
                members = ((None, member) for member in sorted(value, key=str))
                return self._branch(key, "set", members, len(value), levels)
            case _:
                return _leaf(key, value)

    def _branch(
        self, key: str | None, kind: str, members: Iterable[tuple[str | None, Any]], count: int, levels: int
    ) -> Node:
        shown = max(0, min(count, MOST_MEMBERS, self.left)) if levels else 0
        nodes = tuple(self.node(name, member, levels - 1) for name, member in islice(members, shown))
        return Node(key, kind, "empty" if not count else "", nodes, count, count - shown)


def _leaf(key: str | None, value: Any) -> Node:
    match value:
        case None:
            return Node(key, "null", "null")
        case bool():
            return Node(key, "bool", str(value).lower())
        case str():
            return Node(key, "text", shortened(value))
        case bytes() | bytearray():
            return Node(key, "binary", shortened(f"{len(value)} bytes: {b64encode(value).decode()}"))
        case _:
            return Node(key, "number", shortened(str(value)))
