"""What the pages ask the adapter for; nothing of it writes."""

import asyncio
from datetime import datetime
from typing import Any

from attrs import define, field, frozen

from dynadb_async import AsyncDynamoDb, DynaDbError, TableError
from dynadb_async.conversations import ConversationInfo
from dynadb_async.inspect.person import Person

USERS = 25
# A table may be full of other people's items: after so many seconds the page shows whom it found.
PATIENCE = 5.0


@frozen(repr=False)
class Row:
    """
    A user in the list.

    Attributes:
        user_id: Who.
        person: The item; None of somebody who has nothing but conversations.
    """

    user_id: str
    person: Person | None


@define(repr=False)
class Users:
    """
    A page of users.

    Attributes:
        rows: The users.
        after: Where the next page begins; None if there is none.
        skipped: Items that are no user's, in between.
        expired: Users past their TTL, in between.
        is_cut: There may be more on this page: finding them took too long.
        problem: Why those who have nothing but conversations are not among them.
    """

    rows: list[Row] = field(factory=list)
    after: str | None = None
    skipped: int = 0
    expired: int = 0
    is_cut: bool = False
    problem: str | None = None


async def listed(db: AsyncDynamoDb[Any], after: str | None, now: datetime, *, patience: float = PATIENCE) -> Users:
    """The users *after* a page, or those of them that were found within so many seconds."""
    scan = db.users(limit=USERS, token=after, segments=1)
    ids: list[str] = []
    users = Users()
    try:
        async with asyncio.timeout(patience):
            async for user_id in scan:
                ids.append(user_id)  # noqa: PERF401 - whom it found in time stay
    except TimeoutError:
        users.is_cut = True
    except TableError as error:
        # Whom the first table has can be looked at without the second.
        if not ids:
            raise
        users.problem = str(error)
    stored = await asyncio.gather(*map(db.stored, ids))
    people = [None if item is None else Person(item, db.config, now) for item in stored]
    users.rows = [Row(user_id, person) for user_id, person in zip(ids, people, strict=True)]
    users.after, users.skipped, users.expired = scan.token, scan.skipped, scan.expired
    return users


async def found(
    db: AsyncDynamoDb[Any], user_id: str, now: datetime
) -> tuple[Person | None, list[ConversationInfo], str | None]:
    """The user, their conversations, and why these could not be had."""
    stored = await db.stored(user_id)
    person = None if stored is None else Person(stored, db.config, now)
    try:
        return person, await conversations_of(db, user_id), None
    except DynaDbError as error:
        return person, [], str(error)


async def conversations_of(db: AsyncDynamoDb[Any], user_id: str) -> list[ConversationInfo]:
    """All of them; none where they are not configured."""
    return [] if db.config.conversations is None else [info async for info in db.conversations(user_id)]
