"""One append, until it is stored, found to be stored already, or refused."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from attrs import evolve, frozen

from dynadb_async.connection.failures import TransactionRefusedError
from dynadb_async.conversations.calls import Calls
from dynadb_async.conversations.face import Appended
from dynadb_async.conversations.heads import Heads, Unknown
from dynadb_async.conversations.layout import Head, Names
from dynadb_async.conversations.writing import Writing, written
from dynadb_async.errors import OutcomeUnknownError, VersionConflictError
from dynadb_async.item.layout import Item

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.15
# Refusals, before other processes are left some time.
IN_A_ROW = 4


@frozen(kw_only=True)
class Appender:
    """
    The appends of one event loop.

    Attributes:
        calls: The requests.
        keep: How long messages live.
        clock: What time it is, aware and in UTC.
        heads: What is known, and who is next.
    """

    calls: Calls
    keep: timedelta | None
    clock: Callable[[], datetime]
    heads: Heads

    async def append(self, names: Names, writing: Writing, *, expected: str | None, until: float) -> Appended:
        """
        Store *writing*; the caller holds the conversation's line.

        Raises:
            VersionConflictError: The conversation is not as *expected*, or was deleted.
        """
        try:
            return await self._append(names, writing, expected, until)
        except BaseException:
            # Whether it was stored is not known, or what we knew was wrong.
            self.heads.forget(names)
            raise

    async def _append(self, names: Names, writing: Writing, expected: str | None, until: float) -> Appended:
        head = await self.head_for(names, writing, expected, until=until)
        refusals = 0
        while True:
            if (found := self.found(writing, head, expected)) is not None:
                self.heads.remember(names, head)
                return found
            writing = await self._with_cuts(names, writing, until)
            update = written(self.calls.table.name, names, writing, head, self.clock(), self.keep)
            try:
                await self.calls.transact(update.members, until=until)
            except TransactionRefusedError as refused:
                current, is_first = refused.item(0, names.key(names.head)), refused.is_first
            else:
                self.heads.remember(names, update.head)
                return Appended(number=update.first, revision=writing.write)
            head = await self.head_after(names, head, current, refusals, until=until)
            refusals += 1
            if not is_first and await self._is_stored(names, writing, update.head.number, head, until):
                return Appended(number=update.first, revision=writing.write)

    async def _with_cuts(self, names: Names, writing: Writing, until: float) -> Writing:
        """
        *writing* such that it replaces, too, what was replaced by what it replaces.

        Else that would come back if it is deleted later than what replaced it.
        """
        if not writing.replacing or writing.is_resolved:
            return writing
        cuts = await self.calls.cuts(names, writing.replacing, until=until)
        return evolve(writing, replacing=min([writing.replacing, *cuts]))

    async def _is_stored(self, names: Names, writing: Writing, number: int, head: Head | None, until: float) -> bool:
        """
        Whether an attempt whose answer got lost was made, and so many came after it that *head* forgot it.

        Raises:
            OutcomeUnknownError: Whatever had its number is not there any more.
        """
        if head is None or number >= head.recent[-1].number:
            return False
        write = await self.calls.write_of_entry(names, number, until=until)
        if write is None:
            problem = "it may have been stored, and replaced since"
            raise OutcomeUnknownError(problem, operation="TransactWriteItems", code="Forgotten")
        return write == writing.write

    async def head_for(self, names: Names, writing: Writing, expected: str | None, *, until: float) -> Head | None:
        """The head to begin with: as it is known, read if it is not, and read for sure where it settles the matter."""
        known = await self.known(names, until=until)
        if not self._settles(writing, known, expected):
            return known
        head = await self.calls.head(names, until=until, is_consistent=True)
        return self._checked(known, head)

    async def known(self, names: Names, *, until: float) -> Head | None:
        """The head as this process knows it; if it is not the newest, the append is refused, and no more."""
        known = self.heads.known(names)
        if isinstance(known, Unknown):
            return await self.calls.head(names, until=until, is_consistent=False)
        return known

    def _settles(self, writing: Writing, head: Head | None, expected: str | None) -> bool:
        try:
            return self.found(writing, head, expected) is not None
        except VersionConflictError:
            return True

    def found(self, writing: Writing, head: Head | None, expected: str | None) -> Appended | None:
        """
        What *head* says has become of *writing* already; None if it is still to be stored.

        Raises:
            VersionConflictError: It may not be stored: the conversation is not as *expected*.
        """
        live = None if head is None or head.is_expired(self.clock()) else head
        revision = "" if live is None else live.revision
        if live is not None:
            if done := writing.done(live):
                return Appended(number=done.number - len(writing.parts) + 1, revision=writing.write)
            if earlier := writing.delivered(live):
                return Appended(number=earlier.number, revision=revision, is_duplicate=True)
        if expected is not None and expected != revision:
            message = "something was appended, or removed, since that revision of the conversation; read it again"
            raise VersionConflictError([("conversation",)], message=message)
        return None

    async def head_after(
        self, names: Names, before: Head | None, current: Item | None, refusals: int, *, until: float
    ) -> Head | None:
        """
        The head as it is after the one *before* was refused, with *current* in its place, if that was told.

        Raises:
            VersionConflictError: There is none any more.
        """
        # What came with the refusal is as fresh as can be: who waits, or reads, comes too late where others go on.
        is_patient = refusals % IN_A_ROW == IN_A_ROW - 1
        if current is not None and not is_patient:
            return Head.of(current)
        if is_patient:
            await self.pause(refusals // IN_A_ROW)
        return self._checked(before, await self.calls.head(names, until=until, is_consistent=True))

    async def pause(self, refusals: int) -> None:
        """Another process is at the same conversation: let it."""
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**refusals)
        await asyncio.sleep(random.uniform(longest / 4, longest))  # noqa: S311 - no secret

    def _checked(self, before: Head | None, head: Head | None) -> Head | None:
        if head is None and before is not None:
            message = "the conversation was deleted since it was last seen; to begin it anew, append again"
            raise VersionConflictError([("conversation",)], deleted=True, message=message)
        return head
