"""The session: what of the stored one goes on in the next request, and what is stored of it."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dynadb_async import (
    AsyncDynamoDb,
    DynamoDbSerializer,
    Session,
    StoredElements,
    StoredSession,
    UsageError,
    VersionConflictError,
)
from tests.tables import Clock, Table

EXPIRES_AFTER = timedelta(minutes=10)
BEGAN, LAST = "2026-03-01T11:00:00.000Z", "2026-03-01T12:00:00.000Z"
STORED = {
    "id": "s-1",
    "data": {"cart": ["tea"]},
    "state": [{"component": "Order"}],
    "createdAt": BEGAN,
    "updatedAt": LAST,
}

# What the next request may bring.
SAME = {"session_id": "s-1", "is_new": False}
SAME_NEW = {"session_id": "s-1", "is_new": True}
OTHER = {"session_id": "s-2", "is_new": True}
OTHER_OLD = {"session_id": "s-2", "is_new": False, "data": {"from": "request"}}
NO_ID = {"session_id": None}
NO_ID_DATA = {"session_id": None, "data": {"from": "request"}, "state": "requested"}

# Either the stored session goes on, or the request's own begins.
STORED_ONE = ("s-1", False, {"cart": ["tea"]}, [{"component": "Order"}])


@pytest.fixture
def clock() -> Clock:
    """A clock that the test moves; it begins at the stored session's last turn."""
    return Clock(datetime.fromisoformat(LAST))


@pytest.fixture
async def db(table: Table, clock: Clock) -> AsyncIterator[AsyncDynamoDb[Any]]:
    """An adapter that stores sessions for ten minutes."""
    stored = StoredElements(session=StoredSession(EXPIRES_AFTER))
    async with table.adapter(clock=clock, stored_elements=stored) as db:
        yield db


def requested(session_id: str | None, **members: Any) -> Session:
    """A request's session."""
    return Session(session_id, **members)


def put(table: Table, user_id: str, **session: Any) -> None:
    """Store a user with that session; a member that is None is left out."""
    element = {name: value for name, value in session.items() if value is not None}
    table.put(user_id, session=DynamoDbSerializer().serialize(element))


def seen(session: Session) -> tuple[Any, ...]:
    """What a handler reads."""
    return session.id, session.is_new, session.data, session.state


def element(table: Table, user_id: str) -> dict[str, Any]:
    """The session as it is stored."""
    stored: dict[str, Any] = DynamoDbSerializer().deserialize((table.item(user_id) or {})["session"])
    return stored


@pytest.mark.parametrize("request_session", [SAME, SAME_NEW, NO_ID, NO_ID_DATA, None])
@pytest.mark.parametrize("age", [timedelta(0), EXPIRES_AFTER, -timedelta(days=1)], ids=["now", "just live", "future"])
async def test_a_live_session_goes_on(
    db: AsyncDynamoDb[Any], table: Table, clock: Clock, user_id: str, request_session: Any, age: timedelta
) -> None:
    """Up to `expires_after`, inclusive, also from the future; it replaces the request's data and state."""
    put(table, user_id, **STORED)
    clock.now += age
    session = None if request_session is None else requested(**request_session)

    turn = await db.load(user_id, session=session)

    assert seen(turn.session) == STORED_ONE
    assert turn.session.created_at == datetime.fromisoformat(BEGAN)
    assert turn.session.updated_at == clock.now


@pytest.mark.parametrize(
    ("stored", "age"),
    [
        (STORED, EXPIRES_AFTER + timedelta(microseconds=1)),
        (STORED | {"updatedAt": None}, timedelta(0)),
        (STORED | {"updatedAt": "not a time"}, timedelta(0)),
        (STORED | {"updatedAt": True}, timedelta(0)),
        (STORED | {"updatedAt": datetime(2026, 3, 1, 11, 49, tzinfo=UTC).timestamp() * 1000}, timedelta(0)),
    ],
    ids=["too old", "no time", "unreadable time", "bool", "epoch milliseconds"],
)
@pytest.mark.parametrize("request_session", [SAME, SAME_NEW, OTHER, OTHER_OLD, NO_ID, NO_ID_DATA, None])
async def test_an_expired_session_is_a_new_one(
    db: AsyncDynamoDb[Any],
    table: Table,
    clock: Clock,
    user_id: str,
    stored: Any,
    age: timedelta,
    request_session: Any,
) -> None:
    """Data and state are empty unless the request brought its own."""
    put(table, user_id, **stored)
    clock.now += age
    members = {"session_id": None} if request_session is None else request_session

    turn = await db.load(user_id, session=None if request_session is None else requested(**request_session))

    is_new = members["session_id"] != "s-2" or members["is_new"]
    assert seen(turn.session)[2:] == (members.get("data", {}), members.get("state"))
    assert turn.session.id == members["session_id"]
    assert turn.session.is_new is is_new
    assert turn.session.created_at == clock.now


