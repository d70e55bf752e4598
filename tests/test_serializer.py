"""Python values and attribute values: equal to boto3's serializer where that is right, exact where it is not."""

import sys
import warnings
from collections import OrderedDict, UserDict, deque
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, localcontext
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any, ClassVar
from uuid import UUID

import pytest
from attrs import NOTHING, define
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel, computed_field, field_serializer

from dynadb_async.config import MarshallConfig
from dynadb_async.errors import SerializationError
from dynadb_async.values.instances import public_fields
from dynadb_async.values.serializer import LEVELS, DynamoDbSerializer
from dynadb_async.values.size import attribute_size
from tests.names import shown
from tests.sizes import of_size

PLAIN = DynamoDbSerializer()
STRICT = DynamoDbSerializer(MarshallConfig(remove_undefined_values=False, convert_class_instance_to_map=False))
EMPTY_AS_NULL = DynamoDbSerializer(MarshallConfig(convert_empty_values=True))
ROUNDING = DynamoDbSerializer(MarshallConfig(allow_imprecise_numbers=True))

texts = st.text(st.characters(exclude_categories=["Cs"]))
wholes = st.integers(-(10**38) + 1, 10**38 - 1)
fractions = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x == 0 or 1e-130 <= abs(x) < 1e126)
decimals = st.builds(
    lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), min_size=1, max_size=38).map(tuple),
    st.integers(-80, 80),
)
scalars = st.none() | st.booleans() | wholes | fractions | decimals | texts | st.binary()
sets = (
    st.sets(texts, min_size=1)
    | st.sets(wholes | fractions, min_size=1)
    | st.sets(decimals, min_size=1)
    | st.sets(st.binary(), min_size=1)
)
elements = st.recursive(
    scalars | sets,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts.filter(bool), inner, max_size=5),
    max_leaves=30,
)


def for_boto3(value: Any) -> Any:
    """The same value as boto3 takes it: floats as Decimals, minus zero as zero."""
    match value:
        case bool():
            return value
        case float():
            return Decimal(repr(value)) if value else Decimal(0)
        case Decimal():
            return value or Decimal(0)
        case list():
            return [for_boto3(member) for member in value]
        case set():
            return {for_boto3(member) for member in value}
        case dict():
            return {name: for_boto3(member) for name, member in value.items()}
    return value


def comparable(attribute: dict[str, Any]) -> Any:
    """An attribute value in which equal numbers are equal, and so are sets in another order."""
    ((tag, content),) = attribute.items()
    match tag:
        case "N":
            return tag, Decimal(content)
        case "NS":
            return tag, frozenset(map(Decimal, content))
        case "SS" | "BS":
            return tag, frozenset(content)
        case "L":
            return tag, [comparable(member) for member in content]
        case "M":
            return tag, {name: comparable(member) for name, member in content.items()}
    return tag, content


def typed(value: Any) -> Any:
    """The value with its types, so that `True` is not `1`; numbers by their text's value, of whichever type."""
    match value:
        case list():
            return [typed(member) for member in value]
        case set():
            return frozenset(typed(member) for member in value)
        case dict():
            return {name: typed(member) for name, member in value.items()}
        case float():
            return "number", Decimal(repr(value))
        case int() | Decimal() if not isinstance(value, bool):
            return "number", Decimal(value)
    return type(value), value


def nested(levels: int, leaf: Any = 1) -> Any:
    """Maps and lists in turn, *levels* of them around *leaf*."""
    for level in range(levels):
        leaf = [leaf] if level % 2 else {"a": leaf}
    return leaf


class Mood(Enum):
    """An Enum whose value is text."""

    GOOD = "good"


class Count(IntEnum):
    """An Enum that is an int as well."""

    TWO = 2


class Name(StrEnum):
    """An Enum that is text as well."""

    KEY = "key"


