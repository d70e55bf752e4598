"""Alexa's calls are known by their signature; its certificates come from Amazon's host, or not at all."""

import asyncio
import gc
import json
import ssl
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from dynadb_async import ConfigError, UsageError
from dynadb_async.platforms import Headers, SignatureError
from dynadb_async.platforms.alexa_chain import ChainOverHttps, chain_url, signer
from dynadb_async.platforms.alexa_verifier import AlexaVerifier
from tests.authority import Authority, CertificateHost, new_rsa_key, ok

URL = "https://s3.amazonaws.com/echo.api/echo-api-cert-1.pem"
NOW = datetime.now(UTC).replace(microsecond=0)


@define(eq=False)
class World:
    """An authority, Alexa's key and chain, a clock that is moved, and what was fetched in which thread."""

    authority: Authority
    key: rsa.RSAPrivateKey
    roots: Path
    now: datetime = NOW
    chains: dict[str, bytes] = field(factory=dict)
    fetched: list[str] = field(factory=list)
    threads: set[int] = field(factory=set)
    fails: bool = False

    def fetch(self, url: str) -> bytes:
        """What stands at *url*."""
        self.fetched.append(url)
        self.threads.add(threading.get_ident())
        if self.fails or url not in self.chains:
            raise ConnectionError
        return self.chains[url]

    def verifier(self, **options: Any) -> AlexaVerifier:
        """One that believes this authority."""
        settings: dict[str, Any] = {"fetch": self.fetch, "roots": self.roots, "clock": lambda: self.now}
        return AlexaVerifier(**settings | options)

    def call(
        self,
        *,
        at: str | None = None,
        kind: str = "LaunchRequest",
        url: str = URL,
        hashed: HashAlgorithm | None = None,
        **members: Any,
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body of one call, signed."""
        time = NOW.strftime("%Y-%m-%dT%H:%M:%SZ") if at is None else at
        body = json.dumps({"request": {"type": kind, "timestamp": time}} | members).encode()
        signature = b64encode(self.key.sign(body, PKCS1v15(), hashed or SHA256())).decode()
        return {"SignatureCertChainUrl": url, "Signature-256": signature, "Signature": "b2xk"}, body


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Whom the tests believe."""
    return Authority()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    """Alexa's."""
    return new_rsa_key()


@pytest.fixture
def world(authority: Authority, key: rsa.RSAPrivateKey, tmp_path: Path) -> World:
    """All is well."""
    chains = {URL: authority.chain(authority.leaf(key))}
    return World(authority, key, authority.bundle(tmp_path), chains=chains)


async def checked(verifier: AlexaVerifier, headers: Headers, body: bytes) -> None:
    """Check a POST."""
    await verifier.check("POST", "https://skill.example.com/alexa", headers, body)


def odd_case(headers: dict[str, str]) -> Headers:
    """Names as some proxies write them."""
    return {name.swapcase(): value for name, value in headers.items()}


def as_bytes(headers: dict[str, str]) -> Headers:
    """As ASGI has them."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


@pytest.mark.parametrize("written", [dict, odd_case, as_bytes, lambda headers: list(headers.items())])
async def test_what_alexa_signed_passes(world: World, written: Callable[[dict[str, str]], Headers]) -> None:
    """Whatever the case of the headers' names, and however the server hands them over."""
    headers, body = world.call()

    await checked(world.verifier(), written(headers), body)


async def test_another_body_is_refused(world: World) -> None:
    """A changed byte, a body written anew, none: each is another text than the signed one."""
    verifier = world.verifier()
    headers, body = world.call()

    for other in (
        body + b" ",
        body.replace(b"Launch", b"launch"),
        json.dumps(json.loads(body), indent=1).encode(),
        b"",
    ):
        with pytest.raises(SignatureError, match="Signature-256"):
            await checked(verifier, headers, other)


async def test_another_key_is_refused(world: World) -> None:
    """Who has no private key of the certificate can't sign; the older SHA-1 signature does not count."""
    verifier = world.verifier()
    headers, body = world.call(hashed=SHA1())
    with pytest.raises(SignatureError, match="Signature-256"):
        await checked(verifier, headers, body)

    world.key = new_rsa_key()
    headers, body = world.call()
    with pytest.raises(SignatureError, match="Signature-256"):
        await checked(verifier, headers, body)


@pytest.mark.parametrize("name", ["SignatureCertChainUrl", "Signature-256"])
async def test_a_header_must_be_there_once(world: World, name: str) -> None:
    """None and two are refused, even if both are the same, before anything is fetched."""
    verifier = world.verifier()
    headers, body = world.call()

    missing = {key: value for key, value in headers.items() if key != name}
    for wrong in (missing, [*headers.items(), (name, headers[name])], [*headers.items(), (name.lower(), "x")]):
        with pytest.raises(SignatureError, match=f"one header {name}"):
            await checked(verifier, wrong, body)

    assert world.fetched == []


@pytest.mark.parametrize("signature", ["", "%%%", "c2lnbmVk", "ä", "A" * 344])
async def test_a_signature_that_is_none_is_refused(world: World, signature: str) -> None:
    """No base64, too short, somebody's: one error."""
    headers, body = world.call()

    with pytest.raises(SignatureError, match="Signature-256"):
        await checked(world.verifier(), headers | {"Signature-256": signature}, body)


async def test_a_signature_is_written_one_way(world: World) -> None:
    """The right one with something beside it, which lenient readers of base64 pass over, is refused."""
    headers, body = world.call()
    right = headers["Signature-256"]

    for written in (f"{right[:9]}!{right[9:]}", f"{right[:9]}\n{right[9:]}", f" {right}", f"{right}, {right}"):
        with pytest.raises(SignatureError, match="base64"):
            await checked(world.verifier(), headers | {"Signature-256": written}, body)


@pytest.mark.parametrize(
    ("seconds", "kind", "passes"),
    [
        *((0, "LaunchRequest", True), (150, "LaunchRequest", True), (-150, "LaunchRequest", True)),
        *((151, "LaunchRequest", False), (-151, "LaunchRequest", False)),
        *((3600, "AlexaSkillEvent.SkillEnabled", True), (3601, "AlexaSkillEvent.SkillEnabled", False)),
        (-151, "AlexaSkillEvent.SkillEnabled", False),
    ],
)
async def test_an_old_call_is_refused(world: World, seconds: int, kind: str, passes: bool) -> None:
    """150 seconds, as Amazon asks for; an hour for skill events, which it delivers again for so long."""
    headers, body = world.call(kind=kind)
    world.now += timedelta(seconds=seconds)

    if passes:
        await checked(world.verifier(), headers, body)
    else:
        with pytest.raises(SignatureError, match="too old"):
            await checked(world.verifier(), headers, body)


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-26T15:00:00", "0001-01-01T00:00:00+23:59", "12"])
async def test_a_time_that_is_none_is_refused(world: World, time: str) -> None:
    """A signed call without a time in a zone could be played again for ever."""
    headers, body = world.call(at=time)

    with pytest.raises(SignatureError, match=r"request\.timestamp|too old"):
        await checked(world.verifier(), headers, body)


MINE, OTHER = {"application": {"applicationId": "mine"}}, {"application": {"applicationId": "other"}}


@pytest.mark.parametrize(
    ("members", "passes"),
    [
        ({"context": {"System": MINE}, "session": MINE}, True),
        ({"session": MINE}, True),
        ({"context": {"System": OTHER}, "session": MINE}, False),
        ({"session": OTHER}, False),
        ({}, False),
        ({"context": {"System": [1]}, "session": MINE}, False),
    ],
)
async def test_a_call_for_another_skill_is_refused(world: World, members: dict[str, Any], passes: bool) -> None:
    """Alexa signs the calls of everybody's skills, and anybody may name this app's address for one's own."""
    headers, body = world.call(**members)
    await checked(world.verifier(), headers, body)

    if passes:
        await checked(world.verifier(skill_id="mine"), headers, body)
    else:
        with pytest.raises(SignatureError, match="another skill"):
            await checked(world.verifier(skill_id="mine"), headers, body)


@pytest.mark.parametrize("skill", ["", " "])
def test_an_empty_skill_id_is_refused_at_the_start(skill: str) -> None:
    """As an empty secret is: its variable was never set."""
    with pytest.raises(ConfigError, match="is its variable set"):
        AlexaVerifier(skill)


async def test_a_clock_of_another_zone_is_as_good(world: World) -> None:
    """What counts is the moment."""
    world.now = world.now.astimezone(timezone(timedelta(hours=-11)))

    await checked(world.verifier(), *world.call())


async def test_a_signed_body_that_is_no_json_is_refused(world: World) -> None:
    """There is no time in it."""
    for body in (b"[]", b"4711", b"no JSON", b'{"request": [1]}', b"[" * 4000):
        signature = b64encode(world.key.sign(body, PKCS1v15(), SHA256())).decode()
        with pytest.raises(SignatureError, match=r"request\.timestamp|JSON in the body"):
            await checked(world.verifier(), {"SignatureCertChainUrl": URL, "Signature-256": signature}, body)


GOOD_URLS = [
    URL,
    "https://s3.amazonaws.com:443/echo.api/echo-api-cert-1.pem",
    "https://s3.amazonaws.com/echo.api/../echo.api/echo-api-cert-1.pem",
    "HTTPS://S3.AmazonAWS.com/echo.api/echo-api-cert-1.pem",
    "https://s3.amazonaws.com/echo.api/./echo-api-cert-1.pem",
    "https://s3.amazonaws.com/echo.api//echo-api-cert-1.pem",
]
BAD_URLS = [
    "http://s3.amazonaws.com/echo.api/echo-api-cert.pem",
    "https://notamazon.com/echo.api/echo-api-cert.pem",
    "https://s3.amazonaws.com/EcHo.aPi/echo-api-cert.pem",
    "https://s3.amazonaws.com/invalid.path/echo-api-cert.pem",
    "https://s3.amazonaws.com:563/echo.api/echo-api-cert.pem",
    "https://s3.amazonaws.com:0443/echo.api/echo-api-cert.pem",
    "https://s3.amazonaws.com:/echo.api/echo-api-cert.pem",
    "https://s3.amazonaws.com:99999/echo.api/echo-api-cert.pem",
    "https://s3.amazonaws.com/echo.api/../other/echo-api-cert.pem",
    "https://s3.amazonaws.com/echo.api/..",
    "https://s3.amazonaws.com/echo.api/",
    "https://s3.amazonaws.com/echo.api",
    "https://s3.amazonaws.com/echo.apix/cert.pem",
    "https://s3.amazonaws.com//echo.api/cert.pem",
    "https://s3.amazonaws.com/other/../../echo.api%2f..%2fother/cert.pem",
    "https://s3.amazonaws.com/echo.api/%2e%2e/other/cert.pem",
    "https://s3.amazonaws.com/echo.api/..\\other/cert.pem",
    "https://s3.amazonaws.com@evil.example/echo.api/cert.pem",
    "https://evil.example@s3.amazonaws.com/echo.api/cert.pem",
    "https://evil.example#@s3.amazonaws.com/echo.api/cert.pem",
    "https://s3.amazonaws.com.evil.example/echo.api/cert.pem",
    "https://s3.amazonaws.com./echo.api/cert.pem",
    "https://s3.amazonaws.com/echo.api/cert.pem?x=1",
    "https://s3.amazonaws.com/echo.api/cert.pem#x",
    "https://s3.amazonaws.com/echo.api/cert.pem\r\nHost: evil.example",
    "https://s3.amazonaws.com/echo.api/ cert.pem",
    " https://s3.amazonaws.com/echo.api/cert.pem",
    "https://s3.\u0430mazonaws.com/echo.api/cert.pem",
    "https://[s3.amazonaws.com/echo.api/cert.pem",
    "https:///s3.amazonaws.com/echo.api/cert.pem",
    "//s3.amazonaws.com/echo.api/cert.pem",
    "file:///echo.api/cert.pem",
    "https://s3.amazonaws.com/echo.api/" + "x" * 1024,
    "",
]


@pytest.mark.parametrize("url", GOOD_URLS)
def test_amazons_urls_are_one(url: str) -> None:
    """The host in any case, the port said or not, dots in the path: what is fetched is written one way."""
    assert chain_url(url) == URL


@pytest.mark.parametrize("url", BAD_URLS)
async def test_a_chain_from_elsewhere_is_never_fetched(world: World, url: str) -> None:
    """Another host, port, folder or scheme, or a trick with the path, is refused before a connection is made."""
    headers, body = world.call(url=url)

    with pytest.raises(SignatureError, match="SignatureCertChainUrl") as caught:
        await checked(world.verifier(), headers, body)

    assert [] == world.fetched
    assert "evil" not in str(caught.value)


async def test_the_chain_is_kept_and_fetched_off_the_event_loop(world: World) -> None:
    """Twenty calls at once, and one later: one fetch, in another thread. After an hour it is looked at again."""
    verifier = world.verifier()
    headers, body = world.call()

    await asyncio.gather(*(checked(verifier, headers, body) for _ in range(20)))
    await checked(verifier, headers, body)
    assert [URL] == world.fetched
    assert threading.get_ident() not in world.threads

    world.now += timedelta(minutes=61)
    headers, body = world.call(at=world.now.isoformat())
    await checked(verifier, headers, body)
    assert [URL] * 2 == world.fetched


async def test_one_verifier_serves_event_loops_one_after_the_other(world: World) -> None:
    """As Lambda and test clients have them."""
    verifier = world.verifier()
    headers, body = world.call()

    for _ in range(2):
        await asyncio.to_thread(asyncio.run, checked(verifier, headers, body))

    assert [URL] == world.fetched


async def test_an_old_chain_serves_while_amazons_host_is_away(world: World) -> None:
    """Once known, a chain lasts as long as its certificates do; then nothing passes."""
    verifier = world.verifier()
    headers, body = world.call()
    await checked(verifier, headers, body)
    world.fails = True

    world.now += timedelta(hours=2)
    headers, body = world.call(at=world.now.isoformat())
    await checked(verifier, headers, body)

    world.now += timedelta(days=20)
    headers, body = world.call(at=world.now.isoformat())
    with pytest.raises(SignatureError, match="could not be fetched: ConnectionError"):
        await checked(verifier, headers, body)


async def test_an_apps_own_way_to_the_chain_may_fail_in_its_own_way(world: World) -> None:
    """Other libraries have errors of their own: the call is refused, and an old chain serves."""

    def fetch(_url: str) -> bytes:
        raise RuntimeError

    with pytest.raises(SignatureError, match="could not be fetched: RuntimeError"):
        await checked(world.verifier(fetch=fetch), *world.call())

    verifier = world.verifier()
    await checked(verifier, *world.call())
    verifier.fetch = fetch
    world.now += timedelta(hours=2)
    await checked(verifier, *world.call(at=world.now.isoformat()))


async def test_nobody_hears_of_a_chain_that_nobody_waits_for(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A caller who hangs up, and a fetch that fails after that, leave no error behind in the loop."""
    begun, go_on = threading.Event(), threading.Event()

    def fetch(_url: str) -> bytes:
        begun.set()
        go_on.wait(20)
        raise ConnectionError

    verifier = world.verifier(fetch=fetch)
    call = asyncio.create_task(checked(verifier, *world.call()))
    await asyncio.to_thread(begun.wait, 20)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    go_on.set()
    while verifier._sought:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    gc.collect()
    assert "" == caplog.text


async def test_only_so_many_chains_are_kept(world: World) -> None:
    """However many URLs in Amazon's folder somebody names."""
    verifier = world.verifier()
    for number in range(20):
        url = f"https://s3.amazonaws.com/echo.api/{number}.pem"
        world.chains[url] = world.chains[URL]
        await checked(verifier, *world.call(url=url))

    assert len(verifier._kept) == 16


async def test_a_chain_that_does_not_come_is_waited_for_so_long(world: World) -> None:
    """The call is refused in time, and others are not held up."""
    go_on = threading.Event()

    def fetch(_url: str) -> bytes:
        go_on.wait(20)
        return b""

    try:
        with pytest.raises(SignatureError, match="in time"):
            await checked(world.verifier(fetch=fetch, patience=0.1), *world.call())
    finally:
        go_on.set()


@pytest.mark.parametrize("others", [0, 70])
async def test_an_old_chain_serves_while_the_new_one_does_not_come(world: World, others: int) -> None:
    """A host that answers nothing is no reason to refuse a chain that is valid; nor is a flood of other chains."""
    verifier = world.verifier(patience=0.1)
    await checked(verifier, *world.call())
    go_on = threading.Event()

    def fetch(_url: str) -> bytes:
        go_on.wait(20)
        raise ConnectionError

    verifier.fetch = fetch
    world.now += timedelta(hours=2)
    made_up = [world.call(url=f"https://s3.amazonaws.com/echo.api/{number}.pem") for number in range(others)]
    try:
        await asyncio.gather(*(checked(verifier, *one) for one in made_up), return_exceptions=True)
        await checked(verifier, *world.call(at=world.now.isoformat()))
    finally:
        go_on.set()


async def test_a_clock_without_a_zone_is_told(world: World) -> None:
    """It could be hours off, and every call would be too old."""
    world.now = world.now.replace(tzinfo=None)
    with pytest.raises(UsageError, match="zone"):
        await checked(world.verifier(), *world.call())


async def test_a_flood_of_made_up_chains_is_refused(world: World) -> None:
    """Only so many wait at once; a chain that is known is not held up by them, and nothing is left behind."""
    go_on = threading.Event()
    verifier = world.verifier()
    await checked(verifier, *world.call())

    def fetch(_url: str) -> bytes:
        go_on.wait(20)
        raise ConnectionError

    verifier.fetch = fetch
    made_up = [world.call(url=f"https://s3.amazonaws.com/echo.api/{number}.pem") for number in range(70)]
    flood = [asyncio.create_task(checked(verifier, *call)) for call in made_up]
    await asyncio.sleep(0)
    try:
        await checked(verifier, *world.call())
    finally:
        go_on.set()
    refused = await asyncio.gather(*flood, return_exceptions=True)

    assert 70 == sum(isinstance(error, SignatureError) for error in refused)
    assert 6 == sum("too many" in str(error) for error in refused)
    assert {} == verifier._sought


def of_another_authority(world: World) -> bytes:
    """Nobody believes it."""
    other = Authority()
    return other.chain(other.leaf(world.key))


def with_another_between(world: World) -> bytes:
    """The chain breaks off."""
    return Authority().chain(world.authority.leaf(world.key))


def of_version_4(chain: bytes) -> bytes:
    """The first certificate says so."""
    leaf, end, rest = chain.partition(b"-----END CERTIFICATE-----\n")
    der = ssl.PEM_cert_to_DER_cert((leaf + end).decode())
    return ssl.DER_cert_to_PEM_cert(der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x04", 1)).encode() + rest


BAD_CHAINS: dict[str, Callable[[World], bytes]] = {
    "another authority": of_another_authority,
    "another name": lambda world: world.authority.chain(
        world.authority.leaf(world.key, "echo-api.amazon.com.evil.example")
    ),
    "another of Amazon's": lambda world: world.authority.chain(world.authority.leaf(world.key, "s3.amazonaws.com")),
    "another name for many": lambda world: world.authority.chain(world.authority.leaf(world.key, "*.amazon.com")),
    "a weak key": lambda world: world.authority.chain(
        world.authority.leaf(rsa.generate_private_key(65537, 1024))  # that is the point
    ),
    "of an unknown version": lambda world: of_version_4(world.chains[URL]),
    "under a leaf": lambda world: world.authority.chain(
        world.authority.leaf(world.key, by=world.key), world.authority.leaf(world.key)
    ),
    "ended": lambda world: world.authority.chain(world.authority.leaf(world.key, days=0.5)),
    "broken": with_another_between,
    "the authority first": lambda world: world.authority.chain(),
    "a key of another kind": lambda world: world.authority.chain(
        world.authority.leaf(ec.generate_private_key(ec.SECP256R1()))
    ),
    "too long": lambda world: world.chains[URL] * 10,
    "no PEM": lambda world: b"<Error>AccessDenied</Error>",
    "damaged": lambda world: world.chains[URL].replace(b"A", b"!"),
    "cut short": lambda world: b"-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----",
    "empty": lambda world: b"",
}


@pytest.mark.parametrize("kind", BAD_CHAINS)
async def test_a_chain_that_is_not_alexas_is_refused(world: World, kind: str) -> None:
    """Signed by whom nobody knows, for another name, ended, broken, none: the key in it proves nothing."""
    headers, body = world.call()
    world.chains[URL] = BAD_CHAINS[kind](world)

    with pytest.raises(SignatureError, match=r"chain|certificate"):
        await checked(world.verifier(), headers, body)


async def test_a_certificate_that_is_not_valid_yet_is_refused(world: World) -> None:
    """Validity has two ends, also for a chain that is kept."""
    verifier = world.verifier()
    await checked(verifier, *world.call())

    world.now -= timedelta(days=2)
    headers, body = world.call(at=world.now.isoformat())
    with pytest.raises(SignatureError, match="the chain is not one of"):
        await checked(verifier, headers, body)


@pytest.fixture
async def host(world: World, tmp_path: Path) -> AsyncIterator[CertificateHost]:
    """Amazon's host, with Alexa's chain."""
    made = CertificateHost(files={"/echo.api/echo-api-cert-1.pem": ok(world.chains[URL])})
    async with made.serving(world.authority, tmp_path) as host:
        yield host


async def test_the_chain_comes_over_https(world: World, host: CertificateHost) -> None:
    """A real server with a certificate of Amazon's name, real TLS, the path alone."""
    fetch = ChainOverHttps(address=host.address, cafile=world.roots)
    headers, body = world.call(url=GOOD_URLS[2])

    await checked(world.verifier(fetch=fetch), headers, body)

    assert ["/echo.api/echo-api-cert-1.pem"] == host.asked


ODD = {
    "404": b"",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/cert.pem\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"220 mail.example.com ESMTP\r\n",
    "nothing": b"\0",
    "too much": ok(b"x" * 70_000),
    "cut off": b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n-----BEGIN",
    "error in words": b"HTTP/1.1 503 Slow Down\r\nContent-Length: 7\r\n\r\n<Error>",
}


@pytest.mark.parametrize("kind", ODD)
async def test_what_is_no_chain_is_refused(world: World, host: CertificateHost, kind: str) -> None:
    """Nothing there, a redirect, an answer without end, none: one error, and the verifier lives on."""
    verifier = world.verifier(fetch=ChainOverHttps(address=host.address, cafile=world.roots))
    good = host.files.pop("/echo.api/echo-api-cert-1.pem")
    if ODD[kind]:
        host.files["/echo.api/echo-api-cert-1.pem"] = ODD[kind]
    with pytest.raises(SignatureError, match="could not be fetched"):
        await checked(verifier, *world.call())

    host.files["/echo.api/echo-api-cert-1.pem"] = good
    await checked(verifier, *world.call())


async def test_an_answer_byte_by_byte_is_not_waited_for(world: World, host: CertificateHost) -> None:
    """Each byte comes in time, and all of them would take minutes: the time is that of the whole."""
    host.pause = 0.05
    fetch = ChainOverHttps(address=host.address, cafile=world.roots, timeout=0.5)
    with pytest.raises(SignatureError, match="could not be fetched: TimeoutError"):
        await checked(world.verifier(fetch=fetch, patience=5), *world.call())


async def test_a_host_that_is_not_amazons_is_refused(world: World, tmp_path: Path) -> None:
    """Who stands at the address must prove its name, to an authority that is believed."""
    there = CertificateHost(files={"/echo.api/echo-api-cert-1.pem": ok(world.chains[URL])})
    (tmp_path / "other").mkdir()
    async with there.serving(world.authority, tmp_path, "evil.example") as host:
        fetch = ChainOverHttps(address=host.address, cafile=world.roots)
        with pytest.raises(SignatureError, match="SSLCertVerificationError"):
            await checked(world.verifier(fetch=fetch), *world.call())
    async with there.serving(Authority(), tmp_path) as host:
        fetch = ChainOverHttps(address=host.address, cafile=world.roots)
        with pytest.raises(SignatureError, match="SSLCertVerificationError"):
            await checked(world.verifier(fetch=fetch), *world.call())

    assert [] == there.asked


async def test_nobody_at_the_address(world: World) -> None:
    """A refused connection is a refused call."""
    fetch = ChainOverHttps(address=("127.0.0.1", 1), cafile=world.roots)
    with pytest.raises(SignatureError, match="ConnectionRefusedError"):
        await checked(world.verifier(fetch=fetch), *world.call())


def test_by_default_it_believes_whom_browsers_do(world: World) -> None:
    """Amazon's own roots are in the bundle, and all of it can be read; the tests' authority is not in it."""
    verifier = AlexaVerifier()

    assert b"Amazon Root CA 1" in verifier.roots.read_bytes()
    with pytest.raises(SignatureError, match="known authority"):
        signer(world.chains[URL], verifier._authorities(), NOW)
    assert ("s3.amazonaws.com", 443) == ChainOverHttps().address