@pytest.mark.parametrize("request_session", [OTHER, OTHER_OLD])
async def test_another_id_is_another_session(
    db: AsyncDynamoDb[Any], table: Table, clock: Clock, user_id: str, request_session: Any
) -> None:
    """However live the stored one is, the request's own session is what the handler gets."""
    put(table, user_id, **STORED)
    clock.move(seconds=1)

    async with db.turn(user_id, session=requested(**request_session)) as turn:
        assert seen(turn.session) == ("s-2", request_session["is_new"], request_session.get("data", {}), None)

    now = "2026-03-01T12:00:01.000Z"
    fresh = {"id": "s-2", "data": request_session.get("data", {}), "createdAt": now, "updatedAt": now}
    assert element(table, user_id) == fresh


@pytest.mark.parametrize(
    ("stored", "data", "state"),
    [
        ({"data": None, "state": None}, {"from": "request"}, "requested"),
        ({"data": {}, "state": []}, {}, []),
        ({"data": {"a": 1}, "state": ""}, {"a": 1}, "requested"),
        ({"data": {"a": 1}, "state": {}}, {"a": 1}, {}),
        ({"data": {"a": 1}, "state": "Order"}, {"a": 1}, "Order"),
    ],
    ids=["nothing", "empty", "empty text", "empty state", "both"],
)
async def test_each_stored_member_replaces_the_requests(
    db: AsyncDynamoDb[Any], table: Table, user_id: str, stored: dict[str, Any], data: Any, state: Any
) -> None:
    """Where a member is not stored, the request's own stays; an empty dict or list is stored."""
    put(table, user_id, **(STORED | stored))

    turn = await db.load(user_id, session=requested("s-1", data={"from": "request"}, state="requested"))

    assert seen(turn.session) == ("s-1", False, data, state)


async def test_a_session_without_an_id_takes_the_requests(db: AsyncDynamoDb[Any], table: Table, user_id: str) -> None:
    """It was stored by a platform without session ids, or begun without one."""
    put(table, user_id, **(STORED | {"id": None}))

    turn = await db.load(user_id, session=requested("s-9"))

    assert seen(turn.session) == ("s-9", False, {"cart": ["tea"]}, [{"component": "Order"}])


async def test_without_a_stored_time_of_begin_it_begins_now(
    db: AsyncDynamoDb[Any], table: Table, clock: Clock, user_id: str
) -> None:
    """A live session is not refused for a missing `createdAt`."""
    put(table, user_id, **(STORED | {"createdAt": None}))
    assert (await db.load(user_id)).session.created_at == clock.now


async def test_expiry_runs_from_the_begin_of_the_last_turn(
    db: AsyncDynamoDb[Any], table: Table, clock: Clock, user_id: str
) -> None:
    """`updatedAt` of the session is when its turn was loaded, not when it was saved."""
    async with db.turn(user_id) as turn:
        turn.session.data["step"] = 1
        clock.move(minutes=5)

    assert element(table, user_id)["updatedAt"] == LAST
    assert (table.item(user_id) or {})["updatedAt"] == {"S": "2026-03-01T12:05:00.000Z"}
    clock.move(minutes=5)
    assert (await db.load(user_id)).session.data == {"step": 1}
    clock.move(microseconds=1)
    assert (await db.load(user_id)).session.data == {}


async def test_a_session_is_stored_as_in_the_reference(db: AsyncDynamoDb[Any], table: Table, user_id: str) -> None:
    """Members that are not set are absent, and `is_new` is not stored."""
    async with db.turn(user_id, session=requested("s-1", is_new=True)) as turn:
        turn.session.data["step"] = 1
    assert element(table, user_id) == {"id": "s-1", "data": {"step": 1}, "createdAt": LAST, "updatedAt": LAST}

    async with db.turn(user_id, session=requested("s-1")) as turn:
        turn.session.state = [{"component": "Order"}]
    assert element(table, user_id)["state"] == [{"component": "Order"}]


async def test_members_of_an_ended_session_do_not_go_on(
    db: AsyncDynamoDb[Any], table: Table, clock: Clock, user_id: str
) -> None:
    """What another program kept in a session belongs to that session."""
    put(table, user_id, **STORED, _REPROMPTS_=["hm?"])
    async with db.turn(user_id):
        pass
    assert element(table, user_id)["_REPROMPTS_"] == ["hm?"]

    clock.move(hours=1)
    async with db.turn(user_id, session=requested("s-1")):
        pass
    assert set(element(table, user_id)) == {"id", "data", "createdAt", "updatedAt"}


