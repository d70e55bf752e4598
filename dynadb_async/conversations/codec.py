"""Messages as JSON text, and in parts that fit into items."""

import json
import math
from collections.abc import Sequence
from typing import Any, Protocol

import orjson

from dynadb_async.conversations.arguments import checked_messages
from dynadb_async.errors import ItemTooLargeError, MalformedItemError, Path, SerializationError
from dynadb_async.values.stored_text import is_unicode

Content = str | bytes
"""What an entry holds: JSON text, or what a serializer made of its messages."""

# Deeper ones reach the limits of JSON readers, this one's and others'.
LEVELS = 200
# Bytes. An item has 400 KB, a transaction 4 MB, for keys, the head and the turn's own item, too.
LARGEST_PART = 380 * 1024
LARGEST_APPEND = 4 * 1024 * 1024 - 64 * 1024

# Begins JSON with numbers beyond 64 bits, which only the slower reader reads as they are.
SLOWER = " "
LONE_SURROGATE = "the text has a lone surrogate, which is no valid Unicode"
PLAIN = (int, bool, type(None))


class ConversationSerializer(Protocol):
    """Between the messages of an append and what is stored of them: to compress or encrypt them, for one."""

    def serialize(self, messages: list[Any]) -> Content:
        """The stored form: a text, or bytes."""
        ...

    def deserialize(self, content: Content) -> list[Any]:
        """The messages that `serialize` made *content* of."""
        ...


def json_of(value: Any, path: Path) -> str:
    """
    *value* as JSON that reads back equal.

    Raises:
        SerializationError: It has no such form; says where.
    """
    check_json(value, path, LEVELS)
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        pass
    try:
        return SLOWER + json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        # Python itself reads no longer ones.
        raise SerializationError("a number has too many digits; make a text of it", path) from None


def check_json(value: Any, path: Path, levels: int) -> None:
    """
    Refuse what JSON would change or does not know.

    Raises:
        SerializationError: With the place.
    """
    kind = type(value)
    if kind is str:
        problem = "" if value.isascii() or is_unicode(value) else LONE_SURROGATE
    elif kind in PLAIN:
        return
    elif isinstance(value, list | dict):
        problem = _problem_inside(value, path, levels)
    elif isinstance(value, float):
        problem = "" if math.isfinite(value) else "JSON has no NaN and no infinity; store None or a text"
    elif isinstance(value, str | int):
        problem = "" if isinstance(value, int) or is_unicode(value) else LONE_SURROGATE
    else:
        problem = f"a value of type {kind.__name__} is no JSON; make a dict, a list or a text of it"
    if problem:
        raise SerializationError(problem, path)


def _problem_inside(value: list[Any] | dict[Any, Any], path: Path, levels: int) -> str:
    if not levels:
        return f"more than {LEVELS} lists and dicts lie in one another; store a flatter structure"
    if isinstance(value, dict):
        _check_members(value, path, levels)
    else:
        for index, member in enumerate(value):
            check_json(member, (*path, index), levels - 1)
    return ""


def _check_members(members: dict[Any, Any], path: Path, levels: int) -> None:
    for name, member in members.items():
        if not isinstance(name, str) or not is_unicode(name):
            raise SerializationError("an object's names are texts in JSON; make valid texts of them", path)
        check_json(member, (*path, name), levels - 1)


def content_of(messages: Sequence[Any], serializer: ConversationSerializer | None) -> Content:
    """
    What is stored of *messages*.

    Raises:
        SerializationError: One of them is no JSON, or the serializer refuses them; says where.
        ItemTooLargeError: They are over 4 MB.
    """
    given = checked_messages(messages)
    text = json_of(given, ("messages",))
    return _checked(text if serializer is None else _serialized(given, serializer))


def stored_texts(texts: Sequence[str], serializer: ConversationSerializer | None) -> Content:
    """The same of messages that are JSON already."""
    if serializer is None:
        mark = SLOWER if any(text.startswith(SLOWER) for text in texts) else ""
        return _checked(f"{mark}[{','.join(texts)}]")
    return _checked(_serialized([value_of(text) for text in texts], serializer))


def _checked(content: Content) -> Content:
    size = size_of(content)
    if size > LARGEST_APPEND:
        raise ItemTooLargeError(f"{size} bytes in one append, over {LARGEST_APPEND}; append them one after another")
    return content


def _serialized(messages: list[Any], serializer: ConversationSerializer) -> Content:
    try:
        content: Any = serializer.serialize(messages)
    except Exception as error:  # noqa: BLE001 - a user's own may raise what it likes, its text may hold a message
        problem = f"the serializer raised {type(error).__name__}"
    else:
        if isinstance(content, str | bytes):
            return content if isinstance(content, str) else bytes(content)
        problem = f"expected a str or bytes of the serializer, got {type(content).__name__}"
    raise SerializationError(problem, ("messages",))


def messages_of(content: Content, serializer: ConversationSerializer | None) -> list[Any]:
    """
    The messages in *content*.

    Raises:
        MalformedItemError: They can't be read.
    """
    try:
        messages = value_of(content) if serializer is None else serializer.deserialize(content)
    except Exception as error:  # noqa: BLE001 - as above
        problem = f"its messages raised {type(error).__name__}; was it written with another serializer?"
    else:
        if isinstance(messages, list):
            return messages
        problem = f"expected a list of messages, got {type(messages).__name__}"
    raise MalformedItemError("entry of a conversation", problem)


def value_of(text: Content) -> Any:
    """
    What the JSON *text* says.

    Raises:
        ValueError: It is no JSON.
    """
    return json.loads(text) if text[:1] == SLOWER else orjson.loads(text)


def state_of(text: str | None) -> Any:
    """
    The value that a head's *text* is of.

    Raises:
        MalformedItemError: It is no JSON.
    """
    try:
        return None if text is None else value_of(text)
    except ValueError:
        # Raised outside of this handler, for the reader's own error holds the text.
        pass
    raise MalformedItemError("head of a conversation", "expected its state as JSON")


def parts_of(content: Content) -> tuple[Content, ...]:
    """*content* in pieces of which each fits into an item; nearly always one."""
    if size_of(content) <= LARGEST_PART:
        return (content,)
    if isinstance(content, bytes):
        return tuple(content[at : at + LARGEST_PART] for at in range(0, len(content), LARGEST_PART))
    parts, rest = [], content.encode()
    while rest:
        end = min(LARGEST_PART, len(rest))
        # Back to where a character begins.
        while end < len(rest) and rest[end] & 0xC0 == 0x80:  # noqa: PLR2004 - UTF-8's mark of what goes on
            end -= 1
        parts.append(rest[:end].decode())
        rest = rest[end:]
    return tuple(parts)


def size_of(content: Content) -> int:
    """In bytes."""
    return len(content) if isinstance(content, bytes) or content.isascii() else len(content.encode())


def attribute_of(content: Content) -> dict[str, Any]:
    """As an attribute value."""
    return {"S": content} if isinstance(content, str) else {"B": content}


def joined(parts: Sequence[dict[str, Any]]) -> Content:
    """
    What was divided into the attribute values *parts*.

    Raises:
        MalformedItemError: They are neither texts nor bytes.
    """
    if len(parts) == 1 and type(text := parts[0].get("S")) is str:
        return text
    texts = [part["S"] for part in parts if isinstance(part.get("S"), str)]
    if len(texts) == len(parts):
        return "".join(texts)
    pieces = [part["B"] for part in parts if isinstance(part.get("B"), bytes)]
    if len(pieces) == len(parts):
        return b"".join(pieces)
    raise MalformedItemError("entry of a conversation", "expected its messages as a text or bytes")
