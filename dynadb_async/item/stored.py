"""An item as DynamoDB has it, for those who look after it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import field, frozen

from dynadb_async.item.layout import Item, Layout
from dynadb_async.values.serializer import AttributeValue
from dynadb_async.values.size import sizes_in


@frozen(kw_only=True)
class StoredItem:
    """
    A user's item as it is stored, whoever wrote it and whether or not it can be read as a turn.

    Attributes:
        attributes: By name, in DynamoDB's own form: `{"S": "text"}`. Binaries are bytes.
        sizes: The bytes that DynamoDB counts for each attribute, its name included, by name.
        expires_at: When TTL takes it; None if the table has no TTL, or the item no such time.
    """

    attributes: Mapping[str, AttributeValue] = field(repr=False)
    sizes: Mapping[str, int] = field(repr=False)
    expires_at: datetime | None = None

    @property
    def size(self) -> int:
        """The bytes of all of it; DynamoDB takes up to 409,600."""
        return sum(self.sizes.values())


def stored_item(layout: Layout, item: Item) -> StoredItem:
    """*item*, measured."""
    return StoredItem(attributes=item, sizes=sizes_in(item), expires_at=_expiry(layout, item))


def _expiry(layout: Layout, item: Item) -> datetime | None:
    ttl = layout.config.table.ttl
    seconds: Any = None if ttl is None else item.get(ttl.attribute, {}).get("N")
    try:
        return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
