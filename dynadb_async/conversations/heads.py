"""The heads that one event loop knows, and a line for each conversation."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import Enum, auto
from typing import Final
from weakref import WeakValueDictionary

from attrs import define, field

from dynadb_async.conversations.layout import Head, Names
from dynadb_async.errors import RequestTimeoutError

MOST_KNOWN = 1024


class Unknown(Enum):
    """The type of UNKNOWN: whether there is a head was not looked up."""

    UNKNOWN = auto()


UNKNOWN: Final = Unknown.UNKNOWN


@define(eq=False, repr=False)
class Heads:
    """What this process last knew of conversations: an append on top of it needs no read, and is refused if it errs."""

    _known: OrderedDict[Names, Head] = field(factory=OrderedDict, init=False)
    _lines: WeakValueDictionary[Names, asyncio.Lock] = field(factory=WeakValueDictionary, init=False)

    def known(self, names: Names) -> Head | Unknown:
        """The head that was last seen."""
        return self._known.get(names, UNKNOWN)

    def remember(self, names: Names, head: Head | None) -> None:
        """Take *head* for what is stored; None for nothing."""
        self._known.pop(names, None)
        if head is not None:
            self._known[names] = head
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def forget(self, names: Names) -> None:
        """What is stored now is not known."""
        self._known.pop(names, None)

    def forget_user(self, user_id: str) -> None:
        """The same of all conversations of one user."""
        for names in [names for names in self._known if names.user_id == user_id]:
            del self._known[names]

    @asynccontextmanager
    async def lines(self, *conversations: Names, until: float) -> AsyncIterator[None]:
        """
        Wait until nobody else in this event loop writes to *conversations*: who came first is first.

        Raises:
            RequestTimeoutError: It was not our turn by the time *until*.
        """
        async with AsyncExitStack() as stack:
            limit = asyncio.timeout_at(until)
            try:
                async with limit:
                    # Everybody in the same order, so that no two wait for one another.
                    for names in sorted(set(conversations), key=lambda names: (names.user_id, names.id)):
                        await stack.enter_async_context(self._lines.setdefault(names, asyncio.Lock()))
            except TimeoutError:
                if not limit.expired():
                    raise
                advice = "other appends to the conversation took all the time there was; nothing was written"
                raise RequestTimeoutError(advice, operation="TransactWriteItems", code="Timeout") from None
            yield
