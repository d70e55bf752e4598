"""Calls of Slack, Meta, Telegram and Dialogflow are known by what only they and the app know."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import Message
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from dynadb_async import ConfigError, DynaDbError, UsageError
from dynadb_async.platforms import (
    DialogflowVerifier,
    Headers,
    MalformedRequestError,
    MetaVerifier,
    SignatureError,
    SlackVerifier,
    TelegramVerifier,
    Verifier,
)

# From https://docs.slack.dev/authentication/verifying-requests-from-slack
SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SLACK_TIME = 1531420618
SLACK_BODY = (Path(__file__).parent / "data" / "platforms" / "slack-command.txt").read_bytes()
SLACK = {
    "X-Slack-Request-Timestamp": str(SLACK_TIME),
    "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
}
# The same header and scheme elsewhere: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
META_SECRET, META_BODY = "It's a Secret to Everybody", b"Hello, World!"
META = {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
TELEGRAM = {"X-Telegram-Bot-Api-Secret-Token": "a-Secret_1"}
# RFC 7617, section 2
BASIC = {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}


def slack(secret: Any = SLACK_SECRET, seconds: int = 0) -> SlackVerifier:
    """Slack's verifier, so many seconds after the call was sent."""
    return SlackVerifier(secret, clock=lambda: datetime.fromtimestamp(SLACK_TIME + seconds, UTC))


@frozen
class Case:
    """A call that passes, its verifier with any secret, and the header that has the proof."""

    make: Callable[[Any], Verifier]
    secret: str
    headers: dict[str, str]
    body: bytes = b'{"update_id":10000}'


CASES = {
    "slack": Case(slack, SLACK_SECRET, SLACK, SLACK_BODY),
    "meta": Case(MetaVerifier, META_SECRET, META, META_BODY),
    "telegram": Case(TelegramVerifier, "a-Secret_1", TELEGRAM),
    "bearer": Case(DialogflowVerifier, "t0ken", {"Authorization": "Bearer t0ken"}),
    "basic": Case(lambda password: DialogflowVerifier.basic("Aladdin", password), "open sesame", BASIC),
}
SEES_THE_BODY = ["slack", "meta"]


async def checked(verifier: Verifier, headers: Headers, body: bytes) -> None:
    """Check a POST."""
    await verifier.check("POST", "https://bot.example.com/webhook", headers, body)


@pytest.mark.parametrize("name", CASES)
async def test_what_the_platform_sent_passes(name: str) -> None:
    """The documented call passes, whatever the case of its headers' names, and however the server hands them over."""
    case = CASES[name]
    verifier = case.make(case.secret)
    pairs = list(case.headers.items())
    written: list[Headers] = [
        case.headers,
        {key.swapcase(): value for key, value in pairs},
        {key.lower(): value for key, value in pairs} | {"Host": "evil.example", "X-Forwarded-Host": "evil.example"},
        pairs,
        [(key.lower().encode(), value.encode()) for key, value in pairs],
    ]

    message = Message()
    for key, value in pairs:
        message[key] = value
    written += [{key: [value] for key, value in pairs}, message]  # type: ignore[list-item]  # API Gateway, WSGI

    for headers in written:
        await checked(verifier, headers, case.body)


@pytest.mark.parametrize("name", CASES)
async def test_no_signature_is_refused(name: str) -> None:
    """A missing header, or an empty one, is no proof."""
    case = CASES[name]
    for header in case.headers:
        for headers in (
            {key: value for key, value in case.headers.items() if key != header},
            case.headers | {header: ""},
        ):
            with pytest.raises(SignatureError, match=header):
                await checked(case.make(case.secret), headers, case.body)


@pytest.mark.parametrize("name", CASES)
async def test_no_headers_at_all_are_refused(name: str) -> None:
    """Whatever a server has in their place."""
    case = CASES[name]
    odd: list[Any] = [None, {}, [], dict.fromkeys(case.headers), dict.fromkeys(case.headers, ()), {"Host": None}]
    for headers in odd:
        with pytest.raises(SignatureError, match="got none"):
            await checked(case.make(case.secret), headers, case.body)
    twice: Any = {key: [value, value] for key, value in case.headers.items()}
    with pytest.raises(SignatureError, match="got 2"):
        await checked(case.make(case.secret), twice, case.body)


@pytest.mark.parametrize("name", CASES)
async def test_two_headers_are_refused(name: str) -> None:
    """Whichever of them is right: a proxy in front might have looked at the other one."""
    case = CASES[name]
    for header, value in case.headers.items():
        for other in (value, "other"):
            for pairs in ([(header.lower(), other), *case.headers.items()], [*case.headers.items(), (header, other)]):
                with pytest.raises(SignatureError, match=f"one header {header}, got 2"):
                    await checked(case.make(case.secret), pairs, case.body)


