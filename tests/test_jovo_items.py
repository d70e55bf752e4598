"""
Items that Jovo wrote, and the turns that made them: they load here, and the same turns store the same here.

`data/jovo` holds what Jovo v4 stored in DynamoDB Local, turn by turn, with what its handlers saw and set.
"""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import NOTHING, evolve

from dynadb_async import AsyncDynamoDb, DynamoDbConfig, DynamoDbSerializer, Session, Turn
from tests.engines import Engine
from tests.tables import AWS_SESSION, PATIENCE, Clock, Table, new_table

FOLDER = Path(__file__).parent / "data" / "jovo"
SCENARIOS: dict[str, Any] = {
    scenario["id"]: scenario for scenario in json.loads((FOLDER / "manifest.json").read_text("utf-8"))["scenarios"]
}

# Where we depart from Jovo on purpose, or can't follow it; everything else must be equal.
ANOTHER_ID = "a request that names another session id starts that session, where Jovo goes on with the stored one"
OTHER_LOADS = {
    **dict.fromkeys(
        (
            "b01_session_true",
            "b04_session_with_state",
            "b08_session_expired_seed_isnew_false",
            "b10_session_live_no_session_in_request",
            "b11_session_no_updatedat",
            "b33_all_on",
            "g01_alexa_two_turns_full_history",
        ),
        ANOTHER_ID,
    )
}
OTHER_SAVES = {
    "b09_session_expired_seed_no_session_in_request": ("createdAt", "Jovo reads its clock once more for the user"),
    "a06_user_data_null": ("user", "None in place of the dict is an error, not the loss of all data"),
    "b11_session_no_updatedat": ("session", "a stored session without updatedAt counts as expired"),
    "c28_binary": ("user", "Jovo's SDK loses the bytes of an ArrayBuffer"),
}


def untagged(value: Any) -> Any:
    """The Python value of what the manifest tags, since JSON has no form for it."""
    match value:
        case {"$undefined": True}:
            return NOTHING
        case {"$bigint": text}:
            return int(text)
        case {"$number": "-0"}:
            return -0.0
        case {"$bytes": text}:
            return base64.b64decode(text)
        case {"$date": text}:
            return datetime.fromisoformat(text)
        case {"$set": members}:
            return set(map(untagged, members))
        case {"$class": _, "props": members}:
            return untagged(members)
        case dict():
            return {name: untagged(member) for name, member in value.items()}
        case list():
            return [untagged(member) for member in value]
        case _:
            return value


def without_undefined(value: Any) -> Any:
    """As a JavaScript reader sees it."""
    return {name: member for name, member in untagged(value).items() if member is not NOTHING}


def wire(value: Any, bytes_of: Callable[[Any], bytes]) -> Any:
    """An attribute value in one form: binaries as bytes, numbers by value, sets in order."""
    ((tag, content),) = value.items()
    match tag:
        case "M":
            return {"M": {name: wire(member, bytes_of) for name, member in content.items()}}
        case "L":
            return {"L": [wire(member, bytes_of) for member in content]}
        case "N":
            return {"N": Decimal(content)}
        case "NS":
            return {"NS": sorted(map(Decimal, content))}
        case "B":
            return {"B": bytes_of(content)}
        case "BS":
            return {"BS": sorted(map(bytes_of, content))}
        case "SS":
            return {"SS": sorted(content)}
        case _:
            return value


def jovo_item(raw: dict[str, Any]) -> dict[str, Any]:
    """An item of the data, whose binaries are base64 text."""
    return {name: wire(value, base64.b64decode) for name, value in raw.items()}


def item_in(file: str) -> dict[str, Any]:
    """An item as one of the data's files has it."""
    item: dict[str, Any] = json.loads((FOLDER / file).read_text("utf-8"))
    return item


def for_boto(value: Any) -> Any:
    """An attribute value as the SDK takes it."""
    ((tag, content),) = value.items()
    match tag:
        case "M":
            return {"M": {name: for_boto(member) for name, member in content.items()}}
        case "L":
            return {"L": [for_boto(member) for member in content]}
        case "B":
            return {"B": base64.b64decode(content)}
        case "BS":
            return {"BS": [base64.b64decode(member) for member in content]}
        case _:
            return value


