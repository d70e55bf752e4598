"""An assistant's memory in DynamoDB: load a person's turn, let it be handled, save it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, cast, overload

from dynadb_async.config import Conversations, DynamoDbConfig
from dynadb_async.errors import UsageError
from dynadb_async.item import Layout, UserData, check_user_id, checked_clock
from dynadb_async.running.arguments import check_parts, checked_config
from dynadb_async.running.block import TurnBlock
from dynadb_async.running.handling import handled
from dynadb_async.running.live import Live
from dynadb_async.running.upkeep import Upkeep
from dynadb_async.turn import Session, T, Turn
from dynadb_async.values.serializer import DynamoDbSerializer, Serializer

if TYPE_CHECKING:
    import aioboto3

    from dynadb_async.conversations import Conversation, ConversationInfo
    from dynadb_async.conversations.beside import Logs
    from dynadb_async.conversations.log import Log


def utc_now() -> datetime:
    """What time it is."""
    return datetime.now(UTC)


class AsyncDynamoDb(Upkeep, Generic[T]):
    """
    An assistant's memory in DynamoDB, one item per user; one adapter serves a whole process.

        async with AsyncDynamoDb("assistant-users") as db:
            async with db.turn("user-1") as turn:
                turn.user.data["name"] = "Ada"

    Making one does no I/O. The first use opens the client and waits for the table, creating it if it is missing.

    Attributes:
        config: The configuration.
        observer: Hears of each turn and request that begins once it is set.

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
        config = checked_config(config)
        check_parts(serializer, clock, aws_session)
        serializer = DynamoDbSerializer(config.marshall) if serializer is None else serializer
        super().__init__(
            Layout(config=config, serializer=serializer, user_data=user_data),
            aws_session=aws_session,
            clock=clock if clock is utc_now else checked_clock(clock),
        )

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

        Where several of a user wait in a process, each goes on from what the one before left, and one request stores
        them; what it stored is answered only then, and if it was refused, they begin anew, in order.

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
        check_user_id(user_id)
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
        from dynadb_async.conversations.conversation import conversation_of  # noqa: PLC0415 - for who has them

        return conversation_of(self._log, self._conversations_config(), user_id, conversation_id)

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
        return cast("Logs", self._running().beside).log

    def _begin(self) -> Live:
        live = super()._begin()
        if self.config.conversations is not None:
            from dynadb_async.conversations.beside import Logs  # noqa: PLC0415 - for who has them
            from dynadb_async.conversations.log import Log  # noqa: PLC0415

            live.beside = Logs(Log.of(self.config.conversations, live))
        return live
