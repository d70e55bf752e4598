"""The settings: frozen, from Python, a dict or the environment, with the rules that they obey."""

from dynadb_async.config.config import (
    ClientConfig,
    ConflictResolver,
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

__all__ = [
    "ClientConfig",
    "ConflictResolver",
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
]
