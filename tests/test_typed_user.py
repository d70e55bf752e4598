"""User data as a class of the app's own: a pydantic model, an attrs class, a dataclass, a plain object."""

import dataclasses
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from typing import Any, Self

import attrs
import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dynadb_async import (
    AsyncDynamoDb,
    MalformedItemError,
    MarshallConfig,
    SerializationError,
    StoredElements,
    VersionConflictError,
)
from tests.tables import Table

SECRET = "nobody may read this"


class PydanticPet(BaseModel):
    """A model in a model."""

    name: str = "Rex"
    tricks: list[str] = []


class PydanticProfile(BaseModel):
    """A pydantic model, with a name of its own in the item."""

    model_config = ConfigDict(populate_by_name=True)

    name: str = ""
    visits: int = 0
    pet: PydanticPet = PydanticPet()
    last_seen: date | None = Field(default=None, alias="lastSeen")


@attrs.define
class AttrsPet:
    """An attrs class in another."""

    name: str = "Rex"
    tricks: list[str] = attrs.field(factory=list)


@attrs.define
class AttrsProfile:
    """An attrs class with the structure function that it comes with."""

    name: str = ""
    visits: int = attrs.field(default=0, validator=attrs.validators.instance_of(int))
    pet: AttrsPet = attrs.field(factory=AttrsPet)
    last_seen: date | None = None

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        """Read what is stored."""
        return structured(cls, AttrsPet, data)


@dataclasses.dataclass
class DataclassPet:
    """A dataclass in another."""

    name: str = "Rex"
    tricks: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class DataclassProfile:
    """A dataclass with the structure function that it comes with."""

    name: str = ""
    visits: int = 0
    pet: DataclassPet = dataclasses.field(default_factory=DataclassPet)
    last_seen: date | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.visits, int):
            raise TypeError(f"no count of visits: {self.visits}")

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        """Read what is stored."""
        return structured(cls, DataclassPet, data)


def structured(profile: Any, pet: Any, data: dict[str, Any]) -> Any:
    """Take the members that the classes know, as a structure function does."""

    def known(kind: Any, members: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in members.items() if name in kind.__annotations__}

    members = known(profile, data)
    if "pet" in members:
        members["pet"] = pet(**known(pet, members["pet"]))
    if members.get("last_seen"):
        members["last_seen"] = date.fromisoformat(members["last_seen"])
    return profile(**members)


@pytest.fixture(params=[PydanticProfile.model_validate, AttrsProfile.of, DataclassProfile.of])
def user_data(request: pytest.FixtureRequest) -> Callable[[dict[str, Any]], Any]:
    """Each kind of class in turn."""
    function: Callable[[dict[str, Any]], Any] = request.param
    return function


@pytest.fixture
async def db(table: Table, user_data: Any) -> AsyncIterator[AsyncDynamoDb[Any]]:
    """An adapter whose user data is an instance of the class."""
    async with table.adapter(user_data=user_data) as db:
        yield db


@pytest.fixture
async def plain(table: Table) -> AsyncIterator[AsyncDynamoDb[Any]]:
    """An adapter that sees the dict behind it."""
    async with table.adapter(stored_elements=StoredElements(created_at=False)) as plain:
        yield plain


async def test_an_instance_is_read_as_it_was_written(db: AsyncDynamoDb[Any], user_data: Any, user_id: str) -> None:
    """A new user's is made of an empty dict; nested instances and dates come back as what they were."""
    async with db.turn(user_id) as turn:
        profile = turn.user.data
        assert profile == user_data({})
        profile.name, profile.visits, profile.last_seen = "Ada", 1, datetime(2026, 3, 1, tzinfo=UTC).date()
        profile.pet.tricks.append("sit")

    again = (await db.load(user_id)).user.data
    assert again == profile
    assert type(again.pet) is type(profile.pet)


async def test_an_alias_is_the_name_in_the_item(table: Table, plain: AsyncDynamoDb[Any], user_id: str) -> None:
    """What `model_validate` reads is what is written."""
    async with table.adapter(user_data=PydanticProfile.model_validate) as db, db.turn(user_id) as turn:
        turn.user.data.last_seen = date(2026, 3, 1)
    assert (await plain.load(user_id)).user.data["lastSeen"] == "2026-03-01"


