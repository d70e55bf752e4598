"""
An item as bytes: what is kept of it while its turn is handled, and while a save is under way.

The tree of an item is some hundred small dicts. Those that wait for the network have the garbage collector look at them
again and again, which is dearer than all else in a turn; bytes are not looked at. Nearly always nobody changed the item
meanwhile, and the bytes are thrown away unread.
"""

import marshal
from typing import Self

from attrs import evolve, frozen

from dynadb_async.errors import SerializationError
from dynadb_async.item.layout import UPDATED_AT, Item, Layout
from dynadb_async.item.recent import Entry, recent_turns, write_of
from dynadb_async.serializer import AttributeValue

# The last format without references: they would take a look at each object, and make the bytes fewer than the item's.
FORMAT = 2


@frozen
class Snapshot:
    """
    An item at one moment, or the attributes of one that a save writes.

    Attributes:
        newest: The write id of the newest of the recent turns; None if another program wrote the item.
        updated_at: That attribute, if the item has it.
    """

    newest: str | None
    updated_at: AttributeValue | None
    _recent: bytes
    _parts: tuple[bytes, ...]

    @classmethod
    def of(cls, layout: Layout, item: Item) -> Self:
        """
        Keep *item*.

        Raises:
            MalformedItemError: Its recent turns are something else.
            SerializationError: A user's own serializer made something that is no attribute value.
        """
        recent = recent_turns(layout, item)
        newest = write_of(recent[0]) if recent else None
        return cls(newest, item.get(UPDATED_AT), _frozen(recent), (_frozen(item),))

    def with_written(self, written: Self) -> Self:
        """This item once *written* was laid over it."""
        return evolve(written, parts=(*self._parts, *written._parts))  # noqa: SLF001 - of its own class

    def item(self) -> Item:
        """The attributes, a tree of one's own."""
        item: Item = {}
        for part in self._parts:
            item |= marshal.loads(part)  # noqa: S302 - our own bytes, which never left this process
        return item

    def recent(self) -> list[Entry]:
        """The recent turns, newest first."""
        recent: list[Entry] = marshal.loads(self._recent)  # noqa: S302 - as above
        return recent

    @property
    def size_bound(self) -> int:
        """Bytes that the item surely does not exceed in DynamoDB: in this form, every part of it is longer."""
        return sum(map(len, self._parts))


def _frozen(values: Item | list[Entry]) -> bytes:
    try:
        return marshal.dumps(values, FORMAT)
    except ValueError:
        problem = "the serializer made something that is no attribute value; it takes plain dicts, lists, str and bytes"
    raise SerializationError(problem)
