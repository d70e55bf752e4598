"""Connections that died, addresses that are dead, answers that are lost or late, and a house that is full."""

import asyncio
import json
import socket
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from attrs import evolve

from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, RequestTimeoutError, TableConfig
from dynadb_async.connection.failures import ALL_BUSY, LATE, UNREACHABLE, AttemptFailedError
from dynadb_async.connection.places import Places
from dynadb_async.connection.retry import TOKENS, Attempts, RetryBudget
from dynadb_async.connection.wire.exchange import Pace, Transport
from dynadb_async.connection.wire.patience import SHORTEST, Patience
from tests.raw_server import Asked, Authority, RawServer, Script, answer, echo, raw_server
from tests.test_transport import Told, connected, outcome, plain, request

PACE = Pace(connect_timeout=5, read_timeout=5, connections=8)
KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
WAYS = pytest.mark.parametrize("is_fast", [True, False], ids=["wire", "sdk"])


def item_server(script: Script = echo) -> Script:
    """Script: loads find their user's item, saves succeed; before that, *script* may do something."""

    async def serve(asked: Asked) -> None:
        if script is not echo:
            await script(asked)
        user = json.loads(asked.body)["Key"]
        found = {"Item": user} if b".GetItem" in asked.head else {}
        await asked.send(answer(json.dumps(found).encode()))

    return serve


def adapter(server: RawServer, *, is_fast: bool, **client: Any) -> AsyncDynamoDb:
    """To a server whose table is there."""
    settings = ClientConfig(**KEYS, endpoint_url=server.url, fast_path=is_fast, **client)
    return AsyncDynamoDb(DynamoDbConfig(TableConfig("users", create_table_on_init=False), client=settings))


async def turn(db: AsyncDynamoDb, user: str) -> bool:
    """Whether a turn succeeds."""
    try:
        async with db.turn(user) as begun:
            begun.user.data["n"] = 1
    except RequestTimeoutError:
        return False
    return True


# Answers that come early, or promise much


@pytest.mark.parametrize("has_tls", [False, True], ids=["http", "https"])
async def test_an_answer_before_the_request_was_sent_ends_the_connection(has_tls: bool, tmp_path: Any) -> None:
    """Else the next request would be written behind the rest of this one, which nobody reads as such."""

    async def serve(asked: Asked) -> None:
        await asked.send(answer(b"too large", line=b"HTTP/1.1 413 Too Large"))
        await asyncio.sleep(60)

    authority = Authority(tmp_path, "ours")
    tls = authority.context("127.0.0.1") if has_tls else None
    async with (
        raw_server(serve, tls=tls, reads_bodies=False) as server,
        connected(server.url, PACE, verify=authority.path if has_tls else False) as transport,
    ):
        for number in (1, 2, 3):
            assert plain(b"too large", 413) == await outcome(transport, b"x" * 8_000_000)
            assert number == server.accepted


async def test_a_promise_of_much_takes_no_memory() -> None:
    """Fifty heads that announce 16 MB, and then nothing: memory grows with what arrives."""
    script = raw_head(16_777_216)
    async with raw_server(script) as server, connected(server.url, evolve(PACE, connections=50)) as transport:
        tracemalloc.start()
        try:
            tasks = [asyncio.create_task(outcome(transport, within=1.5)) for _ in range(50)]
            await asyncio.gather(*tasks)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert {LATE} == {task.result() for task in tasks}
        assert peak < 40_000_000


def raw_head(length: int) -> Script:
    """Script: a head that announces so many bytes, and 20,000 of them."""

    async def script(asked: Asked) -> None:
        await asked.send(answer(b"x" * 20_000, length=b"%d" % length))
        await asked.until_left()

    return script


async def test_a_large_answer_is_whole_whenever_its_pieces_come() -> None:
    """Its buffer grows on the way."""
    whole = answer(bytes(range(256)) * 4000)

    async def script(asked: Asked) -> None:
        for start in range(0, len(whole), 70_001):
            await asked.send(whole[start : start + 70_001])

    async with raw_server(script) as server, connected(server.url, PACE) as transport:
        assert [plain(bytes(range(256)) * 4000)] * 2 == [await outcome(transport) for _ in range(2)]


