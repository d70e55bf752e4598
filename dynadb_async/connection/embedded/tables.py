"""The tables of a store: items by their key, as plain JSON."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from attrs import define, field

from dynadb_async.connection.embedded.plain_json import Plain, attributes_from, plain_members
from dynadb_async.values.numeral import DIGITS

Item = dict[str, Any]
"""Attribute values by name."""
Key = tuple[Any, ...]


UNNAMED = ""
"""A table that a file holds without its name."""


@define(eq=False, repr=False)
class Table:
    """
    One table.

    Attributes:
        name: Its name.
        key: The attributes of its key, the partition key first, and their types.
        time_to_live: The attribute that says when an item expires. It is only noted: nobody deletes what has expired.
        items: All there is, with the attributes of the key first.
    """

    name: str
    key: dict[str, str]
    time_to_live: str | None = None
    items: dict[Key, dict[str, Plain]] = field(factory=dict)

    def key_of(self, attributes: Item) -> Key:
        """The key's values in *attributes*, such that equal ones are equal."""
        return tuple(comparable(attributes[name]) for name in self.key)

    def item(self, key: Key) -> Item | None:
        """The item, a tree of one's own."""
        found = self.items.get(key)
        return None if found is None else attributes_from(found)


@define(eq=False, repr=False)
class Tables:
    """
    All tables of a store. Who asks has the store's lock.

    Attributes:
        by_name: The tables.
        changes: How many there were: what tells a file's store whether to write.
    """

    by_name: dict[str, Table] = field(factory=dict)
    changes: int = 0

    def __iter__(self) -> Iterator[Table]:
        """In the order in which they were created."""
        return iter(self.by_name.values())

    def add(self, table: Table) -> None:
        """Create a table."""
        self.by_name[table.name] = table
        self.changes += 1

    def name_unnamed(self, name: str) -> None:
        """The table without a name, if there is one, is the one called *name*."""
        table = self.by_name.pop(UNNAMED, None)
        if table is not None:
            table.name, self.by_name[name] = name, table

    def drop(self, name: str) -> None:
        """Delete a table with all its items."""
        del self.by_name[name]
        self.changes += 1

    def set_time_to_live(self, table: Table, attribute: str | None) -> None:
        """Note which attribute says when an item expires; None for none."""
        table.time_to_live = attribute
        self.changes += 1

    def put(self, table: Table, item: Item) -> None:
        """Store *item* in place of the one with its key."""
        keys = {name: item[name] for name in table.key}
        table.items[table.key_of(item)] = plain_members(keys | item)
        self.changes += 1

    def remove(self, table: Table, key: Key) -> None:
        """Delete an item, if there is one."""
        if table.items.pop(key, None) is not None:
            self.changes += 1


def comparable(value: dict[str, Any]) -> Any:
    """An attribute value such that two are equal where DynamoDB says so: numbers by value, sets in any order."""
    ((tag, content),) = value.items()
    match tag:
        case "N":
            return tag, _number(content)
        case "NS":
            return tag, frozenset(map(_number, content))
        case "SS" | "BS":
            return tag, frozenset(content)
        case "L":
            return tag, tuple(map(comparable, content))
        case "M":
            return tag, frozenset((name, comparable(member)) for name, member in content.items())
        case _:
            return tag, content


def _number(numeral: str) -> str:
    # As text, whose hash is salted: numbers can be chosen such that their hashes collide.
    number = DIGITS.normalize(Decimal(numeral))
    return str(number) if number else "0"
