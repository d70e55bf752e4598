"""`user_data` as the class itself: what comes back, what survives, and what is said when it does not fit."""

import dataclasses
import enum
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypedDict
from uuid import UUID, uuid4

import attrs
import msgspec
import pydantic
import pytest
from pydantic.dataclasses import dataclass as pydantic_dataclass

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    ConfigError,
    DynamoDbConfig,
    MalformedItemError,
    MarshallConfig,
    SerializationError,
    StoredElements,
    UserData,
)

SECRET = "nobody may read this"


class Color(enum.Enum):
    """Texts."""

    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    """Numbers that are ints."""

    LOW = 1
    HIGH = 2


class Right(enum.Flag):
    """Values that are set together."""

    READ = 1
    WRITE = 2


class Mode(enum.IntFlag):
    """The same, that are ints."""

    FAST = 1
    LOUD = 2


class Strange(enum.Enum):
    """Values that are stored as something else."""

    PAIR = (1, 2)
    HALF = Decimal("0.5")
    DAY = date(2026, 3, 1)


class Point(NamedTuple):
    """A tuple with names."""

    x: int
    y: int


class Name(str):
    """A text of one's own."""

    __slots__ = ()


class Address(TypedDict, total=False):
    """A dict with names."""

    town: str
    since: date
    tags: set[str]


@attrs.define
class AttrsPet:
    """An attrs class in another."""

    name: str = "Rex"
    age: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    puppies: "list[AttrsPet]" = attrs.field(factory=list)


@attrs.define
class AttrsProfile:
    """An attrs class."""

    name: str = ""
    tags: set[str] = attrs.field(factory=set)
    born: datetime | None = None
    pet: AttrsPet = attrs.field(factory=AttrsPet)
    pets: dict[str, AttrsPet] = attrs.field(factory=dict)


@dataclasses.dataclass
class DataclassPet:
    """A dataclass in another."""

    name: str = "Rex"
    age: int = 0


@dataclasses.dataclass
class DataclassProfile:
    """A dataclass."""

    name: str = ""
    tags: set[str] = dataclasses.field(default_factory=set)
    born: datetime | None = None
    pet: DataclassPet = dataclasses.field(default_factory=DataclassPet)
    pets: dict[str, DataclassPet] = dataclasses.field(default_factory=dict)


class PydanticPet(pydantic.BaseModel):
    """A model in another."""

    name: str = "Rex"
    age: int = pydantic.Field(default=0, ge=0)


class PydanticProfile(pydantic.BaseModel):
    """A model."""

    name: str = ""
    tags: set[str] = set()
    born: datetime | None = None
    pet: PydanticPet = PydanticPet()
    pets: dict[str, PydanticPet] = {}


@pydantic_dataclass
class PydanticDataclassProfile:
    """A dataclass that pydantic checks."""

    name: str = ""
    tags: set[str] = dataclasses.field(default_factory=set)
    born: datetime | None = None
    pet: PydanticPet = dataclasses.field(default_factory=PydanticPet)
    pets: dict[str, PydanticPet] = dataclasses.field(default_factory=dict)


class StructPet(msgspec.Struct):
    """A struct in another."""

    name: str = "Rex"
    age: int = 0


class StructProfile(msgspec.Struct, rename="camel"):
    """A struct."""

    name: str = ""
    tags: set[str] = msgspec.field(default_factory=set)
    born: datetime | None = None
    pet: StructPet = msgspec.field(default_factory=StructPet)
    pets: dict[str, StructPet] = msgspec.field(default_factory=dict)


PROFILES = [AttrsProfile, DataclassProfile, PydanticProfile, PydanticDataclassProfile, StructProfile]


@pytest.fixture
def memory() -> str:
    """A store of one's own that several adapters share."""
    return f"memory:{uuid4().hex}"


@pytest.fixture
def adapter(memory: str) -> Callable[..., AsyncDynamoDb[Any]]:
    """Make adapters on it."""

    def adapter(user_data: Any = dict, **settings: Any) -> AsyncDynamoDb[Any]:
        config = DynamoDbConfig("users", client=ClientConfig(endpoint_url=memory), **settings)
        return AsyncDynamoDb(config, user_data=user_data)

    return adapter


