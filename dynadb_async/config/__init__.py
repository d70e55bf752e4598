"""The settings: frozen, from Python, a dict or the environment, with the rules that they obey."""

from dynadb_async.config.config import (
    ClientConfig,
    ConflictResolver,
    Conversations,
    ConversationTableConfig,
    DynamoDbConfig,
    HistoryFunction,
    MarshallConfig,
    OnDemand,
    Provisioned,
    StoredElements,
    StoredHistory,
    StoredSession,
    TableConfig,
    TimeToLive,
)
from dynadb_async.config.validation import is_embedded

__all__ = [
    "ClientConfig",
    "ConflictResolver",
    "ConversationTableConfig",
    "Conversations",
    "DynamoDbConfig",
    "HistoryFunction",
    "MarshallConfig",
    "OnDemand",
    "Provisioned",
    "StoredElements",
    "StoredHistory",
    "StoredSession",
    "TableConfig",
    "TimeToLive",
    "is_embedded",
]
