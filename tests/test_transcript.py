"""What both examples of voice agents share: what is said in a call is stored in its order, while the call goes on."""

import asyncio
from typing import Any

import pytest

from dynadb_async import AsyncDynamoDb, ClientConfig, Conversations, DynamoDbConfig, VersionConflictError
from examples import transcript
from examples.transcript import Transcript
from tests.engines import Engine
from tests.proxy import Fault, FaultProxy, always, no_fault, script

Db = AsyncDynamoDb[dict[str, Any]]


def adapter(table_name: str, **client: Any) -> Db:
    """Some adapter of an app that has voice agents."""
    settings = {"read_timeout": 5, "operation_timeout": 10, **client}
    return AsyncDynamoDb(
        DynamoDbConfig(table_name, client=ClientConfig(**settings), conversations=Conversations(f"{table_name}-log"))
    )


async def test_all_is_stored_when_its_block_ends(table_name: str) -> None:
    """In the order in which it was said, and each id once."""
    async with adapter(table_name, endpoint_url="memory:") as db:
        talk = db.conversation("user-1", "calls")
        async with Transcript(talk) as said:
            for number in range(6):
                said.add(f"id-{number}", {"number": number})
            said.add("id-5", {"number": 5})
            said.add("id-6", {"call": 1}, {"result": 2})

        expected = [*({"number": number} for number in range(6)), {"call": 1}, {"result": 2}]
        assert expected == (await talk.messages()).messages


async def test_what_was_said_is_stored_though_the_call_was_cut_off(table_name: str) -> None:
    """The error is the block's own, and comes after."""
    async with adapter(table_name, endpoint_url="memory:") as db:
        talk = db.conversation("user-1", "calls")

        async def call() -> None:
            async with Transcript(talk) as said:
                said.add("id-1", {"number": 1})
                raise RuntimeError("cut off")

        with pytest.raises(RuntimeError, match="cut off"):
            await call()

        assert [{"number": 1}] == (await talk.messages()).messages


async def test_an_item_that_can_never_be_stored_spoils_no_other(
    table_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A tool's odd answer, half a letter, too much of anything: it is left out, and told without its words."""
    async with adapter(table_name, endpoint_url="memory:") as db:
        talk = db.conversation("user-1", "calls")
        async with Transcript(talk) as said:
            for number, odd in enumerate([float("nan"), {"secret"}, "secret\ud800", "secret" * 800_000]):
                said.add(f"odd-{number}", {"odd": odd})
                said.add(f"id-{number}", {"number": number})

        assert [{"number": number} for number in range(4)] == (await talk.messages()).messages
        assert 4 == caplog.text.count("never stored")
        assert "secret" not in caplog.text


async def test_it_waits_for_a_server_that_fails(moto: Engine, table_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said in the meantime is stored once, in its order; the call is not held up."""
    monkeypatch.setattr(transcript, "PAUSES", (0.01,))
    async with FaultProxy(moto) as proxy, adapter(table_name, **proxy.client_settings, max_attempts=1) as db:
        talk = db.conversation("user-1", "calls")
        await talk.append([{"number": 0}])
        proxy.plan = script(*[Fault.ERROR_503] * 4, Fault.LOSE, operations=["TransactWriteItems"])
        async with Transcript(talk) as said:
            for number in range(1, 4):
                said.add(f"id-{number}", {"number": number})

        assert [{"number": number} for number in range(4)] == (await talk.messages()).messages
        assert (4, 1) == (proxy.injected[Fault.ERROR_503], proxy.injected[Fault.LOSE])


async def test_it_does_not_wait_for_ever(moto: Engine, table_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is over waits its time, and is told that something was not stored."""
    monkeypatch.setattr(transcript, "GRACE", 0.2)
    async with FaultProxy(moto) as proxy, adapter(table_name, **proxy.client_settings) as db:
        talk = db.conversation("user-1", "calls")
        await talk.append([{"number": 0}])
        proxy.plan = always(Fault.ERROR_503)
        with pytest.raises(TimeoutError):
            async with Transcript(talk) as said:
                said.add("id-1", {"number": 1})
        proxy.plan = no_fault


async def test_nothing_is_kept_of_who_is_forgotten_in_a_call(table_name: str) -> None:
    """What is said after that is refused, and not the beginning of a new conversation."""
    store = f"memory:{table_name}"
    async with adapter(table_name, endpoint_url=store) as db, adapter(table_name, endpoint_url=store) as other:
        talk = db.conversation("user-1", "calls")

        async def call() -> None:
            async with Transcript(talk) as said:
                said.add("id-1", {"number": 1})
                while not (await talk.messages()).messages:
                    await asyncio.sleep(0.01)
                await other.delete("user-1")
                said.add("id-2", {"number": 2})

        with pytest.raises(VersionConflictError):
            await asyncio.wait_for(call(), 60)
        assert (await talk.messages()).messages == []
