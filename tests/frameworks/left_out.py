"""Leaves out what of a framework's own tests can't apply, as `LEFT_OUT` of our plugin for it says, with the reason."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what has a pattern in its name; a pattern that fits no test any more is an error."""
    for plugin in config.pluginmanager.get_plugins():
        for pattern, reason in getattr(plugin, "LEFT_OUT", {}).items():
            found = [item for item in items if pattern in item.nodeid]
            if not found:
                raise pytest.UsageError(f"no test is named {pattern!r}, which was to be left out: {reason}")
            for item in found:
                item.add_marker(pytest.mark.skip(reason=f"not applicable: {reason}"))
