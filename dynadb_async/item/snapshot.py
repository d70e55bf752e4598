"""
An item as bytes: what is kept of it while its turn is handled, and while a save is under way.

The tree of an item is some hundred small dicts. Those that wait for the network have the garbage collector look at them
again and again, which is dearer than all else in a turn; bytes are not looked at. Nearly always nobody changed the item
meanwhile, and the bytes are thrown away unread.
"""

from typing import Self

from attrs import frozen

from dynadb_async.attribute_json import decoded, encoded
from dynadb_async.item.layout import UPDATED_AT, Item, Layout
from dynadb_async.item.recent import Entry, recent_turns, write_of
from dynadb_async.serializer import AttributeValue


@frozen
class Snapshot:
    """
    An item at one moment, or the attributes of one that a save writes.

    Attributes:
        updated_at: That attribute, if the item has it.
        recent: The recent turns, newest first.
    """

    updated_at: AttributeValue | None
    recent: list[Entry]
    _parts: tuple[bytes, ...]

    @classmethod
    def of(cls, layout: Layout, item: Item, *, is_stored: bool = False) -> Self:
        """
        Keep *item*, which *is_stored* if it was read.

        Raises:
            MalformedItemError: Its recent turns are something else.
            SerializationError: A user's own serializer made something that is no attribute value.
        """
        return cls(item.get(UPDATED_AT), recent_turns(layout, item), (encoded({"Item": item}, is_stored=is_stored),))

    def with_written(self, written: Self) -> Self:
        """The item once *written* was laid over this one."""
        return type(self)(written.updated_at, written.recent, self._parts + written._parts)

    def item(self) -> Item:
        """The attributes, a tree of one's own."""
        item: Item = {}
        for part in self._parts:
            item |= decoded(part, "Item")["Item"]
        return item

    @property
    def newest(self) -> str | None:
        """The write id of the newest of the recent turns; None if another program wrote the item."""
        return write_of(self.recent[0]) if self.recent else None

    @property
    def size_bound(self) -> int:
        """Bytes that the item surely does not exceed in DynamoDB: in this form, every part of it is longer."""
        return sum(map(len, self._parts))
