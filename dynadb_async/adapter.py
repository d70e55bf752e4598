"""An assistant's memory in DynamoDB: load a person's turn, let it be handled, save it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, cast, overload

from dynadb_async.config import Conversations, DynamoDbConfig
from dynadb_async.connection.sdk.session import SharedSession
from dynadb_async.connection.ways import store_of
from dynadb_async.errors import UsageError
from dynadb_async.item import Layout, StoredItem, UserData, checked_clock, stored_item
from dynadb_async.observer import Observer
from dynadb_async.running.block import TurnBlock
from dynadb_async.running.handling import handled
from dynadb_async.running.live import Live
from dynadb_async.turn import Session, T, Turn
from dynadb_async.values.serializer import DynamoDbSerializer, Serializer

if TYPE_CHECKING:
    import aioboto3

    from dynadb_async.conversations import Conversation, ConversationInfo
    from dynadb_async.conversations.log import Log
    from dynadb_async.item.copy import UserCopy
    from dynadb_async.running.diagnosis import Check
    from dynadb_async.running.scan import Scan


def utc_now() -> datetime:
    """What time it is."""
    return datetime.now(UTC)


class AsyncDynamoDb(Generic[T]):
    """
    An assistant's memory in DynamoDB, one item per user; one adapter serves a whole process.

        async with AsyncDynamoDb("assistant-users") as db:
            async with db.turn("user-1") as turn:
                turn.user.data["name"] = "Ada"

    Making one does no I/O. The first use opens the client and waits for the table, creating it if it is missing.

    Attributes:
        config: The configuration.
        observer: Hears of each turn and request, if it is set before the first use.

    Args:
        config: The configuration, or just the table's name.
        user_data: The class of `user.data`: a pydantic model, an attrs class, a dataclass, a TypedDict, a
            msgspec.Struct; or a function that makes it of the stored dict; or `UserData`, one of them with a version.
        serializer: Between stored elements and attribute values, in place of DynamoDB's own form.
        aws_session: Where clients and credentials come from.
        clock: What time it is, as an aware datetime.
    """

    @overload
    def __init__(
        self: "AsyncDynamoDb[dict[str, Any]]",
        config: DynamoDbConfig | str,
        *,
        serializer: Serializer | None = None,
        aws_session: "aioboto3.Session | None" = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None: ...
    @overload
    def __init__(
        self,
        config: DynamoDbConfig | str,
        *,
        user_data: type[T] | UserData[T] | Callable[[dict[str, Any]], T],
        serializer: Serializer | None = None,
        aws_session: "aioboto3.Session | None" = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None: ...
    def __init__(
        self,
        config: DynamoDbConfig | str,
        *,
        user_data: type[Any] | UserData[Any] | Callable[[dict[str, Any]], Any] = dict,
        serializer: Serializer | None = None,
        aws_session: "aioboto3.Session | None" = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """See the class."""
        self.config: DynamoDbConfig = DynamoDbConfig(table=config) if isinstance(config, str) else config
        serializer = DynamoDbSerializer(self.config.marshall) if serializer is None else serializer
        self._layout = Layout(config=self.config, serializer=serializer, user_data=user_data)
        self._session = SharedSession(aws_session)
        self._store = store_of(self.config.client)
        self._clock = clock if clock is utc_now else checked_clock(clock)
        self.observer: Observer | None = None
        self._live: Live | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        """Open; where that fails, leave nothing open. The same adapter may be opened again."""
        try:
            await self.open()
        except BaseException:
            await self._let_go()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def open(self) -> None:
        """
        Make the client and wait for the table, before the first request has to. Repeating it does nothing.

        Raises:
            ConfigError: There is no region, or there are no credentials.
            TableError: The table does not fit, is not there and may not be created, or was not ACTIVE in time.
            UsageError: After `close()`, or while another event loop uses this adapter.
        """
        live = self._running()
        if self.config.enabled:
            with live.work:
                await live.connection.open()
                await live.ensure_tables()

    async def close(self) -> None:
        """
        Refuse new turns, let open ones save, then close the client. Repeating it does nothing.

        Turns that are still open after `queue_timeout`, or as long as a `handle()` was ready to wait, and twice
        `operation_timeout` can't be saved any more.
        """
        self._leave_ended_loop()
        if self._live is None:
            self._is_closed = True
            return
        live = self._running(is_saving=True)
        self._is_closed = True
        await live.close()
        self._live = None

    def turn(
        self,
        user_id: str,
        *,
        session: Session | None = None,
        turn_id: str | None = None,
        io_timeout: float | None = None,
    ) -> AbstractAsyncContextManager[Turn[T]]:
        """
        Load a user's turn, and save it when the block ends. If the block raises, nothing is saved.

        Args:
            user_id: The partition key, 1 to 2048 bytes.
            session: The request's own session. Without one, the stored session and its expiry serve.
            turn_id: The request's id on its platform, up to 256 bytes. A second delivery is not applied again:
                its turn has `is_duplicate`, and the first one's `response` if that was stored.
            io_timeout: Seconds for waiting, loading and saving together, the block's own time not counted.

        Raises:
            VersionConflictError: Another turn changed the same thing meanwhile.
            RequestError: DynamoDB or the network refused, or did not answer in time.
            OutcomeUnknownError: The save may or may not have happened; repeat the turn with the same `turn_id`.
        """
        block: TurnBlock[T] = TurnBlock(self._running, user_id, session, turn_id, io_timeout)
        return block

    async def handle(
        self,
        user_id: str,
        handler: Callable[[Turn[T]], Awaitable[Any]],
        *,
        session: Session | None = None,
        turn_id: str | None = None,
        io_timeout: float | None = None,
        lost_reply: Callable[[Turn[T]], Any] | None = None,
    ) -> Any:
        """
        Load a user's turn, let *handler* answer it, save it; on a true conflict load again and run *handler* again.

        So *handler* may run up to 5 times for one turn: it should do nothing but change its turn. Counters belong
        here; calls to a language model do not, nor do checkpoints.

        With a *turn_id* the reply is kept for a second delivery: for the newest `recent_responses` (2) of the user's
        turns, of which the newest `recent_turns` (8) are remembered at all; up to 4 KB; as data, so that a tuple comes
        back as a list, and a model as a dict. A larger one is returned, but not kept.

        Args:
            user_id: As for `turn`.
            handler: A coroutine function of the turn. What it returns becomes `turn.response`, unless it is None.
            session: As for `turn`; each run gets its own copy.
            turn_id: As for `turn`. A second delivery does not run *handler*: it gets the reply that was kept.
            io_timeout: As for `turn`, over all runs. It waits for its turn as long as that lasts, or else for
                `operation_timeout`.
            lost_reply: Makes the reply to a second delivery, where the first one's is not kept: a function of the turn,
                or a coroutine function.

        Returns:
            `turn.response`.

        Raises:
            VersionConflictError: There was a conflict each time, or no time left, or the user was deleted.
            ReplyLostError: This was applied before, its reply is not kept, and there is no *lost_reply*.
            UsageError: There is a *turn_id*, and the reply is no data (a framework's response): it could not be kept.
                Or *handler* saved a checkpoint. Nothing was written.
            RequestTimeoutError: Other turns of the user took all of its time. Nothing was written.
            UsageError: *handler* is no coroutine function.
            RequestError: As for `turn`.
        """
        return await handled(self._running(), user_id, handler, session, turn_id, io_timeout, lost_reply)

    async def load(self, user_id: str, *, session: Session | None = None, turn_id: str | None = None) -> Turn[T]:
        """
        The user's turn, to be saved by hand. It does not queue: the save's condition alone protects it.

        Raises:
            MalformedItemError: A stored element can't be read.
            RequestError: DynamoDB or the network refused, or did not answer in time.
        """
        live = self._running()
        self._layout.key(user_id)
        return await live.load(user_id, session, turn_id, live.time_left())

    async def save(self, turn: Turn[T]) -> None:
        """
        Store *turn*, also in the midst of its block, as a checkpoint.

        What a checkpoint stored stays, even if the block raises later. But only once the block has ended is a second
        delivery of its `turn_id` a duplicate; until then it has `is_resumed`. Not within `handle()`, which may run its
        handler again.

        Raises:
            VersionConflictError: Another turn of this user changed the same thing since this one was loaded.
            OutcomeUnknownError: The write may or may not have happened; saving again is safe.
            SerializationError: A value has no DynamoDB form, or the item would be too large. Nothing was written.
        """
        live = self._running(is_saving=True)
        await live.save(turn, live.time_left())

    async def delete(self, user_id: str) -> None:
        """Delete all that is stored about the user. A turn that was loaded before conflicts when it is saved."""
        live = self._running()
        # The item goes last, so that what is interrupted can be found and repeated.
        if live.beside is not None:
            await live.beside.delete_all(user_id)
        await live.delete(user_id)

    async def export(self, user_id: str) -> dict[str, Any]:
        """
        Everything that is stored about the user, as Python values by attribute name; empty if there is nothing.

        Where conversations are configured, `conversations` has them by their ids: `messages`, `state` and the times.
        """
        live = self._running()
        exported = self._layout.exported(await live.read(user_id) or {})
        talks = {} if live.beside is None else await live.beside.exported(user_id)
        return exported | ({"conversations": talks} if talks else {})

    async def stored(self, user_id: str) -> StoredItem | None:
        """
        The user's item as DynamoDB has it, with the size of each attribute; None if there is none.

        Unlike `export` it takes what no serializer can read. It has no conversations.

        Raises:
            RequestError: DynamoDB or the network refused, or did not answer in time.
        """
        item = await self._running().read(user_id)
        return None if item is None else stored_item(self._layout, item)

    def users(
        self,
        *,
        limit: int | None = None,
        token: str | None = None,
        segments: int = 4,
        max_capacity: float | None = None,
    ) -> "Scan[str]":
        """
        The ids of all users, in no order, each once, by Scan: `async for user_id in db.users()`.

        Those who have nothing but conversations are among them. Who comes or goes meanwhile may be among them or not;
        who is past the TTL is not. Items that are no user's are skipped, and counted. It reads whole items: a unit for
        each 4 KB or 8 KB, as `consistent_read` has it.

        Args:
            limit: At most so many.
            token: `token` of an earlier one, which ended early: this one goes on after it. It holds user ids.
            segments: At so many places of the table at once, 1 to 1000.
            max_capacity: Read units per second that it stays under, by what DynamoDB says that it charged. A single
                item may cost more than that; there is a pause after it.

        Raises:
            UsageError: One of them is none; or the adapter is closed.
        """
        from dynadb_async.running.users import Bounds, Reading, scan_of  # noqa: PLC0415 - for who looks after users

        return scan_of(self._running, Bounds(limit, token, segments, max_capacity), Reading.id_of)

    def items(
        self,
        *,
        limit: int | None = None,
        token: str | None = None,
        segments: int = 4,
        max_capacity: float | None = None,
    ) -> "Scan[dict[str, Any]]":
        """
        What is stored about each user, as `users` finds them and `export` has it; the user's id is in it, too.

        Where conversations are configured, each user costs a query besides. What can't be read is skipped, and counted.
        """
        from dynadb_async.running.users import Bounds, Reading, scan_of  # noqa: PLC0415 - for who looks after users

        return scan_of(self._running, Bounds(limit, token, segments, max_capacity), Reading.exported)

    def copies(
        self,
        *,
        limit: int | None = None,
        token: str | None = None,
        segments: int = 4,
        max_capacity: float | None = None,
    ) -> "Scan[UserCopy]":
        """All of each user as it is stored, conversations and all, to be moved; as `users` finds them."""
        from dynadb_async.running.copies import copy_of  # noqa: PLC0415 - for who moves users
        from dynadb_async.running.users import Bounds, scan_of  # noqa: PLC0415

        return scan_of(self._running, Bounds(limit, token, segments, max_capacity), copy_of)

    async def copy(self, user_id: str) -> "UserCopy | None":
        """All of one user as it is stored, conversations and all, expired or not; None if there is nothing."""
        from dynadb_async.running.copies import copy_of_user  # noqa: PLC0415 - for who moves users

        return await copy_of_user(self._running(), user_id)

    async def restore(self, copy: "UserCopy", *, overwrite: bool = False, dry_run: bool = False) -> bool:
        """
        Store a user as *copy* has it, under a fresh write id, so that no turn that was loaded before passes its save.

        Conversations go first, the item last: after an end in the midst of it, the same again completes it.

        Args:
            copy: From `copies`, or `UserCopy.from_json`. The key may be called `id`, as the reference's files have it.
            overwrite: Replace who is there already; else such a user is left alone.
            dry_run: Write nothing.

        Returns:
            Whether it was stored, or would be.

        Raises:
            MalformedItemError: It is no user of ours.
            RequestError: DynamoDB or the network refused, or did not answer in time.
        """
        from dynadb_async.running.copies import restore  # noqa: PLC0415 - for who moves users

        return await restore(self._running(), copy, overwrite=overwrite, is_dry=dry_run)

    async def describe_tables(self) -> dict[str, dict[str, Any]]:
        """
        What DynamoDB says of each table by its name: `DescribeTable`, and `TimeToLive` beside it.

        Raises:
            TableNotFoundError: One is missing.
            RequestError: DynamoDB or the network refused.
        """
        from dynadb_async.running.diagnosis import described  # noqa: PLC0415 - for who looks after tables

        live = self._running()
        return {table.config.name: await described(live, table.config) for table in live.tables()}

    async def delete_tables(self) -> None:
        """Delete the tables, with all users in them, and wait until they are gone; one that is missing is none."""
        from dynadb_async.running.diagnosis import delete_table  # noqa: PLC0415 - for who looks after tables

        live = self._running()
        for table in live.tables():
            await delete_table(live, table)

    async def diagnose(self) -> "list[Check]":
        """What could keep turns from working, looked at one by one, each good or not, and what to do; never raises."""
        from dynadb_async.running.diagnosis import diagnosed  # noqa: PLC0415 - for who looks after tables

        return await diagnosed(self._running())

    async def ping(self) -> float:
        """
        The seconds that one read of the table takes, for a health check; of nobody's item, and for half a read unit.

        Raises:
            TableError: The table does not fit, or is not there.
            RequestError: DynamoDB or the network refused, or did not answer within `operation_timeout`.
            UsageError: After `close()`.
        """
        return await self._running().ping()

    def conversation(self, user_id: str, conversation_id: str) -> "Conversation":
        """
        A log of messages beside the user's item; no I/O. It needs `conversations` in the configuration.

        Args:
            user_id: As for `turn`.
            conversation_id: Any text of 1 to about 1000 bytes.

        Raises:
            UsageError: No conversations are configured.
            SerializationError: The conversation's id is none.
        """
        config = self._conversations_config()
        made: Conversation = _room_of_conversations().conversation_of(
            self._log, self._layout, config, user_id, conversation_id
        )
        return made

    async def conversations(self, user_id: str) -> "AsyncIterator[ConversationInfo]":
        """
        All of the user's conversations, newest first, without their messages.

        Raises:
            UsageError: No conversations are configured.
        """
        self._conversations_config()
        log = self._log()
        async with log.working("read"):
            infos = await log.infos(user_id)
        for info in infos:
            yield info

    def _conversations_config(self) -> Conversations:
        if self.config.conversations is None:
            msg = "no conversations are configured; set conversations=Conversations(table) of DynamoDbConfig"
            raise UsageError(msg)
        return self.config.conversations

    def _log(self) -> "Log":
        return cast("Log", self._running().beside)

    def _log_of(self, config: Conversations, live: Live) -> "Log":
        from dynadb_async.conversations.log import Log  # noqa: PLC0415 - for who has them

        return Log.of(config, live)

    async def ensure_table(self) -> None:
        """
        Wait until the table is ACTIVE, and create it first if it is missing and `create_table_on_init` allows it.

        Concurrent callers share one attempt, so that there is one CreateTable call; a cancelled caller harms nobody.
        With `create_table_on_init=False` nothing is done at all.

        Raises:
            TableError: The table has another key schema or TTL attribute.
            TableNotReadyError: It was not ACTIVE within `ready_timeout`.
            RequestError: DynamoDB refused.
        """
        live = self._running()
        if self.config.enabled:
            await live.ensure_tables()

    async def client(self) -> Any:
        """
        The one shared aioboto3 DynamoDB client, for what this package does not do: other tables, scans, backups.

        It is made when it is first asked for, or first needed. It has the settings of `config.client`, so that it
        makes one attempt where the SDK would make several; it belongs to the running event loop, and `close()` ends it.

        Raises:
            ConfigError: There is no region, there are no credentials, or the endpoint is a store in the process.
            UsageError: After `close()`, or while another event loop uses this adapter.
        """
        live = self._running()
        with live.work:
            return await live.connection.client()

    def _running(self, *, is_saving: bool = False) -> Live:
        """What we have in the running event loop; begun anew if the last loop has ended."""
        self._leave_ended_loop()
        loop, live = asyncio.get_running_loop(), self._live
        if self._is_closed and not (is_saving and live is not None):
            msg = "used after close(); make a new AsyncDynamoDb, or close this one later"
            raise UsageError(msg)
        if live is None:
            self._live = live = Live.begin(self._layout, self._session, self._store, self._clock, self.observer)
            if self.config.conversations is not None:
                live.beside = self._log_of(self.config.conversations, live)
        if live.loop is not loop:
            msg = "used from a second event loop while the first is alive; make one AsyncDynamoDb for each loop"
            raise UsageError(msg)
        return live

    async def _let_go(self) -> None:
        """Close what is open in this event loop, but not the adapter."""
        live = self._live
        if live is not None and live.loop is asyncio.get_running_loop():
            # From here on whoever else uses this adapter begins anew.
            self._live = None
            await live.close()

    def _leave_ended_loop(self) -> None:
        """What belongs to an event loop must not outlive it."""
        if self._live is not None and self._live.loop.is_closed():
            self._live.connection.ways.abandon()
            self._live = None


@cache
def _room_of_conversations() -> ModuleType:
    """Imported for who has conversations."""
    return import_module("dynadb_async.conversations.conversation")
