"""One conversation of one user, as a caller has it."""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import field, frozen

from dynadb_async.config import Conversations
from dynadb_async.conversations.arguments import (
    checked_append_id,
    checked_messages,
    checked_number,
    checked_rest,
    checked_revision,
)
from dynadb_async.conversations.codec import json_of
from dynadb_async.conversations.face import Appended, ConversationInfo
from dynadb_async.conversations.layout import Names, names_of
from dynadb_async.conversations.log import Log
from dynadb_async.conversations.pages import Place
from dynadb_async.turn import Page


@frozen(kw_only=True, eq=False)
class Conversation:
    """
    A log of messages: any JSON values, which come back equal. Making one does no I/O.

        talk = db.conversation("user-1", "support")
        await talk.append([{"role": "user", "content": "hi"}], append_id=message_id)
        page = await talk.messages(limit=20)

    Each call ends within `operation_timeout`; of `messages()` without a limit and of `delete` each request does.
    All of them raise RequestError if DynamoDB or the network refused.
    """

    _log: Callable[[], Log] = field(repr=False, alias="log")
    _names: Names = field(repr=False, alias="names")

    async def append(
        self,
        messages: Sequence[Any],
        *,
        append_id: str | None = None,
        state: Any = None,
        replacing: int | None = None,
        expected: str | None = None,
    ) -> Appended:
        """
        Add *messages* after all that are there, all of them or none.

        Args:
            messages: JSON values, up to 4 MB as text together.
            append_id: The caller's id of this append, up to 256 bytes. The same one within the next 8 appends, from
                any process, changes nothing.
            state: A small JSON value to be kept beside the messages, or a function that makes it of the one that is
                there, and may be called again if somebody came between; None leaves the one that is there.
            replacing: The `number` of an append or page: the messages take the place of all from there on.
            expected: The `revision` of a page, an append or an info: only if nobody came between.

        Raises:
            VersionConflictError: The conversation is not as *expected*, or was deleted since this process knew it.
            SerializationError: A message is no JSON value; says where. Nothing was written.
            ItemTooLargeError: They are over 4 MB, or the state is over 380 KB. Nothing was written.
            OutcomeUnknownError: They may be stored or not; repeat it with the same `append_id`.
        """
        wanted: dict[str, Any] = {
            "append_id": checked_append_id(append_id),
            "state": state if state is None or callable(state) else json_of(state, ("state",)),
            "replacing": checked_number(replacing, "replacing"),
            "expected": checked_revision(expected),
        }
        log = self._log()
        async with log.working("append") as until:
            return await log.append(self._names, messages, until=until, **wanted)

    async def replace(self, page: Page, messages: Sequence[Any], *, start: int = 0) -> Appended:
        """
        Put *messages* in the place of those of *page* from *start* on, if nobody came between: a summary of them.

        Args:
            page: The newest messages, as they were read.
            messages: As in `append`.
            start: Of `page.messages`, counted as in a list; what is older stays.

        Raises:
            VersionConflictError: Somebody appended or removed something since the page was read. Read it again.
        """
        given = checked_messages(messages)
        replaced = await self.messages(len(checked_rest(page, start).messages[start:]))
        # An append is replaced as a whole: what of it is older is stored again.
        rest = Place.of(replaced.before).rest
        kept = await self.messages(rest, before=replaced.before)
        return await self.append([*kept.messages, *given], replacing=replaced.number, expected=page.revision)

    async def messages(self, limit: int | None = None, *, before: str | None = None) -> Page:
        """
        The newest messages, oldest of them first.

        Args:
            limit: How many at the most, 0 or more; all of them if None, in as many requests as that takes.
            before: The `before` of a page, to read on from where it ended.

        Raises:
            MalformedItemError: What is stored can't be read.
        """
        log = self._log()
        async with log.working("read") as until:
            return await log.page(self._names, limit, before, until=None if limit is None else until)

    async def pop(self) -> Any:
        """Take the newest message off; None if there is none. However many pop at once, each gets another message."""
        log = self._log()
        async with log.working("append") as until:
            return await log.pop(self._names, until=until)

    async def clear(self) -> None:
        """Remove all messages, and keep the conversation, its `state` as well."""
        log = self._log()
        async with log.working("append") as until:
            await log.clear(self._names, until=until)

    async def info(self) -> ConversationInfo | None:
        """What there is to know without the messages; None if there is no such conversation."""
        log = self._log()
        async with log.working("read") as until:
            return await log.info(self._names, until=until)

    async def delete(self) -> None:
        """
        Delete the conversation, in as many requests as that takes. Repeating it does nothing.

        An append of a process that knew the conversation then fails, rather than to make it anew.
        """
        log = self._log()
        async with log.working("delete"):
            await log.delete(self._names)


def conversation_of(log: Callable[[], Log], config: Conversations, user_id: str, conversation_id: str) -> Conversation:
    """See `AsyncDynamoDb.conversation`."""
    return Conversation(log=log, names=names_of(config, user_id, conversation_id))
