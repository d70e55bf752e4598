"""An assistant's memory in DynamoDB: user data, session data and history, one item per user, on asyncio."""

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
from dynadb_async.connection.agent import VERSION as _VERSION
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
from dynadb_async.item import UserData
from dynadb_async.observer import Observer
from dynadb_async.running.scan import Scan
from dynadb_async.turn import History, Session, Turn, User
from dynadb_async.values.serializer import AttributeValue, DynamoDbSerializer, Serializer

__version__: str = _VERSION

__all__ = [
    "AsyncDynamoDb",
    "AttributeValue",
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
    "UserData",
    "VersionConflictError",
    "__version__",
]
