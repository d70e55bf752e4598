"""What a type checker makes of the public names; it is checked, and never run."""

import dataclasses
from datetime import datetime, timedelta
from typing import Any, Generic, TypedDict, TypeVar, assert_type

import attrs
import msgspec
from pydantic import BaseModel

from dynadb_async import (
    AsyncDynamoDb,
    AttributeValue,
    DynamoDbConfig,
    DynamoDbSerializer,
    History,
    Serializer,
    Session,
    StoredElements,
    StoredHistory,
    StoredSession,
    TableConfig,
    TimeToLive,
    Turn,
    User,
    UserData,
)
from examples.json_serializer import JsonSerializer

ItemT = TypeVar("ItemT")


class Profile(BaseModel):
    """A pydantic model."""

    name: str = ""


@attrs.define
class AttrsProfile:
    """An attrs class."""

    name: str = ""


@dataclasses.dataclass
class DataclassProfile:
    """A dataclass."""

    name: str = ""


class DictProfile(TypedDict, total=False):
    """A TypedDict."""

    name: str


class StructProfile(msgspec.Struct):
    """A struct."""

    name: str = ""


@attrs.define
class Box(Generic[ItemT]):
    """A generic attrs class."""

    item: ItemT | None = None


def attrs_profile(data: dict[str, Any]) -> AttrsProfile:
    """A structure function."""
    return AttrsProfile(**data)


def makes_adapters(session: Any, clock: datetime) -> None:
    """The type of `user.data` follows from `user_data`, and from nothing else."""
    assert_type(AsyncDynamoDb("table"), AsyncDynamoDb[dict[str, Any]])
    assert_type(AsyncDynamoDb(DynamoDbConfig("table"), clock=lambda: clock), AsyncDynamoDb[dict[str, Any]])
    assert_type(AsyncDynamoDb("table", user_data=Profile.model_validate), AsyncDynamoDb[Profile])
    assert_type(AsyncDynamoDb("table", user_data=attrs_profile, aws_session=session), AsyncDynamoDb[AttrsProfile])
    assert_type(
        AsyncDynamoDb("table", user_data=lambda data: DataclassProfile(**data), serializer=JsonSerializer()),
        AsyncDynamoDb[DataclassProfile],
    )


def makes_adapters_of_classes() -> None:
    """The class itself, of each kind, alone or with its version."""
    assert_type(AsyncDynamoDb("table", user_data=Profile), AsyncDynamoDb[Profile])
    assert_type(AsyncDynamoDb("table", user_data=AttrsProfile), AsyncDynamoDb[AttrsProfile])
    assert_type(AsyncDynamoDb("table", user_data=DataclassProfile), AsyncDynamoDb[DataclassProfile])
    assert_type(AsyncDynamoDb("table", user_data=DictProfile), AsyncDynamoDb[DictProfile])
    assert_type(AsyncDynamoDb("table", user_data=StructProfile), AsyncDynamoDb[StructProfile])
    assert_type(AsyncDynamoDb("table", user_data=Box[int]), AsyncDynamoDb[Box[int]])
    assert_type(UserData(Profile), UserData[Profile])
    assert_type(UserData(AttrsProfile, newer="keep"), UserData[AttrsProfile])
    assert_type(UserData(DataclassProfile, extra="drop"), UserData[DataclassProfile])
    assert_type(UserData(DictProfile), UserData[DictProfile])
    assert_type(UserData(StructProfile), UserData[StructProfile])
    assert_type(UserData(attrs_profile), UserData[AttrsProfile])
    assert_type(UserData(Profile.model_validate), UserData[Profile])
    versioned = UserData(AttrsProfile, version=3, upgrade={1: to_2, 2: to_3})
    assert_type(versioned, UserData[AttrsProfile])
    assert_type(AsyncDynamoDb("table", user_data=versioned), AsyncDynamoDb[AttrsProfile])
    assert_type(AsyncDynamoDb("table", user_data=UserData(DictProfile)), AsyncDynamoDb[DictProfile])


