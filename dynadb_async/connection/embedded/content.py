"""
What is in the file of `file:PATH`: a list of items as plain JSON, the key first.

    [{"userId": "user-1", "user": {"data": {"name": "Ada"}}, "updatedAt": "2026-11-22T12:00:01.000Z"}]

So the reference's FileDb has it, whose key is `id`. The table's name is not in it, and is noted in `PATH.lock`; without
that note, the list is the users' table of who asks first. With several tables, or a key that is not one text:

    {"tables": {"skill-users": {"key": {"userId": "S"}, "timeToLive": "expiresAt", "items": [{...}]}, ...}}
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import orjson

from dynadb_async.connection.embedded.plain_json import Plain, attribute_from, number_in_file
from dynadb_async.connection.embedded.tables import UNNAMED, Table, Tables
from dynadb_async.values.stored_text import as_stored

# As many digits as a double may not hold; texts with so many cost a slower look.
LONG_NUMBER = re.compile(rb"[0-9.]{16}")


class DamagedError(Exception):
    """A file is not what it should be. The text says where, and nothing that is stored."""


def tables_in(text: bytes, note: Any) -> Tables:
    """
    The tables in a file's *text*, and its list's *note*.

    Raises:
        DamagedError: There is something else in it.
    """
    content = _parsed(text)
    if isinstance(content, list):
        # Whatever somebody else wrote there, the list says most by itself.
        return _of_list(content, note if isinstance(note, dict) and all(map(_is_name, note.values())) else {})
    tables = content.get("tables") if isinstance(content, dict) else None
    if not isinstance(tables, dict):
        raise DamagedError("it is neither a list of items nor a map of tables")
    read = Tables()
    for name, described in tables.items():
        match described:
            case {"key": dict(key), "items": list(items)} if _is_key(key) and _is_name(described.get("timeToLive")):
                read.add(_filled(Table(name, key, described.get("timeToLive")), items))
            case _:
                raise DamagedError("a table has no key, no list of items, or a timeToLive that is no name")
    return read


def content_of(tables: Tables) -> tuple[bytes, dict[str, Any] | None]:
    """The file's text, and the note that belongs to it."""
    all_tables = list(tables)
    if len(all_tables) == 1 and list(all_tables[0].key.values()) == ["S"]:
        (table,) = all_tables
        (key,) = table.key
        return _text(list(table.items.values())), {"table": table.name, "key": key, "timeToLive": table.time_to_live}
    described = {
        table.name: {"key": table.key, "timeToLive": table.time_to_live, "items": list(table.items.values())}
        for table in all_tables
    }
    return _text({"tables": described}), None


def _of_list(items: list[Plain], note: dict[str, Any]) -> Tables:
    tables = Tables()
    key = note.get("key")
    if key is None or not any(isinstance(item, dict) and key in item for item in items):
        # The note may be about a list that somebody exchanged for another.
        key = _guessed_key(items) or key
    if key is None:
        # An empty list, and nobody knows whose: as good as none.
        return tables
    tables.add(_filled(Table(note.get("table") or UNNAMED, {key: "S"}, note.get("timeToLive")), items))
    return tables


def _guessed_key(items: Sequence[Plain]) -> str | None:
    """The first attribute that each item has as a text of its own."""
    if not items:
        return None
    if not all(isinstance(item, dict) for item in items):
        raise DamagedError("an item is no map")
    for name in items[0]:
        texts = {item[name] for item in items if isinstance(item.get(name), str)}
        if len(texts) == len(items):
            return str(name)
    raise DamagedError("its items have no key: an attribute that is another text in each")


def _is_name(name: Any) -> bool:
    return name is None or (isinstance(name, str) and bool(name))


def _is_key(key: dict[str, Any]) -> bool:
    return len(key) in (1, 2) and all(kind in ("S", "N", "B") for kind in key.values())


def _filled(table: Table, items: Sequence[Plain]) -> Table:
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict) or not table.key.keys() <= item.keys():
            raise DamagedError(f"item {number} lacks the key {', '.join(table.key)}")
        keys = {name: attribute_from(item[name]) for name in table.key}
        if {name: tag for name, value in keys.items() for tag in value} != table.key:
            raise DamagedError(f"item {number} has a key of another type")
        key = table.key_of(keys)
        if key in table.items:
            raise DamagedError(f"item {number} has the key of an earlier one")
        table.items[key] = item
    return table


def _parsed(text: bytes) -> Plain:
    try:
        if LONG_NUMBER.search(text) is None:
            try:
                return orjson.loads(text)
            except orjson.JSONDecodeError:
                pass  # the standard library reads texts that are no Unicode, and says where an error is
        return as_stored(
            json.loads(text, parse_float=number_in_file, parse_int=number_in_file, parse_constant=_no_constant)
        )
    except json.JSONDecodeError as error:
        problem = f"it is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except (ValueError, ArithmeticError, RecursionError):
        problem = "it is no JSON"
    raise DamagedError(problem)


def _no_constant(_: str) -> Plain:
    raise ValueError


def _text(content: Plain) -> bytes:
    try:
        return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        # Texts that are no Unicode, which another program stored.
        return f"{json.dumps(content, indent=2)}\n".encode()
