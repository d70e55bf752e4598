"""One law: a merge is what one of the two orders of the turns would have left, or it is a conflict."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st

from dynadb_async.errors import VersionConflictError
from dynadb_async.item.merge import merge, same

CONFLICT = object()

Data = dict[str, Any]


@frozen
class Idiom:
    """
    What a turn does to one member of the user's data, on whatever it finds there.

    Attributes:
        name: Of the idiom.
        member: Of the data.
        change: Of the member's value, None where it is missing, to the new one; None to delete it.
        adds: How many elements it adds to a list.
    """

    name: str
    member: str
    change: Callable[[Any], Any]
    adds: int = 0

    def __call__(self, data: Data) -> Data:
        """A copy of *data*, changed."""
        data = deepcopy(data)
        inner = data if self.member in data or "in" not in data else data["in"]
        value = self.change(inner.get(self.member))
        if value is None:
            inner.pop(self.member, None)
        else:
            inner[self.member] = value
        return data

    def __repr__(self) -> str:
        return f"{self.name} {self.member}"


def replaced(value: list[Any], place: int, new: list[Any], *, but: int = 1) -> list[Any]:
    """*value* with *new* in place of as many as *but* elements."""
    return [*value[:place], *new, *value[place + but :]]


def list_idioms(elements: st.SearchStrategy[Any]) -> st.SearchStrategy[Idiom]:
    """What programs do to lists."""

    def idiom(name: str, place: int, new: list[Any], length: int) -> Idiom:
        one = new[:1]
        changes: dict[str, Callable[[list[Any]], list[Any]]] = {
            "append": lambda value: value + one,
            "prepend": lambda value: one + value,
            "extend": lambda value: value + new,
            "insert": lambda value: replaced(value, place, one, but=0),
            "pop front": lambda value: value[1:],
            "pop back": lambda value: value[:-1],
            "remove": lambda value: replaced(value, value.index(one[0]), []) if one[0] in value else value,
            "replace": lambda value: replaced(value, place % len(value), one) if value else value,
            "clear": lambda _: [],
            "sort": lambda value: sorted(value, key=repr),
            "trim": lambda value: (value + one)[-length:],
            "trim newest first": lambda value: (one + value)[:length],
        }
        return Idiom(name, "list", lambda value: changes[name](value or []), adds=len(new))

    names = st.sampled_from(LISTS)
    return st.builds(idiom, names, st.integers(0, 5), st.lists(elements, min_size=1, max_size=2), st.integers(1, 5))


LISTS = (
    *("append", "prepend", "extend", "insert", "pop front", "pop back", "remove", "replace"),
    *("clear", "sort", "trim", "trim newest first"),
)
SCALARS: st.SearchStrategy[Idiom] = st.one_of(
    st.builds(lambda word: Idiom("set", "word", lambda _: word), st.sampled_from(["a", "b"])),
    st.just(Idiom("delete", "word", lambda _: None)),
    st.builds(lambda step: Idiom("count", "number", lambda n: (n or 0) + step), st.sampled_from([1, 2])),
    st.builds(lambda new: Idiom("set", "number", lambda _: new), st.sampled_from([1, 2])),
    st.just(Idiom("delete", "number", lambda _: None)),
    st.just(Idiom("delete", "list", lambda _: None)),
    st.just(Idiom("delete", "map", lambda _: None)),
)
MEMBERS: st.SearchStrategy[Idiom] = st.one_of(
    st.builds(lambda new: Idiom("add", "set", lambda s: (s or set()) | {new}), st.sampled_from("xyz")),
    st.builds(lambda old: Idiom("discard", "set", lambda s: ((s or set()) - {old}) or None), st.sampled_from("xyz")),
    st.builds(
        lambda name, new: Idiom("set member", "map", lambda m: {**(m or {}), name: new}),
        st.sampled_from("ab"),
        st.sampled_from(["u", "v", 1]),
    ),
    st.builds(
        lambda name: Idiom("delete member", "map", lambda m: {k: v for k, v in (m or {}).items() if k != name}),
        st.sampled_from("ab"),
    ),
    st.just(Idiom("clear", "map", lambda _: {})),
)
REPEATED = st.sampled_from(["", "x", "y", 0, 1])
MAPS = st.builds(lambda word, number: {"word": word, "n": number}, st.sampled_from("xy"), st.integers(0, 1))
FRESH: st.SearchStrategy[Any] = st.uuids().map(str)


def data_of(elements: st.SearchStrategy[Any]) -> st.SearchStrategy[Data]:
    """What may be remembered of somebody, each member perhaps missing, perhaps one level further in."""
    members: dict[str, st.SearchStrategy[Any]] = {
        "list": st.lists(elements, max_size=4),
        "word": st.sampled_from(["a", "b"]),
        "number": st.integers(0, 2),
        "set": st.sets(st.sampled_from("xyz"), min_size=1),
        "map": st.dictionaries(st.sampled_from("ab"), st.sampled_from(["u", 1])),
    }
    flat = st.fixed_dictionaries({}, optional=members)
    return flat | flat.map(lambda data: {"in": data})


def outcome(loaded: Data, ours: Data, theirs: Data) -> Any:
    """The merge, or CONFLICT."""
    try:
        return merge(loaded, ours, theirs)
    except VersionConflictError:
        return CONFLICT


def list_of(data: Data) -> list[Any]:
    """The list in it, newest last; empty where it is missing."""
    found: list[Any] = data.get("in", data).get("list", [])
    return found


def is_written_exception(loaded: Data, merged: Any, orders: list[Data], f: Idiom, g: Idiom) -> bool:
    """Whether this is one of the exceptions that stand where merge is explained."""
    if f.member != g.member:
        return False
    was, mine, others = (list_of(data) for data in (loaded, f(loaded), g(loaded)))
    if f.member == "list" and ("insert" in (f.name, g.name) or not was) and mine[: len(was)] == was:
        # What was inserted where the end was is at the end; all that was added to an empty list, too.
        return same(list_of(merged), others + mine[len(was) :])
    if {f.name, g.name} <= {"trim", "append", "extend"}:
        most = f.adds + g.adds
        return any(is_longer(list_of(merged), list_of(order), most) for order in orders)
    if {f.name, g.name} <= {"trim newest first", "prepend"}:
        return any(is_longer(list_of(merged)[::-1], list_of(order)[::-1], f.adds + g.adds) for order in orders)
    return False


def is_longer(merged: list[Any], expected: list[Any], most: int) -> bool:
    """A log below its length may be longer once."""
    added = len(merged) - len(expected)
    return 0 < added <= most and same(merged[added:], expected)


def check_law(loaded: Data, f: Idiom, g: Idiom) -> None:
    """The law for one value and two idioms."""
    merged, orders = outcome(loaded, f(loaded), g(loaded)), [f(g(loaded)), g(f(loaded))]
    if merged is CONFLICT or any(same(merged, order) for order in orders):
        return
    assert is_written_exception(loaded, merged, orders, f, g)


@given(data_of(REPEATED), *[list_idioms(REPEATED) | SCALARS | MEMBERS] * 2)
@example({"list": [0, 0]}, *[Idiom("replace", "list", lambda value: [value[0], 1])] * 2)
@example({"list": ["a", "b"]}, *[Idiom("pop front", "list", lambda value: value[1:])] * 2)
def test_one_law_with_repeated_elements(loaded: Data, f: Idiom, g: Idiom) -> None:
    """However the elements repeat."""
    check_law(loaded, f, g)


@given(st.lists(REPEATED, max_size=4), *[list_idioms(REPEATED)] * 2)
def test_one_law_of_lists(loaded: list[Any], f: Idiom, g: Idiom) -> None:
    """The same, where it is hardest."""
    check_law({"list": loaded}, f, g)


@given(st.lists(MAPS, max_size=4), *[list_idioms(MAPS)] * 2)
def test_one_law_of_lists_of_maps(loaded: list[Any], f: Idiom, g: Idiom) -> None:
    """Elements are one value each, however much is in them."""
    check_law({"list": loaded}, f, g)


@given(data_of(FRESH), *[list_idioms(FRESH) | SCALARS | MEMBERS] * 2)
def test_one_law_with_distinct_elements(loaded: Data, f: Idiom, g: Idiom) -> None:
    """And where they never do."""
    check_law(loaded, f, g)


@given(st.lists(st.uuids(), max_size=4, unique=True), *[st.lists(st.uuids(), min_size=1, max_size=3)] * 2)
def test_what_both_added_at_one_end_stays_clean(loaded: list[Any], ours: list[Any], theirs: list[Any]) -> None:
    """At the end theirs, then ours; at the front ours, then theirs; at the end where there was none."""
    values, mine, others = ([str(element) for element in side] for side in (loaded, ours, theirs))

    assert values + others + mine == merge(values, values + mine, values + others)
    assert {"a": others + mine} == merge({}, {"a": mine}, {"a": others})
    if values:
        assert mine + others + values == merge(values, mine + values, others + values)


@given(st.integers(1, 6), st.integers(2, 6), st.data())
def test_a_log_that_is_kept_to_a_length_stays_clean(count: int, length: int, data: st.DataObject) -> None:
    """A full one stays as long as it was, from either end; one below its length has what both added."""
    loaded = [f"old {number}" for number in range(min(count, length))]
    mine, others = ([f"{side} {n}" for n in range(data.draw(st.integers(1, length - 1)))] for side in "ab")
    merged = merge(loaded, (loaded + mine)[-length:], (loaded + others)[-length:])
    backwards = merge(loaded[::-1], (loaded + mine)[-length:][::-1], (loaded + others)[-length:][::-1])

    together = loaded + others + mine
    assert together[-length:] == merged[-length:]
    assert backwards == merged[::-1]
    assert len(merged) == length if len(loaded) == length else len(merged) <= length + len(mine) + len(others)


@given(data_of(FRESH), data_of(FRESH), list_idioms(FRESH) | SCALARS | MEMBERS, list_idioms(FRESH) | SCALARS | MEMBERS)
def test_different_members_stay_clean(one: Data, other: Data, f: Idiom, g: Idiom) -> None:
    """What each changes elsewhere never meets, whatever the idioms; and nobody's change meets nothing."""
    loaded = {"one": one, "other": other}

    assert {"one": f(one), "other": g(other)} == merge(loaded, {**loaded, "one": f(one)}, {**loaded, "other": g(other)})
    assert same(f(one), merge(one, f(one), one))
    assert same(f(one), merge(one, one, f(one)))


@given(st.sets(st.sampled_from("abcdef"), min_size=3), st.sampled_from("ab"), st.sampled_from("cd"))
def test_sets_and_flags_stay_clean(loaded: set[str], ours: str, theirs: str) -> None:
    """Members come and go for themselves, also if both did the same, and so does a word that both set alike."""
    assert loaded | {ours, theirs} == merge(loaded, loaded | {ours}, loaded | {theirs})
    assert (loaded - {ours, theirs}) == merge(loaded, loaded - {ours}, loaded - {theirs})
    assert loaded | {ours} == merge(loaded, loaded | {ours}, loaded | {ours})
    assert {"a": ours} == merge({"a": theirs}, {"a": ours}, {"a": ours})
    assert {} == merge({"a": 1}, {}, {})
