"""Scans of all users, as an adapter gives them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from attrs import define

from dynadb_async.errors import UsageError
from dynadb_async.item import Item, Layout
from dynadb_async.item.ours import user_of
from dynadb_async.running.beside import Beside
from dynadb_async.running.live import Live
from dynadb_async.running.metered import Meter, Pace
from dynadb_async.running.scan import Scan
from dynadb_async.running.scan_source import Seen, Source, key_of
from dynadb_async.running.scan_token import MOST_SEGMENTS, Progress
from dynadb_async.running.store import Store

R = TypeVar("R")

# Units per second; more has no table.
MOST_CAPACITY = 1e12


@define
class Bounds:
    """
    What a scan keeps to.

    Attributes:
        limit: At most so many.
        token: Where an earlier one ended.
        segments: At so many places at once.
        max_capacity: Units per second.
    """

    limit: int | None
    token: str | None
    segments: int
    max_capacity: float | None

    def __attrs_post_init__(self) -> None:
        problems = {
            "limit is at least 1": self.limit is not None and not _is_count(self.limit),
            f"segments are 1 to {MOST_SEGMENTS}": not _is_count(self.segments) or self.segments > MOST_SEGMENTS,
            "max_capacity is a number above 0": self.max_capacity is not None and not _is_rate(self.max_capacity),
        }
        for problem, is_so in problems.items():
            if is_so:
                msg = f"{problem}, or left out"
                raise UsageError(msg)


def _is_count(number: Any) -> bool:
    return type(number) is int and number >= 1


def _is_rate(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 < number < MOST_CAPACITY


@define(eq=False)
class Reading:
    """
    What a scan reads, all of it measured.

    Attributes:
        layout: How items are laid out.
        store: The users' items.
        beside: Their conversations.
        clock: What time it is.
        until: When a request that begins now has to end.
    """

    layout: Layout
    store: Store
    beside: Beside | None
    clock: Callable[[], datetime]
    until: Callable[[], float]

    async def id_of(self, number: int, seen: Seen) -> str | None:
        """Whose item it is; None if that was said before."""
        return None if await self._was_before(number, seen) else seen.user_id

    async def exported(self, number: int, seen: Seen) -> dict[str, Any] | None:
        """All that is stored of whose item it is, as Python values; None if that was said before."""
        if await self._was_before(number, seen):
            return None
        user_id = seen.user_id or ""
        return {self.layout.key_name: user_id} | await everything_of(user_id, seen.item, self.layout, self.beside)

    async def _was_before(self, number: int, seen: Seen) -> bool:
        """Whether somebody who has conversations has an item as well, and so was there already."""
        if not number or seen.user_id is None:
            return False
        item = await self.store.read(seen.user_id, until=self.until())
        return item is not None and is_present(self.layout, item, self.clock())


async def everything_of(user_id: str, item: Item | None, layout: Layout, beside: Beside | None) -> dict[str, Any]:
    """All that is stored of a user who has *item*, as Python values; empty if there is nothing."""
    exported = layout.exported(item or {})
    talks = {} if beside is None else await beside.exported(user_id)
    return exported | ({"conversations": talks} if talks else {})


def is_present(layout: Layout, item: Item, now: datetime) -> bool:
    """Whether it is an item of ours, and not past its TTL."""
    return user_of(layout, item) is not None and not layout.is_expired(item, now)


def seen_in(layout: Layout, item: Item, now: datetime) -> Seen:
    """What an item in the users' table is."""
    user_id = user_of(layout, item)
    is_expired = user_id is not None and layout.is_expired(item, now)
    return Seen(after=key_of(item, (layout.key_name,)), user_id=user_id, item=item, is_expired=is_expired)


def scan_of(
    running: Callable[[], Live],
    bounds: Bounds,
    result: Callable[[Reading, int, Seen], Awaitable[R | None]],
) -> Scan[R]:
    """A scan that gives what *result* makes of each; *running* says whether it may go on."""
    live = running()
    meter = Meter(live.observer)
    connection, layout = meter.over(live.connection), live.store.layout
    beside = None if live.beside is None else live.beside.over(connection)
    store = Store(connection=connection, layout=layout, clock=live.store.clock)
    reading = Reading(layout, store, beside, store.clock, lambda: live.time_left().until())
    sources = _sources(live) if live.is_enabled else []
    tables = [source.table for source in sources]
    token = bounds.token
    return Scan(
        sources=sources,
        connection=connection,
        progress=Progress.begin(tables, bounds.segments) if token is None else Progress.after(tables, token),
        pace=Pace(meter, bounds.max_capacity),
        result=partial(result, reading),
        working=lambda: running().under_way("read"),
        clock=store.clock,
        limit=bounds.limit,
    )


def _sources(live: Live) -> list[Source]:
    layout = live.store.layout
    config = layout.config.table
    users = Source(
        table=config.name,
        keys=(layout.key_name,),
        is_consistent=config.consistent_read,
        seen=lambda item, now: seen_in(layout, item, now),
        ready=lambda: live.table_ready(live.table, live.time_left()),
    )
    return [users] if live.beside is None else [users, live.beside.source()]