async def test_members_that_the_class_does_not_know_survive(
    db: AsyncDynamoDb[Any], plain: AsyncDynamoDb[Any], user_id: str
) -> None:
    """In the data and in a nested instance, as an older version of the app must not delete a newer one's."""
    async with plain.turn(user_id) as turn:
        turn.user.data |= {"name": "Ada", "vip": {"since": 2020}, "pet": {"name": "Rex", "age": 3}}
    async with db.turn(user_id) as turn:
        turn.user.data.visits += 1
        turn.user.data.pet.name = "Max"

    data = (await plain.load(user_id)).user.data
    assert data["vip"] == {"since": 2020}
    assert data["pet"] == {"name": "Max", "age": 3, "tricks": []}
    assert (data["name"], data["visits"]) == ("Ada", 1)


async def test_turns_at_once_merge_as_dicts_do(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """Member by member."""
    async with db.turn(user_id):
        pass
    ours, theirs = await db.load(user_id), await db.load(user_id)
    ours.user.data.name, theirs.user.data.pet.name = "Ada", "Max"
    await db.save(theirs)
    await db.save(ours)

    merged = (await db.load(user_id)).user.data
    assert (merged.name, merged.pet.name) == ("Ada", "Max")


class Range(BaseModel):
    """Two fields that belong together."""

    low: int = 0
    high: int = 10

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        assert self.low <= self.high
        return self


@pytest.mark.parametrize(
    ("policy", "other", "refusal"),
    [("merge", "high", VersionConflictError), (lambda *_: "no number", "low", SerializationError)],
)
async def test_a_merge_leaves_what_the_class_can_read(
    table: Table, user_id: str, policy: Any, other: str, refusal: type[Exception]
) -> None:
    """Not two changes that fit one by one and not together, nor what an `on_conflict` returned in the wrong type."""
    async with table.adapter(user_data=Range, on_conflict=policy) as db:
        ours, theirs = await db.load(user_id), await db.load(user_id)
        theirs.user.data.low = 8
        await db.save(theirs)
        setattr(ours.user.data, other, 3)

        with pytest.raises(refusal, match=r"user\.data"):
            await db.save(ours)
        assert Range(low=8) == (await db.load(user_id)).user.data


async def test_what_the_class_refuses_is_malformed(
    db: AsyncDynamoDb[Any], plain: AsyncDynamoDb[Any], table: Table, user_id: str
) -> None:
    """One clear error without a stored value, not even in the chain behind it; the item stays as it is."""
    async with plain.turn(user_id) as turn:
        turn.user.data["visits"] = SECRET
    before = table.item(user_id)

    with pytest.raises(MalformedItemError, match=r"user\.data") as caught:
        async with db.turn(user_id):
            pytest.fail("a handler must not see such data")

    error: BaseException | None = caught.value
    while error:
        assert SECRET not in str(error)
        error = error.__cause__ or error.__context__
    assert caught.value.element == "user.data"
    assert user_id not in str(caught.value)
    assert table.item(user_id) == before


async def test_a_class_that_refuses_a_new_user_is_the_apps_own_error(table: Table, user_id: str) -> None:
    """A model without defaults is a mistake in the app, not in the item."""

    class Strict(BaseModel):
        name: str

    async with table.adapter(user_data=Strict.model_validate) as db:
        with pytest.raises(ValidationError):
            await db.load(user_id)


async def test_an_instance_has_a_form_only_if_wanted(table: Table, user_id: str) -> None:
    """Without `convert_class_instance_to_map` it is an error that says where."""
    marshall = MarshallConfig(convert_class_instance_to_map=False)
    async with table.adapter(user_data=AttrsProfile.of, marshall=marshall) as db:
        with pytest.raises(SerializationError, match=r"convert_class_instance_to_map - at user\.data$"):
            async with db.turn(user_id):
                pass
    assert table.item(user_id) is None


async def test_an_instance_may_be_replaced_whole(
    db: AsyncDynamoDb[Any], plain: AsyncDynamoDb[Any], user_data: Any, user_id: str
) -> None:
    """By another instance, or by a dict, which is then all there is."""
    async with db.turn(user_id) as turn:
        turn.user.data = user_data({"name": "Grace"})
    assert (await plain.load(user_id)).user.data["name"] == "Grace"
    async with db.turn(user_id) as turn:
        turn.user.data = {"name": "Edsger"}
    assert (await plain.load(user_id)).user.data == {"name": "Edsger"}
