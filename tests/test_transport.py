"""The transport against a server that answers anything: the right answer or the right error, and its own."""

import asyncio
import gc
import select
import socket
import time
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest
from attrs import evolve, frozen
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from dynadb_async.connection.failures import (
    ALL_BUSY,
    BROKEN_OFF,
    CORRUPT,
    LATE,
    UNREACHABLE,
    UNTRUSTED,
    AttemptFailedError,
    Failure,
)
from dynadb_async.connection.places import Places
from dynadb_async.connection.wire.answer import USUAL, HttpAnswer, UnusualAnswerError
from dynadb_async.connection.wire.endpoint import Endpoint
from dynadb_async.connection.wire.exchange import Pace, Transport
from dynadb_async.connection.wire.over_protocol import ProtocolTransport
from dynadb_async.connection.wire.signature import Signer
from tests.names import UVLOOP_ENDS
from tests.raw_server import Asked, Authority, RawServer, Script, answer, echo, raw_server, raw_server_in_thread
from tests.sizes import of_size

PACE = Pace(connect_timeout=5, read_timeout=5, connections=4)
HASTY = Pace(connect_timeout=0.1, read_timeout=0.1, connections=4)
TWO, THREE = evolve(PACE, connections=2), evolve(PACE, connections=3)
UNUSUAL = "unusual"


@frozen
class Told:
    """What an answer says."""

    status: int
    checksum: str | None
    request_id: str
    body: bytes

    @classmethod
    def by(cls, answer: HttpAnswer) -> Self:
        """*answer*, to be compared."""
        return cls(answer.status, answer.checksum, answer.request_id, answer.body)


Outcome = Told | Failure | str


def request(body: bytes = b"ask", token: str | None = None, host: str = "localhost") -> bytes:
    """A request; nobody here checks who signed it."""
    credentials = ReadOnlyCredentials("KEY", "secret", token)
    return Signer("eu-central-1", host, "test").signed(credentials, "DynamoDB_20120810.GetItem", body, 1772366400)


@asynccontextmanager
async def connected(url: str, pace: Pace = PACE, *, verify: bool | str = False) -> AsyncIterator[Transport]:
    """A transport to *url*."""
    transport = ProtocolTransport(Endpoint.of(url, verify), pace)
    try:
        yield transport
    finally:
        await transport.close()


async def outcome(transport: Transport, body: bytes = b"ask", *, within: float = 10) -> Outcome:
    """The answer to an exchange, or why there was none."""
    try:
        return Told.by(await transport.exchange(request(body), asyncio.get_running_loop().time() + within))
    except AttemptFailedError as error:
        return error.failure
    except UnusualAnswerError:
        return UNUSUAL


def plain(body: bytes = b"ask", status: int = 200, checksum: str | None = None, request_id: str = "") -> Told:
    """An answer as it is expected."""
    return Told(status, checksum, request_id, body)


def raw(*chunks: bytes, then: Callable[[Asked], object] | None = None) -> Script:
    """Script: these bytes for each request."""

    async def script(asked: Asked) -> None:
        await asked.send(*chunks)
        if then:
            then(asked)

    return script


def first(script: Script) -> Script:
    """Script: *script* for the first request, then honest answers."""
    scripts = iter([script])

    async def once(asked: Asked) -> None:
        await next(scripts, echo)(asked)

    return once


async def one_by_one(server: RawServer, transport: Transport, *bodies: bytes) -> list[Outcome]:
    """Exchanges one after the other, for each a moment in which the server may do more."""
    outcomes = []
    for body in bodies:
        outcomes.append(await outcome(transport, body))
        await asyncio.sleep(0.01)
    assert server.asked
    return outcomes


# Requests


async def test_the_request_is_what_was_signed() -> None:
    """Path, host, operation, date, signature, token and body arrive; a token's header is there only with one."""
    async with raw_server() as server, connected(server.url) as transport:
        until = asyncio.get_running_loop().time() + 5
        host = server.url.removeprefix("http://")
        await transport.exchange(request(b"{}", token="secret-token", host=host), until)
        await transport.exchange(request(b"{}", host=host), until)

    with_token, without = (asked.head.decode().split("\r\n") for asked in server.asked)
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in with_token[1:-2])}
    assert "POST / HTTP/1.1" == with_token[0]
    assert {
        "host": server.url.removeprefix("http://"),
        "content-type": "application/x-amz-json-1.0",
        "content-length": "2",
        "user-agent": "test",
        "accept-encoding": "identity",
        "x-amz-target": "DynamoDB_20120810.GetItem",
        "x-amz-date": "20260301T120000Z",
        "x-amz-security-token": "secret-token",
        "authorization": fields["authorization"],
    } == fields
    assert len(with_token) == len(without) + 1
    assert "security" not in "".join(without).lower()