class Shouting(str):
    """Text with a text of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        return "SHOUT"


@define
class Pet:
    """An attrs class with a private field."""

    name: str
    age: Any = 3
    _secret: str = "s"


@dataclass
class Place:
    """A dataclass with a class variable."""

    city: str
    shared: ClassVar[int] = 1


class Slotted:
    """A plain class with slots, one of them never set."""

    __slots__ = ("__weakref__", "_hidden", "shown", "unset")

    def __init__(self) -> None:
        self.shown = 1
        self._hidden = 2


class OneSlot(Slotted):
    """A slot given as one text."""

    __slots__ = "more"  # noqa: PLC0205

    def __init__(self) -> None:
        super().__init__()
        self.more = 3


class Hidden:
    """A plain class without any public field."""

    def __init__(self) -> None:
        self._hidden = 1


@given(elements)
@pytest.mark.long
@settings(max_examples=of_size(200, large=2_000))
def test_serializes_as_boto3_does(element: Any) -> None:
    """Every value that boto3 takes becomes what boto3 makes of it, numbers compared as numbers."""
    assert comparable(TypeSerializer().serialize(for_boto3(element))) == comparable(PLAIN.serialize(element))


@given(elements)
@pytest.mark.long
@settings(max_examples=of_size(200, large=2_000))
def test_reads_back_what_it_wrote(element: Any) -> None:
    """What is read is what was written, equal and of the same type, numbers of whichever type being equal."""
    assert typed(element) == typed(PLAIN.deserialize(PLAIN.serialize(element)))


@given(wholes | fractions.filter(bool))
@pytest.mark.long
@settings(max_examples=of_size(200, large=2_000))
def test_ints_and_floats_keep_their_type(number: float) -> None:
    """An int comes back as an int and a float as a float."""
    assert (type(number), number) == (type(back := PLAIN.deserialize(PLAIN.serialize(number))), back)


@given(elements)
@pytest.mark.long
@settings(max_examples=of_size(200, large=2_000))
def test_reads_what_boto3_wrote(element: Any) -> None:
    """What boto3 stores is read as boto3 reads it, and reading leaves the attribute value as it was."""
    stored = TypeSerializer().serialize(for_boto3(element))
    before = deepcopy(stored)
    expected = for_boto3(TypeDeserializer().deserialize(stored))
    stored = without_wrapper(stored)
    assert typed(without_wrapper(expected)) == typed(for_boto3(PLAIN.deserialize(stored)))
    assert without_wrapper(before) == stored


def without_wrapper(value: Any) -> Any:
    """The value with bytes in place of boto3's Binary."""
    match value:
        case Binary():
            return value.value
        case list():
            return [without_wrapper(member) for member in value]
        case set():
            return {without_wrapper(member) for member in value}
        case dict():
            return {name: without_wrapper(member) for name, member in value.items()}
    return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {"NULL": True}),
        (True, {"BOOL": True}),
        (False, {"BOOL": False}),
        (-0.0, {"N": "0"}),
        (Decimal("-0.00"), {"N": "0"}),
        (Decimal("0E+999999"), {"N": "0"}),
        (1e-7, {"N": "1e-07"}),
        (10**125, {"N": "1" + "0" * 125}),
        (Decimal("1E-130"), {"N": "1E-130"}),
        (1e-130, {"N": "1e-130"}),
        (-int("9" * 38 + "0" * 88), {"N": "-" + "9" * 38 + "0" * 88}),
        ("", {"S": ""}),
        (b"", {"B": b""}),
        (bytearray(b"x"), {"B": b"x"}),
        (memoryview(b"x"), {"B": b"x"}),
        ((1, "a"), {"L": [{"N": "1"}, {"S": "a"}]}),
        ([""], {"L": [{"S": ""}]}),
        (OrderedDict(a=1), {"M": {"a": {"N": "1"}}}),
        (UserDict(a=1), {"M": {"a": {"N": "1"}}}),
        ({"ключ 🔑": "é"}, {"M": {"ключ 🔑": {"S": "é"}}}),
        ({Name.KEY: 1}, {"M": {"key": {"N": "1"}}}),
        (Mood.GOOD, {"S": "good"}),
        (Count.TWO, {"N": "2"}),
        (Name.KEY, {"S": "key"}),
        (Shouting("quiet"), {"S": "quiet"}),
        (UUID(int=1), {"S": "00000000-0000-0000-0000-000000000001"}),
        (date(2021, 6, 30), {"S": "2021-06-30"}),
        (time(5, 50), {"S": "05:50:00"}),
        (datetime(2021, 6, 30, 5, 50, 4, 34000, tzinfo=UTC), {"S": "2021-06-30T05:50:04.034000+00:00"}),
        (datetime(2021, 6, 30, 5, 50), {"S": "2021-06-30T05:50:00"}),  # noqa: DTZ001
        ({"a": NOTHING, "b": 1}, {"M": {"b": {"N": "1"}}}),
        ([NOTHING, 1], {"L": [{"N": "1"}]}),
        ({NOTHING, 1}, {"NS": ["1"]}),
        ({Count.TWO}, {"NS": ["2"]}),
        ({UUID(int=1)}, {"SS": ["00000000-0000-0000-0000-000000000001"]}),
        (frozenset({b"x"}), {"BS": [b"x"]}),
        ({Shouting("quiet")}, {"SS": ["quiet"]}),
        ({""}, {"SS": [""]}),
        (Pet("Rex"), {"M": {"name": {"S": "Rex"}, "age": {"N": "3"}}}),
        (Place("Berlin"), {"M": {"city": {"S": "Berlin"}}}),
        (SimpleNamespace(a=1), {"M": {"a": {"N": "1"}}}),
        (Slotted(), {"M": {"shown": {"N": "1"}}}),
        (OneSlot(), {"M": {"shown": {"N": "1"}, "more": {"N": "3"}}}),
    ],
    ids=shown,
)
def test_form(value: Any, expected: dict[str, Any]) -> None:
    """Each kind of value has the form that the reference or the documentation gives it."""
    assert expected == PLAIN.serialize(value)


