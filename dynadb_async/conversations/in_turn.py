"""What a turn adds to conversations: stored with the turn, in one transaction, or not at all."""

from typing import Any

from attrs import define, evolve, field, frozen
from orjson import Fragment

from dynadb_async.connection.failures import ConditionFailedError, TransactionRefusedError
from dynadb_async.connection.request import Request
from dynadb_async.conversations.arguments import checked_limit
from dynadb_async.conversations.codec import LARGEST_APPEND, json_of, parts_of, size_of, stored_texts, value_of
from dynadb_async.conversations.layout import TURN_MARK, Head, Names, Recent, names_of
from dynadb_async.conversations.log import Log
from dynadb_async.conversations.writing import Writing, Written, written
from dynadb_async.errors import ItemTooLargeError
from dynadb_async.turn import Page, Turn

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
MOST_ITEMS = 100


@define(eq=False, repr=False)
class TurnConversation:
    """
    A conversation as one turn has it.

    Attributes:
        names: Its keys.
        turn: The turn.
        log: Where it is stored.
        added: What this turn added, each as JSON.
        stored: How many of them are stored already, by a checkpoint of this delivery or of another.
    """

    names: Names
    turn: Turn[Any]
    log: Log
    added: list[str] = field(factory=list, init=False)
    stored: int = field(default=0, init=False)
    _is_looked_up: bool = field(default=False, init=False)

    def add(self, *messages: Any) -> None:
        """
        Add messages, JSON values, to be stored when the turn is saved.

        Raises:
            SerializationError: One is no JSON value; says where.
        """
        texts = [json_of(message, ("messages", place)) for place, message in enumerate(messages)]
        self.added += texts

    async def messages(self, limit: int | None = None) -> Page:
        """The newest messages, oldest of them first, those added in this turn included."""
        limit = checked_limit(limit)
        page = await self._stored(limit)
        ours = [value_of(text) for text in self.pending()]
        ours = ours if limit is None else ours[max(0, len(ours) - limit) :]
        return evolve(page, messages=[*page.messages, *ours])

    async def _stored(self, limit: int | None) -> Page:
        """What is stored already of the newest messages, once those of this turn are counted."""
        async with self.log.working("read") as until:
            if (self.turn.is_resumed or self.turn.is_duplicate) and not self._is_looked_up:
                self.see(await self.log.calls.head(self.names, until=until, is_consistent=True))
                self._is_looked_up = True
            wanted = None if limit is None else max(0, limit - len(self.pending()))
            return await self.log.page(self.names, wanted, None, until=None if limit is None else until)

    def pending(self) -> list[str]:
        """What is still to be stored."""
        return self.added[self.stored :]

    def see(self, head: Head | None) -> None:
        """Learn from *head* what another delivery's checkpoint stored of this turn."""
        if head is not None and self.turn.turn_id is not None:
            ends = [end for recent in head.recent if (end := _end_of(recent, self.turn.turn_id)) is not None]
            self.stored = max([self.stored, *ends])

    def writing(self) -> Writing:
        """The append of all that is pending."""
        content = stored_texts(self.pending(), self.log.config.serializer)
        turn_id = self.turn.turn_id
        append_id = None if turn_id is None else f"{TURN_MARK}{len(self.added)}{TURN_MARK}{turn_id}"
        return Writing.of(parts_of(content), append_id=append_id)


def _end_of(recent: Recent, turn_id: str) -> int | None:
    """How many messages of the turn are stored once *recent* is; None if it is not the turn's."""
    mark, _, rest = (recent.append_id or "").partition(TURN_MARK)
    end, _, of_turn = rest.partition(TURN_MARK)
    return int(end) if not mark and of_turn == turn_id and end.isdecimal() else None


@frozen(kw_only=True, repr=False)
class Member:
    """
    A conversation's part in a turn's transaction.

    Attributes:
        conversation: Which.
        known: Its head, as it is known.
        update: What is to be written.
        place: Of its head in the transaction.
    """

    conversation: TurnConversation
    known: Head | None
    update: Written
    place: int


