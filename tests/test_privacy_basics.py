import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from dynadb_async import (
    AsyncDynamoDb,
    DynamoDbConfig,
    History,
    MalformedItemError,
    SerializationError,
    Session,
    StoredElements,
    TableConfig,
    Turn,
    User,
    VersionConflictError,
    errors,
)
from dynadb_async.running.queue import Queue
from tests.engines import Engine
from tests.sessions import config_on

# Every text of a person or a key in these tests holds this word, and nothing that we show may.
MARK = "MaRk"
USER_ID = f"user {MARK} 1"
TURN_ID = f"turn {MARK} 1"
SPOKEN = f"words {MARK}"
KEYS = {name: f"key{MARK}{name}" for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def shown(value: Any) -> str:
    """All that a person who looks at *value* can see at once."""
    return f"{value} {value!r} {value!s:.2000} {[value]}"


def configuration(engine: Engine, table_name: str, **changed: Any) -> DynamoDbConfig:
    """Secret keys, and everything stored."""
    tags = {"Tags": [{"Key": "owner", "Value": SPOKEN}]}
    table = TableConfig(table_name, create_options=tags)
    client = config_on(engine, table_name, **KEYS).client
    stored = StoredElements(session=True, history=True)
    return DynamoDbConfig(table, client=client, stored_elements=stored, **changed)


@pytest.fixture
def config(moto: Engine, table_name: str) -> DynamoDbConfig:
    """A configuration with secrets."""
    return configuration(moto, table_name)


def fill(turn: Turn[dict[str, Any]]) -> None:
    """What a person says is all over a turn."""
    turn.user.data[f"pet {MARK}"] = SPOKEN
    turn.session.data["last"] = SPOKEN
    turn.session.state = [SPOKEN]
    turn.request = turn.input = turn.nlu = turn.output = turn.response = {"said": SPOKEN}


async def test_what_an_adapter_and_its_parts_show(config: DynamoDbConfig) -> None:
    """No user id, data or key, neither of a loaded turn nor of anything that holds one."""
    async with AsyncDynamoDb(config) as db:
        async with db.turn(USER_ID, session=Session(SPOKEN), turn_id=TURN_ID) as turn:
            fill(turn)
            await db.save(turn)
            live = db._running()
            parts = [turn, turn.user, turn.session, turn.history, turn.loaded]
            parts += [db, db.config, db.config.client, db.config.table, live, live.connection, live.queue, live.store]
        again = await db.load(USER_ID, session=Session(SPOKEN), turn_id=TURN_ID)

    for part in [*parts, again, again.loaded, vars(db)]:
        assert MARK not in shown(part), type(part).__name__


def test_what_a_turn_made_by_hand_shows() -> None:
    """The same for what an app's own tests make."""
    user = User(id=USER_ID, data={"said": SPOKEN}, is_new=True)
    session = Session(SPOKEN, data={"said": SPOKEN}, state=SPOKEN)
    history = History([{"output": SPOKEN}])
    turn = Turn(user=user, session=session, history=history, created_at=NOW, updated_at=NOW, turn_id=TURN_ID)

    for part in (user, session, history, turn):
        assert MARK not in shown(part)


async def test_what_a_queue_shows() -> None:
    """Not who is in it."""
    queue = Queue(1.0)
    async with queue.place(USER_ID):
        waiting = asyncio.create_task(queue.wait(USER_ID, 1.0))
        await asyncio.sleep(0)

        assert MARK not in shown(queue)
        waiting.cancel()
        await asyncio.wait([waiting])


def test_what_a_changed_configuration_shows(config: DynamoDbConfig) -> None:
    """`attrs.evolve` and an error about a secret of the wrong type keep it to themselves as well."""
    assert MARK not in shown(attrs.evolve(config, recent_turns=3))

    wrong: Any = [SPOKEN]
    with pytest.raises(errors.ConfigError) as caught:
        attrs.evolve(config.client, aws_secret_access_key=wrong)

    assert MARK not in texts(caught.value)


def texts(error: BaseException | None) -> str:
    """All that a log would show of *error*: with what caused it, and what it was raised in, unless that is hidden."""
    found = ""
    while error is not None:
        found += f"{shown(error)} {error.args} {getattr(error, '__notes__', '')} "
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


BAD_VALUES: dict[str, Any] = {
    "unknown type": object(),
    "not a number": float("nan"),
    "too many digits": 10**40 + 1,
    "mixed set": {SPOKEN, 1},
    "empty set": set(),
    "lone surrogate": f"{SPOKEN} \ud800",
    "key that is no text": {1: SPOKEN},
    "too large": SPOKEN * 60_000,
}


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES)
async def test_what_a_refused_save_says(config: DynamoDbConfig, value: Any) -> None:
    """Where, but neither the value nor a name that could be somebody's words."""
    async with AsyncDynamoDb(config) as db:
        turn = await db.load(USER_ID, session=Session(SPOKEN), turn_id=TURN_ID)
        fill(turn)
        turn.user.data[f"the name of my {MARK}"] = {"plain": [value]}

        with pytest.raises(SerializationError) as caught:
            await db.save(turn)

    assert MARK not in texts(caught.value)
    assert "user" in str(caught.value)


