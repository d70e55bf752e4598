"""All users, one after another: a page at a time of each segment, and what was seen by then as a token."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from attrs import define, evolve, field, frozen

from dynadb_async.connection.connection import Connection
from dynadb_async.errors import MalformedItemError
from dynadb_async.running.metered import Pace
from dynadb_async.running.scan_source import Seen, Source
from dynadb_async.running.scan_token import Key, Progress, Segment

R = TypeVar("R")
A = TypeVar("A")

# Items in one request: what is read within the time of one, and in one step of the event loop.
PAGE = 200
# Whose conversations, or items, are looked up at the same time.
TOGETHER = 16
# Rounds a second where the capacity is bounded: each costs a fraction of it.
ROUNDS = 4


@frozen(repr=False)
class Step:
    """
    One item of a segment, or its page's end.

    Attributes:
        seen: The item.
        after: Where the segment is after it.
        is_last: Nothing comes after it.
    """

    seen: Seen | None
    after: Key | None
    is_last: bool = False


@define(eq=False, kw_only=True, repr=False)
class Scan(Generic[R]):
    """
    Users of a table, to be iterated over with `async for`; made by `AsyncDynamoDb.users`, `items` and `copies`.

    Leaving the loop early leaves nothing open. After an error, or a break, another scan goes on by `token`.

    Attributes:
        count: How many there were so far.
        skipped: Items that are no user's of ours, or that can't be read, so far.
        expired: Items past their TTL, so far.
    """

    count: int = field(default=0, init=False)
    skipped: int = field(default=0, init=False)
    expired: int = field(default=0, init=False)
    _sources: Sequence[Source] = field(alias="sources")
    _connection: Connection = field(alias="connection")
    _progress: Progress = field(alias="progress")
    _pace: Pace = field(alias="pace")
    _result: Callable[[int, Seen], Awaitable[R | None]] = field(alias="result")
    _working: Callable[[], AbstractContextManager[Any]] = field(alias="working")
    _clock: Callable[[], datetime] = field(alias="clock")
    _limit: int | None = field(alias="limit")
    _read: int = field(default=0, init=False)
    _results: AsyncIterator[R] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._results = self._all()

    @property
    def token(self) -> str | None:
        """What another scan goes on by, after all that this one gave; None once nothing is left. It holds user ids."""
        return self._progress.token()

    @property
    def consumed(self) -> float:
        """The read units that DynamoDB charged so far."""
        return self._pace.meter.units

    def __aiter__(self) -> Self:
        """Itself: there is one way through it."""
        return self

    async def __anext__(self) -> R:
        """
        The next one.

        Raises:
            TableNotFoundError: There is no such table.
            RequestError: DynamoDB or the network refused, or did not answer in time.
        """
        return await anext(self._results)

    async def _all(self) -> AsyncGenerator[R, None]:
        for number, source in enumerate(self._sources):
            await source.ready()
            while segments := [one for one in self._progress.segments[number] if not one.is_done]:
                for segment, steps in await self._round(source, number, segments):
                    for at in range(0, len(steps), TOGETHER):
                        for step, result in await self._chunk(number, steps[at : at + TOGETHER]):
                            segment.after, segment.is_done = step.after, step.is_last
                            if result is not None:
                                self.count += 1
                                yield result
                                if self.count == self._limit:
                                    return

    async def _round(self, source: Source, number: int, segments: list[Segment]) -> list[tuple[Segment, list[Step]]]:
        """A page of each of the segments, or of as many as the capacity is enough for."""
        most = self._pace.most
        segments = segments[: max(1, int(most / ROUNDS))] if most else segments
        limit, of = self._page_size(len(segments)), len(self._progress.segments[number])
        self._pace.begin()
        with self._working():
            pages = await _all_of([source.page(self._connection, segment, of, limit) for segment in segments])
        await self._pace.keep()
        self._read += sum(len(items) for items, _ in pages)
        now = self._clock()
        return [
            (segment, _steps([source.seen(item, now) for item in items], segment, more_at))
            for segment, (items, more_at) in zip(segments, pages, strict=True)
        ]

    def _page_size(self, segments: int) -> int:
        """Items in each of so many requests: no more than are wanted, and than the capacity is enough for."""
        wanted = PAGE if self._limit is None else max(1, -(-(self._limit - self.count) // segments))
        if self._pace.most is None:
            return min(PAGE, wanted)
        units = max(self.consumed / self._read, 1 / PAGE) if self._read else 1.0
        return max(1, min(PAGE, wanted, int(self._pace.most / ROUNDS / segments / units)))

    async def _chunk(self, number: int, steps: list[Step]) -> list[tuple[Step, R | None]]:
        with self._working():
            results = await _all_of([self._looked_at(number, step.seen) for step in steps])
        await self._pace.keep()
        return list(zip(steps, results, strict=True))

    async def _looked_at(self, number: int, seen: Seen | None) -> R | None:
        if seen is None:
            return None
        if seen.user_id is None or seen.is_expired:
            self.expired += seen.is_expired
            self.skipped += seen.user_id is None
            return None
        try:
            return await self._result(number, seen)
        except MalformedItemError:
            self.skipped += 1
            return None


def _steps(page: list[Seen], segment: Segment, more_at: Key | None) -> list[Step]:
    """What is to be done of a page, each user once, and where the segment is after each step."""
    steps: list[Step] = []
    last: str | None = None
    for seen in page:
        if last is not None and seen.after[0] == last:
            continue
        if seen.user_id is not None and not seen.is_expired:
            last = seen.user_id
        steps.append(Step(seen, seen.after))
    if more_at is None:
        return [*steps[:-1], evolve(steps[-1], is_last=True)] if steps else [Step(None, segment.after, is_last=True)]
    # Whoever has been seen is passed over, though there be much more of them.
    is_passed = last is not None and last == more_at[0]
    return steps if is_passed else [*steps, Step(None, more_at)]


async def _all_of(work: Sequence[Awaitable[A]]) -> list[A]:
    """All of it at the same time; what one raises is raised once all have ended, so that nothing is left behind."""
    done: dict[int, A] = {}

    # Not as the task's result: that is in its repr, and asyncio logs tasks that take their time.
    async def do(place: int, piece: Awaitable[A]) -> None:
        done[place] = await piece

    pieces = [do(place, piece) for place, piece in enumerate(work)]
    for error in await asyncio.gather(*pieces, return_exceptions=True):
        if error is not None:
            raise error
    return [done[place] for place in range(len(work))]
