"""What requests are signed with: it comes slowly, fails, expires, is wrong, or is told to be by a wrong clock."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import aioboto3
import aiobotocore.session
import pytest
from aiobotocore.credentials import AioDeferredRefreshableCredentials, AioRefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError, TokenRetrievalError

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    ConfigError,
    DynamoDbConfig,
    RequestError,
    RequestTimeoutError,
    TableConfig,
)
from dynadb_async.connection import pause
from dynadb_async.connection.sdk import keys as sdk_keys
from tests.engines import PATIENCE
from tests.raw_server import Asked, RawServer, answer, raw_server, raw_server_in_thread
from tests.sessions import slow_session

PAUSE = 0.6  # seconds after a first failure

WAYS = pytest.mark.parametrize("fast_path", [True, False], ids=["wire", "sdk"])


class Provider:
    """Somebody who gives credentials, each time others."""

    def __init__(self, *, seconds: float = 0, lasts: timedelta = timedelta(hours=1)) -> None:
        self.asked = 0
        self.seconds = seconds
        self.lasts = lasts
        self.raises: BaseException | None = None
        self.zone: timezone | None = UTC
        self.token = "token"
        self.gives = asyncio.Event()
        self.gives.set()

    async def __call__(self) -> dict[str, str]:
        """New ones."""
        self.asked += 1
        number = self.asked
        await asyncio.sleep(self.seconds)
        await self.gives.wait()
        if self.raises is not None:
            raise self.raises
        return self.keys(number, datetime.now(UTC) + self.lasts)

    def keys(self, number: int, expiry: datetime) -> dict[str, str]:
        """Those with this number."""
        return {
            "access_key": f"KEY{number}",
            "secret_key": "secret",
            "token": self.token,
            "expiry_time": expiry.replace(tzinfo=self.zone).isoformat(),
        }

    def session(self, held: timedelta | None = None) -> aioboto3.Session:
        """A session that asks it, and perhaps still has credentials for so long."""
        core: Any = aiobotocore.session.get_session()
        if held is None:
            core._credentials = AioDeferredRefreshableCredentials(self, "test")
        else:
            given = self.keys(0, datetime.now(UTC) + held)
            core._credentials = AioRefreshableCredentials.create_from_metadata(given, self, "test")
        return aioboto3.Session(botocore_session=core)


def adapter(url: str, session: aioboto3.Session | None, **client: Any) -> AsyncDynamoDb[Any]:
    """One that only loads and saves."""
    settings = ClientConfig(**{"region_name": "eu-central-1", "endpoint_url": url, **PATIENCE, **client})
    config = DynamoDbConfig(TableConfig("users", create_table_on_init=False), client=settings)
    return AsyncDynamoDb(config, aws_session=session)


async def nothing(asked: Asked) -> None:
    """Script: there is no item."""
    await asked.send(answer(b"{}"))


def signed(server: RawServer) -> list[str]:
    """The access keys that requests came with."""
    return [asked.head.partition(b"Credential=")[2].partition(b"/")[0].decode() for asked in server.asked]


async def impatient(db: AsyncDynamoDb[Any]) -> None:
    """Somebody who does not wait long."""
    async with db.turn("me", io_timeout=0.3):
        pass


# They come slowly, or not at all


@WAYS
async def test_slow_credentials_arrive(fast_path: Any) -> None:
    """Though each caller's time is shorter than theirs: one fetch goes on for all, and for those who come later."""
    provider = Provider()
    provider.gives.clear()
    async with raw_server(nothing) as server:
        db = adapter(server.url, provider.session(), fast_path=fast_path)
        for _ in range(2):
            outcomes = await asyncio.gather(*(impatient(db) for _ in range(5)), return_exceptions=True)
            assert {RequestTimeoutError} == {type(each) for each in outcomes}
        provider.gives.set()
        await db.load("me")
        await db.close()

        assert (1, ["KEY1"]) == (provider.asked, signed(server))


@WAYS
async def test_who_waits_in_vain_hears_of_the_credentials(fast_path: Any) -> None:
    """Not of the network, or of the table."""
    provider = Provider(seconds=60)
    async with raw_server(nothing) as server:
        limits = {"connect_timeout": 0.1, "read_timeout": 0.1, "operation_timeout": 0.3}
        db = adapter(server.url, provider.session(), fast_path=fast_path, **limits)
        await db.open()
        with pytest.raises(RequestTimeoutError, match="credentials did not come in time"):
            await db.load("me")
        await db.close()

        assert not server.asked


