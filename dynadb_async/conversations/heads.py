"""The heads that one event loop knows, and a line for each conversation."""

import asyncio
from collections import OrderedDict
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
    """
    What this process last knew of conversations: an append on top of it needs no read, and is refused if it errs.

    Attributes:
        most: How many of them.
    """

    most: int = MOST_KNOWN
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
        if len(self._known) > self.most:
            self._known.popitem(last=False)

    def forget(self, names: Names) -> None:
        """What is stored now is not known."""
        self._known.pop(names, None)

    def forget_user(self, user_id: str) -> None:
        """The same of all conversations of one user."""
        for names in [names for names in self._known if names.user_id == user_id]:
            del self._known[names]

    def lines(self, *conversations: Names, until: float) -> "Lines":
        """
        The lines of *conversations*, as an async context manager: nobody else in this event loop writes to them then.

        Raises:
            RequestTimeoutError: On entering: it was not our turn by the time *until*.
        """
        # Everybody in the same order, so that no two wait for one another.
        ordered = conversations if len(conversations) == 1 else sorted({*conversations}, key=_place)
        return Lines([self._lines.setdefault(names, asyncio.Lock()) for names in ordered], until)


def _place(names: Names) -> tuple[str, str]:
    return names.user_id, names.id


# No generator: nearly always there is nobody to wait for.
class Lines:
    """Some conversations' lines."""

    __slots__ = ("_locks", "_taken", "_until")

    def __init__(self, locks: list[asyncio.Lock], until: float) -> None:
        self._locks = locks
        self._taken: list[asyncio.Lock] = []
        self._until = until

    async def __aenter__(self) -> None:
        """Wait for our turn in all of them; who came first is first."""
        if any(lock.locked() for lock in self._locks):
            await self._wait()
            return
        for lock in self._locks:
            # It is free, so that this does not wait.
            await lock.acquire()
            self._taken.append(lock)

    async def __aexit__(self, *_: object) -> None:
        """Let the next one in."""
        for lock in self._taken:
            lock.release()

    async def _wait(self) -> None:
        limit = asyncio.timeout_at(self._until)
        try:
            async with limit:
                for lock in self._locks:
                    await lock.acquire()
                    self._taken.append(lock)
        except BaseException as error:
            await self.__aexit__()
            if not isinstance(error, TimeoutError) or not limit.expired():
                raise
        else:
            return
        advice = "other appends to the conversation took all the time there was; nothing was written"
        raise RequestTimeoutError(advice, operation="TransactWriteItems", code="Timeout")