# Answers


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (answer(b"ask"), plain()),
        (answer(b""), plain(b"")),
        (answer(b"ask", line=b"HTTP/1.1 200"), plain()),
        (answer(b"ask", line=b"HTTP/1.1 200 "), plain()),
        (answer(b"ask", b"X-Amz-Crc32: 17"), plain(checksum="17")),
        (answer(b"ask", b"x-AMZ-crc32:17 \t", b"x-amzn-requestid:"), plain(checksum="17")),
        (answer(b"ask", b"Server: S", b"Date: now", b"Empty:", b"Set-Cookie: a", b"Set-Cookie: b"), plain()),
        (answer(b"ask", b"Connection: Keep-Alive"), plain()),
        (answer(b"ask", *(b"X-%d: %s" % (number, b"x" * 70) for number in range(90))), plain()),
        (answer(b"no", line=b"HTTP/1.1 400 Bad Request"), plain(b"no", 400)),
        (answer(b"no", line=b"HTTP/1.1 503 Slow Down"), plain(b"no", 503)),
        (answer(b"x" * 2_000_000), plain(b"x" * 2_000_000)),
        (answer(b"ask\r\n\r\nHTTP/1.1 200 OK\r\n"), plain(b"ask\r\n\r\nHTTP/1.1 200 OK\r\n")),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,
)
async def test_answers_in_dynamodbs_form_are_understood(sent: bytes, expected: Told) -> None:
    """Whatever fields there are, in any case; and the connection is used again."""
    async with raw_server(raw(sent)) as server, connected(server.url) as transport:
        assert [expected] * 3 == await one_by_one(server, transport, b"1", b"2", b"3")

        assert 1 == server.accepted


@pytest.mark.parametrize("sent", [b"X-Amzn-RequestId: R%d", b"x-amzn-requestid:\t R%d \t"])
async def test_the_request_id_is_told(sent: bytes) -> None:
    """Each answer has its own, which blanks around it are no part of."""
    numbers = iter(range(3))

    async def script(asked: Asked) -> None:
        await asked.send(answer(asked.body, sent % next(numbers)))

    async with raw_server(script) as server, connected(server.url) as transport:
        expected = [plain(b"%d" % number, request_id=f"R{number}") for number in range(3)]
        assert expected == await one_by_one(server, transport, b"0", b"1", b"2")
        assert 1 == server.accepted


async def test_a_copy_of_the_last_answer_is_none() -> None:
    """It repeats its request's id, and what follows on its connection may be as misplaced: both end there."""
    ids = iter([b"R1", b"R2", b"R2", b"R2", b"R3", b"", b"", b"R3"])

    async def script(asked: Asked) -> None:
        await asked.send(answer(asked.body, b"x-amzn-RequestId: " + next(ids)))

    async with raw_server(script) as server, connected(server.url) as transport:
        outcomes = await one_by_one(server, transport, *(b"%d" % number for number in range(8)))

        told = [outcome.request_id if isinstance(outcome, Told) else outcome for outcome in outcomes]
        assert ["R1", "R2", CORRUPT, "R2", "R3", "", "", "R3"] == told
        assert 2 == server.accepted


async def test_a_connection_that_the_server_closes_is_not_used_again() -> None:
    """It says so; the next request has a new one."""
    script = raw(answer(b"ask", b"Connection: close"), then=Asked.hang_up)
    async with raw_server(script) as server, connected(server.url) as transport:
        assert [plain()] * 3 == [await outcome(transport) for _ in range(3)]

        assert 3 == server.accepted


async def test_answers_may_be_split_anywhere() -> None:
    """In two at any byte."""
    whole = answer(b'{"a": "\r\n\r\n"}', b"x-amz-crc32: 17")
    expected = plain(b'{"a": "\r\n\r\n"}', checksum="17")
    async with raw_server() as server, connected(server.url) as transport:
        for at in range(1, len(whole)):
            server.script = raw(whole[:at], whole[at:])
            assert expected == await outcome(transport), at

        assert 1 == server.accepted