# Dead connections


def silent_before(server: RawServer) -> None:
    """All connections that are open now are dead from now on; new ones are not."""
    dead = {asked.writer for asked in server.asked}
    serve = server.script

    async def script(asked: Asked) -> None:
        if asked.writer in dead:
            await asked.until_left()
        else:
            await serve(asked)

    server.script = script


async def test_two_silent_connections_are_no_accident() -> None:
    """All that are as old are dropped, and new ones work; one alone, or one that said something, drops none."""
    pace = evolve(PACE, read_timeout=0.3)

    async def fill() -> None:
        assert [plain()] * 8 == await asyncio.gather(*(outcome(transport) for _ in range(8)))

    async with raw_server() as server, connected(server.url, pace) as transport:
        await fill()
        silent_before(server)
        assert [LATE, LATE] == [await outcome(transport) for _ in range(2)]
        assert [plain()] * 3 == [await outcome(transport) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert (9, 1) == (server.accepted, server.open)
        await fill()
        server.script = Asked.until_left
        assert LATE == await outcome(transport)
        server.script = echo
        assert plain() == await outcome(transport)
        assert 7 == server.open


async def test_a_reset_drops_those_that_are_as_old() -> None:
    """As a balancer's that has forgotten them, and tells by a reset."""

    async def script(asked: Asked) -> None:
        if asked.writer in dead:
            asked.reset()
        else:
            await echo(asked)

    async with raw_server(script) as server, connected(server.url, PACE) as transport:
        dead: set[Any] = set()
        await asyncio.gather(*(outcome(transport) for _ in range(8)))
        dead = {asked.writer for asked in server.asked}
        assert plain() != await outcome(transport)
        assert [plain()] * 3 == [await outcome(transport) for _ in range(3)]
        assert 9 == server.accepted


@WAYS
async def test_a_dead_pool_costs_no_turn(is_fast: bool) -> None:
    """Each of its connections is silent; the turns after that succeed, over new ones."""
    async with raw_server(item_server()) as server, adapter(server, is_fast=is_fast) as db:
        await asyncio.gather(*(turn(db, str(number)) for number in range(20)))
        silent_before(server)
        began = asyncio.get_running_loop().time()
        assert [True] * 12 == [await turn(db, str(number)) for number in range(12)]
        assert asyncio.get_running_loop().time() - began < 6


# Dead addresses


@contextmanager
def dead_port() -> Iterator[int]:
    """One that answers no attempt to connect: its queue is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]
        for one in waiting:
            one.close()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Each name has these ports of 127.0.0.1 for its addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: list(found))


async def test_a_dead_address_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many of a name's addresses are dead, one that lives is found within the time for a connection."""
    async with raw_server() as server:
        alive = int(server.url.rpartition(":")[2])
        with dead_port() as dead, socket.create_server(("127.0.0.1", 0)) as closed:
            refused = closed.getsockname()[1]
            closed.close()
            for addresses in ([dead, alive], [dead, dead, dead, alive], [refused, alive], [alive, dead]):
                with monkeypatch.context() as patch:
                    resolve_to(patch, *addresses)
                    async with connected("http://users.test", evolve(PACE, connect_timeout=3)) as transport:
                        assert plain() == await outcome(transport), addresses
            resolve_to(monkeypatch, dead, dead)
            async with connected("http://users.test", evolve(PACE, connect_timeout=0.3)) as transport:
                assert UNREACHABLE == await outcome(transport)
                # Cancelled, and looked after by ResourceWarning.
                task = asyncio.create_task(outcome(transport))
                await asyncio.sleep(0.1)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


# Patience


def test_patience_follows_what_answers_take() -> None:
    """As RFC 6298 has it: at first the most, then the smoothed time and four times its variation, at least 100 ms."""
    patience = Patience(0.5)
    assert 0.5 == patience.seconds
    patience.learn(0.04)
    assert 0.04 + 4 * 0.02 == pytest.approx(patience.seconds)
    patience.learn(0.06)
    smoothed, variation = 0.04 + 0.02 / 8, 0.02 * 3 / 4 + 0.02 / 4
    assert smoothed + 4 * variation == pytest.approx(patience.seconds)
    for _ in range(50):
        patience.learn(0.005)
    assert SHORTEST == patience.seconds
    assert [0.1, 0.15, 0.225, 0.3375, 0.5, 0.5] == pytest.approx([patience.after(made) for made in range(6)])
    for expected in (0.15, 0.225, 0.3375, 0.5, 0.5):
        # Several at once, before an answer comes: it is the server's pace.
        patience.ended()
        assert expected == pytest.approx(patience.seconds) == patience.after(0)
    patience.learn(0.005)
    assert SHORTEST == patience.seconds
    for _ in range(50):
        patience.learn(3)
    assert 0.5 == patience.seconds


def test_a_server_of_changing_pace_is_not_asked_twice() -> None:
    """Answers of 5 to 150 ms at random: at most one in 200 is asked for again."""
    dice, patience, early = Random(1), Patience(0.5), 0
    for _ in range(20_000):
        took = dice.uniform(0.005, 0.15)
        early += took > patience.seconds
        patience.learn(took)
    assert early / 20_000 <= 0.005


def attempts(limit: int = 5, seconds: float = 10, budget: RetryBudget | None = None) -> Attempts:
    """Of an operation that begins now."""
    until = asyncio.get_running_loop().time() + seconds
    return Attempts(limit, budget or RetryBudget(), until)


async def tried(transport: Transport, made: Attempts) -> Any:
    """The outcome of the next attempt, and how many seconds it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        found: Any = Told.by(await transport.exchange(request(), made.until, made))
    except AttemptFailedError as error:
        found = error.failure
        made.pause_after(found, loop.time())
    return found, loop.time() - began


async def test_a_lost_answer_is_asked_for_early() -> None:
    """By what others took, not by `read_timeout`, and a little later each time; paid from the budget."""
    async with raw_server() as server, connected(server.url, PACE) as transport:
        first = attempts()
        server.script = late(0.15)
        assert plain() == (await tried(transport, first))[0]
        server.script = echo
        for _ in range(60):
            await outcome(transport)
        server.script = Asked.until_left
        made = attempts()
        for most in (0.1, 0.15, 0.225):
            found, seconds = await tried(transport, made)
            assert LATE == found
            assert most <= seconds + 0.01 < most + 1
        assert 30 == made.paid
        server.script = echo
        assert plain() == (await tried(transport, made))[0]


def late(seconds: float) -> Script:
    """Script: the honest answer, after a while."""

    async def script(asked: Asked) -> None:
        await asyncio.sleep(seconds)
        await echo(asked)

    return script


async def test_who_may_not_ask_again_waits() -> None:
    """With one attempt, without tokens, or without time for another: an early end would only be an error."""
    async with raw_server() as server, connected(server.url, PACE) as transport:
        for _ in range(60):
            await outcome(transport)
        server.script = late(0.4)
        for made in (attempts(limit=1), attempts(budget=RetryBudget(tokens=9)), attempts(seconds=0.7)):
            made.until += 0 if made.limit == 1 or made.budget.tokens < TOKENS else -0.45
            found, _ = await tried(transport, made)
            assert found in (plain(), LATE)
            assert (made.until - asyncio.get_running_loop().time() < 0.1) == (LATE == found)
            assert 0 == made.paid
        assert plain() == (await tried(transport, attempts(limit=1)))[0]


async def test_an_early_end_is_its_own_connections_only() -> None:
    """The others, as old as they are, are used on."""
    async with raw_server() as server, connected(server.url, PACE) as transport:
        for _ in range(60):
            await outcome(transport)
        await asyncio.gather(*(outcome(transport) for _ in range(8)))
        server.script = Asked.until_left
        for _ in range(3):
            assert LATE == (await tried(transport, attempts()))[0]
        server.script = echo
        accepted = server.accepted
        assert [plain()] * 5 == await asyncio.gather(*(outcome(transport) for _ in range(5)))
        assert accepted == server.accepted


async def test_a_jump_of_the_servers_pace_costs_little() -> None:
    """From 5 to 200 ms: each request then under way is asked for at most twice more, and none fails."""
    async with raw_server(item_server()) as server, adapter(server, is_fast=True) as db:
        for number in range(40):
            await turn(db, str(number))
        server.script = item_server(pause(0.2))
        before = len(server.asked)
        await asyncio.gather(*(db.load(str(number)) for number in range(10)))
        assert len(server.asked) - before <= 3 * 10


async def test_the_quick_answers_of_many_say_nothing_of_the_others() -> None:
    """Of requests that begin at once, those with little to do are answered first: the others are waited for."""
    seconds = [0.01 + 0.02 * number for number in range(8)] + [0.14] * 8

    async def script(asked: Asked) -> None:
        await asyncio.sleep(seconds[len(server.asked) - 1] if len(server.asked) <= len(seconds) else 0)
        await echo(asked)

    async def two_of_them() -> None:
        for _ in range(2):
            assert plain() == (await tried(transport, attempts()))[0]

    async with raw_server(script) as server, connected(server.url, PACE) as transport:
        await asyncio.gather(*(two_of_them() for _ in range(8)))


async def test_a_stall_of_our_own_is_no_silence_of_the_servers() -> None:
    """An answer that is late because the whole event loop was, is not asked for again."""
    async with raw_server() as server, connected(server.url, PACE) as transport:
        for _ in range(60):
            await outcome(transport)
        server.script = late(0.3)
        asked = asyncio.create_task(tried(transport, attempts()))
        while len(server.asked) < 61:
            await asyncio.sleep(0.001)
        time.sleep(0.25)  # noqa: ASYNC251 - what is tested
        assert plain() == (await asked)[0]


def pause(seconds: float) -> Script:
    """Script: wait."""

    async def script(_asked: Asked) -> None:
        await asyncio.sleep(seconds)

    return script


# A full house


@WAYS
async def test_waiting_for_a_connection_takes_all_the_time_there_is(is_fast: bool) -> None:
    """Longer than `connect_timeout`, without a token; who waits in vain is told of max_pool_connections."""
    settings = {"max_pool_connections": 2, "connect_timeout": 0.1, "read_timeout": 5, "operation_timeout": 6}
    async with raw_server(item_server(pause(0.25))) as server, adapter(server, is_fast=is_fast, **settings) as db:
        await turn(db, "warm")
        assert [True] * 8 == await asyncio.gather(*(turn(db, str(number)) for number in range(8)))
        assert server.most_open <= 2
        server.script = item_server(pause(4))
        loads = await asyncio.gather(
            *(db._live.store.load(str(number), None, None, until=now() + 1) for number in range(4)),  # type: ignore[union-attr]
            return_exceptions=True,
        )
        told = [str(error) for error in loads if "max_pool_connections" in str(error)]
        assert 2 == len(told)


def now() -> float:
    """On the event loop's clock."""
    return asyncio.get_running_loop().time()


async def test_a_write_goes_before_reads_that_have_as_much_time() -> None:
    """It ends a turn: with more work than time, turns are finished rather than begun."""
    places, served = Places(1), list[str]()
    assert places.take_free()

    async def wait(name: str, seconds: float, *, is_write: bool) -> None:
        await places.take(now() + seconds, is_write=is_write)
        served.append(name)
        places.leave()

    kinds = {"read": (9, False), "later": (9, False), "write": (9, True), "urgent": (3, False), "last": (30, True)}
    tasks = [asyncio.create_task(wait(name, seconds, is_write=w)) for name, (seconds, w) in kinds.items()]
    await asyncio.sleep(0)
    places.leave()
    await asyncio.gather(*tasks)
    assert ["urgent", "write", "read", "later", "last"] == served


async def test_who_waits_is_told_while_it_is_certain_that_nothing_was_sent() -> None:
    """Not begun at the last moment, in vain."""
    places = Places(1)
    assert places.take_free()
    with pytest.raises(AttemptFailedError) as refused:
        await places.take(now() + 0.02, is_write=True)
    assert ALL_BUSY is refused.value.failure
    assert Attempts(5, RetryBudget(), now() + 9).pause_after(ALL_BUSY, now()) is None
