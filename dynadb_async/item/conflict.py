"""What a refused save means, and the merge of what two turns stored."""

import inspect
from typing import Any

from attrs import NOTHING

from dynadb_async.config import CONFLICT_POLICY, ConflictResolver, StoredHistory, is_conflict_policy
from dynadb_async.errors import Path, SerializationError, UsageError, VersionConflictError, dotted
from dynadb_async.item.elements import trimmed_history
from dynadb_async.item.layout import (
    HISTORY,
    SESSION,
    USER,
    Element,
    Item,
    Layout,
)
from dynadb_async.item.loading import Loaded, history_items
from dynadb_async.item.merge import MISSING, Resolve, merge, place_of, same
from dynadb_async.item.recent import recent_turns, write_of
from dynadb_async.item.session_merge import merged_session, merged_times
from dynadb_async.item.unfinished import open_digests, places_of, without
from dynadb_async.item.user_data import version_of
from dynadb_async.item.user_merge import check_fits, merged_user, refuse_older
from dynadb_async.turn import Turn

MAPS: tuple[Path, ...] = ((USER, "data"), (SESSION, "data"))
ITEMS: Path = (HISTORY, "items")


def is_written(layout: Layout, current: Item, write: str) -> bool:
    """Whether *current* holds our save: it succeeded, and its answer got lost."""
    return any(write_of(entry) == write for entry in recent_turns(layout, current))


def check_policy(turn: Turn[Any]) -> None:
    """
    Refuse an `on_conflict` of the turn that says nothing.

    Raises:
        UsageError: It is none.
    """
    if turn.on_conflict is not None and not is_conflict_policy(turn.on_conflict):
        raise UsageError(f"turn.on_conflict: expected {CONFLICT_POLICY}, or None")


def rebased(layout: Layout, turn: Turn[Any], ours: Item, current: Item) -> Item:
    """
    Our attributes as they have to be stored over *current*, which another turn, or an earlier save of ours, made.

    Of the turn, there may be other deliveries that have not ended: our history entry takes the place of theirs.

    Raises:
        VersionConflictError: Both changed the same thing, and `on_conflict` does not decide.
    """
    loaded: Loaded = turn.loaded
    policy = layout.config.on_conflict if turn.on_conflict is None else turn.on_conflict
    attempt, is_newest = _landed_attempt(layout, loaded, current)
    if policy == "raise" and not is_newest:
        raise VersionConflictError
    if policy in ("raise", "overwrite"):
        if USER in ours:
            refuse_older(*(version_of(layout.element(side, USER).get("data")) for side in (ours, current)))
        return ours
    base, is_saved = (loaded.base.item(), loaded.is_saved) if attempt is None else (attempt, True)
    return merged(layout, base, ours, current, policy=policy, turn_id=turn.turn_id, is_saved=is_saved)


def _landed_attempt(layout: Layout, loaded: Loaded, current: Item) -> tuple[Item | None, bool]:
    """What an earlier save of this turn wrote whose answer never came, and whether nobody wrote since."""
    for position, entry in enumerate(recent_turns(layout, current)):
        write = write_of(entry)
        if write in loaded.attempts:
            return loaded.attempts[write].item(), position == 0
    return None, False


def merged(
    layout: Layout,
    base: Item,
    ours: Item,
    theirs: Item,
    *,
    policy: str | ConflictResolver | None = None,
    turn_id: str | None = None,
    is_saved: bool = False,
) -> Item:
    """
    Three-way merge of the stored elements and times; *is_saved*: our history entry is in *base* already.

    History entries that unfinished deliveries of *turn_id* left give way to ours.

    Raises:
        VersionConflictError: With every path that both changed.
        SerializationError: What `on_conflict` returned can't be stored in its place.
    """
    conflicts: list[Path] = []
    decided: list[Path] = []
    resolve = _resolve(layout.config.on_conflict if policy is None else policy, conflicts, decided)
    result = dict(ours)
    sides = {
        name: [layout.element(side, name) for side in (base, ours, theirs)] for name in layout.elements if name in ours
    }
    if USER in sides:
        result[USER] = layout.attribute(USER, merged_user(layout.shape, sides[USER], resolve))
        if layout.shape is not None and not conflicts:
            check_fits(layout.shape, layout.element(result, USER), is_decided=bool(decided))
    if SESSION in sides:
        result[SESSION] = layout.attribute(SESSION, merged_session(sides[SESSION], resolve))
    history = layout.config.stored_elements.history
    if history is not None:
        unfinished = [open_digests(layout, side, turn_id) for side in (base, theirs)]
        element = _history(sides[HISTORY], history, resolve, unfinished, is_saved=is_saved)
        result[HISTORY] = trimmed_history(layout, history, element)
    if conflicts:
        raise VersionConflictError(conflicts)
    return result | merged_times(ours, theirs)


def _resolve(policy: str | ConflictResolver, conflicts: list[Path], decided: list[Path]) -> Resolve:
    def collect(path: Path, _loaded: Any, _ours: Any, theirs: Any) -> Any:
        conflicts.append(path)
        return theirs

    if isinstance(policy, str):
        return collect
    function = policy

    def decide(path: Path, *sides: Any) -> Any:
        # To the user's function a missing member is NOTHING, as for the serializer, and it deletes by returning that.
        decided.append(path)
        value = function(dotted(path), *(NOTHING if side is MISSING else side for side in sides))
        return MISSING if value is NOTHING else _checked(path, value)

    return decide


def _checked(path: Path, value: Any) -> Any:
    """What `on_conflict` returned, if it can be what is stored at *path*."""
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        raise SerializationError("on_conflict returned what has to be awaited; let it return the value itself", path)
    is_wrong = path in MAPS and not isinstance(value, dict)
    if is_wrong or (path == ITEMS and not _is_history(value)):
        expected = "a list of maps" if path == ITEMS else "a map"
        raise SerializationError(f"on_conflict returned {type(value).__name__}, expected {expected}", path)
    return value


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _history(
    sides: list[Element],
    history: StoredHistory,
    resolve: Resolve,
    unfinished: list[list[str] | None],
    *,
    is_saved: bool,
) -> Element:
    """Both turns' entries, newest first; ours in the place of what we, or *unfinished* deliveries, left before."""
    was, mine, current = map(history_items, sides)
    entry, mine = mine[:1], mine[1:]
    own = set(places_of(unfinished[0], was)) | ({0} if is_saved and was else set())
    places = set(places_of(unfinished[1], current))
    places |= {place for each in own if (place := place_of(was[each], current)) is not None}
    was = without(was, own)
    newer = len(current[: min(places)]) if places else 0
    current = without(current, places)
    before, current = current[:newer], current[newer:]
    if not same(mine, _expected(history, was, mine)):
        # The handler itself changed older entries.
        current = merge(was, mine, current, path=ITEMS, resolve=resolve) or []
    besides = [{name: value for name, value in side.items() if name != "items"} for side in sides]
    rest: Element = merge(*besides, path=(HISTORY,), resolve=resolve)
    return rest | {"items": [*before, *entry, *current]}


def _expected(history: StoredHistory, was: list[Any], mine: list[Any]) -> list[Any]:
    """What the trimming to `size` and `max_bytes` leaves of entries that the handler did not touch."""
    return was[: history.size - 1] if history.max_bytes is None else was[: len(mine)]
