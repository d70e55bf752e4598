"""Typed data of the odder kinds: several classes for one field, annotations that are text, strict rules, odd keys."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter, OrderedDict, deque
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple, TypedDict
from uuid import UUID, uuid4

import attrs
import msgspec
import pydantic
import pytest
import typing_extensions

from dynadb_async import AsyncDynamoDb, ClientConfig, ConfigError, DynamoDbConfig, MalformedItemError, UserData

Alias = typing_extensions.TypeAliasType("Alias", int | str)


class Color(enum.Enum):
    """Texts."""

    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Cat:
    """One of two; each field has a default."""

    lives: int = 9


@dataclasses.dataclass
class Dog:
    """The other."""

    tricks: int = 0


@attrs.define
class Puppy:
    """A third, whose fields are those of a Dog and one more."""

    tricks: int = 0
    weeks: int = 8


class PydanticCat(pydantic.BaseModel):
    """A model of two."""

    kind: Literal["cat"] = "cat"
    lives: int = 9


class PydanticDog(pydantic.BaseModel):
    """The other."""

    kind: Literal["dog"] = "dog"
    tricks: int = 0


class Point(NamedTuple):
    """A tuple with names, whose second came later."""

    x: int
    since: date = date(2026, 1, 1)


class Address(TypedDict):
    """A dict with names, not all of them required."""

    town: str
    since: typing_extensions.NotRequired[date]


class Pair(msgspec.Struct, array_like=True):
    """A struct that msgspec reads of a list."""

    one: int = 0
    two: str = ""


class Counted(msgspec.Struct):
    """Types that msgspec does not know by itself."""

    words: Counter[str] = msgspec.field(default_factory=Counter)
    order: OrderedDict[str, int] = msgspec.field(default_factory=OrderedDict)
    pair: Pair = msgspec.field(default_factory=Pair)


class Strict(pydantic.BaseModel):
    """A model that takes nothing for what it is not; DynamoDB has no tuples, dates or Enums."""

    model_config = pydantic.ConfigDict(strict=True)

    number: int = 0
    tags: set[str] = set()
    pair: tuple[int, ...] = ()
    since: datetime | None = None
    color: Color = Color.RED
    uuid: UUID | None = None


@dataclasses.dataclass
class Profile:
    """Fields of odd types."""

    pet: Cat | Dog | Puppy | None = None
    pets: dict[str, Cat | Dog] = dataclasses.field(default_factory=dict)
    named: Cat | Dog | str | None = None
    model: PydanticCat | PydanticDog | None = None
    moment: datetime | date | None = None
    point: Point = Point(0)  # noqa: RUF009 - as immutable as a tuple
    address: Address = dataclasses.field(default_factory=lambda: Address(town="Rome"))
    either: Alias = 0
    latest: deque[int] = dataclasses.field(default_factory=deque)
    by_color: dict[Color, int] = dataclasses.field(default_factory=dict)
    by_day: dict[date, list[str]] = dataclasses.field(default_factory=dict)
    by_id: dict[UUID, Color] = dataclasses.field(default_factory=dict)


class Model(pydantic.BaseModel):
    """The same in pydantic."""

    pet: PydanticCat | PydanticDog | None = None
    by_color: dict[Color, int] = {}
    by_id: dict[UUID, Color] = {}


async def stored(db: AsyncDynamoDb[Any]) -> Any:
    """What is stored as the user's data."""
    return (await db.export("user-1"))["user"]["data"]


@pytest.fixture
def config() -> DynamoDbConfig:
    """A store of one's own."""
    return DynamoDbConfig("users", client=ClientConfig(endpoint_url=f"memory:{uuid4().hex}"))


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        Profile(pet=Cat(), pets={"a": Cat(3), "b": Dog(4)}, named=Dog(2), model=PydanticDog(tricks=2)),
        Profile(pet=Dog(1), named="Rex", model=PydanticCat(), moment=date(2026, 3, 1)),
        Profile(pet=Puppy(1), named=Cat(), moment=NOON, point=Point(3, date(2026, 3, 1))),
        Profile(address=Address(town="Rome", since=date(2026, 3, 1)), either="a", latest=deque([1, 2])),
        Profile(by_color={Color.RED: 1}, by_day={date(2026, 3, 1): ["a"]}, by_id={UUID(int=1): Color.BLUE}),
        Model(pet=PydanticDog(tricks=1), by_color={Color.RED: 1}, by_id={UUID(int=1): Color.BLUE}),
        Strict(number=1, tags=set(), pair=(1, 2), since=NOON, color=Color.BLUE, uuid=UUID(int=1)),
        Counted(Counter("aab"), OrderedDict(b=1, a=2), Pair(1, "b")),
    ],
)
async def test_it_comes_back_as_what_it_was(config: DynamoDbConfig, given: Any) -> None:
    """Also its types, and a turn that changes nothing leaves it as it is stored."""
    async with AsyncDynamoDb(config, user_data=type(given)) as db:
        async with db.turn("user-1") as turn:
            turn.user.data = given
        before = await stored(db)
        async with db.turn("user-1") as turn:
            assert given == turn.user.data
        assert before == await stored(db)