def test_equal_numbers_are_one_member() -> None:
    """Numbers that only Python tells apart are sent once, since DynamoDB refuses them twice."""
    assert PLAIN.deserialize(PLAIN.serialize({0.1, Decimal("0.10")})) == {0.1}


@pytest.mark.parametrize("empty", ["", b"", bytearray(), set(), frozenset()], ids=shown)
def test_empty_values_become_null_on_request(empty: Any) -> None:
    """`convert_empty_values` stores NULL for an empty text, binary or set, and leaves full ones alone."""
    assert {"M": {"a": {"NULL": True}}} == EMPTY_AS_NULL.serialize({"a": empty})
    assert {"L": [{"S": "x"}, {"SS": [""]}]} == EMPTY_AS_NULL.serialize(["x", {""}])


def test_rounds_on_request() -> None:
    """`allow_imprecise_numbers` rounds to 38 digits what is refused without it, and never past the range."""
    assert {"N": "1" * 37 + "20"} == ROUNDING.serialize(int("1" * 37 + "15"))
    assert {"N": "0." + "1" * 38} == ROUNDING.serialize(Decimal("0." + "1" * 40))
    with pytest.raises(SerializationError, match="range"):
        ROUNDING.serialize(Decimal("9" * 126))


def test_exact_whatever_the_decimal_context() -> None:
    """A thread that computes with few digits loses none here."""
    number = Decimal("0." + "123456789" * 4)
    with localcontext(Context(prec=3)):
        assert number == PLAIN.deserialize(PLAIN.serialize(number))


@pytest.mark.parametrize(
    ("numeral", "expected"),
    [
        ("12", 12),
        ("-12", -12),
        ("+1", 1),
        ("-0", 0),
        ("1.5", 1.5),
        ("1.50", 1.5),
        ("1e-7", 1e-7),
        ("1E+2", 100.0),
        ("9007199254740993", 9007199254740993),
        ("9007199254740993.5", Decimal("9007199254740993.5")),
        ("0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827")),
        ("3.0", 3.0),
    ],
)
def test_numbers_read(numeral: str, expected: Any) -> None:
    """Digits are an int; a fraction or exponent is a float where that is exact to the text, else a Decimal."""
    number = PLAIN.deserialize({"N": numeral})
    assert (type(expected), expected) == (type(number), number)