@pytest.mark.long
@settings(max_examples=of_size(40, large=500))
@given(st.data())
async def test_answers_may_come_in_any_pieces(data: st.DataObject) -> None:
    """Of any size, in as many pieces as there are."""
    body = data.draw(st.binary(max_size=300)) + b"x" * data.draw(st.sampled_from([0, 0, 20_000, 70_000]))
    whole = answer(body, *(b"X-Pad: %d" % number for number in range(data.draw(st.integers(0, 20)))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    async with raw_server(raw(*pieces)) as server, connected(server.url) as transport:
        assert [plain(body)] * 2 == [await outcome(transport) for _ in range(2)]


USUAL_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: Server\r\nDate: Fri, 01 May 2026 10:20:30 GMT\r\n"
    b"Content-Type: application/x-amz-json-1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\n"
    b"x-amzn-RequestId: 4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\nx-amz-crc32: 2745614147\r\n\r\n"
)


def test_a_usual_head_is_read_as_any_other() -> None:
    """What is read quicker, as DynamoDB nearly always sends it so, says what it says in any other form, and no more."""
    assert USUAL.fullmatch(USUAL_HEAD)
    heads = [HttpAnswer(raw, len(raw)) for raw in (USUAL_HEAD, USUAL_HEAD.lower().replace(b"http", b"HTTP", 1))]
    assert [(200, 3, True, "2745614147")] * 2 == [(h.status, h.length, h.keeps, h.checksum) for h in heads]
    assert heads[0].request_id.lower() == heads[1].request_id
    for line in (b"Content-Length: 3", b"Transfer-Encoding: chunked", b"x-amz-crc32: 1", b" folded: 1"):
        for before in (b"Server: ", b"Content-Length: ", b"x-amz-crc32: "):
            raw = USUAL_HEAD.replace(before, line + b"\r\n" + before, 1)
            with pytest.raises(UnusualAnswerError):
                HttpAnswer(raw, len(raw))


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nask\r\n0\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nask"


@pytest.mark.parametrize(
    ("sent", "then"),
    [
        (CHUNKED, None),
        (UNTIL_CLOSED, Asked.hang_up),
        (answer(b"ask", line=b"HTTP/1.0 200 OK"), Asked.hang_up),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"ask"), None),
    ],
    ids=["chunked", "until closed", "HTTP/1.0", "100 Continue"],
)
async def test_other_forms_of_http_are_unusual(sent: bytes, then: Callable[[Asked], object]) -> None:
    """They are not guessed at, and nothing of them is kept."""
    async with raw_server(first(raw(sent, then=then))) as server, connected(server.url) as transport:
        assert [UNUSUAL, plain(b"2")] == await one_by_one(server, transport, b"1", b"2")


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"ask", length=b"-3"),
        answer(b"ask", length=b"+3"),
        answer(b"ask", length=b"3,3"),
        answer(b"ask", length=b"0x3"),
        answer(b"ask", length=b"3 3"),
        answer(b"ask", length=b""),
        answer(b"ask", length=b"9" * 30),
        answer(b"ask", length=b"9" * 5000),
        answer(b"ask", b"Content-Length: 4"),
        answer(b"ask", b"Content-Length: 3", b"Transfer-Encoding: chunked"),
        answer(b"ask", b"No Colon"),
        answer(b"ask", b"Bad Name: x"),
        answer(b"ask", b": no name"),
        answer(b"ask", b"X-Null: \x00"),
        answer(b"ask", line=b"HTTP/1.1 2000 OK"),
        answer(b"ask", line=b"HTTP/1.1 abc OK"),
        answer(b"ask", line=b"HTTP/3.1 200 OK"),
        answer(b"ask", line=b" HTTP/1.1 200 OK"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9 + b"\r\n\r\n",
        b"<html>no server of yours</html>\r\n\r\n",
        b"X" * 100_000,
        b"HTTP/1.1 200 OK\r\nX-Pad: " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nX-Pad:" + b" " * 30_000 + b"\x00\r\n\r\n",
    ],
    ids=lambda sent: f"{sent[:60]!r}",
)
async def test_a_malformed_answer_is_none(sent: bytes) -> None:
    """It is told at once, as unusual; the next request has a new connection and its own answer."""
    async with raw_server(first(raw(sent, then=Asked.hang_up))) as server, connected(server.url) as transport:
        broken, honest = await one_by_one(server, transport, b"1", b"2")

        assert UNUSUAL == broken
        assert plain(b"2") == honest


