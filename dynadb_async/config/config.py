"""The settings: frozen, checked when made, from Python, a dict (also a Jovo configuration) or the environment."""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, Literal, Self

from attrs import field, frozen

from dynadb_async.config.client import ClientConfig
from dynadb_async.config.conversations import Conversations
from dynadb_async.config.elements import StoredElements
from dynadb_async.config.table import TableConfig
from dynadb_async.config.validation import a_bool, an_int, duration_or_none, expected, one_of, shown, wrong

ConflictResolver = Callable[[str, Any, Any, Any], Any]
"""`(path, loaded, ours, theirs) -> value`: decides what a merge can't; a plain function, and no coroutine function."""


CONFLICT_POLICY = (
    "'merge', 'raise', 'overwrite' or a function (path, loaded, ours, theirs) -> value, which nobody would await"
)


def is_conflict_policy(value: object) -> bool:
    """Whether *value* is what `CONFLICT_POLICY` says."""
    return value in ("merge", "raise", "overwrite") if isinstance(value, str) else _is_plain_function(value)


def _is_plain_function(value: object) -> bool:
    """Whether it can be called, and what comes of it need not be awaited."""
    while isinstance(value, partial):
        value = value.func
    asked = (value, getattr(type(value), "__call__", None))  # noqa: B004 - an object is as its `__call__` is
    return callable(value) and not any(map(iscoroutinefunction, asked)) and not any(map(isasyncgenfunction, asked))


_false = expected(
    "False, since True wraps the item in one more map and DynamoDB refuses each save", lambda value: value is False
)


@frozen(kw_only=True)
class MarshallConfig:
    """
    How Python values become attribute values; the names are the reference's.

    Attributes:
        remove_undefined_values: `attrs.NOTHING` is left out of maps, lists and sets. False: it is an error.
        convert_class_instance_to_map: An instance of a class is stored as a map of its public fields. False: an error.
        convert_empty_values: Empty texts, binaries and sets are stored as NULL. False: an empty set is an error, the
            others are stored as they are. It concerns dicts: a field of a class comes back as it was.
        allow_imprecise_numbers: Numbers of more than 38 digits are rounded. False: they are an error.
        convert_top_level_container: Only False: True makes DynamoDB refuse each save.
    """

    remove_undefined_values: bool = field(default=True, validator=a_bool)
    convert_class_instance_to_map: bool = field(default=True, validator=a_bool)
    convert_empty_values: bool = field(default=False, validator=a_bool)
    allow_imprecise_numbers: bool = field(default=False, validator=a_bool)
    convert_top_level_container: bool = field(default=False, repr=False, validator=_false)


def _table(value: TableConfig | str) -> TableConfig:
    return TableConfig(value) if isinstance(value, str) else value


@frozen
class DynamoDbConfig:
    """
    Everything an adapter can be told.

    Attributes:
        table: A TableConfig, or the table's name.
        client: How DynamoDB is reached, and how long that may take.
        marshall: How Python values become attribute values.
        stored_elements: What of a turn is stored.
        enabled: False: turns neither load nor save, and of conversations nothing is read or stored.
        on_conflict: What to do when two turns changed the same thing: merge what can be merged and raise for the
            rest, raise at once, overwrite, or merge and ask a function `(path, loaded, ours, theirs) -> value`.
        recent_turns: How many turns an item remembers, by which repeated and overlapping ones are recognised.
        recent_responses: For how many of them the reply is kept too.
        touch_every: A turn that changed nothing is not written again within this time, if it has no turn id and no
            history is stored. None: each turn is written. Less than the expiry of sessions and items.
        conversations: Logs of messages beside the items; None for no second table.
    """

    table: TableConfig = field(converter=_table, validator=one_of(TableConfig, str))
    client: ClientConfig = field(factory=ClientConfig, kw_only=True, validator=one_of(ClientConfig))
    marshall: MarshallConfig = field(factory=MarshallConfig, kw_only=True, validator=one_of(MarshallConfig))
    stored_elements: StoredElements = field(factory=StoredElements, kw_only=True, validator=one_of(StoredElements))
    enabled: bool = field(default=True, kw_only=True, validator=a_bool)
    on_conflict: Literal["merge", "raise", "overwrite"] | ConflictResolver = field(
        default="merge", kw_only=True, validator=expected(CONFLICT_POLICY, is_conflict_policy)
    )
    recent_turns: int = field(default=8, kw_only=True, validator=an_int(1))
    recent_responses: int = field(default=2, kw_only=True, validator=an_int(0))
    touch_every: timedelta | None = field(default=None, kw_only=True, validator=duration_or_none)
    conversations: Conversations | None = field(default=None, kw_only=True, validator=one_of(Conversations, None))

    def __attrs_post_init__(self) -> None:
        """Check what concerns several settings."""
        session, ttl = self.stored_elements.session, self.table.ttl
        limits = {"stored_elements.session.expires_after": session.expires_after} if session else {}
        limits |= {"table.ttl.after": ttl.after} if ttl else {}
        for setting, limit in limits.items():
            # A turn that is not written does not put off the expiry of its session or item.
            if self.touch_every is not None and self.touch_every >= limit:
                problem = f"expected less than {setting}, {limit}, got {shown(self.touch_every)}"
                raise wrong(self, problem, "touch_every")
        if self.conversations is not None and self.conversations.table.name == self.table.name:
            raise wrong(self, "expected a table of their own", "conversations", "table", "name")

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """
        Read a dict: our names or the reference's, in snake_case or camelCase, and its nesting.

        A Jovo configuration works as it is. Times are a timedelta or seconds; `expiresAfterSeconds` 0 or None is
        15 minutes, as there. An object without `enabled` switches its element on; `skipTests` has no effect.

        Raises:
            ConfigError: A setting is wrong, unknown or given twice; the message has the place in *settings*.
        """
        from dynadb_async.config.structure import from_mapping  # noqa: PLC0415 - for who has a dict

        return from_mapping(cls, settings)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, base: Self | None = None) -> Self:
        """
        Read variables such as `DYNADB_TABLE__NAME`, laid over *base*.

        A name is the path to the setting; times are in seconds; true, false, 1, 0, yes, no, on and off are bools.
        `DYNADB_TABLE__BILLING` is provisioned or on-demand. Variables that start with `DYNADB_TEST_` are not ours.

        Raises:
            ConfigError: A variable is wrong or unknown; the message has its name, and never a credential.
        """
        from dynadb_async.config.structure import from_environment  # noqa: PLC0415 - for who has variables

        return from_environment(cls, environ, base)