@WAYS
@pytest.mark.parametrize("minutes", [12, 5, 1])
async def test_credentials_that_are_still_valid_sign_meanwhile(fast_path: Any, minutes: int) -> None:
    """Though the SDK itself would wait for others."""
    provider = Provider(seconds=60)
    async with raw_server(nothing) as server:
        db = adapter(server.url, provider.session(timedelta(minutes=minutes)), fast_path=fast_path)
        began = time.monotonic()
        for _ in range(5):
            await db.load("me")
        spent = time.monotonic() - began
        await db.close()

        assert (1, ["KEY0"] * 5) == (provider.asked, signed(server))
        assert spent < 20


@WAYS
async def test_others_sign_once_they_are_there(fast_path: Any) -> None:
    """Fetched before the old ones have expired."""
    provider = Provider()
    async with raw_server(nothing) as server:
        db = adapter(server.url, provider.session(timedelta(minutes=5)), fast_path=fast_path)
        for _ in range(3):
            await db.load("me")
            await asyncio.sleep(0.02)
        await db.close()

        assert (1, "KEY1") == (provider.asked, signed(server)[-1])


@WAYS
async def test_short_lived_credentials_are_not_fetched_by_every_request(fast_path: Any) -> None:
    """Some never last as long as the SDK wants them to."""
    provider = Provider(lasts=timedelta(minutes=3))
    async with raw_server(nothing) as server:
        db = adapter(server.url, provider.session(), fast_path=fast_path)
        for _ in range(10):
            await db.load("me")
        await db.close()

        assert provider.asked < 5
        assert 10 == len(signed(server))


@WAYS
async def test_credentials_of_a_moment_are_fetched_once_for_a_request(fast_path: Any) -> None:
    """What was waited for signs it, though it is at its last moment when it is there."""
    provider = Provider(lasts=timedelta(seconds=1))
    async with raw_server(nothing) as server:
        db = adapter(server.url, provider.session(), fast_path=fast_path)
        await db.open()
        before = provider.asked
        await db.load("me")
        await db.close()

        assert (before + 1, [f"KEY{before + 1}"]) == (provider.asked, signed(server))


async def test_who_waits_for_the_first_credentials_hears_of_them() -> None:
    """As a process or a container has them, that is asked before there is a client."""
    async with raw_server(nothing) as server:
        db = adapter(server.url, slow_session(60), operation_timeout=0.3)
        with pytest.raises(RequestTimeoutError, match="credentials"):
            await db.load("me")
        await db.close()


# Their provider fails


def refused(code: str) -> ClientError:
    """What STS says."""
    return ClientError({"Error": {"Code": code, "Message": "hush"}, "ResponseMetadata": {}}, "AssumeRole")


FAILURES = [
    refused("AccessDenied"),
    refused("Throttling"),
    refused("ProvisionedThroughputExceededException"),
    refused("ResourceNotFoundException"),
    refused("ConditionalCheckFailedException"),
    refused("ExpiredToken"),
    CredentialRetrievalError(provider="custom-process", error_msg="hush"),
    TokenRetrievalError(provider="sso", error_msg="hush"),
    TimeoutError("hush"),
    ConnectionResetError("hush"),
    RuntimeError("hush"),
    ExceptionGroup("hush", [ZeroDivisionError()]),
    # As a provider's own task may end.
    asyncio.CancelledError("hush"),
]


@WAYS
@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_whatever_a_provider_raises_is_about_the_credentials(fast_path: Any, error: BaseException) -> None:
    """A RequestError that says so, without the provider's own words; never the table's capacity, or the table."""
    provider = Provider()
    async with raw_server(nothing) as server:
        db = adapter(server.url, provider.session(), fast_path=fast_path)
        await db.load("me")
        provider.raises = error
        db2 = adapter(server.url, provider.session(), fast_path=fast_path)
        for each in (db2.load("me"), db2.delete("me")):
            with pytest.raises(RequestError, match=r"credentials.*NoCredentials") as raised:
                await each
            assert RequestError is type(raised.value)
            assert "hush" not in str(raised.value)
            assert "capacity" not in str(raised.value)
        await db.close()
        await db2.close()

        assert 1 == len(server.asked)


