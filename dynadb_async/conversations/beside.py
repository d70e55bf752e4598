"""All that an adapter has of conversations, beside its users' items."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from dynadb_async.connection.connection import Connection
from dynadb_async.conversations.copying import copied, is_free, put
from dynadb_async.conversations.in_turn import TurnLog
from dynadb_async.conversations.layout import END_OF_ENTRIES, ENTRIES, FIRST_NAME, LAST_NAME, names_of
from dynadb_async.conversations.log import Log
from dynadb_async.conversations.users import source_of
from dynadb_async.item import Item
from dynadb_async.item.layout import text_of_time
from dynadb_async.running.scan_source import Source
from dynadb_async.running.table import Table
from dynadb_async.turn import BesideTurn, Turn


@frozen(eq=False, repr=False)
class Logs:
    """
    The conversations of an adapter, as `Beside` asks for them: of a turn, of a user, of everybody.

    Attributes:
        log: Each conversation.
    """

    log: Log

    @property
    def table(self) -> Table:
        """The second table, made ready once."""
        return self.log.table

    def of_turn(self, turn: Turn[Any]) -> BesideTurn:
        """The conversations of *turn*."""
        return TurnLog(turn, self.log)

    async def delete_all(self, user_id: str) -> None:
        """Everything of a user, entries first, in as many requests as that takes."""
        names = self.log.all_of(user_id)
        async with self.log.working("delete"):
            await self.log.calls.delete_all(names, (ENTRIES, END_OF_ENTRIES), (FIRST_NAME, LAST_NAME))
        self.log.appender.heads.forget_user(user_id)

    async def exported(self, user_id: str) -> dict[str, Any]:
        """All conversations of a user, by their ids, in as many requests as that takes."""
        exported = {}
        async with self.log.working("read"):
            for info in await self.log.infos(user_id):
                names = names_of(self.log.config, user_id, info.id)
                page = await self.log.pages.page(names, None, None, until=None, is_consistent=True)
                exported[info.id] = {
                    "messages": page.messages,
                    "state": info.state,
                    "createdAt": info.created_at and text_of_time(info.created_at),
                    "updatedAt": info.updated_at and text_of_time(info.updated_at),
                }
        return exported

    async def copied(self, user_id: str) -> list[Item]:
        """All items of a user's conversations."""
        async with self.log.working("read"):
            return await copied(self.log.calls, self.log.all_of(user_id))

    async def is_free(self, user_id: str, items: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the user has no conversation, but for what an earlier try to put *items* left."""
        async with self.log.working("read"):
            return await is_free(self.log.calls, self.log.all_of(user_id), items)

    async def put(self, user_id: str, items: Sequence[Mapping[str, Any]]) -> None:
        """Write *items* for the user, under fresh write ids."""
        async with self.log.working("save"):
            await put(self.log.calls, self.log.all_of(user_id), items)
        self.log.appender.heads.forget_user(user_id)

    def over(self, connection: Connection) -> "Logs":
        """The same, read over another connection."""
        calls = evolve(self.log.calls, connection=connection)
        return Logs(evolve(self.log, calls=calls, pages=evolve(self.log.pages, calls=calls)))

    def source(self) -> Source:
        """Where the users of conversations are found."""
        return source_of(self.log.config.table, self._ready)

    async def _ready(self) -> None:
        await self.log.live.table_ready(self.log.table, self.log.live.time_left())
