"""The public names, and where they live."""

from importlib import import_module
from typing import TYPE_CHECKING

from dynadb_async.adapter import AsyncDynamoDb
from dynadb_async.config import (
    ClientConfig,
    ConflictResolver,
    Conversations,
    ConversationTableConfig,
    DynamoDbConfig,
    MarshallConfig,
    OnDemand,
    Provisioned,
    StoredElements,
    StoredHistory,
    StoredSession,
    TableConfig,
    TimeToLive,
)
from dynadb_async.connection.agent import VERSION as __version__  # noqa: N811 - a public name
from dynadb_async.errors import (
    ConfigError,
    DynaDbError,
    InvalidUserIdError,
    ItemTooLargeError,
    MalformedItemError,
    OutcomeUnknownError,
    ReplyLostError,
    RequestError,
    RequestTimeoutError,
    SerializationError,
    TableError,
    TableNotFoundError,
    TableNotReadyError,
    ThrottledError,
    UsageError,
    VersionConflictError,
)
from dynadb_async.item import StoredItem, UserData
from dynadb_async.observer import Observer
from dynadb_async.turn import History, Session, Turn, User
from dynadb_async.values.serializer import AttributeValue, DynamoDbSerializer, Serializer

if TYPE_CHECKING:
    from dynadb_async.item.copy import UserCopy
    from dynadb_async.running.check import Check
    from dynadb_async.running.scan import Scan

__all__ = [
    "AsyncDynamoDb",
    "AttributeValue",
    "Check",
    "ClientConfig",
    "ConfigError",
    "ConflictResolver",
    "ConversationTableConfig",
    "Conversations",
    "DynaDbError",
    "DynamoDbConfig",
    "DynamoDbSerializer",
    "History",
    "InvalidUserIdError",
    "ItemTooLargeError",
    "MalformedItemError",
    "MarshallConfig",
    "Observer",
    "OnDemand",
    "OutcomeUnknownError",
    "Provisioned",
    "ReplyLostError",
    "RequestError",
    "RequestTimeoutError",
    "Scan",
    "SerializationError",
    "Serializer",
    "Session",
    "StoredElements",
    "StoredHistory",
    "StoredItem",
    "StoredSession",
    "TableConfig",
    "TableError",
    "TableNotFoundError",
    "TableNotReadyError",
    "ThrottledError",
    "TimeToLive",
    "Turn",
    "UsageError",
    "User",
    "UserCopy",
    "UserData",
    "VersionConflictError",
    "__version__",
]

if not TYPE_CHECKING:
    # No turn needs them: they are for those who look after users and tables.
    LATER = {"Check": "running.check", "Scan": "running.scan", "UserCopy": "item.copy"}

    def __getattr__(name: str) -> object:
        if name not in LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"dynadb_async.{LATER[name]}"), name)
