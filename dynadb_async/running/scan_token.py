"""How far a scan is, and as a text by which another one goes on."""

from collections.abc import Sequence
from typing import Any, Self

import orjson
from attrs import define, field

from dynadb_async.errors import UsageError

Key = tuple[str, ...]
"""The texts of an item's key: a user's id, and a sort key where there is one."""

MOST_SEGMENTS = 1000


@define(repr=False)
class Segment:
    """
    One of the parts that a table is scanned in.

    Attributes:
        number: Its number, from 0.
        after: The key after which it goes on; None at its beginning.
        is_done: Nothing of it is left.
    """

    number: int
    after: Key | None = None
    is_done: bool = False

    def stored(self) -> Any:
        """As it is in a token."""
        return True if self.is_done else self.after


@define(repr=False)
class Progress:
    """
    How far a scan of several tables is.

    Attributes:
        tables: Their names.
        segments: Of each table.
    """

    tables: tuple[str, ...]
    segments: list[list[Segment]] = field(factory=list)

    @classmethod
    def begin(cls, tables: Sequence[str], segments: int) -> Self:
        """At the beginning, each table in so many *segments*."""
        return cls(tuple(tables), [[Segment(number) for number in range(segments)] for _ in tables])

    @classmethod
    def after(cls, tables: Sequence[str], token: str) -> Self:
        """
        Where *token* says.

        Raises:
            UsageError: It is none of a scan of these tables.
        """
        try:
            named, *stored = orjson.loads(bytes.fromhex(token))
            if named == [*tables] and len(stored) == len(named):
                return cls(tuple(tables), [_segments(table) for table in stored])
        except (ValueError, TypeError):
            pass
        msg = "the token is not of a scan of these tables; take it from `token` of an earlier one, or leave it out"
        raise UsageError(msg)

    def token(self) -> str | None:
        """What another scan goes on by; None once nothing is left."""
        if all(segment.is_done for table in self.segments for segment in table):
            return None
        stored = [[segment.stored() for segment in table] for table in self.segments]
        return orjson.dumps([self.tables, *stored]).hex()


def _segments(stored: Any) -> list[Segment]:
    segments = [_segment(number, place) for number, place in enumerate(stored)]
    if not 1 <= len(segments) <= MOST_SEGMENTS:
        raise ValueError
    return segments


def _segment(number: int, stored: Any) -> Segment:
    match stored:
        case None:
            return Segment(number)
        case True:
            return Segment(number, is_done=True)
        case [*texts] if texts and all(isinstance(text, str) for text in texts):
            return Segment(number, tuple(texts))
    raise ValueError
