"""The reply that is kept for a second delivery of its turn: what may be one."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from types import MappingProxyType, NoneType
from typing import Any
from uuid import UUID

from attrs import NOTHING

from dynadb_async.errors import UsageError
from dynadb_async.values.instances import is_record, public_fields

ATOMS = (str, int, float, Decimal, bytes, bytearray, memoryview, datetime, date, time, UUID, bool, NoneType, Enum)
# Nearly all of them, told apart in one step.
COMMON = frozenset((str, int, float, bool, NoneType))
MAPS = (dict, MappingProxyType)
LISTS = (list, tuple, set, frozenset)


def check_data(reply: Any) -> None:
    """
    Refuse a reply that is no data, such as a framework's response: what a second delivery got would not be it.

    Raises:
        UsageError: It, or something in it, is no data.
    """
    # Level by level, each thing once: a reply may be as deep as it likes, and contain itself; storing it will tell.
    level, seen = [reply], set[int]()
    while level:
        deeper: list[Any] = []
        for value in level:
            kind = type(value)
            if kind in COMMON or (kind is not dict and (isinstance(value, ATOMS) or value is NOTHING)):
                continue
            if id(value) not in seen:
                seen.add(id(value))
                deeper += _members(value)
        level = deeper


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, MAPS):
        members: Mapping[Any, Any] = value
        return members.values()
    if isinstance(value, LISTS):
        return value
    if is_record(value):
        return (public_fields(value) or {}).values()
    msg = (
        f"the turn's response is, or holds, a {type(value).__name__}, which can't be kept for a second delivery of its "
        "turn_id; make it of dicts, lists, texts and numbers, and a response of that when it is sent"
    )
    raise UsageError(msg)