def test_null_false_is_none() -> None:
    """A NULL is None whatever it says of itself, as the reference reads it."""
    assert PLAIN.deserialize({"NULL": False}) is None


def test_levels() -> None:
    """31 maps and lists may lie in one another with a value inside; an empty one counts like a full one."""
    assert PLAIN.deserialize(PLAIN.serialize(nested(LEVELS))) == nested(LEVELS)
    assert PLAIN.deserialize(PLAIN.serialize(nested(LEVELS, {"a"}))) == nested(LEVELS, {"a"})
    empties: tuple[Any, ...] = ({}, [])
    for leaf in empties:
        with pytest.raises(SerializationError, match="31 deep"):
            PLAIN.serialize(nested(LEVELS, leaf))


def within(value: Any) -> dict[str, Any]:
    """The value at the place that the table of refusals expects: `data.scores[1]`."""
    return {"data": {"scores": [0, value]}}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("nan"), "NaN and Infinity"),
        (float("-inf"), "NaN and Infinity"),
        (Decimal("sNaN"), "NaN and Infinity"),
        (10**126, "range"),
        (10**5000, "range"),
        (1e126, "range"),
        (5e-324, "range"),
        (Decimal("1E+999999"), "range"),
        (Decimal("-1E-131"), "range"),
        (int("1" * 39), "38 significant digits"),
        (Decimal("1." + "1" * 38), "38 significant digits"),
        ("\ud800", "lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        ({"": 1}, "may not be empty"),
        ({1: 1}, "not int"),
        ({None: NOTHING}, "not NoneType"),
        (set(), "empty set"),
        ({NOTHING}, "empty set"),
        ({1, "a"}, "mixed"),
        ({b"a", "a"}, "mixed"),
        ({True}, "not bool"),
        ({None}, "not NoneType"),
        ({(1,)}, "not tuple"),
        ({frozenset({1})}, "not frozenset"),
        ({float("nan")}, "NaN and Infinity"),
        (Fraction(1, 2), "type Fraction"),
        (1j, "type complex"),
        (deque(), "type deque"),
        (range(3), "type range"),
        (PurePosixPath("x"), "type PurePosixPath"),
        (object(), "type object"),
        (Hidden(), "type Hidden"),
        (Pet, "type type"),
        (len, "type builtin_function_or_method"),
        (within, "type function"),
        (sys, "type module"),
        (iter([1]), "type list_iterator"),
        (ValueError("x"), "type ValueError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_refusal_names_the_place(value: Any, says: str) -> None:
    """What has no form is refused with what is wrong and where."""
    with pytest.raises(SerializationError, match=says) as caught:
        PLAIN.serialize(within(value))
    assert ("data", "scores", 1) == caught.value.path
    assert str(caught.value).endswith("- at data.scores[1]")


@pytest.mark.parametrize(
    ("value", "says"),
    [(NOTHING, "remove_undefined"), ({NOTHING}, "remove_undefined"), (Pet("Rex"), "convert_class_instance_to_map")],
    ids=shown,
)
def test_options_refuse(value: Any, says: str) -> None:
    """Undefined values and class instances are refused where the options say so, with the option's name."""
    with pytest.raises(SerializationError, match=says) as caught:
        STRICT.serialize(within(value))
    assert ("data", "scores", 1) == caught.value.path


def test_undefined_element() -> None:
    """An element that is undefined as a whole can't be dropped from anything."""
    with pytest.raises(SerializationError, match="element is undefined"):
        PLAIN.serialize(NOTHING)


def circular_list() -> Any:
    """A list that is its own member."""
    pets: list[Any] = []
    pets.append(pets)
    return {"pets": pets}


def circular_instance() -> Any:
    """A pet whose age is a tuple with the pet."""
    pet = Pet("Rex")
    pet.age = (pet,)
    return {"pets": [pet]}


@pytest.mark.parametrize(
    ("make", "path"),
    [(circular_list, ("pets", 0)), (circular_instance, ("pets", 0, "age", 0))],
)
def test_circular(make: Callable[[], Any], path: tuple[str | int, ...]) -> None:
    """A structure that contains itself is called circular, at the place where it first comes round."""
    with pytest.raises(SerializationError, match="contains itself") as caught:
        PLAIN.serialize(make())
    assert path == caught.value.path


def test_too_deep_is_not_circular() -> None:
    """A structure that is only deep is told so, however deep it is, sets in sets included."""
    with pytest.raises(SerializationError, match="31 deep") as caught:
        PLAIN.serialize(nested(100_000))
    assert LEVELS == len(caught.value.path)
    members: frozenset[Any] = frozenset({1})
    for _ in range(5000):
        members = frozenset({members})
    with pytest.raises(SerializationError, match="not frozenset"):
        PLAIN.serialize(members)


@pytest.mark.parametrize(
    "stored",
    [
        {"N": "NaN"},
        {"N": "1e"},
        {"N": "1.0e99999999999999999999999"},
        {"N": 5},
        {"S": 5},
        {"S": None},
        {"B": "text"},
        {"BOOL": 1},
        {"M": []},
        {"L": {}},
        {"L": "SS"},
        {"SS": "ab"},
        {"SS": [1]},
        {"NS": ["x"]},
        {"BS": ["x"]},
        {"X": 1},
        {},
        {"S": "a", "N": "1"},
        [],
        [5],
        None,
        "S",
    ],
    ids=shown,
)
def test_unknown_shape_names_the_place(stored: Any) -> None:
    """What is no attribute value is one clear error, at the root as well as inside of maps and lists."""
    for value, path in (
        (stored, ()),
        ({"M": {"a": stored}}, ("a",)),
        ({"M": {"a": {"L": [stored]}}}, ("a", 0)),
        ({"L": [{"L": [stored]}]}, (0, 0)),
    ):
        with pytest.raises(SerializationError, match="no attribute value") as caught:
            PLAIN.deserialize(value)
        assert path == caught.value.path


def test_reading_never_ends_the_stack() -> None:
    """What is nested beyond all reason is an error of ours, too."""
    stored: dict[str, Any] = {"S": "x"}
    for _ in range(5000):
        stored = {"L": [stored]}
    with pytest.raises(SerializationError, match="32 levels"):
        PLAIN.deserialize(stored)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "abé🔑"}, 8),
        ({"B": b"abc"}, 3),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"M": {}}, 3),
        ({"L": []}, 3),
        ({"M": {"é": {"NULL": True}}}, 7),
        ({"M": {"a": {"M": {"b": {"L": [{"N": "1"}]}}}}}, 16),
        ({"SS": ["é", "bc"]}, 4),
        ({"BS": [b"a", b"bc"]}, 3),
        ({"NS": ["1", "22", "-333"]}, 8),
        ({"N": "0"}, 1),
        ({"N": "-0.0"}, 1),
        ({"N": "12"}, 2),
        ({"N": "120"}, 3),
        ({"N": "1200"}, 2),
        ({"N": "0.05"}, 2),
        ({"N": "12.5"}, 3),
        ({"N": "123.45"}, 4),
        ({"N": "-1234"}, 4),
        ({"N": "1.5e-100"}, 3),
        ({"N": "3.141592653589793"}, 10),
        ({"N": "1" * 38}, 20),
        ({"N": "1e125"}, 2),
        ({"N": "-12.50E+3"}, 4),
        ({"N": "+.5"}, 2),
    ],
    ids=shown,
)
def test_size(value: dict[str, Any], size: int) -> None:
    """The sizes that DynamoDB Local 3.3 was seen to count at its limit of 409,600 bytes."""
    assert size == attribute_size(value)


