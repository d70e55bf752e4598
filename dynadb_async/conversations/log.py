"""Conversations in one event loop: appended to, read, cut, deleted."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Self

from attrs import define, evolve, field

from dynadb_async.config import Conversations
from dynadb_async.connection.connection import Connection
from dynadb_async.conversations.appending import Appender
from dynadb_async.conversations.calls import Calls
from dynadb_async.conversations.codec import content_of, parts_of, value_of
from dynadb_async.conversations.copying import copied, is_free, put
from dynadb_async.conversations.face import Appended, ConversationInfo
from dynadb_async.conversations.heads import Heads
from dynadb_async.conversations.layout import (
    END_OF_ENTRIES,
    END_OF_HEADS,
    ENTRIES,
    HEADS,
    LAST_NUMBER,
    NAME,
    Head,
    Names,
    id_of_head,
    names_of,
    time_in,
)
from dynadb_async.conversations.pages import Pages, Place
from dynadb_async.conversations.reading import Group, Reader
from dynadb_async.conversations.users import source_of
from dynadb_async.conversations.working import Working
from dynadb_async.conversations.writing import EVERYTHING, Writing
from dynadb_async.errors import RequestError, VersionConflictError
from dynadb_async.item import Item, Layout
from dynadb_async.item.layout import text_of_time
from dynadb_async.running.live import Live
from dynadb_async.running.scan import Source
from dynadb_async.running.table import Table
from dynadb_async.turn import BesideTurn, Page, Turn

logger: logging.Logger = logging.getLogger("dynadb_async")

EARLIEST = datetime.min.replace(tzinfo=UTC)
FIRST_NAME, LAST_NAME = "\x00", "\U0010ffff"
# Appends of which this process knows that what they replaced is still there.
MOST_UNSWEPT = 256


@define(eq=False, kw_only=True, repr=False)
class Log:
    """
    The conversations of one event loop.

    Attributes:
        config: The settings.
        calls: The requests.
        users: How users' ids are checked.
        appender: The appends.
        pages: The reads.
        clock: What time it is, aware and in UTC.
        live: What the adapter has in the same event loop.
        table: The second table, made ready once.
        unswept: What was replaced and is still there, as far as this process knows.
    """

    config: Conversations
    calls: Calls
    users: Layout
    appender: Appender
    pages: Pages
    clock: Callable[[], datetime]
    live: Live
    table: Table
    unswept: dict[Names, list[tuple[int, int]]] = field(factory=dict)

    @classmethod
    def of(cls, config: Conversations, live: Live) -> Self:
        """In the event loop of *live*."""
        calls = Calls(table=config.table, connection=live.connection)
        clock = live.store.clock
        unswept: dict[Names, list[tuple[int, int]]] = {}
        return cls(
            config=config,
            calls=calls,
            users=live.store.layout,
            appender=Appender(calls=calls, keep=config.keep, clock=clock, heads=Heads()),
            pages=Pages(calls=calls, serializer=config.serializer, clock=clock, found_dead=unswept.__setitem__),
            clock=clock,
            live=live,
            table=Table(config.ready_table, live.connection, sort_key=NAME),
            unswept=unswept,
        )

    def working(self, what: str) -> Working:
        """One call as an async context manager: with the table ready, and the time by which it has to end."""
        return Working(self.live, self.table, what)

    def over(self, connection: Connection) -> "Log":
        """The same, read over another connection."""
        calls = Calls(table=self.calls.table, connection=connection)
        return evolve(self, calls=calls, pages=evolve(self.pages, calls=calls))

    def source(self) -> Source:
        """Where the users of conversations are found."""
        return source_of(self.config.table, self._ready)

    async def _ready(self) -> None:
        await self.live.table_ready(self.table, self.live.time_left())

    def of_turn(self, turn: Turn[Any]) -> BesideTurn:
        """The conversations of *turn*."""
        from dynadb_async.conversations.in_turn import TurnLog  # noqa: PLC0415 - it is made of this room

        return TurnLog(turn, self)

    async def append(
        self, names: Names, messages: Sequence[Any], *, expected: str | None, until: float, **wanted: Any
    ) -> Appended:
        """See `Conversation.append`."""
        writing = Writing.of(parts_of(content_of(messages, self.config.serializer)), **wanted)
        async with self.appender.heads.lines(names, until=until):
            appended = await self.appender.append(names, writing, expected=expected, until=until)
        await self._sweep_after(names, writing, appended)
        return appended

    async def page(self, names: Names, limit: int | None, before: str | None, *, until: float | None) -> Page:
        """See `Conversation.messages`."""
        is_consistent = self.config.table.consistent_read
        return await self.pages.page(names, limit, before, until=until, is_consistent=is_consistent)

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
        await self._sweep_after(names, writing, appended)
        return message

    async def _newest(self, names: Names, until: float) -> tuple[Group | None, str]:
        """The newest append that has a message, and the revision."""
        reader = Reader(self.clock(), self.config.serializer)
        groups = self.pages.groups(names, reader, Place(), 1, until=until, is_consistent=True)
        async with aclosing(groups):
            async for found in groups:
                if group := next((group for group in found if group.messages), None):
                    return group, reader.revision
        return None, reader.revision

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
        await self._sweep_after(names, writing, appended)

    async def info(self, names: Names, *, until: float) -> ConversationInfo | None:
        """See `Conversation.info`."""
        head = await self.calls.head(names, until=until, is_consistent=self.config.table.consistent_read)
        if head is None or head.is_expired(self.clock()):
            return None
        return _info(names.head, head)

    async def infos(self, user_id: str) -> list[ConversationInfo]:
        """All of a user's conversations, newest first."""
        names = self._all_of(user_id)
        found = []
        is_consistent = self.config.table.consistent_read
        async for items in self.calls.pages(names, HEADS, END_OF_HEADS, ConsistentRead=is_consistent):
            for item in items:
                head = Head.of(item)
                if not head.is_expired(self.clock()):
                    found.append(_info(item[NAME]["S"], head))
        return sorted(found, key=lambda info: info.updated_at or EARLIEST, reverse=True)

    def _all_of(self, user_id: str) -> Names:
        self.users.key(user_id)
        return Names(key_name=self.config.table.primary_key_column, user_id=user_id, id="")

    async def delete(self, names: Names) -> None:
        """See `Conversation.delete`: entries first, so that what is interrupted can be found, and repeated."""
        head = names.head
        while await self._delete_between(names, names.entry(0), names.entry(LAST_NUMBER)) + await self._delete_between(
            names, head, head
        ):
            pass
        self.appender.heads.forget(names)

    async def delete_all(self, user_id: str) -> None:
        """Everything of a user, entries first, in as many requests as that takes."""
        names = self._all_of(user_id)
        async with self.working("delete"):
            while await self._delete_between(names, ENTRIES, END_OF_ENTRIES) + await self._delete_between(
                names, FIRST_NAME, LAST_NAME
            ):
                pass
        self.appender.heads.forget_user(user_id)

    async def exported(self, user_id: str) -> dict[str, Any]:
        """All conversations of a user, by their ids, in as many requests as that takes."""
        exported = {}
        async with self.working("read"):
            for info in await self.infos(user_id):
                names = names_of(self.users, self.config, user_id, info.id)
                page = await self.pages.page(names, None, None, until=None, is_consistent=True)
                exported[info.id] = {
                    "messages": page.messages,
                    "state": info.state,
                    "createdAt": info.created_at and text_of_time(info.created_at),
                    "updatedAt": info.updated_at and text_of_time(info.updated_at),
                }
        return exported

    async def copied(self, user_id: str) -> list[Item]:
        """See `Beside`."""
        async with self.working("read"):
            return await copied(self.calls, self._all_of(user_id))

    async def is_free(self, user_id: str, items: Sequence[Mapping[str, Any]]) -> bool:
        """See `Beside`."""
        async with self.working("read"):
            return await is_free(self.calls, self._all_of(user_id), items)

    async def put(self, user_id: str, items: Sequence[Mapping[str, Any]]) -> None:
        """See `Beside`."""
        async with self.working("save"):
            await put(self.calls, self._all_of(user_id), items)
        self.appender.heads.forget_user(user_id)

    async def _delete_between(self, names: Names, first: str, last: str) -> int:
        """How many there were."""
        count = 0
        async for items in self.calls.keys(names, first, last):
            await self.calls.delete(items)
            count += len(items)
        return count

    async def _sweep_after(self, names: Names, writing: Writing, appended: Appended) -> None:
        """Delete what was replaced, now that nobody sees it any more; what fails is left to a later call."""
        ranges = self.unswept.pop(names, [])
        if writing.replacing is not None and not appended.is_duplicate:
            ranges.append((writing.replacing, appended.number))
        for low, end in [(low, end) for low, end in ranges if low < end]:
            try:
                await self._delete_between(names, names.entry(low), names.entry(end - 1))
            except RequestError as error:
                logger.debug("what an append replaced was not deleted yet: %s", error.code)
                self._found_dead(names, [(low, end)])

    def _found_dead(self, names: Names, ranges: list[tuple[int, int]]) -> None:
        if len(self.unswept) < MOST_UNSWEPT:
            self.unswept[names] = ranges


def _info(name: str, head: Head) -> ConversationInfo:
    return ConversationInfo(
        id=id_of_head(name),
        created_at=time_in(head.created_at),
        updated_at=time_in(head.updated_at),
        appends=head.appends,
        revision=head.revision,
        state=None if head.state is None else value_of(head.state),
    )