@pytest.mark.parametrize("end", [Asked.hang_up, Asked.reset], ids=["closed", "reset"])
@pytest.mark.parametrize("length", [0, 1, 20, len(answer(b"ask")) - 3, len(answer(b"ask")) - 1])
async def test_half_an_answer_is_none(length: int, end: Callable[[Asked], object]) -> None:
    """The connection broke before, in the head, before or in the body; the next request has a new one."""
    script = first(raw(answer(b"ask")[:length], then=end))
    async with raw_server(script) as server, connected(server.url) as transport:
        assert [BROKEN_OFF, plain(b"2")] == await one_by_one(server, transport, b"1", b"2")


@pytest.mark.parametrize("stray", [b"x", b"\r\n", answer(b"not yours")], ids=["a byte", "a line", "an answer"])
@pytest.mark.parametrize("when", ["at once", "a moment later", "while idle"])
async def test_stray_bytes_are_never_the_next_answer(stray: bytes, when: str) -> None:
    """A server that says more than it was asked loses its connection; nobody is told what was not theirs."""

    async def script(asked: Asked) -> None:
        if when == "at once":
            await asked.send(answer(asked.body) + stray)
            return
        asked.writer.write(answer(asked.body))
        if when == "while idle":
            await asyncio.sleep(0.005)
        await asked.send(stray)

    async with raw_server(first(script)) as server, connected(server.url) as transport:
        told, *others = await one_by_one(server, transport, b"1", b"2", b"3")

        assert told in (plain(b"1"), UNUSUAL, BROKEN_OFF)
        assert [plain(b"2"), plain(b"3")] == others
        assert 2 == server.accepted


MUTATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), st.integers(0, 200), st.integers(1, 30)),
        st.tuples(st.just("put"), st.integers(0, 200), st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("over"), st.integers(0, 200), st.binary(min_size=1, max_size=3)),
        st.tuples(st.just("put"), st.integers(0, 200), st.sampled_from([b"\r\n", b"\n", b": ", b"\r\n\r\n", b"0"])),
    ),
    min_size=1,
    max_size=3,
)


def mutated(whole: bytes, mutations: list[tuple[str, int, Any]]) -> bytes:
    """*whole* with damage."""
    for how, at, what in mutations:
        match how:
            case "cut":
                whole = whole[:at] + whole[at + what :]
            case "put":
                whole = whole[:at] + what + whole[at:]
            case _:
                whole = whole[:at] + what + whole[at + len(what) :]
    return whole


FUZZED_BODY = b'{"Item": {"id": {"S": "me"}}}'
FUZZED = answer(FUZZED_BODY, b"x-amz-crc32: 5", b"Connection: keep-alive", b"x-amzn-RequestId: R")


@pytest.mark.long
@settings(max_examples=of_size(50, large=1_500))
@given(MUTATIONS)
async def test_a_damaged_answer_harms_no_other(mutations: list[tuple[str, int, Any]]) -> None:
    """It is an answer with bytes of what was sent, or an error; the next request has its own answer."""
    sent = mutated(FUZZED, mutations)
    async with raw_server(first(raw(sent, then=Asked.hang_up))) as server, connected(server.url) as transport:
        fuzzed, honest = await one_by_one(server, transport, b"1", b"2")

        if isinstance(fuzzed, Told):
            assert sent.endswith(b"\r\n\r\n" + fuzzed.body)
        else:
            assert isinstance(fuzzed, Told) or fuzzed in (BROKEN_OFF, UNUSUAL)
        assert plain(b"2") == honest


# Time


async def test_a_hanging_server_is_given_up_in_time() -> None:
    """After `read_timeout`, or earlier if that is asked; then its connection is closed."""
    async with raw_server(Asked.until_left) as server, connected(server.url, HASTY) as transport:
        loop = asyncio.get_running_loop()
        for within, limit in ((10, 0.2), (0.02, 0.02)):
            began = loop.time()
            assert LATE == await outcome(transport, within=within)
            assert loop.time() - began < limit + 0.3
        await asyncio.sleep(0.01)

        assert 0 == server.open


async def test_an_answer_may_trickle_only_within_its_time() -> None:
    """Each byte is in time, the whole is not."""
    whole = answer(b"x" * 200)

    async def trickle(asked: Asked) -> None:
        for byte in whole:
            await asked.send(bytes([byte]))
            await asyncio.sleep(pause)

    async with raw_server(trickle) as server, connected(server.url, evolve(HASTY, read_timeout=1)) as transport:
        pause = 0.0
        assert plain(b"x" * 200) == await outcome(transport)
        pause = 0.05
        assert LATE == await outcome(transport)


