"""
An item as bytes: what is kept of it while its turn is handled, and while a save is under way.

The tree of an item is some hundred small dicts. Those that wait for the network have the garbage collector look at them
again and again, which is dearer than all else in a turn; bytes are not looked at. Nearly always nobody changed the item
meanwhile, and the bytes are thrown away unread.
"""

from typing import Self

from attrs import define

from dynadb_async.connection.request import parameters_of
from dynadb_async.item.layout import UPDATED_AT, Item, Layout
from dynadb_async.item.recent import recent_turns, write_of
from dynadb_async.values.attribute_json import decoded, encoded
from dynadb_async.values.serializer import AttributeValue


@define(eq=False, repr=False)
class Snapshot:
    """
    An item at one moment, or the attributes of one that a save writes.

    Attributes:
        updated_at: That attribute, if the item has it.
        newest: The write id of the newest of the recent turns; None if another program wrote the item.
        recent: The recent turns, newest first, JSON of an attribute value.
        read: GetItem's answer; empty if nothing was read.
        written: The UpdateItem that went over that; empty if none did. All saves write the same attributes: of those
            before the last one, nothing is seen any more.
    """

    updated_at: AttributeValue | None
    newest: str | None
    recent: bytes
    read: bytes
    written: bytes = b""

    @classmethod
    def of(cls, layout: Layout, item: Item, *, is_stored: bool = False, body: bytes | None = None) -> Self:
        """
        Keep *item*, which *is_stored* if it was read; as the *body* of GetItem's answer, if that is at hand.

        Raises:
            MalformedItemError: Its recent turns are something else.
            SerializationError: A user's own serializer made something that is no attribute value.
        """
        body = body or encoded({"Item": item}, is_stored=is_stored)
        recent = recent_turns(layout, item)
        newest = write_of(recent[0]) if recent else None
        kept = encoded({"L": recent}, is_stored=is_stored)
        return cls(item.get(UPDATED_AT), newest, kept, body)

    def with_written(self, written: Self) -> Self:
        """The item once *written* was laid over this one."""
        return type(self)(written.updated_at, written.newest, written.recent, self.read, written.written)

    @property
    def latest(self) -> bytes:
        """The JSON that has the stored elements in it: all that were written last, or were read."""
        return self.written or self.read

    def item(self) -> Item:
        """The attributes, a tree of one's own."""
        item: Item = decoded(self.read, "Item")["Item"] if self.read else {}
        return item | _written_by(self.written) if self.written else item

    @property
    def size_bound(self) -> int:
        """Bytes that the item surely does not exceed in DynamoDB: in this form, every part of it is longer."""
        return len(self.read) + len(self.written)

    def tighter_bound(self) -> int:
        """The same, nearer to the size: each text and number takes 7 bytes less there than in JSON, or fewer still."""
        bodies = self.read, self.written
        texts_and_numbers = sum([body.count(b'{"S":"') + body.count(b'{"N":"') for body in bodies])
        return self.size_bound - 7 * texts_and_numbers


def _written_by(update: bytes) -> Item:
    """What *update* writes: its names and values are numbered, those of its condition are not."""
    parameters = parameters_of(update)
    names, values = parameters["ExpressionAttributeNames"], parameters["ExpressionAttributeValues"]
    return {names[f"#{place[1:]}"]: value for place, value in values.items() if place[1:].isdecimal()}
