"""What callers hand in: where it can't be what is meant, it is told by its place, and nothing is read or written."""

from typing import Any, NoReturn

from dynadb_async.conversations.layout import LONGEST_APPEND_ID, TURN_MARK
from dynadb_async.errors import SerializationError
from dynadb_async.turn import Page
from dynadb_async.values.stored_text import is_text


def checked_number(
    number: object, name: str, wanted: str = "a whole number, as a page or an append has it"
) -> int | None:
    """
    A whole number of 0 or more, or None.

    Raises:
        SerializationError: It is something else.
    """
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool):
        _refuse(name, wanted, number)
    if number < 0:
        raise SerializationError(f"expected {wanted}, got a negative one", (name,))
    return number


def checked_limit(limit: object) -> int | None:
    """
    How many messages are wanted; all of them if None.

    Raises:
        SerializationError: It is no whole number of 0 or more.
    """
    return checked_number(limit, "limit", "a whole number or None")


def checked_messages(messages: object) -> list[Any]:
    """
    What is to be appended, not looked into yet.

    Raises:
        SerializationError: It is neither a list nor a tuple.
    """
    if not isinstance(messages, list | tuple):
        _refuse("messages", "a list of messages", messages)
    return list(messages)


def checked_append_id(append_id: str | None) -> str | None:
    """
    The caller's id of an append, or None.

    Raises:
        SerializationError: No text of 1 to 256 bytes.
    """
    if append_id is None:
        return None
    problem = f"expected a text of 1 to {LONGEST_APPEND_ID} bytes, such as the platform's id of the message"
    if is_text(append_id, LONGEST_APPEND_ID) and not append_id.startswith(TURN_MARK):
        return append_id
    raise SerializationError(problem, ("append_id",))


def checked_revision(revision: object) -> str | None:
    """
    What a conversation is expected to be, or None.

    Raises:
        SerializationError: It is no text.
    """
    if revision is not None and not isinstance(revision, str):
        _refuse("expected", "a text, the revision of a page, an append or an info", revision)
    return revision


def checked_rest(page: object, start: object) -> Page:
    """
    *page*, of which what begins at *start* is meant.

    Raises:
        SerializationError: They are no page, or no whole number.
    """
    if not isinstance(page, Page):
        _refuse("page", "a page, as it was read", page)
    if not isinstance(start, int) or isinstance(start, bool):
        _refuse("start", "a whole number, as for a list", start)
    return page


def _refuse(name: str, wanted: str, got: object) -> NoReturn:
    raise SerializationError(f"expected {wanted}, got {type(got).__name__}", (name,))
