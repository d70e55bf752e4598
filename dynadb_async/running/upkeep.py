"""What is asked by those who look after users and tables; no turn needs it."""

from typing import TYPE_CHECKING, Any

from dynadb_async.item import StoredItem, stored_item
from dynadb_async.running.life import Life

if TYPE_CHECKING:
    from dynadb_async.item.copy import UserCopy
    from dynadb_async.running.check import Check
    from dynadb_async.running.scan import Scan


class Upkeep(Life):
    """An adapter as those have it who look after users and tables. What it takes for that is imported when asked."""

    async def export(self, user_id: str) -> dict[str, Any]:
        """
        Everything that is stored about the user, as Python values by attribute name; empty if there is nothing.

        Where conversations are configured, `conversations` has them by their ids: `messages`, `state` and the times.
        """
        from dynadb_async.running.users import everything_of  # noqa: PLC0415 - for who looks after users

        live = self._running()
        return await everything_of(user_id, await live.read(user_id), self._layout, live.beside)

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
        from dynadb_async.running.administration import described  # noqa: PLC0415 - for who looks after tables

        live = self._running()
        return {table.config.name: await described(live, table.config) for table in live.tables()}

    async def delete_tables(self) -> None:
        """Delete the tables, with all users in them, and wait until they are gone; one that is missing is none."""
        from dynadb_async.running.administration import delete_table  # noqa: PLC0415 - for who looks after tables

        live = self._running()
        for table in live.tables():
            await delete_table(live, table)

    async def diagnose(self) -> "list[Check]":
        """What could keep turns from working, looked at one by one, each good or not, and what to do; never raises."""
        from dynadb_async.running.diagnosis import diagnosed  # noqa: PLC0415 - for who looks after tables

        return await diagnosed(self._running())