@WAYS
async def test_an_expiry_without_a_zone_is_about_the_credentials(
    fast_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong setting at the start, a provider's failure later; it is asked again, and may have one then."""
    monkeypatch.setattr(pause, "FIRST", 0.05)
    monkeypatch.setattr(sdk_keys, "LAST_MOMENT", 3600)
    provider = Provider(lasts=timedelta(minutes=5))
    async with raw_server(nothing) as server:
        db = adapter(server.url, provider.session(), fast_path=fast_path)
        await db.open()
        provider.zone = None
        other = adapter(server.url, provider.session(timedelta(hours=1)), fast_path=fast_path)
        with pytest.raises(ConfigError, match="no zone"):
            await other.open()
        with pytest.raises(RequestError, match=r"credentials.*no zone"):
            await db.load("me")
        provider.zone = UTC
        async with asyncio.timeout(20):
            while not server.asked:
                with suppress(RequestError):
                    await db.load("me")
                await asyncio.sleep(0.05)
        await other.close()
        await db.close()


@WAYS
@pytest.mark.parametrize("held", [None, timedelta(minutes=5)])
async def test_a_failing_provider_is_asked_with_a_pause(
    fast_path: Any, held: timedelta | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by each request; and what it gives after the pause is used."""
    monkeypatch.setattr(pause, "FIRST", PAUSE)
    provider = Provider()
    provider.raises = RuntimeError()
    async with raw_server(nothing) as server:
        db = adapter(server.url, provider.session(held), fast_path=fast_path)
        began = time.monotonic()
        outcomes = [await asyncio.gather(*(db.load("me") for _ in range(5)), return_exceptions=True) for _ in range(4)]
        assert 1 == provider.asked or time.monotonic() - began > PAUSE
        assert {RequestError} == {type(one) for each in outcomes for one in each} or held
        provider.raises = None
        asked = provider.asked
        async with asyncio.timeout(20):
            while signed(server)[-1:] != [f"KEY{asked + 1}"]:
                await asyncio.sleep(0.05)
                await asyncio.gather(db.load("me"), return_exceptions=True)
        await db.close()

        assert asked + 1 == provider.asked


@WAYS
@pytest.mark.parametrize(("says", "error"), [("exit 1", RequestError), ("echo hush", ConfigError)])
async def test_a_process_that_fails_is_not_begun_by_every_request(
    says: str, error: type[Exception], fast_path: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK runs it when a client is made."""
    monkeypatch.setattr(pause, "FIRST", 30.0)
    script = f"sh -c 'echo once >> {tmp_path / 'log'}; echo hush >&2; {says}'"
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    async with raw_server(nothing) as server:
        db = adapter(server.url, None, fast_path=fast_path)
        for _ in range(3):
            with pytest.raises(error, match="credential") as raised:
                await db.load("me")
            assert "hush" not in str(raised.value)
        await db.close()

    assert "once\n" == (tmp_path / "log").read_text()


# Another event loop


@WAYS
def test_the_next_event_loop_uses_the_same_session(fast_path: Any) -> None:
    """Though what refreshes them waited in the first one."""
    provider = Provider(seconds=0.05, lasts=timedelta(seconds=-1))
    with raw_server_in_thread() as server:
        session = provider.session()
        db = adapter(server.url, session, fast_path=fast_path)

        async def turns() -> list[Any]:
            # Those of another client wait for the SDK's own lock.
            source = await session.get_credentials()
            waiting = [asyncio.create_task(source.get_frozen_credentials()) for _ in range(3)]
            await asyncio.sleep(0.01)
            outcomes = await asyncio.gather(*(db.load("me") for _ in range(3)), return_exceptions=True)
            await asyncio.gather(*waiting, return_exceptions=True)
            return outcomes

        first, second = asyncio.run(turns()), asyncio.run(turns())
        provider.lasts = timedelta(hours=1)
        third = asyncio.run(_after_the_pause(turns))
        asyncio.run(db.close())

    assert {RequestError} == {type(each) for each in [*first, *second]}
    assert all("credentials" in str(each) for each in [*first, *second])
    assert not [each for each in third if isinstance(each, Exception) and "loop" in str(each)]


async def _after_the_pause(turns: Callable[[], Any]) -> Any:
    return await turns()


# The server holds them to be expired, or the clock to be wrong


def expired_but_for(*valid: str) -> Callable[[Asked], Any]:
    """Script: only these access keys are valid."""

    async def script(asked: Asked) -> None:
        key = asked.head.partition(b"Credential=")[2].partition(b"/")[0].decode()
        if key in valid:
            await nothing(asked)
        else:
            said = {"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "hush"}
            await asked.send(answer(json.dumps(said).encode(), line=b"HTTP/1.1 400 Bad Request"))

    return script


@WAYS
async def test_expired_credentials_are_refreshed_once_and_the_request_repeated(fast_path: Any) -> None:
    """Their time is what the server says, whatever the provider said; nobody hears of it."""
    provider = Provider()
    async with raw_server(expired_but_for("KEY1")) as server:
        db = adapter(server.url, provider.session(timedelta(hours=1)), fast_path=fast_path)
        await asyncio.gather(*(db.load("me") for _ in range(5)))
        await db.load("me")
        await db.close()

        assert (1, 6) == (provider.asked, signed(server).count("KEY1"))


@WAYS
async def test_credentials_that_stay_expired_are_refreshed_once_only(fast_path: Any) -> None:
    """The request is repeated once, then told; the next one does not begin anew."""
    provider = Provider()
    async with raw_server(expired_but_for()) as server:
        db = adapter(server.url, provider.session(timedelta(hours=1)), fast_path=fast_path)
        for _ in range(2):
            with pytest.raises(RequestError, match="expired"):
                await db.load("me")
        await db.close()

        assert (1, ["KEY0", "KEY1", "KEY1"]) == (provider.asked, signed(server))


@WAYS
async def test_keys_that_can_not_be_refreshed_are_told_at_once(fast_path: Any) -> None:
    """There are no others."""
    async with raw_server(expired_but_for()) as server:
        keys = {"aws_access_key_id": "KEY0", "aws_secret_access_key": "secret"}
        db = adapter(server.url, None, fast_path=fast_path, **keys)
        with pytest.raises(RequestError, match="expired"):
            await db.load("me")
        await db.close()

        assert 1 == len(server.asked)


KEYS = {"aws_access_key_id": "KEY0", "aws_secret_access_key": "secret"}
SKEWED = ("InvalidSignatureException", "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture")


def ahead_by(offset: timedelta, code: str) -> Callable[[Asked], Any]:
    """Script: a server whose clock is *offset* ahead, and which refuses what is more than five minutes off."""

    async def script(asked: Asked) -> None:
        now = datetime.now(UTC) + offset
        stamp = asked.head.lower().partition(b"x-amz-date: ")[2].partition(b"\r\n")[0].decode()
        when = datetime.strptime(stamp, "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC)
        if abs(now - when) < timedelta(minutes=5):
            await nothing(asked)
            return
        said = {"__type": f"com.amazon.coral.service#{code}", "message": "Signature expired"}
        date = b"Date: " + format_datetime(now, usegmt=True).encode()
        await asked.send(answer(json.dumps(said).encode(), date, line=b"HTTP/1.1 400 Bad Request"))

    return script


@pytest.mark.parametrize("code", SKEWED)
@pytest.mark.parametrize("hours", [-30, -1, 0.2, 1, 48])
async def test_a_wrong_clock_is_learned_once(code: str, hours: float) -> None:
    """From the server's date; the request is repeated once, and those after it are right."""
    script = ahead_by(timedelta(hours=hours), code)
    async with raw_server(script) as server, adapter(server.url, None, **KEYS) as db:
        await db.load("me")
        assert 2 == len(server.asked)
        await db.load("me")
        await db.delete("me")

        assert 4 == len(server.asked)


async def test_a_clock_that_was_set_right_is_learned_again() -> None:
    """It may be put right, or wrong, at any time."""
    script = ahead_by(timedelta(hours=1), SKEWED[0])
    async with raw_server(script) as server, adapter(server.url, None, **KEYS) as db:
        await db.load("me")
        server.script = ahead_by(timedelta(0), SKEWED[0])
        await db.load("me")
        await db.load("me")

        assert 5 == len(server.asked)


@pytest.mark.parametrize("date", [b"", b"Date: yesterday", b"Date: Sat, 31 Feb 2026 25:00:00 GMT", b"Date: \xff\xff"])
async def test_a_wrong_key_is_no_wrong_clock(date: bytes) -> None:
    """The same is said of both: without another time, the request is not repeated."""
    said = b'{"__type": "com.amazon.coral.service#InvalidSignatureException", "message": "hush"}'

    async def script(asked: Asked) -> None:
        now = b"Date: " + format_datetime(datetime.now(UTC), usegmt=True).encode()
        await asked.send(answer(said, date or now, line=b"HTTP/1.1 400 Bad Request"))

    async with raw_server(script) as server, adapter(server.url, None, **KEYS) as db:
        with pytest.raises(RequestError, match="clock"):
            await db.load("me")

        assert 1 == len(server.asked)


# They can't be sent


BLANKS = ["KEY\r\nX-Evil: 1", "KEY\n", " KEY", "KEY KEY", "KEY\t", "KEY\0", "KEY\x7f", "K\u00c9Y", "KEY\u2028", "\r"]


@pytest.mark.parametrize("wrong", BLANKS)
@pytest.mark.parametrize("setting", ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"])
def test_a_key_that_no_header_takes_is_refused(setting: str, wrong: str) -> None:
    """When it is configured; the error shows none of it."""
    with pytest.raises(ConfigError, match=f"blanks.*{setting}") as raised:
        ClientConfig(**{**KEYS, "aws_session_token": "token", setting: wrong})
    assert wrong not in str(raised.value)


@WAYS
@pytest.mark.parametrize("wrong", [BLANKS[0], BLANKS[2], BLANKS[6], BLANKS[7]])
@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
async def test_a_variable_that_no_header_takes_is_refused(
    fast_path: Any, variable: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the adapter opens, before anything is sent."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, wrong if name == variable else "KEY0")
    async with raw_server(nothing) as server:
        db = adapter(server.url, None, fast_path=fast_path)
        with pytest.raises(ConfigError, match="blank") as raised:
            await db.open()
        with pytest.raises(ConfigError, match="blank"):
            await db.load("me")
        await db.close()

        assert not server.asked
        assert wrong not in str(raised.value)


@WAYS
async def test_what_a_provider_gave_at_once_is_looked_at_too(fast_path: Any) -> None:
    """As a container's or a process's does, which are there before the first request."""
    provider = Provider()
    provider.token = "token\r\nX-Evil: 1"
    async with raw_server(nothing) as server:
        db = adapter(server.url, provider.session(timedelta(hours=1)), fast_path=fast_path)
        with pytest.raises(ConfigError, match="session token"):
            await db.open()
        await db.close()
        assert not server.asked


@WAYS
async def test_what_was_refused_once_does_not_sign_later(fast_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the SDK holds it for the newest there is."""
    monkeypatch.setattr(pause, "FIRST", 0.0)
    provider = Provider()
    async with raw_server(nothing) as server:
        db = adapter(server.url, provider.session(timedelta(minutes=5)), fast_path=fast_path, operation_timeout=1)
        provider.token = "token\r\nX-Evil: 1"
        for _ in range(20):
            with suppress(RequestError):
                await db.load("me")
            await asyncio.sleep(0.01)
        with pytest.raises(RequestError, match="session token"):
            await db.load("me")
        await db.close()
        assert not any(b"Evil" in asked.head for asked in server.asked)


@pytest.mark.parametrize(
    "said", [b"[]", b"{}", b'{"AccessKeyId": null, "SecretAccessKey": 5, "Token": [], "Expiration": null}']
)
@WAYS
async def test_a_container_that_gives_something_else(
    fast_path: Any, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Says that it is the credentials."""

    async def give(asked: Asked) -> None:
        await asked.send(answer(said))

    async with raw_server(nothing) as server, raw_server(give) as container:
        container.reads_bodies = False
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{container.url}/role")
        db = adapter(server.url, None, fast_path=fast_path)
        with pytest.raises(RequestError, match=r"credentials.*NoCredentials"):
            await db.load("me")
        await db.close()
        assert not server.asked


@WAYS
async def test_a_provider_that_gives_what_no_header_takes_is_refused(fast_path: Any) -> None:
    """At the start as a setting; later as what the provider did."""
    provider = Provider()
    async with raw_server(nothing) as server:
        db = adapter(server.url, provider.session(), fast_path=fast_path)
        await db.load("me")
        provider.token = "token\r\nX-Evil: 1"
        later = adapter(server.url, provider.session(), fast_path=fast_path)
        with pytest.raises(ConfigError, match="session token"):
            await later.open()
        await later.close()
        await db.close()

        assert 1 == len(server.asked)


@pytest.mark.parametrize("option", ["user_agent", "user_agent_extra", "user_agent_appid"])
@pytest.mark.parametrize("wrong", ["me\r\nX-Evil: 1", "me\n", "me\0", "m\u00e9"])
def test_a_user_agent_that_no_header_takes_is_refused(option: str, wrong: str) -> None:
    """As keys are; blanks are usual in it."""
    with pytest.raises(ConfigError, match=rf"line breaks.*options\.{option}"):
        ClientConfig(options={option: wrong})
    ClientConfig(options={option: "me/1 (mine)"} if option != "user_agent_appid" else {option: "me"})


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"])
@WAYS
async def test_a_password_in_an_endpoint_is_refused(fast_path: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment as from the configuration; it is not shown."""
    monkeypatch.setenv(name, "http://me:hush@127.0.0.1:9")
    db = adapter("http://127.0.0.1:9", None, fast_path=fast_path, endpoint_url=None, **KEYS)
    with pytest.raises(ConfigError, match="user or password") as raised:
        await db.open()
    await db.close()

    assert "hush" not in str(raised.value)
