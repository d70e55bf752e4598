"""What a caller gets of a conversation."""

from datetime import datetime
from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class Appended:
    """
    An append that is stored.

    Attributes:
        number: Of the append, for `replacing`: those that come later have higher ones.
        revision: Names the conversation as it was after this append, for `expected`.
        is_duplicate: The same `append_id` was stored before, and nothing was written now.
    """

    number: int
    revision: str
    is_duplicate: bool = False


@frozen(kw_only=True)
class Page:
    """
    Some messages of a conversation.

    Attributes:
        messages: Oldest first.
        before: For `messages(before=...)`, to read on; None if there are no older ones.
        number: Of the append that the oldest of them came with, for `replacing`; None if there are none.
        revision: Names the conversation as it was, for `expected`; empty if there was none.
    """

    messages: list[Any] = field(repr=False)
    before: str | None = field(default=None, repr=False)
    number: int | None = None
    revision: str = ""


@frozen(kw_only=True)
class ConversationInfo:
    """
    A conversation without its messages.

    Attributes:
        id: Its id.
        created_at: When the first append was made.
        updated_at: When the newest was made.
        appends: How many were made, those of `pop` and `clear` included.
        revision: Names the conversation as it is, for `expected`.
        state: The app's own value beside the messages.
    """

    id: str = field(repr=False)
    created_at: datetime | None
    updated_at: datetime | None
    appends: int
    revision: str
    state: Any = field(default=None, repr=False)
