"""Entries that were replaced: nobody sees them any more, and they are deleted when there is time for it."""

import logging

from attrs import define, field

from dynadb_async.conversations.calls import Calls
from dynadb_async.conversations.face import Appended
from dynadb_async.conversations.layout import Names
from dynadb_async.conversations.writing import Writing
from dynadb_async.errors import RequestError

logger: logging.Logger = logging.getLogger("dynadb_async")

# Conversations of which this process knows that what was replaced is still there.
MOST_UNSWEPT = 256


@define(eq=False, repr=False)
class Sweeper:
    """
    Deletes what was replaced.

    Attributes:
        calls: The requests.
    """

    calls: Calls
    _unswept: dict[Names, list[tuple[int, int]]] = field(factory=dict, init=False)

    def found(self, names: Names, ranges: list[tuple[int, int]]) -> None:
        """Learn that entries were replaced and are still there: with the numbers from the first of each range on."""
        if len(self._unswept) < MOST_UNSWEPT:
            self._unswept[names] = ranges

    async def after(self, names: Names, writing: Writing, appended: Appended) -> None:
        """Delete what *writing* replaced, and what was found before; what fails is left to a later append."""
        ranges = self._unswept.pop(names, [])
        if writing.replacing is not None and not appended.is_duplicate:
            ranges.append((writing.replacing, appended.number))
        left = []
        for low, end in [(low, end) for low, end in ranges if low < end]:
            try:
                await self.calls.delete_between(names, names.entry(low), names.entry(end - 1))
            except RequestError as error:
                logger.debug("what an append replaced was not deleted yet: %s", error.code)
                left.append((low, end))
        if left:
            self.found(names, left)
