"""What an adapter may keep in a second table, as its turns and its operators' calls see it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from dynadb_async.connection.connection import Connection
from dynadb_async.item import Item
from dynadb_async.running.table import Table
from dynadb_async.turn import BesideTurn, Turn

if TYPE_CHECKING:
    from dynadb_async.running.scan_source import Source


class Beside(Protocol):
    """What an adapter keeps besides the users' items."""

    @property
    def table(self) -> Table:
        """Where it is kept."""
        ...

    def of_turn(self, turn: Turn[Any]) -> BesideTurn:
        """What *turn* stores of it."""
        ...

    async def delete_all(self, user_id: str) -> None:
        """Delete all of it that is the user's."""
        ...

    async def exported(self, user_id: str) -> dict[str, Any]:
        """All of it that is the user's."""
        ...

    async def copied(self, user_id: str) -> list[Item]:
        """The items of it that are the user's."""
        ...

    async def is_free(self, user_id: str, items: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the user has nothing, but for what an earlier try to put *items* left."""
        ...

    async def put(self, user_id: str, items: Sequence[Mapping[str, Any]]) -> None:
        """Write *items*, which may be written twice, under fresh write ids."""
        ...

    def over(self, connection: Connection) -> "Beside":
        """The same, read over another connection."""
        ...

    def source(self) -> "Source":
        """Where its users are found."""
        ...
