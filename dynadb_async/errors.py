"""
Everything that can go wrong, as one tree.

    DynaDbError
    ├── ConfigError              a setting is wrong (also ValueError)
    ├── UsageError               used in a way that cannot work (also RuntimeError)
    ├── InvalidUserIdError       empty, or over 2048 bytes (also ValueError)
    ├── SerializationError       a value has no DynamoDB form; says where (also ValueError)
    │   └── ItemTooLargeError    over 400 KB; says which element
    ├── MalformedItemError       what is stored can't be read as an element; says which
    ├── VersionConflictError     the same thing was changed by another turn
    ├── ReplyLostError           a second delivery whose first reply is not kept
    ├── TableError
    │   ├── TableNotFoundError   missing, and we may not create it
    │   └── TableNotReadyError   not ACTIVE in time
    └── RequestError             DynamoDB or the network refused
        ├── ThrottledError       try later
        ├── RequestTimeoutError  no answer in time, and nothing was written (also TimeoutError)
        └── OutcomeUnknownError  a write may or may not have happened (also TimeoutError)

No text in this tree holds a user id, a stored value or a secret: only names of settings, elements and
members, operations and codes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

Path = tuple[str | int, ...]

LONGEST_SHOWN_NAME = 40


def dotted(path: Path) -> str:
    """The place as a program writes it: `user.data.pets[0].name`, or `user.data["a.b"]`; no two paths have the same."""
    return "".join(map(_step, path)).removeprefix(".")


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    is_clear = part and not any(mark in part for mark in '.["')
    return f".{part}" if is_clear else f"[{json.dumps(part, ensure_ascii=False)}]"


def place(path: Path) -> str:
    """The place as a message may show it: a member whose name is no plain identifier could be somebody's words."""
    return dotted(tuple(part if isinstance(part, int) or _is_plain(part) else "‹member›" for part in path))


def _is_plain(name: str) -> bool:
    return len(name) <= LONGEST_SHOWN_NAME and name.isascii() and name.replace("-", "_").isidentifier()


class DynaDbError(Exception):
    """
    The root of every error that this package raises on purpose.

    Each is the same error after pickle and copy, as a pool of processes makes them: of its type, with its text and
    attributes.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Python's own way would call the class with the text alone, and few take that."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[DynaDbError], args: tuple[Any, ...]) -> DynaDbError:
    error = kind.__new__(kind)
    error.args = args
    return error


class ConfigError(DynaDbError, ValueError):
    """A setting is wrong: the message says which, what is allowed and what was given."""


class UsageError(DynaDbError, RuntimeError):
    """Used after `close()`, from a second live event loop, or a turn inside a turn of the same user."""


class InvalidUserIdError(DynaDbError, ValueError):
    """The user id is no text of 1 to 2048 bytes, DynamoDB's limit for a partition key."""


class SerializationError(DynaDbError, ValueError):
    """
    A value has no DynamoDB form. Nothing was written.

    Attributes:
        problem: What is wrong and what to do, without the place.
        path: Where, as the names and indexes that lead there: `("user", "data", "score")`.
    """

    def __init__(self, problem: str, path: Path = ()) -> None:
        super().__init__(f"{problem} - at {place(path)}" if path else problem)
        self.problem = problem
        self.path = path

    def within(self, *outer: str | int) -> Self:
        """The same error, seen from further out."""
        return type(self)(self.problem, (*outer, *self.path))


class ItemTooLargeError(SerializationError):
    """The item would pass DynamoDB's 400 KB. Nothing was written; the message has the size of each element."""


class MalformedItemError(DynaDbError):
    """
    What is stored is not an element that this package, or Jovo, wrote. It is left as it is.

    Attributes:
        element: The place in the item, such as `history.items`.
    """

    def __init__(self, element: str, problem: str, *, advice: str = "repair or delete it") -> None:
        super().__init__(f"the stored {element} can't be read: {problem}; {advice}, it was not changed")
        self.element = element


class VersionConflictError(DynaDbError):
    """
    Another turn of this user changed the same thing since this one was loaded. Nothing was written.

    Attributes:
        paths: What both changed, such as `user.data.visits`, or `user.data["a.b"]` of a member that is named so;
            empty when the user was deleted.
        deleted: The user, or the conversation, was deleted meanwhile; saving would bring the data back.
    """

    def __init__(self, paths: Sequence[Path] = (), *, deleted: bool = False, message: str = "") -> None:
        what = "the user was deleted" if deleted else f"another turn changed {_places(paths)}"
        super().__init__(message or f"{what} since this turn was loaded; load again and repeat the turn")
        self.paths: tuple[str, ...] = tuple(dotted(path) for path in paths)
        self.deleted = deleted


def _places(paths: Sequence[Path]) -> str:
    return ", ".join(place(path) for path in paths) or "the item"


class ReplyLostError(DynaDbError):
    """A turn was delivered again after it was applied, and its reply is not kept any more. Nothing is left to do."""


class TableError(DynaDbError):
    """The table does not fit: another key schema, another TTL attribute, or a state that it can't be used in."""


class TableNotFoundError(TableError):
    """The table does not exist, and this adapter may not create it, or it vanished while in use."""


class TableNotReadyError(TableError):
    """The table was not ACTIVE within `ready_timeout`. Its creation goes on; the next use waits again."""


class RequestError(DynaDbError):
    """
    DynamoDB or the network refused.

    Attributes:
        operation: DynamoDB's name for it, such as `UpdateItem`.
        code: The server's error code, or one of ours for the network, such as `ConnectionFailed`.
        request_id: AWS support's handle for this request, where the server gave one.
        reason: What AWS says itself, such as who may not do what; empty where its text could hold a person's words.
    """

    def __init__(self, message: str, *, operation: str, code: str = "", request_id: str = "", reason: str = "") -> None:
        details: Mapping[str, str] = {"code": code, "request id": request_id}
        said = ", ".join(f"{name} {value}" for name, value in details.items() if value)
        theirs = f"; AWS says: {reason}" if reason else ""
        super().__init__(f"{operation}: {message}{theirs}" + (f" ({said})" if said else ""))
        self.operation = operation
        self.code = code
        self.request_id = request_id
        self.reason = reason


class ThrottledError(RequestError):
    """DynamoDB asks to slow down, and did so until the time was up. Nothing was written; try later."""


class RequestTimeoutError(RequestError, TimeoutError):
    """There was no answer in time, and nothing was written."""


class OutcomeUnknownError(RequestError, TimeoutError):
    """
    A write may or may not have happened: its answer never came.

    Attributes:
        turn_id: The turn's id, if it had one: repeating the turn with the same id is safe.
    """

    turn_id: str | None = None
