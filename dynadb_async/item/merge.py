"""
Three-way merge of Python values: what this turn loaded, what it made of that, and what is stored now.

Values are as the serializer reads them: `None`, bool, int, float, Decimal, str, bytes, list, dict, set.
"""

from collections.abc import Callable, Hashable
from decimal import Decimal
from enum import Enum, auto
from typing import Any, Final, Literal

from dynadb_async.errors import Path, VersionConflictError


class Missing(Enum):
    """The type of MISSING, which stands for a member that does not exist. It is false."""

    MISSING = auto()

    def __bool__(self) -> Literal[False]:
        """Nothing is there."""
        return False


MISSING: Final = Missing.MISSING

Resolve = Callable[[Path, Any, Any, Any], Any]


def merge(loaded: Any, ours: Any, theirs: Any, *, path: Path = (), resolve: Resolve | None = None) -> Any:
    """
    Both turns' changes to *loaded* in one value; each side may be MISSING, and so may the result.

    What one side changed is taken from it. What both changed:

    - dicts: member by member; a missing dict, list or set counts as empty.
    - lists: a list is one value. If both only cut some elements off its front and added some at its end: what
      neither cut, what theirs added, what ours added, even where both added the same. So a list that both sides
      keep to a length may be longer once. All cut, or an element both cut and added, could be another change: no.
    - sets: by added and removed; not if nothing would be left, which DynamoDB can't store.
    - anything else, if both made the same of it and no number is or was in it: that. Two increments look alike,
      so a number is a conflict even then; a member that both deleted is just deleted.

    `True` is not 1, but 1, 1.0 and Decimal(1) are one number. The inputs stay as they are; the result may share
    lists, sets and whole members with them.

    Args:
        loaded: The value that both sides started from.
        ours: What this turn made of it.
        theirs: What is stored now.
        path: Where the value is, for the paths in errors and for *resolve*.
        resolve: Decides what can't be merged: `(path, loaded, ours, theirs) -> value`, MISSING to delete.

    Raises:
        VersionConflictError: Something can't be merged and there is no *resolve*; names every such path.
    """
    if resolve is not None:
        return _merged(loaded, ours, theirs, path, resolve)
    conflicts: list[Path] = []

    def collect(path: Path, _loaded: Any, _ours: Any, theirs: Any) -> Any:
        conflicts.append(path)
        return theirs

    merged = _merged(loaded, ours, theirs, path, collect)
    if conflicts:
        raise VersionConflictError(conflicts)
    return merged


def same(one: Any, other: Any) -> bool:
    """DynamoDB stores both alike: equal in type and value, with one type for all numbers."""
    return _key(one) == _key(other)


def _merged(loaded: Any, ours: Any, theirs: Any, path: Path, resolve: Resolve) -> Any:
    match loaded, ours, theirs:
        # First, and whether changed or not: comparing whole dicts at each level would cost their size times depth.
        case dict() | Missing(), dict(), dict():
            return _merged_dicts(loaded or {}, ours, theirs, path, resolve)
    if same(ours, loaded):
        return theirs
    if same(theirs, loaded):
        return ours
    return _merged_changes(loaded, ours, theirs, path, resolve)


def _merged_dicts(
    loaded: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], path: Path, resolve: Resolve
) -> dict[str, Any]:
    def member(name: str) -> Any:
        was, mine, others = (side.get(name, MISSING) for side in (loaded, ours, theirs))
        return _merged(was, mine, others, (*path, name), resolve)

    merged = {name: member(name) for name in {**theirs, **ours}}
    return {name: member for name, member in merged.items() if member is not MISSING}


def _merged_changes(loaded: Any, ours: Any, theirs: Any, path: Path, resolve: Resolve) -> Any:
    match loaded, ours, theirs:
        case list() | Missing(), list(), list() if (merged := _merged_lists(loaded or [], ours, theirs)) is not None:
            return merged
        case set() | Missing(), set(), set() if members := _merged_sets(loaded or set(), ours, theirs):
            return members
        case _, Missing(), Missing():
            return MISSING
        case _ if same(ours, theirs) and not _holds_number([loaded, ours]):
            return theirs
        case _:
            return resolve(path, loaded, ours, theirs)


def _merged_lists(loaded: list[Any], ours: list[Any], theirs: list[Any]) -> list[Any] | None:
    kept_by_ours, kept_by_theirs = _kept(loaded, ours), _kept(loaded, theirs)
    if kept_by_ours is None or kept_by_theirs is None:
        return None
    kept = min(kept_by_ours, kept_by_theirs)
    return loaded[len(loaded) - kept :] + theirs[kept_by_theirs:] + ours[kept_by_ours:]


def _kept(loaded: list[Any], changed: list[Any]) -> int | None:
    """How many of its last elements are left, if the list was only cut in front and extended at its end."""
    before, after = [_key(element) for element in loaded], [_key(element) for element in changed]
    kept = _overlap(before, after)
    cut, added = before[: len(before) - kept], after[kept:]
    is_replaced = bool(cut) and not kept
    # What was both cut and added may have been moved, or something before it removed: more was kept than we see.
    return kept if not is_replaced and set(cut).isdisjoint(added) else None


def _overlap(before: list[Hashable], after: list[Hashable]) -> int:
    """The length of the longest end of *before* that *after* begins with."""
    # Knuth, Morris and Pratt's prefix function: linear even in a long list of equal elements.
    sequence = [*after, MISSING, *before]
    borders = [0]
    for element in sequence[1:]:
        length = borders[-1]
        while length and sequence[length] != element:
            length = borders[length - 1]
        borders.append(length + (sequence[length] == element))
    return borders[-1]


def _merged_sets(loaded: set[Any], ours: set[Any], theirs: set[Any]) -> set[Any] | None:
    was, mine, others = ({_key(element): element for element in side} for side in (loaded, ours, theirs))
    if len({type(key) for key in (*was, *mine, *others)}) > 1:
        return None
    return {element for key, element in {**mine, **others}.items() if key not in was or (key in mine and key in others)}


def _holds_number(value: Any) -> bool:
    """Whether a number is in it that could have been counted up; the members of a set only come and go."""
    match value:
        case bool():
            return False
        case int() | float() | Decimal():
            return True
        case list():
            return any(map(_holds_number, value))
        case dict():
            return any(map(_holds_number, value.values()))
        case _:
            return False


def _key(value: Any) -> Hashable:
    """Equal for what DynamoDB stores alike, and for nothing else."""
    match value:
        case bool() | bytes():
            return type(value), value
        case int() | float() | Decimal():
            # By way of its shortest text, as it is stored: 0.1 is Decimal("0.1"), which Python holds unequal.
            return Decimal(str(value))
        case list():
            return list, tuple(map(_key, value))
        case dict():
            return dict, frozenset((name, _key(member)) for name, member in value.items())
        case set():
            return set, frozenset(map(_key, value))
        case _:
            return value  # type: ignore[no-any-return]
