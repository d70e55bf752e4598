"""
Which item of the second table holds what.

    userId  name                 attributes
    user    h/<id>               the head: n, recent, appends, state?, createdAt, updatedAt, expiresAt?
    user    c/<id>/<16 digits>   an entry, one per append: messages, write, at, append?, cut?, part?, parts?, expiresAt?

Numbers begin at the time in milliseconds at which the conversation was made, so that one made anew under an old id
never meets old entries. The newest of the `recent` appends names the write that the head's condition is about.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import field, frozen

from dynadb_async.config import Conversations
from dynadb_async.errors import MalformedItemError, SerializationError
from dynadb_async.item.layout import Item, check_user_id, time_of_attribute

NAME = "name"
HEADS, ENTRIES = "h/", "c/"
# "0" is the character after "/": what lies between has the prefix.
END_OF_HEADS, END_OF_ENTRIES = "h0", "c0"
FIRST_NAME, LAST_NAME = "\x00", "\U0010ffff"
DIGITS = 16
LAST_NUMBER = 10**DIGITS - 1
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html: a sort key's length in bytes.
LONGEST_NAME = 1024
LONGEST_ID = LONGEST_NAME - len(ENTRIES) - len("/") - DIGITS
RECENT = 8
LONGEST_APPEND_ID = 256
# Begins the append ids that are made of turns.
TURN_MARK = "\x1f"

WRITE, SEQ, APPEND = "write", "seq", "append"
EXPIRES_AT = "expiresAt"


@frozen(kw_only=True)
class Recent:
    """
    One of the newest appends, as the head remembers it.

    Attributes:
        write: The id of the write that made it.
        number: Of its newest entry.
        append_id: The caller's id of it, if there was one.
    """

    write: str
    number: int
    append_id: str | None = field(default=None, repr=False)

    def attribute(self) -> dict[str, Any]:
        """As it is stored."""
        stored = {WRITE: {"S": self.write}, SEQ: {"N": str(self.number)}}
        return {"M": stored if self.append_id is None else stored | {APPEND: {"S": self.append_id}}}


@frozen(kw_only=True, repr=False)
class Head:
    """
    What is known of a conversation besides its messages.

    Attributes:
        number: Of the newest entry.
        appends: How many there were.
        recent: The newest of them, newest first.
        created_at: When the first was made, as it is stored.
        updated_at: When the newest was made, as it is stored.
        state: The app's own value beside the messages, as JSON.
        expires_at: When all of it is gone, in seconds since 1970.
    """

    number: int
    appends: int
    recent: tuple[Recent, ...]
    created_at: str
    updated_at: str
    state: str | None = None
    expires_at: int | None = None

    @property
    def revision(self) -> str:
        """The write id of the newest append."""
        return self.recent[0].write

    def is_expired(self, now: datetime) -> bool:
        """Whether TTL says that it is gone, though DynamoDB may not have deleted it yet."""
        return self.expires_at is not None and self.expires_at <= now.timestamp()

    @classmethod
    def of(cls, item: Item) -> "Head":
        """
        Read a head.

        Raises:
            MalformedItemError: It is none.
        """
        try:
            newest, *earlier = (_recent(entry["M"]) for entry in item["recent"]["L"])
            return cls(
                number=int(item["n"]["N"]),
                appends=int(item["appends"]["N"]),
                recent=(newest, *earlier),
                created_at=item["createdAt"]["S"],
                updated_at=item["updatedAt"]["S"],
                state=item["state"]["S"] if "state" in item else None,
                expires_at=expiry(item),
            )
        except (KeyError, TypeError, ValueError):
            pass
        raise MalformedItemError("head of a conversation", "expected the attributes n, appends, recent and the times")


def _recent(stored: Mapping[str, Any]) -> Recent:
    append = stored[APPEND]["S"] if APPEND in stored else None
    return Recent(write=stored[WRITE]["S"], number=int(stored[SEQ]["N"]), append_id=append)


def expiry(item: Item) -> int | None:
    """When *item* is gone by its TTL, in seconds since 1970; None for never."""
    value = item.get(EXPIRES_AT)
    return None if value is None else int(value["N"])


def quoted(conversation_id: str) -> str:
    """
    The id as it stands in names: what would end it is quoted.

    Raises:
        SerializationError: It is no text, empty, too long, or no valid Unicode.
    """
    problem = f"expected a conversation's id: a text of 1 to {LONGEST_ID} bytes"
    try:
        name = conversation_id.replace("%", "%25").replace("/", "%2F")
        if 1 <= len(name.encode()) <= LONGEST_ID:
            return name
    except (AttributeError, TypeError, UnicodeEncodeError):
        pass
    raise SerializationError(problem, ("conversation_id",))


def unquoted(name: str) -> str:
    """The id that was quoted as *name*."""
    return name.replace("%2F", "/").replace("%25", "%")


def id_of_head(name: str) -> str:
    """The conversation's id in its head's sort key."""
    return unquoted(name.removeprefix(HEADS))


def number_of(name: str) -> int:
    """An entry's number in its sort key."""
    return int(name[-DIGITS:])


@frozen(kw_only=True, cache_hash=True)
class Names:
    """
    Keys and names of one conversation.

    Attributes:
        key_name: The partition key's attribute name.
        user_id: Whose it is.
        id: Its quoted id.
    """

    key_name: str
    user_id: str = field(repr=False)
    id: str = field(repr=False)

    @property
    def partition(self) -> Item:
        """What the keys of all the user's items have."""
        return {self.key_name: {"S": self.user_id}}

    def key(self, name: str) -> Item:
        """The key of the item called *name*."""
        return self.partition | {NAME: {"S": name}}

    @property
    def head(self) -> str:
        """The head's sort key."""
        return f"{HEADS}{self.id}"

    def entry(self, number: int) -> str:
        """An entry's sort key."""
        return f"{ENTRIES}{self.id}/{str(number).zfill(DIGITS)}"


def names_of(config: Conversations, user_id: str, conversation_id: str) -> Names:
    """
    The keys of a conversation.

    Raises:
        InvalidUserIdError: The user's id is no text of 1 to 2048 bytes.
        SerializationError: The conversation's id is none.
    """
    check_user_id(user_id)
    return Names(key_name=config.table.primary_key_column, user_id=user_id, id=quoted(conversation_id))


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp() * 1000)


def expires_at(keep: timedelta | None, head: Head | None, now: datetime) -> int | None:
    """
    When what is written now goes, in seconds since 1970.

    Never before what was written earlier, whatever the clocks of two machines say: the oldest go first.
    """
    if keep is None:
        return None
    earlier = head.expires_at if head is not None else None
    return max(int((now + keep).timestamp()), earlier or 0)


def time_in(text: str) -> datetime | None:
    """A stored time."""
    return time_of_attribute({"S": text})