@define(eq=False, repr=False)
class TurnLog:
    """
    The conversations of one turn.

    Attributes:
        turn: The turn.
        log: Where they are stored.
    """

    turn: Turn[Any]
    log: Log
    _by_names: dict[Names, TurnConversation] = field(factory=dict, init=False)

    def conversation(self, conversation_id: str) -> TurnConversation:
        """The one with this id; the same each time."""
        names = names_of(self.log.config, self.turn.user.id, conversation_id)
        return self._by_names.setdefault(names, TurnConversation(names, self.turn, self.log))

    def pending(self) -> list[TurnConversation]:
        """Those that have something to be stored."""
        return [conversation for conversation in self._by_names.values() if conversation.pending()]

    @property
    def is_pending(self) -> bool:
        """Whether anything is to be stored."""
        return bool(self.pending())

    def saved(self) -> None:
        """Whatever was pending is stored, with the turn."""
        for conversation in self._by_names.values():
            conversation.stored = max(conversation.stored, len(conversation.added))

    async def commit(self, update: Request, *, until: float) -> None:
        """
        The turn's *update*, and with it what it added, or nothing of both.

        Raises:
            ConditionFailedError: The user's item is not as the update's condition says.
            VersionConflictError: A conversation was deleted since this process knew it.
        """
        names = [conversation.names for conversation in self.pending()]
        heads = self.log.appender.heads
        async with self.log.working("append"), heads.lines(*names, until=until):
            try:
                await self._commit(update, until)
            except BaseException:
                for name in names:
                    heads.forget(name)
                raise

    async def _commit(self, update: Request, until: float) -> None:
        known = self.log.appender.known
        heads = {talk: await known(talk.names, until=until) for talk in self.pending()}
        refusals = 0
        while members := self._members(update, heads):
            transaction: list[Any] = [{"Update": Fragment(update.body)}]
            transaction += [part for member in members for part in member.update.members]
            try:
                await self.log.calls.transact(transaction, until=until)
            except TransactionRefusedError as refused:
                refusal = refused
            else:
                for member in members:
                    self.log.appender.heads.remember(member.conversation.names, member.update.head)
                return
            if refusal.is_refused(0):
                raise ConditionFailedError(refusal.item(0, update.key))
            heads |= await self._heads_after(members, refusal, refusals, until)
            refusals += 1
        # What there was to add was stored by another delivery.
        await self.log.live.connection.call(update, until=until)

    async def _heads_after(
        self, members: list[Member], refused: TransactionRefusedError, refusals: int, until: float
    ) -> dict[TurnConversation, Head | None]:
        """The heads of *members* as they are, where they are not as they were known."""
        changed = [member for member in members if refused.is_refused(member.place)] or members
        heads = {}
        for member in changed:
            names = member.conversation.names
            current = refused.item(member.place, names.key(names.head))
            heads[member.conversation] = await self.log.appender.head_after(
                names, member.known, current, refusals, until=until
            )
        return heads

    def _members(self, update: Request, heads: dict[TurnConversation, Head | None]) -> list[Member]:
        """The part of each conversation that still has something to be stored."""
        members: list[Member] = []
        place, size = 1, len(update.body)
        for conversation, head in heads.items():
            conversation.see(head)
            if not conversation.pending():
                continue
            writing = conversation.writing()
            calls, appender = self.log.calls, self.log.appender
            made = written(calls.table.name, conversation.names, writing, head, appender.clock(), appender.keep)
            members.append(Member(conversation=conversation, known=head, update=made, place=place))
            place += len(made.members)
            size += sum(map(size_of, writing.parts)) + size_of(made.head.state or "")
        check_transaction(size, place)
        return members


def check_transaction(size: int, items: int) -> None:
    """
    Refuse what DynamoDB would refuse for its size.

    Raises:
        ItemTooLargeError: Over 4 MB, or over 100 items.
    """
    if items > MOST_ITEMS:
        msg = f"{items} items in one turn with its messages, over {MOST_ITEMS}; add to fewer conversations in it"
        raise ItemTooLargeError(msg)
    if size > LARGEST_APPEND:
        msg = f"{size} bytes in one turn with its messages, over {LARGEST_APPEND}; add less in it, or save in between"
        raise ItemTooLargeError(msg)