class Toy(BaseModel):
    """A model inside another."""

    label: str = Field(alias="toyLabel")


class Profile(BaseModel):
    """A model with all that a model may have."""

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True)

    name: str = Field(alias="fullName")
    either: int = Field(default=1, validation_alias=AliasChoices("first", "second"))
    written: int = Field(default=2, serialization_alias="out")
    secret: str = Field(default="s", exclude=True)
    joined: set[str] = Field(default_factory=set)
    toy: Toy | None = None
    toys: list[Toy] = Field(default_factory=list)
    by_name: dict[str, Toy] = Field(default_factory=dict)
    pet: Any = None
    _private: int = 1

    @field_serializer("joined")
    def joined_text(self, joined: set[str]) -> str:
        """A serializer of the field's own."""
        return ",".join(sorted(joined))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def shout(self) -> str:
        """Computed, so not stored."""
        return self.name.upper()


def test_model_fields() -> None:
    """A model's fields have the names that validation reads; instances stay, serializers count, extras are there."""
    toy = Toy(toyLabel="ball")
    pet = Pet("Rex")
    profile = Profile.model_validate(
        {
            "fullName": "Ada",
            "joined": {"b", "a"},
            "toy": toy,
            "toys": [toy],
            "by_name": {"x": toy},
            "pet": pet,
            "more": 1,
        }
    )
    expected = {"fullName": "Ada", "first": 1, "written": 2, "joined": "a,b", "toy": toy, "toys": [toy]}
    assert {**expected, "by_name": {"x": toy}, "pet": pet, "more": 1} == public_fields(profile)


