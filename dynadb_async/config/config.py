"""The settings: frozen, checked when made, from Python, a dict (also a Jovo configuration) or the environment."""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Literal, Self

from attrs import evolve, field, frozen

from dynadb_async.config import structure, validation
from dynadb_async.config.validation import a_bool, an_int, copied, one_of, seconds, text

ConflictResolver = Callable[[str, Any, Any, Any], Any]
"""`(path, loaded, ours, theirs) -> value`: decides what a merge can't; a plain function, and no coroutine function."""
HistoryFunction = Callable[[Any], Any]
"""Of the turn, sync or async: a value for the history."""


@frozen(kw_only=True)
class Provisioned:
    """
    A table that is paid by capacity units per second.

    Attributes:
        read_capacity_units: Strongly consistent reads of up to 4 KB each second; eventually consistent ones count half.
        write_capacity_units: Writes of up to 1 KB each second.
    """

    read_capacity_units: int = field(default=2, validator=an_int(1))
    write_capacity_units: int = field(default=2, validator=an_int(1))


@frozen
class OnDemand:
    """A table that is paid by request."""


@frozen
class TimeToLive:
    """
    Items that DynamoDB deletes when nobody came back.

    Attributes:
        after: From the last save to the expiry.
        attribute: Where the item says when.
    """

    after: timedelta = field(validator=validation.duration)
    attribute: str = field(default="expiresAt", kw_only=True, validator=validation.attribute_name)


@frozen
class TableConfig:
    """
    The table, and how it is made where it is missing.

    Attributes:
        name: The table's name, or its ARN.
        create_table_on_init: The first use makes sure that the table is there, and creates it if it is missing.
            False: nothing is asked about the table, so no permission for that is needed.
        primary_key_column: The attribute with the user's id, the table's partition key, a text.
        billing: How a table that is created here is paid: `Provisioned` or `OnDemand`.
        ttl: When items expire, and where they say so; None for never.
        recent_turns_attribute: The attribute for our own record of the latest turns.
        consistent_read: Turns read what was written last. False costs half, and may read what was there a moment ago;
            the save notices.
        ready_timeout: Seconds to wait for ACTIVE.
        create_options: What CreateTable takes besides: tags, SSE, deletion protection.
    """

    name: str = field(validator=validation.table_name)
    create_table_on_init: bool = field(default=True, kw_only=True, validator=a_bool)
    primary_key_column: str = field(default="userId", kw_only=True, validator=validation.attribute_name)
    billing: Provisioned | OnDemand = field(
        factory=Provisioned,
        kw_only=True,
        validator=one_of(Provisioned, OnDemand),
        metadata={"modes": {"provisioned": Provisioned, "on-demand": OnDemand, "pay-per-request": OnDemand}},
    )
    ttl: TimeToLive | None = field(default=None, kw_only=True, validator=one_of(TimeToLive, None))
    recent_turns_attribute: str = field(default="recentTurns", kw_only=True, validator=validation.attribute_name)
    consistent_read: bool = field(default=True, kw_only=True, validator=a_bool)
    ready_timeout: float = field(default=60, kw_only=True, validator=seconds)
    create_options: Mapping[str, Any] = field(
        factory=dict, kw_only=True, converter=copied, validator=validation.create_options, repr=False, hash=False
    )

    def __attrs_post_init__(self) -> None:
        validation.check_attributes_differ(self, self.primary_key_column, self.recent_turns_attribute, self.ttl)