@pytest.mark.parametrize("extra", ["keep", "drop"])
@pytest.mark.parametrize(
    ("kind", "first", "second"), [(Profile, Cat(3), Dog(2)), (Model, PydanticCat(lives=3), PydanticDog(tricks=2))]
)
async def test_another_class_takes_nothing_over(
    config: DynamoDbConfig, kind: Any, first: Any, second: Any, extra: Literal["keep", "drop"]
) -> None:
    """A dog in the place of a cat has none of its members, or would come back as the cat."""
    async with AsyncDynamoDb(config) as plain, AsyncDynamoDb(config, user_data=UserData(kind, extra=extra)) as db:
        async with db.turn("user-1") as turn:
            turn.user.data.pet = first
        async with plain.turn("user-1") as turn:
            turn.user.data["pet"]["toy"] = turn.user.data["vip"] = 1
        async with db.turn("user-1") as turn:
            assert first == turn.user.data.pet
        kept = {"vip", "toy"} if extra == "keep" else set()
        data = await stored(plain)
        assert kept == {*data, *data["pet"]} & {"vip", "toy"}
        async with db.turn("user-1") as turn:
            turn.user.data.pet = second
        assert second == (await db.load("user-1")).user.data.pet
        data = await stored(plain)
        assert (extra == "keep", False, False) == ("vip" in data, "toy" in data["pet"], "lives" in data["pet"])


async def test_a_class_of_several_that_does_not_fit(config: DynamoDbConfig) -> None:
    """It is no other class for that: its field is named."""
    async with AsyncDynamoDb(config) as plain, AsyncDynamoDb(config, user_data=Profile) as db:
        async with plain.turn("user-1") as turn:
            turn.user.data["pet"] = {"lives": "x"}
        with pytest.raises(MalformedItemError, match=r"pet\.lives: expected a whole number, got str;"):
            await db.load("user-1")


async def test_a_tuple_that_got_another_member(config: DynamoDbConfig) -> None:
    """A default fills it; too many and too few are told."""
    async with AsyncDynamoDb(config) as plain, AsyncDynamoDb(config, user_data=Profile) as db:
        for point, said in (([1], None), ([], "members, got 0"), ([1, "2026-03-01", 3], "members, got 3")):
            async with plain.turn("user-1") as turn:
                turn.user.data["point"] = point
            if said is None:
                assert Point(1) == (await db.load("user-1")).user.data.point
                continue
            with pytest.raises(MalformedItemError, match=f"point: expected a list of 2 {said}"):
                await db.load("user-1")


async def test_strict_stays_strict(config: DynamoDbConfig) -> None:
    """A text is no number."""
    async with AsyncDynamoDb(config) as plain, AsyncDynamoDb(config, user_data=Strict) as db:
        async with plain.turn("user-1") as turn:
            turn.user.data |= {"number": "5"}
        with pytest.raises(MalformedItemError, match=r"number: int_type;"):
            await db.load("user-1")


@dataclasses.dataclass
class Required:
    """A field without a default."""

    name: str


@pytest.mark.parametrize("kind", [Required, Address])
async def test_a_new_user_without_defaults(config: DynamoDbConfig, kind: Any) -> None:
    """It says what to do, and which field it is."""
    said = "so each field needs a default, but (name|town): required - at user_data"
    async with AsyncDynamoDb(config, user_data=kind) as db:
        with pytest.raises(ConfigError, match=said):
            async with db.turn("user-1"):
                pytest.fail("there is no data")


@dataclasses.dataclass
class Twin:
    """A cat by another name."""

    lives: int = 9


@dataclasses.dataclass
class Twins:
    """Two classes that are stored alike."""

    pet: Cat | Twin | str | None = None


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Twins, "Twins can't be read from what is stored: .*disambiguate"),
        (Pair, "Pair is stored as a list, and expected is a map - at user_data"),
    ],
)
def test_a_class_that_cannot_be_read(config: DynamoDbConfig, kind: Any, said: str) -> None:
    """It is told when the adapter is made, before anything is stored."""
    with pytest.raises(ConfigError, match=said):
        AsyncDynamoDb(config, user_data=kind)