def to_2(data: dict[str, Any]) -> dict[str, Any]:
    """An upgrade that makes a dict."""
    return {**data, "name": ""}


def to_3(data: dict[str, Any]) -> None:
    """An upgrade that changes its dict."""
    data.pop("nick", None)


def refuses_mistakes() -> None:
    """An ignore that is not needed is an error, so each of these is one."""
    AsyncDynamoDb("table", user_data=7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    UserData(Profile, extra="lose")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncDynamoDb()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    AsyncDynamoDb("table", serializer=object())  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    StoredSession("15 minutes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def uses_dicts() -> None:
    """A plain adapter."""
    async with AsyncDynamoDb("table") as db:
        assert_type(db, AsyncDynamoDb[dict[str, Any]])
        async with db.turn("user-1", session=Session("s-1"), turn_id="t-1", io_timeout=2.5) as turn:
            assert_type(turn, Turn[dict[str, Any]])
            assert_type(turn.user, User[dict[str, Any]])
            assert_type(turn.user.data, dict[str, Any])
            turn.user.data["name"] = "Ada"
        assert_type(await db.export("user-1"), dict[str, Any])


async def uses_a_model(db: AsyncDynamoDb[Profile]) -> None:
    """An adapter with a model."""

    async def handler(turn: Turn[Profile]) -> str:
        turn.user.data.name = "Ada"
        return turn.user.data.name

    async def another(turn: Turn[AttrsProfile]) -> None:
        turn.discard()

    async with db.turn("user-1") as turn:
        assert_type(turn.user.data, Profile)
        assert_type(turn.user.is_new, bool)
        assert_type(turn.session, Session)
        assert_type(turn.session.data, dict[str, Any])
        assert_type(turn.session.created_at, datetime | None)
        assert_type(turn.history, History)
        assert_type(turn.history.prev, dict[str, Any] | None)
        assert_type(turn.is_duplicate, bool)
        assert_type(turn.created_at, datetime)
        turn.user.data.nick = "Ada"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]

    turn = await db.load("user-1")
    assert_type(turn, Turn[Profile])
    await db.save(turn)
    assert_type(await db.handle("user-1", handler), Any)
    assert_type(turn.is_resumed, bool)
    await db.handle("user-1", handler, turn_id="t-1", lost_reply=lambda turn: turn.user.data.name)
    await db.handle("user-1", handler, turn_id="t-1", lost_reply=handler)
    await db.handle("user-1", handler, lost_reply=another)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await db.handle("user-1", another)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    db.turn(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def intent(turn: Turn[Any]) -> str:
    """A custom element of the history."""
    return turn.user.id


def configures() -> DynamoDbConfig:
    """Shorthands and whole settings are typed alike."""
    DynamoDbConfig("table", on_conflict=lambda path, loaded, ours, theirs: theirs)
    history = StoredHistory(size=5, max_bytes=10_000, custom={"intent": intent})
    return DynamoDbConfig(
        TableConfig("table", ttl=TimeToLive(timedelta(days=30))),
        stored_elements=StoredElements(session=StoredSession(timedelta(minutes=5)), history=history),
        on_conflict="overwrite",
    )


class OwnSerializer:
    """Whatever has both methods is a serializer."""

    def serialize(self, element: Any) -> AttributeValue:
        """One text."""
        return {"S": str(element)}

    def deserialize(self, value: AttributeValue) -> Any:
        """Of it."""
        return value["S"]


serializers: list[Serializer] = [DynamoDbSerializer(), JsonSerializer(), OwnSerializer()]


def turn_by_hand(now: datetime, data: Profile) -> None:
    """A test of a handler needs no adapter."""
    user, history = User(id="user-1", data=data, is_new=False), History([{"output": "Hello."}])
    turn = Turn(user=user, session=Session("session-1"), history=history, created_at=now, updated_at=now)
    assert_type(turn, Turn[Profile])
    assert_type(turn.user.data, Profile)