@pytest.mark.parametrize("name", CASES)
async def test_another_secret_is_refused(name: str) -> None:
    """And the error shows neither of them."""
    case = CASES[name]
    for other in ("0ther-secret", case.secret + "x", case.secret[:-1], case.secret.upper()):
        with pytest.raises(SignatureError) as caught:
            await checked(case.make(other), case.headers, case.body)
        assert case.secret not in str(caught.value)
        assert other not in str(caught.value)


@pytest.mark.parametrize("name", SEES_THE_BODY)
async def test_another_body_is_refused(name: str) -> None:
    """One byte more, less or other; none; the same one written anew."""
    case = CASES[name]
    for body in (case.body + b"\n", case.body[:-1], case.body.swapcase(), b"", case.body + case.body):
        with pytest.raises(SignatureError, match="this body"):
            await checked(case.make(case.secret), case.headers, body)


@pytest.mark.parametrize("name", sorted(set(CASES) - set(SEES_THE_BODY)))
async def test_a_token_says_nothing_of_the_body(name: str) -> None:
    """As the manual's table has it: who has the token can send anything."""
    case = CASES[name]
    await checked(case.make(case.secret), case.headers, b"anything")


@pytest.mark.parametrize(
    ("seconds", "passes"), [(300, True), (-300, True), (301, False), (-301, False), (10**9, False)]
)
async def test_slack_an_old_call_is_refused(seconds: int, passes: bool) -> None:
    """Five minutes, as Slack has it, in both directions."""
    if passes:
        await checked(slack(seconds=seconds), SLACK, SLACK_BODY)
    else:
        with pytest.raises(SignatureError, match="too old"):
            await checked(slack(seconds=seconds), SLACK, SLACK_BODY)


async def test_slack_a_clock_without_a_zone_is_told() -> None:
    """It could be hours off, and every call would be too old."""
    verifier = SlackVerifier(SLACK_SECRET, clock=lambda: datetime(2018, 7, 12))  # noqa: DTZ001  # that is the point
    with pytest.raises(UsageError, match="zone"):
        await checked(verifier, SLACK, SLACK_BODY)


def signed_by_slack(time: str, version: str = "v0") -> dict[str, str]:
    """Headers with a right signature of a time that is written otherwise."""
    made = hmac.new(SLACK_SECRET.encode(), f"{version}:{time}:".encode() + SLACK_BODY, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": time, "X-Slack-Signature": f"{version}={made}"}


@pytest.mark.parametrize(
    "time", [f" {SLACK_TIME}", f"+{SLACK_TIME}", f"{SLACK_TIME}.0", "1_531_420_618", "１531420618", "nan", "9" * 5000]
)
async def test_slack_a_time_is_written_one_way(time: str) -> None:
    """Python reads more as a number than Slack writes."""
    with pytest.raises(SignatureError, match="seconds in X-Slack-Request-Timestamp"):
        await checked(slack(), signed_by_slack(time), SLACK_BODY)


async def test_slack_another_version_is_refused() -> None:
    """What `v1` will be nobody knows, even if it is made as `v0` is."""
    await checked(slack(), signed_by_slack(str(SLACK_TIME)), SLACK_BODY)
    made = SLACK["X-Slack-Signature"].removeprefix("v0=")
    for wrong in (
        signed_by_slack(str(SLACK_TIME), "v1"),
        *(SLACK | {"X-Slack-Signature": start + made} for start in ("v1=", "", "=", "V0=", "v0==")),
    ):
        with pytest.raises(SignatureError, match="X-Slack-Signature"):
            await checked(slack(), wrong, SLACK_BODY)


async def test_meta_the_older_signature_does_not_count() -> None:
    """SHA-1, which Meta still sends beside it, proves too little; nor does it count under the newer name."""
    sha1 = hmac.new(META_SECRET.encode(), META_BODY, hashlib.sha1).hexdigest()
    made = META["X-Hub-Signature-256"].removeprefix("sha256=")
    odd = [{"X-Hub-Signature-256": f"{scheme}{made}"} for scheme in ("sha1=", "", "=", "SHA256=")]
    for headers in ({"X-Hub-Signature": f"sha1={sha1}"}, {"X-Hub-Signature-256": f"sha1={sha1}"}, *odd):
        with pytest.raises(SignatureError):
            await checked(MetaVerifier(META_SECRET), headers, META_BODY)


def handshake(**changed: Any) -> str:
    """The URL of Meta's handshake."""
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "meatyhamhock"}
    asked |= {f"hub.{name}": value for name, value in changed.items()}
    return "https://bot.example.com/messenger?" + urlencode({k: v for k, v in asked.items() if v is not None})


