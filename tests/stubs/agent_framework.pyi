# What dynadb_async.agent_framework takes from its framework, for a type checker that has not got it.
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

class Message:
    @classmethod
    def from_dict(cls, value: Any) -> Self: ...
    def to_dict(self) -> dict[str, Any]: ...

class HistoryProvider(ABC):
    source_id: str
    def __init__(
        self,
        source_id: str,
        *,
        load_messages: bool = ...,
        store_inputs: bool = ...,
        store_context_messages: bool = ...,
        store_context_from: set[str] | None = ...,
        store_outputs: bool = ...,
    ) -> None: ...
    @abstractmethod
    async def get_messages(
        self, session_id: str | None, *, state: dict[str, Any] | None = ..., **kwargs: Any
    ) -> list[Message]: ...
    @abstractmethod
    async def save_messages(
        self, session_id: str | None, messages: Sequence[Message], *, state: dict[str, Any] | None = ..., **kwargs: Any
    ) -> None: ...
