"""The settings: frozen, from Python, a dict or the environment, with the rules that they obey."""

from dynadb_async.config.client import ClientConfig, is_embedded
from dynadb_async.config.config import (
    CONFLICT_POLICY,
    ConflictResolver,
    DynamoDbConfig,
    MarshallConfig,
    is_conflict_policy,
)
from dynadb_async.config.conversations import Conversations, ConversationTableConfig
from dynadb_async.config.elements import HistoryFunction, StoredElements, StoredHistory, StoredSession
from dynadb_async.config.table import OnDemand, Provisioned, TableConfig, TimeToLive

__all__ = [
    "CONFLICT_POLICY",
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
    "is_conflict_policy",
    "is_embedded",
]
