"""
Three-way merge of Python values: what this turn loaded, what it made of that, and what is stored now.

One law: **the result is what one of the two orders of the turns would have left, or it is a conflict.** A merge sees
values, not what was done to them, so what has two explanations is a conflict. The exceptions, on purpose:

- What a turn replaced whole counts as its members' changes: a map's or set's members, what a list has more.
- What both changed alike counts as set: a flag, or a set's member, that both toggled; a text that both extended.
- What was inserted at a number that was the end counts as added at the end, and so does all that is added to an
  empty or missing list.
- What a turn adds to a list only if it is not in it is there twice if both turns add it: use a set for it.
- Of a list that is kept to a length, the cuts add up. One that was below its length may be longer once, by no more
  than what was added; one whose length the two turns do not agree on has both cuts.
- A queue from which each turn takes the first and to which it adds one looks like a list that is kept to a length:
  both take the same, and another is lost. Use a map by id for it, or `on_conflict="raise"`.

Values are as the serializer reads them: `None`, bool, int, float, Decimal, str, bytes, list, dict, set.
"""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum, auto
from typing import Any, Final, Literal

from dynadb_async.errors import Path, VersionConflictError
from dynadb_async.values.numeral import canonical_numeral


class Missing(Enum):
    """The type of MISSING, which stands for a member that does not exist. It is false."""

    MISSING = auto()

    def __bool__(self) -> Literal[False]:
        """Nothing is there."""
        return False


MISSING: Final = Missing.MISSING

Resolve = Callable[[Path, Any, Any, Any], Any]

Key = tuple[type[Any], Any]


def merge(loaded: Any, ours: Any, theirs: Any, *, path: Path = (), resolve: Resolve | None = None) -> Any:
    """
    Both turns' changes to *loaded* in one value; each side may be MISSING, and so may the result.

    What one side changed is taken from it. What both changed:

    - dicts: member by member; a missing dict, list or set counts as empty.
    - lists: both only added, at the end: theirs, then ours; at the front: ours, then theirs. Both cut some off the
      front and added at least as many at the end, or the other way round: a log that is kept to a length, from which
      both cuts are taken. An element that was cut and is still there, or the last one (the first, at the front) that
      was added again, would have two explanations: no. Nothing else either.
    - sets: by added and removed; not if nothing would be left, which DynamoDB can't store.
    - anything else, if both made the same of it and no number or list is or was in it: that. Two increments look
      alike, so a number is a conflict even then; a member that both deleted is just deleted.

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


def place_of(value: Any, elements: list[Any]) -> int | None:
    """Where the first of *elements* is that is the same as *value*, which may be larger than all of them."""
    key = _key(value)
    return next((place for place, element in enumerate(elements) if _key(element) == key), None)


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
        case _ if same(ours, theirs) and not (_adds_up(loaded) or _adds_up(ours)):
            return theirs
        case _:
            return resolve(path, loaded, ours, theirs)


def _merged_lists(loaded: list[Any], ours: list[Any], theirs: list[Any]) -> list[Any] | None:
    if not loaded:
        return theirs + ours
    merged = _merged_logs(loaded, ours, theirs)
    if merged is None:
        merged = _merged_logs(loaded[::-1], ours[::-1], theirs[::-1])
        return None if merged is None else merged[::-1]
    return merged


def _merged_logs(loaded: list[Any], ours: list[Any], theirs: list[Any]) -> list[Any] | None:
    """Of lists that grow at their end, and may be cut in front."""
    was, mine, others = ([_key(element) for element in side] for side in (loaded, ours, theirs))
    our_cut, their_cut = _cut(was, mine), _cut(was, others)
    if our_cut is None or their_cut is None:
        return None
    new = theirs[len(was) - their_cut :] + ours[len(was) - our_cut :]
    return (loaded + new)[our_cut + their_cut :]


def _cut(was: list[Key], now: list[Key]) -> int | None:
    """How many were cut off the front, if that and as many additions at the end are all that it can have been."""
    kept = next((place for place in range(len(now), 0, -1) if now[place - 1] == was[-1]), 0)
    cut = was[: len(was) - kept]
    if not kept or was[len(cut) :] != now[:kept] or len(now) < len(was) or not set(cut).isdisjoint(now):
        return None
    return len(cut)


def _merged_sets(loaded: set[Any], ours: set[Any], theirs: set[Any]) -> set[Any] | None:
    was, mine, others = ({_key(element): element for element in side} for side in (loaded, ours, theirs))
    if len({kind for kind, _ in (*was, *mine, *others)}) > 1:
        return None
    return {element for key, element in {**mine, **others}.items() if key not in was or (key in mine and key in others)}


def _adds_up(value: Any) -> bool:
    """Whether a number or list is in it, so that the same change twice is twice the change."""
    match value:
        case bool():
            return False
        case int() | float() | Decimal() | list():
            return True
        case dict():
            return any(map(_adds_up, value.values()))
        case _:
            return False


def _key(value: Any) -> Key:
    """
    Equal for what DynamoDB stores alike, and for nothing else.

    It hashes by texts, whose hashes nobody can foresee: those of numbers can be made to collide.
    """
    match value:
        case str():
            return str, value
        case bool():
            return bool, value
        case int() | float() | Decimal():
            # By its shortest text, as it is stored: 0.1 is Decimal("0.1"), which Python holds unequal.
            return Decimal, canonical_numeral(value)
        case list():
            return list, tuple(map(_key, value))
        case dict():
            return dict, frozenset((name, _key(member)) for name, member in value.items())
        case set():
            return set, frozenset(map(_key, value))
        case _:
            return type(value), value
