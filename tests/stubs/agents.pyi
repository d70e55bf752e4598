# What dynadb_async.openai_agents takes from its framework, for a type checker that has not got it.
from typing import Any

class SessionSettings:
    limit: int | None
    def resolve(self, override: SessionSettings | dict[str, Any] | None) -> SessionSettings: ...
