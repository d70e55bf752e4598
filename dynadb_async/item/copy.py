"""A user as stored, to be moved: to a file and back, from one table to another."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from attrs import field, frozen

from dynadb_async.errors import MalformedItemError
from dynadb_async.item.layout import Item, Layout, new_write_id
from dynadb_async.item.recent import WRITE, recent_turns
from dynadb_async.values.attribute_json import decoded, encoded
from dynadb_async.values.size import sizes_in

ITEM, CONVERSATIONS = "Item", "Conversations"


@frozen(kw_only=True)
class UserCopy:
    """
    All that is stored of one user, as DynamoDB has it; made by `AsyncDynamoDb.copies`, taken by `restore`.

    Attributes:
        item: The attribute values of the user's item; None of somebody who has nothing but conversations.
        conversations: The items of the user's conversations.
    """

    item: Mapping[str, Any] | None = field(repr=False)
    conversations: Sequence[Mapping[str, Any]] = field(default=(), repr=False)

    def __attrs_post_init__(self) -> None:
        """
        Check that there is something, and that it looks like items.

        Raises:
            MalformedItemError: It does not.
        """
        talks: object = self.conversations
        parts = [*talks, *([] if self.item is None else [self.item])] if isinstance(talks, list | tuple) else []
        if not parts or not all(map(_is_item, parts)):
            raise MalformedItemError("item", "expected a map of attribute values by name, or a list of such")

    def to_json(self) -> bytes:
        """One line, as a DynamoDB export to S3 has it, and the conversations beside it."""
        members: dict[str, Any] = {} if self.item is None else {ITEM: self.item}
        if self.conversations:
            members[CONVERSATIONS] = list(self.conversations)
        return encoded(members, is_stored=True)

    @classmethod
    def from_json(cls, line: bytes) -> Self:
        """
        Read a line of `to_json`, or of a DynamoDB export.

        Raises:
            MalformedItemError: It is neither.
        """
        try:
            members = decoded(line, ITEM, CONVERSATIONS)
            if members.keys() <= {ITEM, CONVERSATIONS}:
                return cls(item=members.get(ITEM), conversations=members.get(CONVERSATIONS, []))
        except (ValueError, TypeError, AttributeError, RecursionError, MalformedItemError):
            pass
        raise MalformedItemError("line", "expected a JSON object with an `Item` of attribute values")

    @classmethod
    def all_in(cls, text: bytes) -> list[Self]:
        """
        The users in a file of plain JSON: the reference's FileDb, or what `file:PATH` keeps.

        Raises:
            MalformedItemError: It is neither; says where.
        """
        from dynadb_async.connection.embedded.content import DamagedError, tables_in  # noqa: PLC0415 - rare

        given: object = text
        if not isinstance(given, bytes):
            raise MalformedItemError("file", f"expected its bytes, got {type(given).__name__}", advice="read them")
        try:
            tables = tables_in(text, None)
        except DamagedError as damaged:
            problem = str(damaged)
        else:
            items: dict[Any, Item] = {}
            talks: dict[Any, list[Item]] = {}
            for table in tables:
                for key in table.items:
                    item = table.item(key) or {}
                    if len(table.key) == 1:
                        items[key[0]] = item
                    else:
                        talks.setdefault(key[0], []).append(item)
            return [cls(item=items.get(key), conversations=talks.get(key, [])) for key in items | talks]
        raise MalformedItemError("file", problem, advice="mend it")

    def sizes(self) -> dict[str, int]:
        """The bytes that DynamoDB counts, by attribute, and of all conversations together."""
        sizes = sizes_in(self.item or {})
        talks = sum(sum(sizes_in(item).values()) for item in self.conversations)
        return sizes | ({"conversations": talks} if self.conversations else {})


def _is_item(item: Any) -> bool:
    return (
        isinstance(item, Mapping)
        and bool(item)
        and all(isinstance(value, dict) and len(value) == 1 for value in item.values())
    )


def fresh(layout: Layout, item: Mapping[str, Any]) -> tuple[Item, str]:
    """
    *item* under a write id of its own, so that no turn that loaded it elsewhere, or before, passes its condition.

    Raises:
        MalformedItemError: Its recent turns are none.
    """
    write = new_write_id()
    before = recent_turns(layout, dict(item))
    newest = {"M": {**(before[0]["M"] if before else {}), WRITE: {"S": write}}}
    return {**item, layout.recent_name: {"L": [newest, *before[1:]]}}, write