async def stored(db: AsyncDynamoDb[Any]) -> Any:
    """What is stored as the user's data."""
    return (await db.export("user-1"))["user"]["data"]


@dataclasses.dataclass
class Everything:
    """Each type that is documented."""

    text: str = "a"
    own: Name = Name("b")  # noqa: RUF009 - as immutable as a str
    whole: int = 1
    fraction: float = 2.0
    decimal: Decimal = Decimal("1.10")
    truth: bool = True
    nothing: None = None
    binary: bytes = b"\0"
    array: bytearray = dataclasses.field(default_factory=lambda: bytearray(b"\1"))
    moment: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    local: datetime = datetime(2026, 3, 1, 12, 0, 0, 5)  # noqa: DTZ001 - that is what comes back
    day: date = date(2026, 3, 1)
    hour: time = time(12, 30)
    uuid: UUID = UUID(int=7)  # noqa: RUF009 - …
    color: Color = Color.RED
    level: Level = Level.HIGH
    rights: Right = Right.READ | Right.WRITE
    mode: Mode = Mode.FAST | Mode.LOUD
    strange: list[Strange] = dataclasses.field(default_factory=lambda: list(Strange))
    choice: Literal["a", 1, True] = 1
    items: list[UUID] = dataclasses.field(default_factory=lambda: [UUID(int=1)])
    pair: tuple[int, str] = (1, "a")
    many: tuple[date, ...] = (date(2026, 3, 1),)
    point: Point = Point(1, 2)  # noqa: RUF009 - …
    texts: set[str] = dataclasses.field(default_factory=lambda: {"a", "b"})
    ids: set[UUID] = dataclasses.field(default_factory=lambda: {UUID(int=1)})
    numbers: frozenset[Decimal] = frozenset({Decimal("1.5"), Decimal(2)})
    no_texts: set[str] = dataclasses.field(default_factory=set)
    no_numbers: frozenset[int] = frozenset()
    maybe: set[str] | None = None
    maybe_not: set[str] | None = dataclasses.field(default_factory=set)
    by_name: dict[str, Color] = dataclasses.field(default_factory=lambda: {"a": Color.BLUE})
    address: Address = dataclasses.field(
        default_factory=lambda: Address(town="Rome", since=date(2026, 3, 1), tags=set())
    )
    either: int | str | None = "a"
    dated: date | str = "soon"
    anything: Any = dataclasses.field(default_factory=lambda: {"a": [1, None]})
    attrs_class: AttrsPet = dataclasses.field(default_factory=lambda: AttrsPet(puppies=[AttrsPet("Tim")]))
    model: PydanticPet = dataclasses.field(default_factory=lambda: PydanticPet(age=3))
    struct: StructPet = dataclasses.field(default_factory=lambda: StructPet(age=4))
    counted: int = dataclasses.field(default=0, init=False)


@pytest.mark.parametrize("empty", [False, True], ids=["", "convert_empty_values"])
async def test_everything_comes_back_as_what_it_was(adapter: Callable[..., AsyncDynamoDb[Any]], empty: bool) -> None:
    """Of a dataclass, by its annotations, in equality and type; also the empty sets."""
    given = Everything()
    given.counted = 7
    async with adapter(Everything, marshall=MarshallConfig(convert_empty_values=empty)) as db:
        async with db.turn("user-1") as turn:
            turn.user.data = given
        again = (await db.load("user-1")).user.data
        async with db.turn("user-1"):
            pass
        once_more = (await db.load("user-1")).user.data

    assert given == again == once_more
    for field in dataclasses.fields(Everything):
        before, after = getattr(given, field.name), getattr(again, field.name)
        assert type(before) is type(after), field.name


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("empty", [False, True], ids=["", "convert_empty_values"])
async def test_each_kind_of_class(adapter: Callable[..., AsyncDynamoDb[Any]], profile: Any, empty: bool) -> None:
    """A new user's is made of an empty dict; what is changed comes back, an empty set among it."""
    marshall = MarshallConfig(convert_empty_values=empty)
    async with adapter(profile, marshall=marshall) as db:
        async with db.turn("user-1") as turn:
            assert turn.user.data == profile()
            turn.user.data.tags.add("a")
        async with db.turn("user-1") as turn:
            assert turn.user.data.tags == {"a"}
            turn.user.data.tags.clear()
            turn.user.data.name = "Ada"
            turn.user.data.born = datetime(2026, 3, 1, tzinfo=UTC)
            turn.user.data.pets["rex"] = type(turn.user.data.pet)(age=3)
        again = (await db.load("user-1")).user.data

    assert (again.name, again.tags, again.born) == ("Ada", set(), datetime(2026, 3, 1, tzinfo=UTC))
    assert again.pets == {"rex": type(again.pet)(age=3)}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("extra", ["keep", "drop"])
