"""An assistant's memory in DynamoDB: user data, session data and history, one item per user, on asyncio."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynadb_async.face import *

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

if not TYPE_CHECKING:  # a type checker would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Import what is public when it is first asked for: each pytest run in this environment imports this file."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=__import__(__name__))
        from dynadb_async import face  # noqa: PLC0415

        globals().update({public: getattr(face, public) for public in __all__ if public in vars(face)})
        return globals().get(name) or getattr(face, name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
