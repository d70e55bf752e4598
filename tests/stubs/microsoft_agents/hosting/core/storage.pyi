from abc import ABC, abstractmethod
from typing import Any

class StoreItem(ABC):
    @abstractmethod
    def store_item_to_json(self) -> Any: ...
    @staticmethod
    @abstractmethod
    def from_json_to_store_item(json_data: Any) -> StoreItem: ...

class Storage(ABC):
    @abstractmethod
    async def read(self, keys: list[str], *, target_cls: type[Any], **kwargs: Any) -> dict[str, Any]: ...
    @abstractmethod
    async def write(self, changes: dict[str, StoreItem]) -> None: ...
    @abstractmethod
    async def delete(self, keys: list[str]) -> None: ...