async def test_members_that_the_class_does_not_know(
    adapter: Callable[..., AsyncDynamoDb[Any]], profile: Any, extra: Literal["keep", "drop"]
) -> None:
    """They survive, also in nested classes and in dicts of them, or go if that is wanted."""
    async with adapter() as plain, adapter(UserData(profile, extra=extra)) as db:
        async with plain.turn("user-1") as turn:
            turn.user.data |= {"vip": 1, "pet": {"name": "Rex", "toy": 2}, "pets": {"tim": {"name": "Tim", "toy": 3}}}
        async with db.turn("user-1") as turn:
            turn.user.data.name = "Ada"
        data = await stored(plain)

    kept = extra == "keep"
    assert ("vip" in data, "toy" in data["pet"], "toy" in data["pets"]["tim"]) == (kept, kept, kept)
    assert data["name"] == "Ada"


@pytest.mark.parametrize("extra", ["keep", "drop"])
async def test_a_typed_dict(adapter: Callable[..., AsyncDynamoDb[Any]], extra: Literal["keep", "drop"]) -> None:
    """It is a dict still: what is deleted is gone; its members have their types."""
    async with adapter() as plain, adapter(UserData(Address, extra=extra)) as db:
        async with db.turn("user-1") as turn:
            assert turn.user.data == {}
            turn.user.data |= Address(town="Rome", since=date(2026, 3, 1), tags=set())
        async with plain.turn("user-1") as turn:
            turn.user.data["more"] = 1
        async with db.turn("user-1") as turn:
            assert (turn.user.data["since"], turn.user.data["tags"]) == (date(2026, 3, 1), set())
            assert ("more" in turn.user.data) == (extra == "keep")
            del turn.user.data["town"]
        data = await stored(plain)

    assert data == {"since": "2026-03-01", "tags": []} | ({"more": 1} if extra == "keep" else {})


async def test_an_empty_set_merges_as_a_set(adapter: Callable[..., AsyncDynamoDb[Any]]) -> None:
    """It is stored as a list, but two turns that both add to it lose nothing."""
    async with adapter(AttrsProfile) as db:
        async with db.turn("user-1"):
            pass
        ours, theirs = await db.load("user-1"), await db.load("user-1")
        ours.user.data.tags.add("a")
        theirs.user.data.tags.add("b")
        await db.save(theirs)
        await db.save(ours)
        assert (await db.load("user-1")).user.data.tags == {"a", "b"}

        ours, theirs = await db.load("user-1"), await db.load("user-1")
        ours.user.data.tags.clear()
        theirs.user.data.tags.add("c")
        await db.save(theirs)
        await db.save(ours)
        assert (await db.load("user-1")).user.data.tags == {"c"}


class Limited(pydantic.BaseModel):
    """Rules of pydantic's and of one's own."""

    age: int = pydantic.Field(default=0, ge=18)
    color: Color = Color.RED
    words: dict[str, int] = {}
    nick: str = ""

    @pydantic.field_validator("nick")
    @classmethod
    def checked(cls, nick: str) -> str:
        """Refuse, and say too much."""
        if nick:
            raise ValueError(f"not {nick}")
        return nick


@attrs.define
class Checked:
    """Rules of attrs's and of one's own."""

    age: int = attrs.field(default=18, validator=[attrs.validators.instance_of(int), attrs.validators.ge(18)])
    nick: str = attrs.field(default="")
    pets: list[AttrsPet] = attrs.field(factory=list)
    by_name: dict[str, AttrsPet] = attrs.field(factory=dict)

    @nick.validator
    def _no_nick(self, _: Any, value: str) -> None:
        if value:
            raise ValueError(f"not {value}")


