"""Conversations in one event loop: appended to, read, cut, deleted."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Self

from attrs import define

from dynadb_async.config import Conversations
from dynadb_async.conversations.appending import Appender
from dynadb_async.conversations.calls import Calls, NoCalls
from dynadb_async.conversations.codec import content_of, parts_of, state_of
from dynadb_async.conversations.face import Appended, ConversationInfo
from dynadb_async.conversations.heads import Heads
from dynadb_async.conversations.layout import (
    END_OF_HEADS,
    HEADS,
    LAST_NUMBER,
    NAME,
    Head,
    Names,
    id_of_head,
    time_in,
)
from dynadb_async.conversations.pages import Pages
from dynadb_async.conversations.reading import Group, Reader
from dynadb_async.conversations.sweeping import Sweeper
from dynadb_async.conversations.working import Working
from dynadb_async.conversations.writing import EVERYTHING, Writing
from dynadb_async.errors import VersionConflictError
from dynadb_async.item import Item, check_user_id
from dynadb_async.running.live import Live
from dynadb_async.running.table import Table
from dynadb_async.turn import Page

EARLIEST = datetime.min.replace(tzinfo=UTC)


@define(eq=False, kw_only=True, repr=False)
class Log:
    """
    The conversations of one event loop.

    Attributes:
        config: The settings.
        calls: The requests.
        appender: The appends.
        pages: The reads.
        clock: What time it is, aware and in UTC.
        live: What the adapter has in the same event loop.
        table: The second table, made ready once.
        sweeper: What was replaced and is still there.
    """

    config: Conversations
    calls: Calls
    appender: Appender
    pages: Pages
    clock: Callable[[], datetime]
    live: Live
    table: Table
    sweeper: Sweeper

    @classmethod
    def of(cls, config: Conversations, live: Live) -> Self:
        """In the event loop of *live*."""
        calls = (Calls if live.is_enabled else NoCalls)(table=config.table, connection=live.connection)
        heads = Heads() if live.is_enabled else Heads(most=0)
        clock = live.store.clock
        sweeper = Sweeper(calls)
        return cls(
            config=config,
            calls=calls,
            appender=Appender(calls=calls, keep=config.keep, clock=clock, heads=heads),
            pages=Pages(calls=calls, serializer=config.serializer, clock=clock, found_dead=sweeper.found),
            clock=clock,
            live=live,
            table=Table(config.ready_table, live.connection, sort_key=NAME),
            sweeper=sweeper,
        )

    def working(self, what: str) -> Working:
        """One call as an async context manager: with the table ready, and the time by which it has to end."""
        return Working(self.live, self.table, what)

    async def append(
        self, names: Names, messages: Sequence[Any], *, expected: str | None, until: float, **wanted: Any
    ) -> Appended:
        """See `Conversation.append`."""
        writing = Writing.of(parts_of(content_of(messages, self.config.serializer)), **wanted)
        # Switched off, there is nothing that could be as expected.
        expected = expected if self.live.is_enabled else None
        async with self.appender.heads.lines(names, until=until):
            appended = await self.appender.append(names, writing, expected=expected, until=until)
        await self.sweeper.after(names, writing, appended)
        return appended

    def page(self, names: Names, limit: int | None, before: str | None, *, until: float | None) -> Awaitable[Page]:
        """See `Conversation.messages`."""
        is_consistent = self.config.table.consistent_read
        return self.pages.page(names, limit, before, until=until, is_consistent=is_consistent)

    async def pop(self, names: Names, *, until: float) -> Any:
        """See `Conversation.pop`."""
        async with self.appender.heads.lines(names, until=until):
            refusals = 0
            while True:
                group, revision = await self._newest(names, until)
                if group is None:
                    return None
                *rest, message = group.messages
                parts = parts_of(content_of(rest, self.config.serializer))
                writing = Writing.of(parts, replacing=group.replaceable_from, is_resolved=True)
                try:
                    appended = await self.appender.append(names, writing, expected=revision, until=until)
                except VersionConflictError as conflict:
                    if conflict.deleted:
                        return None
                else:
                    break
                refusals += 1
                await self.appender.pause(refusals)
        await self.sweeper.after(names, writing, appended)
        return message

    async def _newest(self, names: Names, until: float) -> tuple[Group | None, str]:
        """The newest append that has a message, and the revision."""
        reader = Reader(self.clock(), self.config.serializer)
        found: list[Group] = []

        def is_found(reader: Reader, items: Sequence[Item]) -> bool:
            found.extend(islice((group for group in reader.groups(items) if group.messages), 1))
            return bool(found)

        await self.pages.read(names, reader, 1, is_found, until=until, is_consistent=True)
        return (found[0] if found else None), reader.revision

    async def clear(self, names: Names, *, until: float) -> None:
        """See `Conversation.clear`."""
        async with self.appender.heads.lines(names, until=until):
            head = await self.calls.head(names, until=until, is_consistent=True)
            if head is None or head.is_expired(self.clock()):
                return
            self.appender.heads.remember(names, head)
            writing = Writing.of(parts_of(content_of([], self.config.serializer)), replacing=EVERYTHING)
            try:
                appended = await self.appender.append(names, writing, expected=None, until=until)
            except VersionConflictError:
                # Deleted meanwhile: nothing is left.
                return
        await self.sweeper.after(names, writing, appended)

    async def info(self, names: Names, *, until: float) -> ConversationInfo | None:
        """See `Conversation.info`."""
        head = await self.calls.head(names, until=until, is_consistent=self.config.table.consistent_read)
        if head is None or head.is_expired(self.clock()):
            return None
        return _info(names.head, head)

    async def infos(self, user_id: str) -> list[ConversationInfo]:
        """All of a user's conversations, newest first."""
        names = self.all_of(user_id)
        found = []
        is_consistent = self.config.table.consistent_read
        async for items in self.calls.pages(names, HEADS, END_OF_HEADS, ConsistentRead=is_consistent):
            for item in items:
                head = Head.of(item)
                if not head.is_expired(self.clock()):
                    found.append(_info(item[NAME]["S"], head))
        return sorted(found, key=lambda info: info.updated_at or EARLIEST, reverse=True)

    def all_of(self, user_id: str) -> Names:
        """What all conversations of a user have in common; the user's id is checked."""
        check_user_id(user_id)
        return Names(key_name=self.config.table.primary_key_column, user_id=user_id, id="")

    async def delete(self, names: Names) -> None:
        """See `Conversation.delete`: entries first, so that what is interrupted can be found, and repeated."""
        entries = names.entry(0), names.entry(LAST_NUMBER)
        await self.calls.delete_all(names, entries, (names.head, names.head))
        self.appender.heads.forget(names)


def _info(name: str, head: Head) -> ConversationInfo:
    return ConversationInfo(
        id=id_of_head(name),
        created_at=time_in(head.created_at),
        updated_at=time_in(head.updated_at),
        appends=head.appends,
        revision=head.revision,
        state=state_of(head.state),
    )
