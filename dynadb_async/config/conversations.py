"""The settings of conversations."""

from datetime import timedelta
from typing import Any

from attrs import evolve, field, frozen

from dynadb_async.config.table import OnDemand, Provisioned, TableConfig, TimeToLive
from dynadb_async.config.validation import duration_or_none, expected, one_of, wrong

CONVERSATION_ATTRIBUTES = {
    *("name", "n", "recent", "appends", "state", "createdAt", "updatedAt", "expiresAt"),
    *("messages", "write", "at", "append", "cut", "part", "parts"),
}
_serializer = expected(
    "an object with the methods serialize and deserialize, or None",
    lambda value: value is None or all(callable(getattr(value, name, None)) for name in ("serialize", "deserialize")),
    is_secret=True,
)


@frozen
class ConversationTableConfig(TableConfig):
    """As TableConfig, and paid by request unless told otherwise: an append writes several units at once."""

    billing: Provisioned | OnDemand = field(
        factory=OnDemand,
        kw_only=True,
        validator=one_of(Provisioned, OnDemand),
        metadata={"modes": {"on-demand": OnDemand, "pay-per-request": OnDemand, "provisioned": Provisioned}},
    )


def _conversation_table(value: TableConfig | str) -> TableConfig:
    return ConversationTableConfig(value) if isinstance(value, str) else value


@frozen
class Conversations:
    """
    Logs of messages beside users' items, in a second table.

    Attributes:
        table: A TableConfig, or the table's name. Its key is the user's id and a sort key `name`.
        keep: How long a message lives, by TTL; None for as long as nobody deletes it.
        serializer: Between the messages of an append and what is stored of them; None for JSON as it is.
    """

    table: TableConfig = field(
        converter=_conversation_table,
        validator=one_of(TableConfig, str),
        metadata={"modes": {"": ConversationTableConfig}},
    )
    keep: timedelta | None = field(default=None, kw_only=True, validator=duration_or_none)
    serializer: Any = field(default=None, kw_only=True, validator=_serializer)

    def __attrs_post_init__(self) -> None:
        """Check that the table has no settings that are about items, and a key that no attribute of ours has."""
        if self.table.ttl is not None:
            raise wrong(self, "expected no TTL of its own: set keep of Conversations", "table", "ttl")
        if self.table.primary_key_column in CONVERSATION_ATTRIBUTES:
            problem = "expected a name that no other attribute has, got one that conversations use"
            raise wrong(self, problem, "table", "primary_key_column")

    @property
    def ready_table(self) -> TableConfig:
        """The table with the TTL that `keep` needs."""
        return self.table if self.keep is None else evolve(self.table, ttl=TimeToLive(self.keep))