async def test_nobody_listens() -> None:
    """It is told as no connection: nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for host in (f"127.0.0.1:{port}", "no-such-host.invalid", "a..b"):
        async with connected(f"http://{host}") as transport:
            assert UNREACHABLE == await outcome(transport), host


async def test_a_server_that_does_not_shake_hands_is_given_up_in_time() -> None:
    """It takes the connection and says nothing: nothing was sent to it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with connected(f"https://127.0.0.1:{silent.getsockname()[1]}", HASTY) as transport:
            began = asyncio.get_running_loop().time()

            assert UNREACHABLE == await outcome(transport)
            assert asyncio.get_running_loop().time() - began < 0.5


# Connections


async def test_connections_are_used_again_and_never_too_many() -> None:
    """As many as may be open at once, whatever comes; one is enough for one after the other."""

    async def slowly(asked: Asked) -> None:
        await asyncio.sleep(0.002)
        await echo(asked)

    async with raw_server(slowly) as server, connected(server.url) as transport:
        bodies = [str(number).encode() for number in range(40)]
        assert list(map(plain, bodies)) == await asyncio.gather(*(outcome(transport, body) for body in bodies))
        assert PACE.connections == server.most_open == server.accepted
        await one_by_one(server, transport, *bodies[:5])

        assert PACE.connections == server.accepted


async def test_who_came_first_is_served_first() -> None:
    """With one connection for all, the answers come in the order of the requests."""
    async with raw_server() as server, connected(server.url, evolve(PACE, connections=1)) as transport:
        bodies = [str(number).encode() for number in range(20)]
        await asyncio.gather(*(outcome(transport, body) for body in bodies))

        assert bodies == [asked.body for asked in server.asked]


async def test_who_waits_too_long_for_a_connection_is_told() -> None:
    """All are busy until their time is over, however short `connect_timeout` is; nothing was sent."""
    pace = Pace(connect_timeout=0.05, read_timeout=5, connections=1)
    async with raw_server(Asked.until_left) as server, connected(server.url, pace) as transport:
        waits = (1.5, 0.3, 0.6, 0.01)
        outcomes = await asyncio.gather(*(outcome(transport, within=within) for within in waits))

        assert [LATE, ALL_BUSY, ALL_BUSY, ALL_BUSY] == outcomes
        assert 1 == len(server.asked)
        server.script = echo
        assert plain() == await outcome(transport)


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    """The next request after that opens another."""
    async with raw_server() as server, connected(server.url, evolve(PACE, idle_timeout=0.05)) as transport:
        await asyncio.gather(*(outcome(transport) for _ in range(3)))
        await asyncio.sleep(0.1)
        assert plain() == await outcome(transport)
        await asyncio.sleep(0.01)

        assert (4, 1) == (server.accepted, server.open)


async def test_a_connection_that_ended_while_idle_is_not_used() -> None:
    """Servers close idle ones when they like; the next request does not pay for it."""
    async with raw_server(raw(answer(b"ask"), then=Asked.hang_up)) as server, connected(server.url) as transport:
        assert [plain()] * 5 == await one_by_one(server, transport, *[b"ask"] * 5)


@pytest.mark.skipif(not hasattr(select, "poll"), reason="this system can't be asked")
async def test_an_end_that_the_event_loop_has_not_seen_is_seen() -> None:
    """A process that was frozen, as on Lambda, finds its connections closed before its event loop looks at them."""
    with raw_server_in_thread() as server:
        async with connected(server.url) as transport:
            assert plain() == await outcome(transport)
            server.hang_up()
            time.sleep(0.05)  # noqa: ASYNC251 - frozen

            assert plain() == await outcome(transport)
            assert 2 == server.accepted


async def test_the_time_for_an_answer_runs_from_its_request() -> None:
    """Not from the time that a connection may take, nor from the request before."""
    pace = evolve(PACE, connect_timeout=30, read_timeout=1.5)

    async def late(asked: Asked) -> None:
        await asyncio.sleep(0.9)
        await asked.send(answer(asked.body))

    async with raw_server() as server, connected(server.url, pace) as transport:
        assert plain(b"1") == await outcome(transport, b"1")
        await asyncio.sleep(0.9)
        server.script = late
        assert plain(b"2") == await outcome(transport, b"2")
        server.script = Asked.until_left
        began = time.monotonic()
        assert LATE == await outcome(transport, b"3", within=60)
        assert time.monotonic() - began < 10


