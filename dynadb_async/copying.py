"""Data as apps keep it, copied in depth."""

from copy import deepcopy
from types import MappingProxyType
from typing import Any

from dynadb_async.errors import SerializationError

# Whatever the interpreter's own limit is: nobody's JSON is so deep but by intent.
MOST_LEVELS = 254
PLAIN = (str, int, float, bool, type(None))


def copied(value: Any, *path: str) -> Any:
    """
    A value that shares nothing with *value*; *path* says where that is.

    Raises:
        SerializationError: Something in it can't be copied, or is nested too deep for anything to be done with it.
    """
    try:
        return _copied_within(value, MOST_LEVELS)
    except RecursionError:
        problem = "maps and lists lie too deep in one another; keep a flatter structure"
    except Exception as error:  # noqa: BLE001 - a class refuses to be copied as it likes
        problem = f"something in it can't be copied ({type(error).__name__}); keep data there, and nothing that is open"
    raise SerializationError(problem, path)


def _copied_within(value: Any, levels: int) -> Any:
    if not levels:
        raise RecursionError
    if type(value) is dict:
        members = {}
        for name, member in value.items():
            members[name] = _copied_within(member, levels - 1)
        return members
    if type(value) is list:
        elements = []
        for element in value:
            elements.append(_copied_within(element, levels - 1))  # noqa: PERF401 - one frame for each level, not two
        return elements
    if type(value) is MappingProxyType:
        return _copied_within(dict(value), levels)
    return value if type(value) in PLAIN else deepcopy(value)
