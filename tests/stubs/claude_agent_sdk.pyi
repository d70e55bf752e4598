# What dynadb_async.claude_agent_sdk takes from its framework, for a type checker that has not got it.
from typing import Any

def fold_session_summary(prev: Any, key: Any, entries: list[Any]) -> Any: ...