async def test_a_later_request_may_have_less_time() -> None:
    """Than the one before it on the same connection."""
    pace = evolve(PACE, connect_timeout=30, read_timeout=30)
    async with raw_server() as server, connected(server.url, pace) as transport:
        assert plain(b"1") == await outcome(transport, b"1", within=60)
        server.script = Asked.until_left
        began = time.monotonic()
        assert LATE == await outcome(transport, b"2", within=0.2)
        assert time.monotonic() - began < 10


async def test_a_cancelled_request_ends_its_connection() -> None:
    """Its answer has nobody to go to."""
    async with raw_server(Asked.until_left) as server, connected(server.url) as transport:
        task = asyncio.create_task(outcome(transport))
        while not server.asked:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.01)

        assert 0 == server.open


async def test_an_end_after_a_large_answer_is_nothing_special(caplog: pytest.LogCaptureFixture) -> None:
    """The room that it took is given back; asyncio has nothing to complain about."""
    large = b"x" * 100_000
    async with raw_server(raw(answer(large), then=Asked.hang_up)) as server, connected(server.url) as transport:
        assert [plain(large)] * 2 == await one_by_one(server, transport, b"1", b"2")

        assert [] == caplog.messages


@pytest.mark.long
@settings(max_examples=of_size(15, large=200))
@given(st.integers(0, 2**32))
async def test_cancelled_requests_cost_no_place_and_no_answer(seed: int) -> None:
    """Whenever they are cancelled: all others have their own answers, and as many connections as before."""
    dice = Random(seed)

    async def sometimes_slow(asked: Asked) -> None:
        await asyncio.sleep(dice.choice([0, 0, 0.001, 0.003]))
        whole = answer(asked.body)
        at = dice.randrange(len(whole))
        await asked.send(whole[:at], whole[at:])

    async def cancelled(transport: Transport, body: bytes) -> Outcome | None:
        task = asyncio.create_task(outcome(transport, body))
        for _ in range(dice.randrange(60)):
            await asyncio.sleep(0)
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            return None

    async with (
        raw_server(sometimes_slow) as server,
        connected(server.url, evolve(PACE, connections=3)) as transport,
    ):
        bodies = [str(number).encode() for number in range(40)]
        left, stayed = bodies[::2], bodies[1::2]
        outcomes = await asyncio.gather(
            *(cancelled(transport, body) for body in left), *(outcome(transport, body) for body in stayed)
        )
        assert all(result in (None, plain(body)) for result, body in zip(outcomes, left, strict=False))
        assert list(map(plain, stayed)) == outcomes[len(left) :]
        after = await asyncio.gather(*(outcome(transport, body) for body in bodies))

        assert list(map(plain, bodies)) == after
        assert server.open <= 3


@given(
    st.lists(st.sampled_from(["take", "take", "leave", "leave", "cancel", "turn", "expire"]), max_size=60), st.data()
)
async def test_places_are_neither_lost_nor_made(steps: list[str], data: st.DataObject) -> None:
    """Whoever takes, leaves, is cancelled or waits too long at whatever moment, even at the same."""
    places, loop = Places(2), asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []

    def holders() -> list[asyncio.Task[None]]:
        return [task for task in tasks if task.done() and not task.cancelled() and task.exception() is None]

    for step in steps:
        if step in ("take", "expire"):
            until = loop.time() + (10 if step == "take" else 0)
            tasks.append(asyncio.create_task(places.take(until, is_write=False)))
        elif step == "leave" and holders():
            tasks.remove(holders()[0])
            places.leave()
        elif step == "cancel" and tasks:
            data.draw(st.sampled_from(tasks)).cancel()
        elif step == "turn":
            await asyncio.sleep(0)
        assert len(holders()) <= 2
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for _ in holders():
        places.leave()

    for _ in range(2):
        await places.take(loop.time() + 10, is_write=True)
    with pytest.raises(AttemptFailedError):
        await places.take(loop.time(), is_write=False)


