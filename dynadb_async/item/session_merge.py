"""The merge of what two turns made of the session, and of an item's times."""

from decimal import Decimal
from typing import Any

from dynadb_async.errors import Path
from dynadb_async.item.layout import CREATED_AT, SESSION, UPDATED_AT, Element, time_of_attribute, time_of_value
from dynadb_async.item.merge import MISSING, Resolve, merge, same

STATE: Path = (SESSION, "state")

# Times have their own rule, and the id is the same. Two halves of a state make no sense.
APART = ("id", "state", CREATED_AT, UPDATED_AT)


def merged_session(sides: list[Element], resolve: Resolve) -> Element:
    """
    The element `session` of what was loaded, ours and theirs: of one conversation merged, of two the later one whole.

    One without an id goes on with whatever is stored, as a turn does whose request has none.
    """
    base, ours, theirs = sides
    ids = [side["id"] for side in (ours, theirs) if side.get("id") is not None]
    if theirs and len(ids) > 1 and ids[0] != ids[1]:
        return max(theirs, ours, key=_began)
    if base.get("id") not in (None, *ids):
        base = {}
    rest = [{name: value for name, value in side.items() if name not in APART} for side in (base, ours, theirs)]
    session: Element = merge(*rest, path=(SESSION,), resolve=resolve)
    state = _merged_state(*(side.get("state", MISSING) for side in (base, ours, theirs)), resolve=resolve)
    named = {"id": ids[0]} if ids else {}
    return named | session | ({} if state is MISSING else {"state": state}) | merged_times(ours, theirs)


def _merged_state(loaded: Any, ours: Any, theirs: Any, *, resolve: Resolve) -> Any:
    """A state is one value: both moved to the same, or only one did. If both counted up in it, one count is missing."""
    if same(ours, loaded) or (same(ours, theirs) and not _has_counted(loaded, ours)):
        return theirs
    return ours if same(theirs, loaded) else resolve(STATE, loaded, ours, theirs)


def _has_counted(loaded: Any, now: Any) -> bool:
    match loaded, now:
        case bool(), _:
            return False
        case dict(), dict():
            return any(_has_counted(loaded[name], now[name]) for name in loaded.keys() & now.keys())
        case list(), list():
            return any(map(_has_counted, loaded, now))
        case int() | float() | Decimal(), int() | float() | Decimal():
            return not same(loaded, now)
        case _:
            return False


def merged_times(ours: Element, theirs: Element) -> Element:
    """The older `createdAt` and the newer `updatedAt`, of an element or an item, where we store them."""
    times = {}
    for name, pick in ((CREATED_AT, min), (UPDATED_AT, max)):
        if name in ours:
            known = [side[name] for side in (theirs, ours) if _moment(side.get(name))]
            times[name] = pick(known, key=_moment, default=ours[name])
    return times


def _began(session: Element) -> float:
    return _moment(session.get(CREATED_AT))


def _moment(value: Any) -> float:
    """A stored time in seconds, whether in an element or as an attribute value; 0 where there is none."""
    moment = time_of_attribute(value) if isinstance(value, dict) else time_of_value(value)
    return moment.timestamp() if moment else 0.0