async def test_meta_handshake() -> None:
    """A GET with the token passes, and its challenge is what to answer."""
    verifier = MetaVerifier(META_SECRET, verify_token="meatyhamhock")

    for url in (handshake(), handshake().removeprefix("https://bot.example.com")):
        await verifier.check("GET", url, {}, b"")
        assert verifier.challenge(url) == "1158201444"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        (handshake(verify_token="another"), SignatureError),
        (handshake(verify_token=""), SignatureError),
        (handshake(verify_token=None), SignatureError),
        (handshake() + "&hub.verify_token=another", SignatureError),
        (handshake() + "&hub.challenge=other", SignatureError),
        (handshake() + "&a=1" * 200, SignatureError),
        ("https://[bot/?hub.mode=subscribe", SignatureError),
        ("", SignatureError),
        (handshake(challenge=None), MalformedRequestError),
        (handshake(mode="unsubscribe"), MalformedRequestError),
    ],
)
async def test_meta_a_handshake_without_the_token_is_refused(url: str, error: type[DynaDbError]) -> None:
    """No token, another, two: nobody else may have the app's webhook."""
    with pytest.raises(error):
        await MetaVerifier(META_SECRET, verify_token="meatyhamhock").check("GET", url, {}, b"")


async def test_meta_a_new_token_takes_over() -> None:
    """As a new secret does."""
    verifier = MetaVerifier(META_SECRET, verify_token=["new", "meatyhamhock"])

    assert "1158201444" == verifier.challenge(handshake()) == verifier.challenge(handshake(verify_token="new"))
    with pytest.raises(SignatureError):
        verifier.challenge(handshake(verify_token="newmeatyhamhock"))


async def test_meta_without_a_token_there_is_no_handshake() -> None:
    """A GET is refused, signed or not; a POST never passes by a token."""
    with pytest.raises(SignatureError):
        await MetaVerifier(META_SECRET).check("GET", handshake(verify_token=""), META, META_BODY)
    with pytest.raises(SignatureError):
        await MetaVerifier(META_SECRET, verify_token="meatyhamhock").check("POST", handshake(), {}, META_BODY)


@pytest.mark.parametrize("name", sorted(set(CASES) - {"basic"}))
async def test_a_new_secret_takes_over(name: str) -> None:
    """While both are in use, calls under either pass."""
    case = CASES[name]
    for secrets in (["new", case.secret], (case.secret, "new")):
        await checked(case.make(secrets), case.headers, case.body)
    with pytest.raises(SignatureError):
        await checked(case.make(["new", "newer"]), case.headers, case.body)


@pytest.mark.parametrize(
    ("name", "secret"),
    [("basic", ""), *product(sorted(set(CASES) - {"basic"}), ["", None, [], ["a", ""], " ", "\n", ("a", "\t")])],
)
def test_an_empty_secret_is_refused_at_the_start(name: str, secret: Any) -> None:
    """A variable that was never set would let everybody in."""
    with pytest.raises(ConfigError, match="is its variable set"):
        CASES[name].make(secret)


def test_settings_that_cannot_work_are_refused_at_the_start() -> None:
    """Telegram takes few letters; an empty token for a handshake; a colon in a user's name."""
    for make in (
        lambda: TelegramVerifier("a b"),
        lambda: TelegramVerifier("x" * 257),
        lambda: TelegramVerifier("a\n"),
        lambda: MetaVerifier("s", verify_token=""),
        lambda: MetaVerifier("s", verify_token=" "),
        lambda: MetaVerifier(b"s"),  # type: ignore[arg-type]
        lambda: SlackVerifier([b"s"]),  # type: ignore[list-item]
        lambda: SlackVerifier(17),  # type: ignore[arg-type]
        lambda: SlackVerifier("\udcff"),
        lambda: DialogflowVerifier.basic("a:b", "c"),
    ):
        with pytest.raises(ConfigError):
            make()


async def test_dialogflow_a_scheme_has_no_case_and_no_substitute() -> None:
    """As HTTP has it; a bearer's token is no password."""
    await checked(DialogflowVerifier("t0ken"), {"Authorization": "bearer t0ken"}, b"")
    for value in ("t0ken", "Basic t0ken", "Bearer  t0ken", "Bearer t0ken "):
        with pytest.raises(SignatureError):
            await checked(DialogflowVerifier("t0ken"), {"Authorization": value}, b"")


@pytest.mark.parametrize("name", CASES)
def test_a_repr_shows_no_secret(name: str) -> None:
    """A verifier that is logged gives nothing away."""
    case = CASES[name]
    assert case.secret not in repr(case.make(case.secret))
    assert "QWxhZGRpbjpvcGVuIHNlc2FtZQ" not in repr(case.make(case.secret))
    assert "meaty" not in repr(MetaVerifier("s", verify_token="meatyhamhock"))


@given(st.sampled_from(sorted(CASES)), st.data())
async def test_whatever_a_header_holds_it_passes_or_is_refused(name: str, data: st.DataObject) -> None:
    """Surrogates, line breaks, nothing at all: the one error, never another."""
    case = CASES[name]
    headers = {key: data.draw(st.text(max_size=80)) for key in case.headers}

    with pytest.raises(SignatureError):
        await checked(case.make(case.secret), headers, data.draw(st.binary(max_size=20)))
