"""All modules of the package that can be imported here."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import dynadb_async

# Frameworks that have venvs of their own: `make frameworks` runs what is made for them.
ELSEWHERE = {"agents", "agent_framework", "aiogram", "claude_agent_sdk", "microsoft_agents"}


def modules() -> Iterator[ModuleType]:
    """Each of them, but the command's own start."""
    for module in pkgutil.walk_packages(dynadb_async.__path__, "dynadb_async."):
        if module.name.endswith("__main__"):
            continue
        try:
            yield importlib.import_module(module.name)
        except ImportError as error:
            if error.name not in ELSEWHERE:
                raise