@pytest.mark.parametrize("change", ["data", "state"])
async def test_a_session_that_nobody_keeps_is_told(table: Table, user_id: str, change: str) -> None:
    """The request brought none and none is stored: the change would be lost, so nothing is saved."""
    async with table.adapter() as db:
        async with db.turn(user_id) as turn:
            turn.user.data["visits"] = 1
        before = table.item(user_id)
        turn = await db.load(user_id)
        turn.user.data["visits"] = 2
        setattr(turn.session, change, {"step": 1})
        with pytest.raises(UsageError, match=r"stored_elements\.session"):
            await db.save(turn)

    assert table.item(user_id) == before


async def test_a_session_that_the_platform_keeps_is_fine(table: Table, user_id: str) -> None:
    """Alexa carries session attributes in request and reply; nothing of it is stored."""
    request_session = requested("s-1", data={"step": 1}, is_new=False)
    async with table.adapter() as db, db.turn(user_id, session=request_session) as turn:
        turn.session.data["step"] = 2

    assert "session" not in (table.item(user_id) or {})
    assert request_session.data == {"step": 1}  # a re-run of the turn starts from it again


async def test_of_two_sessions_the_later_one_wins_whole(
    db: AsyncDynamoDb[Any], table: Table, clock: Clock, user_id: str
) -> None:
    """Two turns at once in different sessions: no mixture of both is stored, whoever saves last."""
    for order in (1, -1):
        turns = []
        for name in ("earlier", "later"):
            clock.move(seconds=1)
            turn = await db.load(user_id, session=requested(f"{name} {order}"))
            turn.session.data[name] = turn.session.state = name
            turns.append(turn)
        for turn in turns[::order]:
            await db.save(turn)
        stored = element(table, user_id)
        assert (stored["id"], stored["data"], stored["state"]) == (f"later {order}", {"later": "later"}, "later")


@pytest.mark.parametrize("order", [1, -1])
async def test_a_turn_without_a_session_ends_none(
    db: AsyncDynamoDb[Any], table: Table, user_id: str, order: int
) -> None:
    """Nothing was stored when both began: whoever saves last, the conversation goes on with all that both left."""
    talk, notice = await db.load(user_id, session=requested("s-1")), await db.load(user_id)
    talk.session.data["cart"], talk.session.state = ["tea"], "ordering"
    notice.session.data["noticed"] = True
    for turn in (talk, notice)[::order]:
        await db.save(turn)

    stored = element(table, user_id)
    assert (stored["id"], stored["data"]) == ("s-1", {"cart": ["tea"], "noticed": True})
    assert stored["state"] == "ordering"


async def test_counts_in_a_state_are_not_lost(db: AsyncDynamoDb[Any], table: Table, user_id: str) -> None:
    """Both counted up: that would be one too few. Both went to the same place: that is where they are."""
    for change, is_clean in (({"tries": 2}, False), ({"tries": 1, "at": "pay"}, True)):
        put(table, user_id, **STORED | {"state": [{"data": {"tries": 1}}]})
        ours, theirs = await db.load(user_id), await db.load(user_id)
        for turn in (ours, theirs):
            turn.session.state[0]["data"].update(change)
        await db.save(theirs)
        with nullcontext() if is_clean else pytest.raises(VersionConflictError, match=r"session\.state"):
            await db.save(ours)


async def test_turns_of_one_session_merge(db: AsyncDynamoDb[Any], table: Table, user_id: str) -> None:
    """Different members of the data are both kept; the state is one value."""
    put(table, user_id, **STORED)
    ours, theirs = await db.load(user_id), await db.load(user_id)
    ours.session.data["ours"], theirs.session.data["theirs"] = 1, 2
    theirs.session.state = [{"component": "Order"}, {"component": "Pay"}]
    await db.save(theirs)
    await db.save(ours)

    stored = element(table, user_id)
    assert stored["data"] == {"cart": ["tea"], "theirs": 2, "ours": 1}
    assert stored["state"] == [{"component": "Order"}, {"component": "Pay"}]


async def test_a_state_is_one_value(db: AsyncDynamoDb[Any], table: Table, user_id: str) -> None:
    """Two turns that both moved on are a conflict: half of one state and half of another make no sense."""
    put(table, user_id, **STORED)
    ours, theirs = await db.load(user_id), await db.load(user_id)
    ours.session.state.append({"component": "Ours"})
    theirs.session.state.append({"component": "Theirs"})
    await db.save(theirs)

    with pytest.raises(VersionConflictError) as caught:
        await db.save(ours)
    assert caught.value.paths == ("session.state",)