async def test_closing_ends_everything() -> None:
    """Exchanges, opening connections, waiting for one: all are told, nothing stays open, nothing is opened any more."""
    async with (
        raw_server(Asked.until_left) as server,
        connected(server.url, evolve(PACE, connections=2)) as transport,
    ):
        under_way = [asyncio.create_task(outcome(transport)) for _ in range(4)]
        while len(server.asked) < 2:
            await asyncio.sleep(0.001)
        await transport.close()

        assert [BROKEN_OFF, BROKEN_OFF, UNREACHABLE, UNREACHABLE] == await asyncio.gather(*under_way)
        assert UNREACHABLE == await outcome(transport)
        await transport.close()
        await asyncio.sleep(0.01)
        assert 0 == server.open


@pytest.mark.long
@settings(max_examples=of_size(30, large=300))
@given(st.integers(0, 30))
async def test_closing_while_a_connection_opens_leaves_none(turns: int) -> None:
    """At whatever moment."""
    async with raw_server() as server:
        async with connected(server.url) as transport:
            task = asyncio.create_task(outcome(transport))
            for _ in range(turns):
                await asyncio.sleep(0)
        assert await task in (plain(), BROKEN_OFF, UNREACHABLE)
        await asyncio.sleep(0.005)

        assert 0 == server.open


@pytest.mark.asyncio_only(UVLOOP_ENDS)
@pytest.mark.parametrize("has_tls", [False, True], ids=["http", "https"])
def test_a_closed_event_loop_leaves_no_socket(has_tls: bool, authority: Authority) -> None:
    """Its connections are let go without a warning; the server sees them end."""
    with raw_server_in_thread(tls=authority.context("127.0.0.1") if has_tls else None) as server:

        async def use() -> Transport:
            transport = ProtocolTransport(Endpoint.of(server.url, authority.path), PACE)
            assert [plain()] * 3 == await asyncio.gather(*(outcome(transport) for _ in range(3)))
            return transport

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            transport: Transport | None = asyncio.run(use())
            assert transport
            transport.abandon()
            transport = None
            gc.collect()
        time.sleep(0.05)

        assert 0 == server.open


# TLS


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The one that is trusted."""
    return Authority(tmp_path_factory.mktemp("certificates"), "ours")


@pytest.mark.parametrize(("host", "name"), [("localhost", "localhost"), ("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")])
async def test_a_server_with_the_right_certificate_is_trusted(host: str, name: str, authority: Authority) -> None:
    """For a name, which it is told, and for an address of either kind."""
    context, told = authority.context(name), []
    context.sni_callback = lambda _socket, name, _context: told.append(name)
    try:
        socket.getaddrinfo(name, 0)
        socket.socket(socket.AF_INET6 if ":" in name else socket.AF_INET).close()
    except OSError:
        pytest.skip(f"this machine has no {name}")
    async with (
        raw_server(tls=context, host=name, shown=host) as server,
        connected(server.url, verify=authority.path) as transport,
    ):
        assert [plain(b"1"), plain(b"x" * 500_000)] == await one_by_one(server, transport, b"1", b"x" * 500_000)

        assert (1, ["localhost" if name == "localhost" else None]) == (server.accepted, told)


async def test_a_server_with_a_wrong_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    """For another host, of another authority, expired or not yet valid: nothing is sent."""
    other = Authority(tmp_path, "other")
    contexts = {
        "another host": authority.context("example.com"),
        "another address": authority.context("127.0.0.2"),
        "another authority": other.context("127.0.0.1"),
        "expired": authority.context("127.0.0.1", days=(-3, -1)),
        "not yet valid": authority.context("127.0.0.1", days=(1, 3)),
    }
    for why, context in contexts.items():
        async with raw_server(tls=context) as server, connected(server.url, verify=authority.path) as transport:
            assert UNTRUSTED == await outcome(transport), why
            assert not server.asked


async def test_trust_is_the_sdks(authority: Authority) -> None:
    """By default its own authorities, which do not know ours; none has to be known where `verify` is False."""
    async with raw_server(tls=authority.context("example.com")) as server:
        async with connected(server.url, verify=True) as transport:
            assert UNTRUSTED == await outcome(transport)
        async with connected(server.url, verify=False) as transport:
            assert plain() == await outcome(transport)


async def test_a_server_without_tls_is_unreachable_with_it() -> None:
    """Nothing is sent in the clear."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"what do you want?", line=b"HTTP/1.1 400 Bad Request"))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connected(f"https://127.0.0.1:{port}") as transport:
            assert UNREACHABLE == await outcome(transport)