@pytest.mark.parametrize("value", [SPOKEN, {f"pet {MARK}": SPOKEN}], ids=["text", "dict"])
async def test_what_a_refused_user_id_or_turn_id_says(config: DynamoDbConfig, value: Any) -> None:
    """Its length or its type, not itself."""
    async with AsyncDynamoDb(config) as db:
        bad = value * 300 if isinstance(value, str) else value
        for refused in (db.load(bad), db.load("user-1", turn_id=bad)):
            with pytest.raises(ValueError, match="expected") as caught:
                await refused

            assert MARK not in texts(caught.value)


async def test_what_a_conflict_says(config: DynamoDbConfig) -> None:
    """The places, where their names are plain; `paths` has them all, for a program."""
    async with AsyncDynamoDb(config) as db:
        one, other = [await db.load(USER_ID, session=Session(SPOKEN)) for _ in range(2)]
        for turn in (one, other):
            turn.user.data |= {"plain": f"{SPOKEN} {id(turn)}", f"pet {MARK}": f"{SPOKEN} {id(turn)}"}
        await db.save(one)

        with pytest.raises(VersionConflictError) as caught:
            await db.save(other)

    assert MARK not in texts(caught.value)
    assert "user.data.plain" in str(caught.value)
    assert f"user.data.pet {MARK}" in caught.value.paths


async def test_what_a_malformed_item_says(moto: Engine, config: DynamoDbConfig) -> None:
    """Which element, and not what it holds."""
    async with AsyncDynamoDb(config) as db, moto.client() as client:
        item = {"userId": {"S": USER_ID}, "user": {"S": SPOKEN}}
        await client.put_item(TableName=config.table.name, Item=item)

        with pytest.raises(MalformedItemError) as caught:
            await db.load(USER_ID)

    assert MARK not in texts(caught.value)
    assert "the stored user " in str(caught.value)


async def test_what_a_model_that_refuses_says(moto: Engine, config: DynamoDbConfig) -> None:
    """A model's own error shows what it was given: only its name is passed on."""

    def refuse(data: dict[str, Any]) -> dict[str, Any]:
        if data:
            raise ValueError(data)
        return data

    db = AsyncDynamoDb(config, user_data=refuse)
    async with AsyncDynamoDb(config) as plain, plain.turn(USER_ID) as turn:
        turn.user.data["said"] = SPOKEN
    async with db:
        with pytest.raises(MalformedItemError, match="user_data raised ValueError") as caught:
            await db.load(USER_ID)

    assert MARK not in texts(caught.value)


async def test_what_a_refusal_of_the_server_says(moto: Engine, table_name: str) -> None:
    """Its code; its text may quote the request."""
    config = configuration(moto, table_name)
    config = attrs.evolve(config, table=TableConfig(f"{table_name}-missing", create_table_on_init=False))
    async with AsyncDynamoDb(config) as db:
        for refused in (db.load(USER_ID), db.delete(USER_ID), db.export(USER_ID)):
            with pytest.raises(errors.TableNotFoundError) as caught:
                await refused

            assert MARK not in texts(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in vars(errors).values() if isinstance(kind, type)])
def test_every_error_is_in_one_tree(kind: type[BaseException]) -> None:
    """What this package raises on purpose is a DynaDbError, so that no other text gets out by that way."""
    assert issubclass(kind, errors.DynaDbError) or not issubclass(kind, Exception)


async def test_what_debug_logging_says(config: DynamoDbConfig, moto: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Over turns, conflicts, refusals, duplicates and a lost connection: operations and codes, and no data or key."""
    caplog.set_level(logging.DEBUG, logger="dynadb_async")
    async with AsyncDynamoDb(config) as db:
        for _ in range(2):
            async with db.turn(USER_ID, session=Session(SPOKEN), turn_id=TURN_ID) as turn:
                if not turn.is_duplicate:
                    fill(turn)
        await _conflict(db)
        await _refusal(db)
        await db.export(USER_ID)
        await db.delete(USER_ID)
    lost = attrs.evolve(config, client=attrs.evolve(config.client, endpoint_url="http://127.0.0.1:9", max_attempts=2))
    lost = attrs.evolve(lost, table=attrs.evolve(config.table, create_table_on_init=False))
    async with AsyncDynamoDb(lost) as db:
        with pytest.raises(errors.RequestError) as caught:
            await db.load(USER_ID)

    assert MARK not in texts(caught.value)
    records = [record for record in caplog.records if record.name.startswith("dynadb_async")]
    messages = [record.getMessage() for record in records]
    assert any("creating table" in message for message in messages)
    assert any("GetItem: attempt 1 failed: ConnectionFailed" in message for message in messages)
    for record in records:
        assert MARK not in f"{record.getMessage()} {record.__dict__}"


async def _conflict(db: AsyncDynamoDb[dict[str, Any]]) -> None:
    one, other = [await db.load(USER_ID, session=Session(SPOKEN)) for _ in range(2)]
    for turn in (one, other):
        turn.user.data[f"pet {MARK}"] = f"{SPOKEN} {id(turn)}"
    await db.save(one)
    with pytest.raises(VersionConflictError):
        await db.save(other)


async def _refusal(db: AsyncDynamoDb[dict[str, Any]]) -> None:
    with pytest.raises(SerializationError):
        async with db.turn(USER_ID, session=Session(SPOKEN)) as turn:
            turn.user.data[f"pet {MARK}"] = float("nan")


def test_a_time_of_expiry_is_no_secret() -> None:
    """What is not a person's may be shown, or nobody could find a mistake in a configuration."""
    config = DynamoDbConfig("users", stored_elements=StoredElements(session=True))

    assert "users" in repr(config)
    assert repr(timedelta(minutes=15)) in repr(config)
