"""Two turns at once: what their merge keeps, and what it calls a conflict."""

from collections import Counter
from copy import deepcopy
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dynadb_async.errors import Path, VersionConflictError
from dynadb_async.item.merge import MISSING, merge, same

Sides = tuple[Any, Any, Any]

NAMES = st.sampled_from(["a", "b", "c"])
NUMBERS = st.integers(-2, 2) | st.sampled_from([0.5, 0.1, Decimal("0.1"), Decimal(1), 1.0])
SETS = st.sets(st.sampled_from("xyz"), min_size=1) | st.sets(st.integers(0, 3), min_size=1)
WORDS = st.none() | st.booleans() | st.sampled_from(["", "x", "y"]) | st.sampled_from([b"", b"x"])
UNORDERED = st.recursive(WORDS | NUMBERS | SETS, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)
VALUES = st.recursive(
    WORDS | NUMBERS | SETS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
NUMBERLESS = st.recursive(WORDS | SETS, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)
LOOKALIKES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(
        [0, 0.0, Decimal("-0.0"), False, None, "", b"", 1, 1.0, Decimal("1.00"), True, 0.1, Decimal("0.1")]
    ),
    lambda inner: st.lists(inner, max_size=1) | st.dictionaries(st.just("a"), inner, max_size=1) | st.just(set()),
    max_leaves=2,
)
FIRST_LEVELS = st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3) | VALUES, max_size=3)


@st.composite
def changed(draw: st.DrawFn, value: Any, fresh: st.SearchStrategy[Any] = VALUES) -> Any:
    """What a turn may make of *value*: nothing, a small change of the kind that its type invites, or another value."""
    match draw(st.sampled_from(["keep", "edit", "edit", "edit", "replace"])):
        case "keep":
            return deepcopy(value)
        case "replace":
            return draw(fresh)
    match value:
        case dict():
            members = {name: draw(changed(member, fresh) | st.just(MISSING)) for name, member in value.items()}
            added = draw(st.dictionaries(NAMES, fresh, max_size=1))
            return {name: member for name, member in (members | added).items() if member is not MISSING}
        case list():
            return deepcopy(value[draw(st.integers(0, len(value))) :]) + draw(st.lists(fresh, max_size=2))
        case set():
            kind = type(next(iter(value), ""))
            return value ^ draw(st.sets(st.sampled_from("xyz") if kind is str else st.integers(0, 3), max_size=2))
        case int() | float() | Decimal() if not isinstance(value, bool):
            return value + 1
        case _:
            return draw(fresh)


@st.composite
def three_sides(draw: st.DrawFn, fresh: st.SearchStrategy[Any] = VALUES) -> Sides:
    """A value and what two turns made of it; any side may be missing."""
    loaded = draw(st.dictionaries(NAMES, fresh, max_size=3) | fresh | st.just(MISSING))
    ours, theirs = (draw(changed(loaded, fresh) | st.just(MISSING)) for _ in range(2))
    return loaded, ours, theirs


def outcome(loaded: Any, ours: Any, theirs: Any) -> tuple[Any, set[Path]]:
    """What a merge gives, with the places in conflict, where theirs stands."""
    conflicts: list[Path] = []

    def note(path: Path, _loaded: Any, _ours: Any, theirs: Any) -> Any:
        conflicts.append(path)
        return theirs

    merged = merge(loaded, ours, theirs, resolve=note)
    assert len(conflicts) == len(set(conflicts))
    return merged, set(conflicts)


def at(value: Any, path: Path) -> Any:
    """The member at *path*, as a program would look it up."""
    for name in path:
        value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
    return value


def places(value: Any, path: Path = ()) -> set[Path]:
    """Every path in *value* through its dicts, with its own."""
    members = value.items() if isinstance(value, dict) else ()
    return {path}.union(*(places(member, (*path, name)) for name, member in members))


def stored(value: Any) -> str:
    """What tells two values apart in the table, as text: the oracle for `same`."""
    match value:
        case bool() | bytes() | str() | None:
            return f"{type(value).__name__} {value!r}"
        case int() | float() | Decimal():
            return f"number {Decimal(str(value)).normalize() + 0}"
        case list():
            return f"list [{'; '.join(stored(element) for element in value)}]"
        case set():
            return f"set [{'; '.join(sorted(stored(element) for element in value))}]"
        case _:
            return f"dict [{'; '.join(f'{name}: {stored(value[name])}' for name in sorted(value))}]"