def test_model_reads_its_own() -> None:
    """What was stored of a model, models within it included, makes an equal model again."""
    data = {
        "fullName": "Ada",
        "toy": {"toyLabel": "a"},
        "toys": [{"toyLabel": "b"}],
        "by_name": {"x": {"toyLabel": "c"}},
    }

    class Plain(Profile):
        joined: set[str] = {"a"}

        @field_serializer("joined")
        def joined_text(self, joined: set[str]) -> Any:
            return joined

    profile = Plain.model_validate(data)
    assert profile == Plain.model_validate(PLAIN.deserialize(PLAIN.serialize(profile)))


def test_model_with_an_unvalidated_value() -> None:
    """A value of a wrong type that a handler set is stored as it is, without a warning."""
    toy = Toy(toyLabel="x")
    toy.label = 5  # type: ignore[assignment]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert {"M": {"toyLabel": {"N": "5"}}} == PLAIN.serialize(toy)


def test_model_that_is_no_map() -> None:
    """A root model of a list is no map of fields; within another model it is stored as its list."""

    class Tags(RootModel[list[str]]):
        pass

    class Tagged(BaseModel):
        tags: Tags

    assert public_fields(Tags(["a"])) is None
    assert {"M": {"tags": {"L": [{"S": "a"}]}}} == PLAIN.serialize(Tagged(tags=Tags(["a"])))


def test_empty_model() -> None:
    """A model without fields is an empty map: nothing of it is lost."""

    class Empty(BaseModel):
        pass

    assert {"M": {}} == PLAIN.serialize(Empty())


class Node(BaseModel):
    """A model that may refer to others of its kind, with their type declared or not."""

    next: "Node | None" = None
    other: Any = None


def test_circular_model() -> None:
    """A model that refers back to itself is refused as circular, whether its type says so or not."""
    declared, undeclared, listed = Node(), Node(), Node()
    declared.next = declared
    undeclared.other = [undeclared]
    listed.other = []
    listed.other.append(listed.other)
    for node in (declared, undeclared, listed):
        with pytest.raises(SerializationError, match=r"contains itself|circular") as caught:
            PLAIN.serialize({"node": node})
        assert caught.value.path[0] == "node"


def test_error_of_a_field_serializer() -> None:
    """An error that a field's own serializer raises passes unchanged."""

    class Broken(BaseModel):
        field: int = 1

        @field_serializer("field")
        def fail(self, _: int) -> int:
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        PLAIN.serialize(Broken())


def test_public_fields_of_what_is_no_instance() -> None:
    """Generators, classes and values of built-in types have no public fields."""

    def generator() -> Iterator[int]:
        yield 1

    for value in (generator(), Pet, 1, "x", None, Hidden()):
        assert public_fields(value) is None