@dataclasses.dataclass
class Careful:
    """A constructor that raises."""

    name: str
    age: int = 0

    def __post_init__(self) -> None:
        if self.age > 0:
            raise RuntimeError(f"{self.name} is {self.age}")


class Tagged(msgspec.Struct):
    """Rules of msgspec's."""

    color: Color = Color.RED
    tags: list[int] = []

    def __post_init__(self) -> None:
        if self.tags == [7]:
            raise ValueError(SECRET)


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (DataclassProfile, {"name": 7}, "name: expected a text, got int;"),
        (DataclassProfile, {"pet": SECRET}, "pet: expected a map, got str;"),
        (DataclassProfile, {"tags": SECRET}, "tags: expected a set, got str;"),
        (DataclassProfile, {"born": SECRET}, "born: expected a time in ISO 8601, got another text;"),
        (DataclassProfile, {"pets": {SECRET: {"age": SECRET}}}, "pets.‹member›.age: expected a whole number, got str;"),
        (AttrsProfile, {"pets": {"secret": {"age": "5"}}}, "pets.‹member›.age: expected a whole number, got str;"),
        (AttrsProfile, {"name": None, "pet": {"age": 1.5}}, "name: expected a text, got NoneType; pet.age: expected"),
        (AttrsProfile, {"pet": {"puppies": [{}, {"age": True}]}}, "pet.puppies[1].age: expected a whole number, got b"),
        (AttrsProfile, {"pet": {"puppies": [{}, {"age": -1}]}}, "pet.puppies[1].age: <Validator for x >= 0> raised V"),
        (Checked, {"age": 3, "nick": SECRET}, "age: <Validator for x >= 18> raised ValueError; nick: _no_nick raised "),
        (Careful, {"age": 1}, "name: required;"),
        (Careful, {"name": SECRET, "age": 1}, "user_data raised RuntimeError in __post_init__, l"),
        (Everything, {"color": SECRET, "uuid": SECRET}, "uuid: expected a UUID, got another text; color: no Color has"),
        (Everything, {"choice": SECRET, "either": []}, "choice: expected 'a' or 1 or True; either: none of its types"),
        (Everything, {"truth": 1, "fraction": "1", "decimal": "1"}, "fraction: expected a number, got str; decimal: "),
        (Everything, {"items": SECRET, "by_name": [SECRET]}, "items: expected a list, got str; by_name: expected a m"),
        (Everything, {"model": {"age": -1}, "struct": {"age": ""}}, "model.age: greater_than_equal (ge 0); struct.age"),
        (Everything, {"address": {"since": SECRET}}, "address.since: expected a date in ISO 8601, got another text;"),
        (Everything, {"rights": 64, "level": 7}, "level: no Level has this value; rights: no Right has this value;"),
        (Address, {"town": 1}, "town: expected a text, got int;"),
        (PydanticProfile, {"name": 1, "pet": {"age": SECRET}}, "name: string_type; pet.age: int_parsing;"),
        (
            Limited,
            {"age": 3, "color": SECRET},
            "age: greater_than_equal (ge 18); color: enum (expected 'red' or ",
        ),
        (Limited, {"nick": SECRET, "words": {"secret": SECRET}}, "words.‹member›: int_parsing; nick: value_error (Val"),
        (Limited.model_validate, {"words": {"secret": SECRET}}, "words.‹member›: int_parsing;"),
        (lambda data: Limited(**data), {"words": {"secret": SECRET}}, "words.‹member›: int_parsing;"),
        (
            lambda data: Careful(**data),
            {"name": SECRET, "age": 1},
            "user_data raised RuntimeError in __post_init__, line ",
        ),
        (PydanticDataclassProfile, {"pet": {"age": -1}}, "pet.age: greater_than_equal (ge 0);"),
        (Tagged, {"tags": ["a"]}, "tags[0]: Expected `int`, got `str`;"),
        (Tagged, {"color": SECRET}, "color: not one of the values that it may have;"),
        (Tagged, {"tags": [7]}, "user_data raised ValueError;"),
    ],
)
async def test_what_does_not_fit_is_told(
    adapter: Callable[..., AsyncDynamoDb[Any]], kind: Any, data: dict[str, Any], said: str
) -> None:
    """Each field and its rule, and no value, in no link of the chain; what is stored stays as it is."""
    async with adapter() as plain, adapter(kind) as db:
        async with plain.turn("user-1") as turn:
            turn.user.data |= data
        before = await plain.export("user-1")
        with pytest.raises(MalformedItemError) as caught:
            async with db.turn("user-1"):
                pytest.fail("a handler must not see such data")
        after = await plain.export("user-1")

    text = str(caught.value)
    assert f"the stored user.data can't be read: {said}" in text
    assert SECRET not in text
    assert "secret" not in text
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)
    assert before == after


