"""What a handler reads and changes: the user, the session and the history of one turn."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, Self

from attrs import define, evolve, field, frozen
from typing_extensions import TypeVar

from dynadb_async.copying import copied
from dynadb_async.errors import UsageError

T = TypeVar("T", default=dict[str, Any])


@define(kw_only=True, repr=False)
class User(Generic[T]):
    """
    The person.

    Attributes:
        id: The partition key, which stays as it is.
        data: What the app remembers; a dict, or what `user_data` made of it.
        is_new: Nothing was stored about this person.
    """

    _id: str = field(alias="id")
    data: T
    is_new: bool

    # A frozen field would make each of the others dear to set.
    @property
    def id(self) -> str:
        """The partition key, which stays as it is."""
        return self._id

    def __repr__(self) -> str:
        """Whether new, and how much there is; nothing of it."""
        size = f" of {_count(self.data, 'member')}" if isinstance(self.data, dict) else ""
        return f"User({'new' if self.is_new else 'known'}, data: {type(self.data).__name__}{size})"


@define(repr=False)
class Session:
    """
    One conversation: as the request brought it, then as it goes on.

    Attributes:
        id: The platform's id, or None where the platform has no sessions.
        is_new: This turn opens the conversation.
        data: What the app remembers until the conversation ends.
        state: The app's place in the conversation, stored as one value.
        created_at: When the conversation began; the turn's start if None.
        updated_at: When this turn began. The expiry of a stored session runs from here.
    """

    id: str | None = None
    is_new: bool = field(default=True, kw_only=True)
    data: dict[str, Any] = field(factory=dict, kw_only=True)
    state: Any = field(default=None, kw_only=True)
    created_at: datetime | None = field(default=None, kw_only=True)
    updated_at: datetime | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        """Whether new, and how much there is; nothing of it."""
        state = ", with a state" if self.state is not None else ""
        return f"Session({_liveness(self)}, data of {_count(self.data, 'member')}{state})"

    def copy(self) -> Self:
        """
        A session that shares nothing with this one, so that a turn may run twice from the same request.

        Raises:
            SerializationError: Something in it can't be copied, or is nested too deep for anything to be done with it.
        """
        # Nearly always there is nothing to copy in depth, which is the dear part.
        data = copied(self.data, "session", "data") if self.data else {}
        return evolve(self, data=data, state=copied(self.state, "session", "state") if self.state else self.state)


def _liveness(session: Any) -> str:
    return "'new'" if getattr(session, "is_new", None) is True else "'live'"


def _count(things: Any, name: str) -> str:
    # A repr never raises, whatever a handler put there.
    count = len(things) if isinstance(things, dict | list) else 0
    return f"{count} {name}" + "s" * (count != 1)


@define(repr=False)
class History:
    """
    The turns before this one.

    Attributes:
        items: One dict per turn, newest first. This turn's own entry is added by the save.
    """

    items: list[dict[str, Any]] = field(factory=list)

    def __repr__(self) -> str:
        """How many there are."""
        return f"History({_count(self.items, 'item')})"

    @property
    def prev(self) -> dict[str, Any] | None:
        """The turn before this one."""
        return self.items[0] if self.items else None


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


class TurnConversation(Protocol):
    """A conversation as one turn has it: what is added is stored with the turn, or not at all."""

    def add(self, *messages: Any) -> None:
        """
        Add messages, JSON values.

        Raises:
            SerializationError: One is no JSON value; says where.
        """
        ...

    async def messages(self, limit: int | None = None) -> Page:
        """The newest messages, oldest of them first, those added in this turn included."""
        ...


class BesideTurn(Protocol):
    """What is stored with a turn, besides its user's item: the adapter's matter."""

    @property
    def is_pending(self) -> bool:
        """Whether there is anything."""
        ...

    def conversation(self, conversation_id: str) -> TurnConversation:
        """See `Turn.conversation`."""
        ...

    async def commit(self, update: Any, *, until: float) -> None:
        """Store it, and the item's *update*, or nothing of both."""
        ...

    def saved(self) -> None:
        """It is stored."""
        ...


@define(kw_only=True, repr=False, eq=False)
class Turn(Generic[T]):
    """
    One request and its reply: loaded before the handler, saved after it.

    Attributes:
        user: The person; `user.data` is yours to change.
        session: The conversation; `session.data` and `session.state` are yours to change.
        history: The turns before this one.
        turn_id: The request's id on its platform, by which a second delivery is recognised.
        is_duplicate: This turn was applied already. It is not saved again; `response` is the stored reply.
        is_resumed: An earlier delivery of this turn left a checkpoint and has not ended; it may have died, or go on
            still. What it stored is there, but for its entry in `history`, whose place this turn's own takes.
        created_at: When the item was first stored; now for a new user.
        updated_at: When the item was last stored; now for a new user.
        request: For the history: the platform's request.
        input: For the history: what the person meant.
        nlu: For the history: what language understanding made of it.
        asr: For the history: what speech recognition heard.
        entities: For the history: the entities in it.
        output: For the history: what was said in return.
        response: For the history, and for a second delivery of this turn: the platform's reply.
        on_conflict: As in the configuration, for this turn alone; None: as configured.
    """

    user: User[T]
    session: Session
    history: History
    created_at: datetime
    updated_at: datetime
    turn_id: str | None = None
    is_duplicate: bool = False
    is_resumed: bool = False
    request: Any = None
    input: Any = None
    nlu: Any = None
    asr: Any = None
    entities: Any = None
    output: Any = None
    response: Any = None
    is_discarded: bool = field(default=False, init=False)
    is_forgotten: bool = field(default=False, init=False)
    on_conflict: Literal["merge", "raise", "overwrite"] | Callable[[str, Any, Any, Any], Any] | None = field(
        default=None, init=False
    )
    beside: BesideTurn | None = field(default=None, init=False)
    # What the adapter must know to save this turn; a matter of `item`, opaque here.
    loaded: Any = field(default=None, alias="loaded")

    def __repr__(self) -> str:
        """What kind of turn this is, and how much there is; nothing of it."""
        flags = ("is_duplicate", "is_resumed", "is_discarded", "is_forgotten")
        parts = [
            "new user" if getattr(self.user, "is_new", None) is True else "known user",
            f"session {_liveness(self.session)}",
            _count(getattr(self.history, "items", ()), "history item"),
            *(flag.removeprefix("is_") for flag in flags if getattr(self, flag) is True),
        ]
        return f"Turn({', '.join(parts)})"

    @property
    def revision(self) -> str | None:
        """What names the newest write that this turn knows of; None if there is none, or another program wrote it."""
        revision: str | None = None if self.loaded is None else self.loaded.revision
        return revision

    def conversation(self, conversation_id: str) -> TurnConversation:
        """
        A log of messages that this turn may add to: `turn.conversation("support").add(message)`.

        Raises:
            UsageError: No conversations are configured.
            SerializationError: The conversation's id is none.
        """
        if self.beside is None:
            msg = "this turn has no conversations; set conversations=Conversations(table) of DynamoDbConfig"
            raise UsageError(msg)
        return self.beside.conversation(conversation_id)

    def discard(self) -> None:
        """Save nothing of this turn."""
        self.is_discarded = True

    def forget(self) -> None:
        """Let the save delete everything that is stored about this person."""
        self.is_forgotten = True