@frozen(kw_only=True)
class ClientConfig:
    """
    The connection. What is None is left to the standard AWS variables, files and roles.

    Attributes:
        region_name: Such as `eu-central-1`.
        endpoint_url: The server's address, where it is not AWS's own; or `memory:`, `memory:NAME` or `file:PATH` for a
            store in the process.
        aws_access_key_id: The first half of the credentials; in no repr.
        aws_secret_access_key: The other half; in no repr.
        aws_session_token: What temporary credentials have besides; in no repr.
        use_ssl: False: plain HTTP, where no `endpoint_url` says which.
        verify: A file of the certificates that are trusted; False: none is checked, which is for tests.
        api_version: The SDK's own setting; DynamoDB has one version.
        connect_timeout: Seconds.
        read_timeout: Seconds, of one attempt.
        operation_timeout: Seconds, of an operation with all its attempts.
        max_attempts: Of an operation; one that fails at once, rather than by waiting in vain, counts half.
        queue_timeout: Seconds that a turn waits for another of its user; `handle()` waits as long as its time lasts.
        max_pool_connections: How many requests are under way at once; others wait for one of them.
        fast_path: Item operations go around botocore's machinery for each call.
        options: Any other field of `botocore.config.Config`.
    """

    region_name: str | None = field(default=None, validator=text())
    endpoint_url: str | None = field(default=None, validator=validation.url)
    aws_access_key_id: str | None = field(default=None, repr=False, validator=validation.key)
    aws_secret_access_key: str | None = field(default=None, repr=False, validator=validation.key)
    aws_session_token: str | None = field(default=None, repr=False, validator=validation.key)
    use_ssl: bool | None = field(default=None, validator=validation.a_bool_or_none)
    verify: bool | str | None = field(default=None, validator=validation.ca_bundle)
    api_version: str | None = field(default=None, validator=text())
    connect_timeout: float = field(default=1, validator=seconds)
    read_timeout: float = field(default=0.5, validator=seconds)
    operation_timeout: float = field(default=3, validator=seconds)
    queue_timeout: float = field(default=1, validator=seconds)
    max_attempts: int = field(default=5, validator=an_int(1))
    max_pool_connections: int = field(default=50, validator=an_int(1))
    fast_path: bool = field(default=True, validator=a_bool)
    options: Mapping[str, Any] = field(
        factory=dict, converter=copied, validator=validation.client_options, repr=False, hash=False
    )

    def __attrs_post_init__(self) -> None:
        validation.check_credentials(self)


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
    convert_top_level_container: bool = field(default=False, repr=False, validator=validation.no_top_level_container)


@frozen
class StoredSession:
    """
    The session is stored, and is new again when its last turn began long ago.

    Attributes:
        expires_after: Longer ago than this.
    """

    expires_after: timedelta = field(default=timedelta(minutes=15), validator=validation.duration)


@frozen(kw_only=True)
class StoredHistory:
    """
    The turns that are kept, newest first, and what is kept of each.

    Attributes:
        size: How many.
        max_bytes: The oldest go when all together are larger.
        output: Keep `turn.output`, what was said.
        nlu: Keep `turn.nlu`, what language understanding made of the input.
        asr: Keep `turn.asr`, what speech recognition heard.
        state: Keep `turn.session.state`, as the turn left it.
        input: Keep `turn.input`, what the person meant.
        entities: Keep `turn.entities`, the entities in it.
        request: Keep `turn.request`, the platform's request.
        response: Keep `turn.response`, the platform's reply.
        custom: Further elements by name: a function of the turn, sync or async. One with the name of an
            element above takes its place; that element must then be off.
    """

    size: int = field(default=3, validator=an_int(1, advice=" (no history at all is `history` False)"))
    max_bytes: int | None = field(default=None, validator=an_int(1, or_none=True))
    output: bool = field(default=True, validator=a_bool)
    nlu: bool = field(default=True, validator=a_bool)
    asr: bool = field(default=False, validator=a_bool)
    state: bool = field(default=False, validator=a_bool)
    input: bool = field(default=False, validator=a_bool)
    entities: bool = field(default=False, validator=a_bool)
    request: bool = field(default=False, validator=a_bool)
    response: bool = field(default=False, validator=a_bool)
    custom: Mapping[str, HistoryFunction] = field(
        factory=dict, converter=copied, validator=validation.history_functions, hash=False
    )