@pytest.fixture(scope="module", params=SCENARIOS)
def scenario(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each scenario in turn."""
    scenario: dict[str, Any] = SCENARIOS[request.param]
    return scenario


@pytest.fixture(scope="module")
def tables(moto: Engine) -> Iterator[dict[str, Table]]:
    """One table for each key attribute."""
    with new_table(moto) as ordinary, new_table(moto, key="jovoUserId") as custom:
        yield {"userId": ordinary, "jovoUserId": custom}


@pytest.fixture
def table(tables: dict[str, Table], scenario: dict[str, Any]) -> Table:
    """The table of the scenario, without what other tests left of its user."""
    table = tables[scenario["table"]["primaryKeyColumn"]]
    table.raw.delete_item(TableName=table.name, Key=key_of(scenario))
    return table


@pytest.fixture
def clock() -> Clock:
    """Jovo's clock."""
    return Clock()


@pytest.fixture
def db(table: Table, scenario: dict[str, Any], clock: Clock) -> AsyncDynamoDb[Any]:
    """An adapter that is configured by the scenario's own, Jovo's, configuration."""
    config = DynamoDbConfig.from_dict(jovo_configuration(table, scenario))
    patient = evolve(config, client=evolve(config.client, **PATIENCE))
    return AsyncDynamoDb(patient, aws_session=AWS_SESSION, clock=clock)


def jovo_configuration(table: Table, scenario: dict[str, Any]) -> dict[str, Any]:
    """As it stands in a Jovo project, functions included."""
    reached = table.engine.client_settings
    credentials = {"accessKeyId": reached["aws_access_key_id"], "secretAccessKey": reached["aws_secret_access_key"]}
    client = {"region": reached["region_name"], "endpoint": reached["endpoint_url"], "credentials": credentials}
    configured = scenario["config"]
    config: dict[str, Any] = {"table": {"name": table.name, **scenario["table"]}}
    config["libraryConfig"] = {"dynamoDbClient": client}
    if configured["marshall"] is not None:
        config["libraryConfig"]["marshall"] = configured["marshall"]
    if configured["storedElements"] is not None:
        config["storedElements"] = with_functions(configured["storedElements"])
    return config


def with_functions(settings: Any) -> Any:
    """What the manifest names as a function, as a function."""
    match settings:
        case {"$function": name}:
            return HISTORY_FUNCTIONS[name]
        case dict():
            return {name: with_functions(member) for name, member in settings.items()}
        case _:
            return settings


async def async_user(turn: Turn[Any]) -> str:
    """Of the user."""
    return f"custom for {turn.user.id}"


async def returns_null(_: Turn[Any]) -> None:
    """Null is stored."""


HISTORY_FUNCTIONS: dict[str, Callable[[Turn[Any]], Any]] = {
    "syncIntent": lambda turn: turn.input.get("intent", turn.input["type"]),
    "asyncUser": async_user,
    "customObject": lambda turn: {"n": turn.user.data["n"], "list": [1, "two", None]},
    "returnsUndefined": lambda _: NOTHING,
    "returnsPromiseNull": returns_null,
}


def key_of(scenario: dict[str, Any]) -> dict[str, Any]:
    """The key of the scenario's user."""
    return {scenario["table"]["primaryKeyColumn"]: {"S": scenario["userId"]}}


def stored(table: Table, scenario: dict[str, Any]) -> dict[str, Any]:
    """The scenario's item, but for our own attribute."""
    item = table.raw.get_item(TableName=table.name, Key=key_of(scenario), ConsistentRead=True)["Item"]
    assert item.pop("recentTurns")["L"]
    return {name: wire(value, bytes) for name, value in item.items()}


def put(table: Table, item: dict[str, Any]) -> None:
    """Store an item of the data."""
    table.raw.put_item(TableName=table.name, Item={name: for_boto(value) for name, value in item.items()})


def session_of(requested: dict[str, Any] | None) -> Session | None:
    """The request's session: Jovo's own kind, or Alexa's."""
    if requested is None:
        return None
    session_id = requested.get("id") or requested["sessionId"]
    is_new = requested.get("isNew", requested.get("new"))
    return Session(session_id, is_new=is_new, data=requested.get("data", {}))


def turn_as_jovo_sees_it(turn: Turn[Any]) -> dict[str, Any]:
    """In the manifest's words, without what is undefined there."""
    user, session = turn.user, turn.session
    seen = {"id": session.id, "data": session.data, "state": session.state, "isNew": session.is_new}
    times = {"createdAt": session.created_at, "updatedAt": session.updated_at}
    return {
        "user": {
            "id": user.id,
            "isNew": user.is_new,
            "data": user.data,
            "createdAt": turn.created_at,
            "updatedAt": turn.updated_at,
        },
        "session": {name: value for name, value in (seen | times).items() if value is not None},
        "history": {"items": turn.history.items},
    }


def jovos_load(loaded: dict[str, Any], now: datetime) -> dict[str, Any]:
    """What Jovo loaded. It reads its clock some milliseconds later than we, and more than once."""

    def seen(value: Any) -> Any:
        match value:
            case datetime():
                return min(value, now)
            case dict():
                return {name: seen(member) for name, member in value.items()}
            case _:
                return value

    return {name: seen(without_undefined(element)) for name, element in loaded.items()}


def leave(turn: Turn[Any], put_item: dict[str, Any]) -> None:
    """What the platform and the handler left for the history, as Jovo stored it."""
    if "history" not in put_item:
        return
    newest = DynamoDbSerializer().deserialize(for_boto(put_item["history"]))["items"][0]
    for name in ("request", "input", "entities", "output", "response"):
        setattr(turn, name, newest.get(name))


async def test_it_loads_as_in_jovo(
    db: AsyncDynamoDb[Any], table: Table, scenario: dict[str, Any], clock: Clock
) -> None:
    """User, session and history are what Jovo's own load of the item shows, but for the departures."""
    put(table, item_in(scenario["itemFile"]))
    clock.now = datetime.fromisoformat(scenario["expectedLoadAt"])
    expected = jovos_load(scenario["expectedLoad"], clock.now)
    requested = session_of(scenario["expectedLoadRequestSession"])
    assert requested

    async with db:
        turn = await db.load(scenario["userId"], session=requested)
        if scenario["id"] in OTHER_LOADS:
            fresh = {"id": requested.id, "isNew": True, "data": {}, "createdAt": clock.now, "updatedAt": clock.now}
            assert turn_as_jovo_sees_it(turn) == expected | {"session": fresh}
            turn = await db.load(scenario["userId"], session=Session(expected["session"]["id"]))

    assert turn_as_jovo_sees_it(turn) == expected


async def test_the_same_turns_store_the_same(
    db: AsyncDynamoDb[Any], table: Table, scenario: dict[str, Any], clock: Clock
) -> None:
    """Turn by turn, the item is what Jovo sent, attribute for attribute."""
    if "seedItem" in scenario:
        put(table, scenario["seedItem"])
    excluded, _ = OTHER_SAVES.get(scenario["id"], ("", ""))

    async with db:
        for step in scenario["steps"]:
            sent, at_save = step["putItemAsSent"], untagged(step["atSave"])
            clock.now = untagged(step["loadedByJovo"]["session"]["updatedAt"])
            async with db.turn(scenario["userId"], session=session_of(step["requestSession"])) as turn:
                # Where Jovo stores null, which reads as {}, here {} is set: None in place of the dict is an error.
                turn.user.data = {} if at_save["userData"] is None else at_save["userData"]
                turn.session.data = at_save["sessionData"]
                turn.session.state = None if at_save["sessionState"] is NOTHING else at_save["sessionState"]
                leave(turn, sent)
                clock.now = datetime.fromisoformat(sent.get("updatedAt", {}).get("S", clock.now.isoformat()))

            ours, theirs = stored(table, scenario), jovo_item(sent)
            assert ours.keys() == theirs.keys()
            for name in ours.keys() - {excluded}:
                assert ours[name] == theirs[name], name


async def test_a_turn_that_changes_nothing_stores_what_jovo_would(
    db: AsyncDynamoDb[Any], table: Table, scenario: dict[str, Any], clock: Clock
) -> None:
    """Loaded and saved, an item of Jovo's is what Jovo itself makes of it."""
    resaved = item_in(scenario["resaveFile"])
    put(table, item_in(scenario["itemFile"]))
    clock.now = datetime.fromisoformat(resaved.get("updatedAt", {}).get("S", scenario["expectedLoadAt"]))
    session = session_of(scenario["expectedLoadRequestSession"])
    if "session" in resaved:
        # Jovo goes on with the stored session whatever the request's id is; with its own id, so do we.
        members = resaved["session"]["M"]
        session = Session(members["id"]["S"], is_new=False)
        clock.now = datetime.fromisoformat(members["updatedAt"]["S"])

    async with db, db.turn(scenario["userId"], session=session) as turn:
        leave(turn, resaved)
        clock.now = datetime.fromisoformat(resaved.get("updatedAt", {}).get("S", scenario["expectedLoadAt"]))

    assert stored(table, scenario) == jovo_item(resaved)


def test_every_departure_is_still_one() -> None:
    """A list of exceptions names scenarios that exist, each with its reason."""
    assert (OTHER_LOADS.keys() | OTHER_SAVES.keys()) <= SCENARIOS.keys()
