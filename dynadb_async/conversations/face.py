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
