from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeAlias

from aiogram.fsm.state import State

StateType: TypeAlias = str | State | None

class StorageKey:
    bot_id: int
    chat_id: int
    user_id: int
    thread_id: int | None
    business_connection_id: str | None
    destiny: str

class BaseStorage(ABC):
    @abstractmethod
    async def set_state(self, key: StorageKey, state: StateType = None) -> None: ...
    @abstractmethod
    async def get_state(self, key: StorageKey) -> str | None: ...
    @abstractmethod
    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None: ...
    @abstractmethod
    async def get_data(self, key: StorageKey) -> dict[str, Any]: ...
    async def update_data(self, key: StorageKey, data: Mapping[str, Any]) -> dict[str, Any]: ...
    @abstractmethod
    async def close(self) -> None: ...