def _session(value: StoredSession | bool | None) -> StoredSession | None:  # noqa: FBT001 - what a converter takes
    return StoredSession() if value is True else None if value is False else value


def _history(value: StoredHistory | bool | None) -> StoredHistory | None:  # noqa: FBT001 - what a converter takes
    return StoredHistory() if value is True else None if value is False else value


@frozen(kw_only=True)
class StoredElements:
    """
    What of a turn is stored.

    Attributes:
        user: `turn.user.data`.
        session: `turn.session`: True for the defaults, False or None for not at all.
        history: What turns leave: True for the defaults, False or None for not at all.
        created_at: When the item was first stored.
        updated_at: When it was last stored.
    """

    user: bool = field(default=True, validator=a_bool)
    session: StoredSession | None = field(default=None, converter=_session, validator=one_of(StoredSession, bool, None))
    history: StoredHistory | None = field(default=None, converter=_history, validator=one_of(StoredHistory, bool, None))
    created_at: bool = field(default=True, validator=a_bool)
    updated_at: bool = field(default=True, validator=a_bool)


def _table(value: TableConfig | str) -> TableConfig:
    return TableConfig(value) if isinstance(value, str) else value


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
    keep: timedelta | None = field(default=None, kw_only=True, validator=validation.duration_or_none)
    serializer: Any = field(default=None, kw_only=True, validator=validation.conversation_serializer)

    def __attrs_post_init__(self) -> None:
        """Check what concerns several settings."""
        validation.check_conversation_table(self, self.table)

    @property
    def ready_table(self) -> TableConfig:
        """The table with the TTL that `keep` needs."""
        return self.table if self.keep is None else evolve(self.table, ttl=TimeToLive(self.keep))


@frozen
class DynamoDbConfig:
    """
    Everything an adapter can be told.

    Attributes:
        table: A TableConfig, or the table's name.
        client: How DynamoDB is reached, and how long that may take.
        marshall: How Python values become attribute values.
        stored_elements: What of a turn is stored.
        enabled: False: turns neither load nor save.
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
        default="merge", kw_only=True, validator=validation.on_conflict
    )
    recent_turns: int = field(default=8, kw_only=True, validator=an_int(1))
    recent_responses: int = field(default=2, kw_only=True, validator=an_int(0))
    touch_every: timedelta | None = field(default=None, kw_only=True, validator=validation.duration_or_none)
    conversations: Conversations | None = field(default=None, kw_only=True, validator=one_of(Conversations, None))

    def __attrs_post_init__(self) -> None:
        """Check what concerns several settings."""
        session, ttl = self.stored_elements.session, self.table.ttl
        limits = {"stored_elements.session.expires_after": session.expires_after} if session else {}
        limits |= {"table.ttl.after": ttl.after} if ttl else {}
        validation.check_touch_every(self, self.touch_every, limits)
        if self.conversations is not None and self.conversations.table.name == self.table.name:
            raise validation.wrong(self, "expected a table of their own", "conversations", "table", "name")

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """
        Read a dict: our names or the reference's, in snake_case or camelCase, and its nesting.

        A Jovo configuration works as it is. Times are a timedelta or seconds; `expiresAfterSeconds` 0 or None is
        15 minutes, as there. An object without `enabled` switches its element on; `skipTests` has no effect.

        Raises:
            ConfigError: A setting is wrong, unknown or given twice; the message has the place in *settings*.
        """
        return structure.from_mapping(cls, settings)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, base: Self | None = None) -> Self:
        """
        Read variables such as `DYNADB_TABLE__NAME`, laid over *base*.

        A name is the path to the setting; times are in seconds; true, false, 1, 0, yes, no, on and off are bools.
        `DYNADB_TABLE__BILLING` is provisioned or on-demand. Variables that start with `DYNADB_TEST_` are not ours.

        Raises:
            ConfigError: A variable is wrong or unknown; the message has its name, and never a credential.
        """
        return structure.from_environment(cls, environ, base)