CONFLICT = object()
EXAMPLES = {
    "one side": ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 1}, {"a": 2, "b": 1}),
    "different keys": ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 5}, {"a": 2, "b": 5}),
    "deep": ({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": {"x": 1, "y": 3}}, {"a": {"x": 2, "y": 3}}),
    "equal words": ("x", "y", "y", "y"),
    "different words": ("x", "y", "z", CONFLICT),
    "two increments": ({"n": 1}, {"n": 2}, {"n": 2}, CONFLICT),
    "two first increments": ({}, {"n": 1}, {"n": 1}, CONFLICT),
    "two new users count a visit": (MISSING, {"n": 1, "a": "x"}, {"n": 1, "b": "y"}, CONFLICT),
    "the last piece sold twice": ({"left": 1}, {"left": "none"}, {"left": "none"}, CONFLICT),
    "an increment in an equal dict": ("x", {"n": 2}, {"n": 2}, CONFLICT),
    "an increment in an equal list": ([{"n": 1}], [{"n": 2}], [{"n": 2}], CONFLICT),
    "a number, written otherwise": (1, Decimal("1.0"), 2.0, 2.0),
    "a fraction, read otherwise": (0.1, Decimal("0.1"), 2, 2),
    "True is not 1": (1, True, 2, CONFLICT),
    "equal flags": ({"f": False}, {"f": True}, {"f": True}, {"f": True}),
    "text is not bytes": ("x", b"x", "x", b"x"),
    "an empty set is not an empty dict": ({"a": {}}, {"a": {}}, {"a": set()}, {"a": set()}),
    "a new dict from both": ({}, {"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
    "both deleted": ({"a": 1, "b": 2}, {"b": 2}, {"b": 2}, {"b": 2}),
    "both deleted the whole": ([1], MISSING, MISSING, MISSING),
    "each deleted another": ({"a": 1, "b": 2}, {"a": 1}, {"b": 2}, {}),
    "deleted, changed": ({"a": {"x": 1}}, {}, {"a": {"x": 2}}, CONFLICT),
    "deleted, kept": ({"a": 1}, {}, {"a": 1}, {}),
    "type against type": ({"a": "x"}, {"a": ["x"]}, {"a": {"x": "x"}}, CONFLICT),
    "both appended": ([1], [1, 2], [1, 3], [1, 3, 2]),
    "both appended alike": (["x"], ["x", "y"], ["x", "y"], ["x", "y", "y"]),
    "both began a list": ({}, {"a": ["x"]}, {"a": ["y"]}, {"a": ["y", "x"]}),
    "a full log": ([1, 2, 3], [2, 3, 5], [2, 3, 4], [3, 4, 5]),
    "a full log, newest first": ([3, 2, 1], [5, 3, 2], [4, 3, 2], [5, 4, 3]),
    "both prepended": ([1], [2, 1], [3, 1], [2, 3, 1]),
    "a log below its length": ([1, 2], [1, 2, 5], [1, 2, 4], [1, 2, 4, 5]),
    "one at each end": ([1], [2, 1], [1, 3], CONFLICT),
    "appended what is last": (["x"], ["x", "x"], ["x", "y"], CONFLICT),
    "a turn taken in a row": (["", "", ""], ["", "", "X"], ["", "", "O"], CONFLICT),
    "the last set by both": ([0, 0], [0, 1], [0, 1], CONFLICT),
    "one coupon taken by both": (["a", "b"], ["b"], ["b"], CONFLICT),
    "one coupon taken by each end": (["a", "b", "c"], ["b", "c"], ["a", "b"], CONFLICT),
    "moved to the end by both": (["a", "b", "c"], ["b", "c", "a"], ["b", "c", "a"], CONFLICT),
    "a list in an equal dict": ("x", {"n": ["a"]}, {"n": ["a"]}, CONFLICT),
    "a list given up by both": (["x"], "none", "none", CONFLICT),
    "trimmed by one": ([1, 2, 3], [2, 3, 5], [1, 2, 3, 4], [2, 3, 4, 5]),
    "trimmed further than extended": ([1, 2, 3], [3, 5], [1, 2, 3, 4], CONFLICT),
    "trimmed by both": ([1, 2, 3], [2, 3], [3], CONFLICT),
    "a list all replaced": (["x"], ["y"], ["x", "z"], CONFLICT),
    "cleared, appended": (["x"], [], ["x", "z"], CONFLICT),
    "cleared by both": (["x"], [], [], CONFLICT),
    "numbers cleared by both": ([1], [], [], CONFLICT),
    "sorted by both": (["y", "x"], ["x", "y"], ["x", "y"], CONFLICT),
    "perhaps the middle removed": ([1, 2, 1], [1, 1], [1, 2, 1, 9], CONFLICT),
    "an element changed": ([{"n": 1}], [{"n": 2}], [{"n": 1}, {"n": 7}], CONFLICT),
    "sets": ({1, 2}, {1, 3}, {1, 2, 4}, {1, 3, 4}),
    "new sets": (MISSING, {"x"}, {"y"}, {"x", "y"}),
    "equal sets of numbers": ({1}, {1, 2}, {1, Decimal(2)}, {1, 2}),
    "a set's element type": ({1}, {"x"}, {1, 2}, CONFLICT),
    "a set emptied together": ({1, 2}, {1}, {2}, CONFLICT),
}


@pytest.mark.parametrize(("loaded", "ours", "theirs", "expected"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_example(loaded: Any, ours: Any, theirs: Any, expected: Any) -> None:
    """Each rule, once."""
    if expected is CONFLICT:
        with pytest.raises(VersionConflictError):
            merge(loaded, ours, theirs)
    else:
        merged = merge(loaded, ours, theirs)
        assert (expected, True) == (merged, expected is MISSING or same(expected, merged))


def test_every_conflict_is_named() -> None:
    """The error names all places, from the one where the merge began."""
    with pytest.raises(VersionConflictError) as caught:
        merge({"a": 1, "b": {"c": "x"}}, {"a": 2, "b": {"c": "y"}}, {"a": 3, "b": {}}, path=("user", "data"))

    assert {"user.data.a", "user.data.b.c"} == set(caught.value.paths)


@given(LOOKALIKES, LOOKALIKES)
def test_same_is_what_the_table_holds(one: Any, other: Any) -> None:
    """Two values are the same exactly if they are stored as one."""
    assert (stored(one) == stored(other)) == same(one, other)


@given(VALUES | st.just(MISSING), st.data())
def test_a_change_of_one_side_is_taken(loaded: Any, data: st.DataObject) -> None:
    """Where only one side changed anything, its value results; where none did, the value stays."""
    new = data.draw(changed(loaded) | st.just(MISSING))

    for merged in (merge(loaded, new, deepcopy(loaded)), merge(loaded, deepcopy(loaded), new)):
        assert same(new, merged)
    assert same(loaded, merge(loaded, deepcopy(loaded), deepcopy(loaded)))


@given(three_sides())
def test_nothing_that_one_side_changed_is_lost(sides: Sides) -> None:
    """At each path outside the conflicts: if one side left it, the other's is there, deletions too."""
    loaded, ours, theirs = sides
    merged, conflicts = outcome(*sides)

    for path in set().union(*map(places, (*sides, merged))):
        if any(path[: len(conflict)] == conflict for conflict in conflicts):
            continue
        if same(at(ours, path), at(loaded, path)):
            assert same(at(theirs, path), at(merged, path))
        if same(at(theirs, path), at(loaded, path)):
            assert same(at(ours, path), at(merged, path))


@given(three_sides(UNORDERED))
def test_sides_may_be_swapped(sides: Sides) -> None:
    """Without lists it does not matter which turn is ours: the same value, or the same conflicts."""
    loaded, ours, theirs = sides
    (merged, conflicts), (swapped, conflicts_swapped) = outcome(loaded, ours, theirs), outcome(loaded, theirs, ours)

    assert conflicts == conflicts_swapped
    assert conflicts or same(merged, swapped)


@given(three_sides())
def test_conflicts_are_the_same_for_both(sides: Sides) -> None:
    """With lists the order of what was added differs, never what is in conflict."""
    loaded, ours, theirs = sides

    assert outcome(loaded, ours, theirs)[1] == outcome(loaded, theirs, ours)[1]


@given(st.lists(NAMES, max_size=3), NUMBERS | st.just(MISSING), *[st.sampled_from([1, -1, 0.5, Decimal(2)])] * 2)
def test_two_increments_never_merge(path: list[str], number: Any, our_step: Any, their_step: Any) -> None:
    """A number that both changed is a conflict at its place, also where it was not there and both began with 0."""

    def nested(leaf: Any) -> Any:
        for name in reversed(path):
            leaf = {} if leaf is MISSING else {name: leaf}
        return leaf

    start = Decimal(0 if number is MISSING else str(number))
    ours, theirs = nested(start + Decimal(our_step)), nested(start + Decimal(their_step))

    assert {tuple(path)} == outcome(nested(number), ours, theirs)[1]


@given(NUMBERLESS | st.just(MISSING), st.data())
def test_equal_changes_are_clean(loaded: Any, data: st.DataObject) -> None:
    """Where no list and no number is in it, both may make the same change."""
    new = data.draw(changed(loaded, NUMBERLESS) | st.just(MISSING))

    assert same(new, merge(loaded, new, deepcopy(new)))


@given(three_sides(), st.data())
def test_resolve_decides_what_would_be_reported(sides: Sides, data: st.DataObject) -> None:
    """It is asked once for each path that the error would name, with the values there, and its answer stands."""
    answers: dict[Path, Any] = {}

    def decide(path: Path, *values: Any) -> Any:
        assert all(map(same, (at(side, path) for side in sides), values))
        return answers.setdefault(path, data.draw(VALUES | st.just(MISSING)))

    merged = merge(*sides, resolve=decide)

    assert all(same(answer, at(merged, path)) for path, answer in answers.items())
    if answers:
        with pytest.raises(VersionConflictError) as caught:
            merge(*sides)
        assert sorted(caught.value.paths) == sorted(VersionConflictError([*answers]).paths)
    else:
        assert same(merged, merge(*sides))


@given(three_sides())
def test_inputs_stay_as_they_are(sides: Sides) -> None:
    """A merge changes none of the three."""
    before = deepcopy(sides)

    outcome(*sides)

    assert all(map(same, before, sides))


@given(FIRST_LEVELS, st.lists(VALUES | st.just(MISSING), min_size=3, max_size=3))
def test_three_turns_on_their_own_keys(loaded: dict[str, Any], new: list[Any]) -> None:
    """Turns from one start that touch different keys merge cleanly to one value, in any order."""
    changes = dict(zip("abc", new, strict=True))
    turns = [{k: v for k, v in (loaded | {name: changes[name]}).items() if v is not MISSING} for name in changes]
    expected = {name: value for name, value in (loaded | changes).items() if value is not MISSING}

    for first, second, third in permutations(turns):
        assert same(expected, merge(loaded, third, merge(loaded, second, first)))


@given(st.data(), st.dictionaries(NAMES, UNORDERED, max_size=3))
def test_order_does_not_matter_without_lists(data: st.DataObject, loaded: dict[str, Any]) -> None:
    """Three turns from one start: every order that is clean gives the same."""
    turns = [data.draw(changed(loaded, UNORDERED)) for _ in range(3)]
    clean = []
    for first, second, third in permutations(turns):
        both, conflicts = outcome(loaded, second, first)
        merged, more = outcome(loaded, third, both)
        clean += [] if conflicts or more else [merged]

    assert all(same(clean[0], other) for other in clean)


@given(*[st.lists(st.sampled_from("xyz"), max_size=5)] * 3)
@example(["x", "y"], ["y", "z"], ["y", "z", "z"])
def test_a_list_loses_and_doubles_nothing(loaded: list[str], ours: list[str], theirs: list[str]) -> None:
    """
    However the elements repeat: what one removed is gone, what either added is there, or it is a conflict.

    Of a list that is kept to a length both cuts are taken, also where both cut the same.
    """
    assume(ours not in (loaded, theirs) and theirs != loaded)
    merged, conflicts = outcome(loaded, ours, theirs)
    was, mine, others = Counter(loaded), Counter(ours), Counter(theirs)
    left = was - ((was - mine) | (was - others)) + (mine - was) + (others - was)

    if not conflicts:
        assert Counter(merged) <= left
        assert ((was - mine) & (was - others)).total() == left.total() - len(merged)


@given(*[st.sets(st.integers(0, 4), min_size=1)] * 3)
def test_sets_by_added_and_removed(loaded: set[int], ours: set[int], theirs: set[int]) -> None:
    """In unless removed, out unless added; a conflict only where nothing would be left."""
    expected = loaded - (loaded - ours) - (loaded - theirs) | (ours - loaded) | (theirs - loaded)

    merged, conflicts = outcome(loaded, ours, theirs)

    assert merged == expected if expected else conflicts == {()}
