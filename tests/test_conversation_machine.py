"""A conversation against a plain list, one random operation after another, by two processes in turn."""

from contextlib import suppress
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    Conversations,
    DynamoDbConfig,
    RequestError,
    TableConfig,
    VersionConflictError,
)
from dynadb_async.conversations import Conversation
from tests.engines import Engine
from tests.proxy import Fault, sometimes
from tests.seam import FaultySeam
from tests.sizes import of_size

USER = "user-1"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
MESSAGES = st.lists(JSON, max_size=3)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), MESSAGES),
        st.tuples(st.just("twice"), MESSAGES),
        st.tuples(st.just("compact"), st.tuples(st.integers(0, 5), MESSAGES)),
        st.tuples(st.just("stale"), MESSAGES),
        st.tuples(st.just("pop"), st.none()),
        st.tuples(st.just("clear"), st.none()),
        st.tuples(st.just("delete"), st.none()),
        st.tuples(st.just("turn"), MESSAGES),
    ),
    max_size=12,
)


async def apply(db: AsyncDynamoDb[dict[str, Any]], model: list[Any], what: str, value: Any) -> None:
    """One operation on the conversation and on the *model*."""
    talk = db.conversation(USER, "talk")
    match what:
        case "append":
            await talk.append(value)
            model += value
        case "twice":
            append_id = uuid4().hex
            await talk.append(value, append_id=append_id)
            assert (await talk.append(value, append_id=append_id)).is_duplicate
            model += value
        case "compact":
            await compact(talk, model, *value)
        case "stale":
            revision = (await talk.messages(1)).revision
            await talk.append(value)
            model += value
            try:
                await talk.append(value, expected=revision)
            except VersionConflictError:
                return
            raise AssertionError
        case "pop":
            assert repr(model.pop() if model else None) == repr(await talk.pop())
        case "clear":
            await talk.clear()
            model.clear()
        case "delete":
            await deleted(talk)
            model.clear()
        case "turn":
            async with db.turn(USER) as turn:
                turn.conversation("talk").add(*value)
            model += value


async def deleted(talk: Conversation) -> None:
    """Delete it, as often as that takes."""
    while True:
        with suppress(RequestError):
            await talk.delete()
            return


async def compact(talk: Conversation, model: list[Any], newest: int, messages: list[Any]) -> None:
    """Replace the newest messages, as far back as the append of the oldest of them goes."""
    page = await talk.messages(newest)
    if page.number is None:
        return
    older = (await talk.messages(None, before=page.before)).messages if page.before else []
    whole = await talk.messages()
    await talk.append(messages, replacing=page.number, expected=whole.revision)
    stored = (await talk.messages()).messages
    kept = len(stored) - len(messages)
    # An append is replaced whole: what of it is older than the page goes as well.
    assert 0 <= kept <= len(older)
    assert repr(model[:kept] + messages) == repr(stored)
    model[:] = stored


async def pages_of(talk: Conversation, size: int) -> list[Any]:
    """All messages, by pages."""
    messages: list[Any] = []
    page = await talk.messages(size)
    while True:
        messages = page.messages + messages
        if page.before is None:
            return messages
        page = await talk.messages(size, before=page.before)


@settings(max_examples=of_size(60, large=600), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS, size=st.integers(1, 4))
async def test_a_conversation_is_a_list(memory: Engine, operations: list[tuple[str, Any]], size: int) -> None:
    """
    Whatever is done to it, and by whichever process; read at once or in pages of any size.

    What was replaced is deleted late, or by a later call, or in part.
    """
    table = f"test-{uuid4().hex}"
    config = DynamoDbConfig(
        TableConfig(table),
        client=ClientConfig(**memory.client_settings, max_attempts=1),
        conversations=Conversations(f"{table}-log"),
    )
    model: list[Any] = []
    plan = sometimes(0.4, Fault.DROP, Fault.LOSE, seed=size, operations=["BatchWriteItem"])
    seam = FaultySeam(memory.endpoint_url, plan)
    async with seam, AsyncDynamoDb(config) as one, AsyncDynamoDb(config) as other:
        for place, (what, value) in enumerate(operations):
            db = (one, other)[place % 2]
            try:
                await apply(db, model, what, value)
            except VersionConflictError as conflict:
                # A process that knew it is told that it was deleted, once.
                if not conflict.deleted:
                    raise
                await apply(db, model, what, value)
            talk = other.conversation(USER, "talk")
            assert repr(model) == repr((await talk.messages()).messages)
            assert repr(model) == repr(await pages_of(talk, size))