async def test_many_misfits_are_some(adapter: Callable[..., AsyncDynamoDb[Any]]) -> None:
    """A message is read by a person: ten, and how many more."""
    kind = dataclasses.make_dataclass("Wide", [(f"f{n}", int, 0) for n in range(30)])
    async with adapter() as plain, adapter(kind) as db:
        async with plain.turn("user-1") as turn:
            turn.user.data |= {f"f{n}": "x" for n in range(30)}
        with pytest.raises(MalformedItemError, match=r"f9: expected a whole number, got str; and 20 more; repair"):
            await db.load("user-1")


class Plain:
    """No class of a kind that we know."""


@dataclasses.dataclass
class Unreadable:
    """A field that could be written and never read."""

    plain: Plain | None = None


@pytest.mark.parametrize(
    ("user_data", "said"),
    [
        (7, "expected a class or a function of the stored dict, got int - at user_data"),
        (Unreadable, "Unreadable can't be read from what is stored: there is no way to make a value of type Plain"),
    ],
)
def test_a_class_that_cannot_be_read(adapter: Callable[..., AsyncDynamoDb[Any]], user_data: Any, said: str) -> None:
    """It is told when the adapter is made, before anything is stored."""
    with pytest.raises(ConfigError, match=said):
        adapter(user_data)


async def test_a_class_of_no_known_kind_is_a_function(adapter: Callable[..., AsyncDynamoDb[Any]]) -> None:
    """It is called with the stored dict."""

    class Own(dict[str, Any]):
        """A dict of one's own."""

    async with adapter(Own) as db:
        async with db.turn("user-1") as turn:
            assert type(turn.user.data) is Own
            turn.user.data["name"] = "Ada"
        assert (await db.load("user-1")).user.data == Own(name="Ada")


@pytest.mark.parametrize("user_data", [dict, DataclassProfile, UserData(Address), PydanticProfile])
@pytest.mark.parametrize("data", [None, [], ["a"], "text", 7, {"a"}])
async def test_no_dict_in_place_of_the_dict(
    adapter: Callable[..., AsyncDynamoDb[Any]], user_data: Any, data: Any
) -> None:
    """It is told at the save, for the next turn could not read it, or would find nothing."""
    async with adapter(user_data) as db:
        for _ in range(2):
            kind = "None" if data is None else type(data).__name__
            with pytest.raises(SerializationError, match=rf"expected a dict, got {kind}; .* - at user\.data$"):
                async with db.turn("user-1") as turn:
                    turn.user.data = data
            async with db.turn("user-1"):
                pass


async def test_no_dict_in_place_of_the_sessions(adapter: Callable[..., AsyncDynamoDb[Any]]) -> None:
    """The same for the session's data."""
    async with adapter(stored_elements=StoredElements(session=True)) as db:
        with pytest.raises(SerializationError, match=r"expected a dict, got list; .* - at session\.data$"):
            async with db.turn("user-1") as turn:
                turn.session.data = ["a"]  # type: ignore[assignment]


def test_cattrs_is_for_those_who_need_it() -> None:
    """Dicts, functions and pydantic models do not pay for it, and attrs classes not for pydantic."""
    code = (
        "import sys; from dynadb_async import AsyncDynamoDb, UserData\n"
        "AsyncDynamoDb('users'); AsyncDynamoDb('users', user_data=lambda data: data); UserData(dict, extra='drop')\n"
        "assert not {'cattrs', 'pydantic', 'msgspec'} & {*sys.modules}\n"
        "import attrs; AsyncDynamoDb('users', user_data=attrs.make_class('Profile', []))\n"
        "assert 'cattrs' in sys.modules and not {'pydantic', 'msgspec'} & {*sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
