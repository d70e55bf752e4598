"""Signatures are the SDK's own, byte for byte."""

from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from dynadb_async.connection.wire.endpoint import Endpoint
from dynadb_async.connection.wire.signature import CONTENT_TYPE, Signer

PRINTABLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
KEYS = st.text(PRINTABLE, min_size=1, max_size=64)
CREDENTIALS = st.builds(ReadOnlyCredentials, KEYS, KEYS, st.none() | st.text(PRINTABLE, min_size=1, max_size=400))
TARGETS = st.sampled_from(["GetItem", "UpdateItem", "DeleteItem"]).map(lambda name: f"DynamoDB_20120810.{name}")
BODIES = st.binary(max_size=300)
REGIONS = st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
SECONDS = st.floats(min_value=0, max_value=4e9)
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABEL, min_size=1, max_size=4).map(".".join) | st.sampled_from(["127.0.0.1", "[::1]", "[2001:db8::7]"])
PORTS = st.sampled_from(["", ":80", ":443", ":8000"]) | st.integers(1, 65535).map(lambda port: f":{port}")
URLS = st.builds("{}://{}{}{}".format, st.sampled_from(["http", "https"]), HOSTS, PORTS, st.sampled_from(["", "/"]))


Signed = tuple[str, str, str | None]
"""Authorization, date and token."""


def sdk_signed(
    credentials: ReadOnlyCredentials, target: str, body: bytes, now: float, *, region: str, url: str
) -> Signed:
    """What the SDK signs for the time *now*: its `add_auth`, which asks the clock, step by step."""
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": target}
    request = AWSRequest("POST", url, headers=headers, data=body)
    request.context["timestamp"] = datetime.fromtimestamp(int(now), UTC).strftime("%Y%m%dT%H%M%SZ")
    auth = SigV4Auth(credentials, "dynamodb", region)
    auth._modify_request_before_signing(request)
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    auth._inject_signature_to_request(request, auth.signature(to_sign, request))
    found = request.headers
    return found["Authorization"], found["X-Amz-Date"], found.get("X-Amz-Security-Token")


def ours(request: bytes) -> Signed:
    """What of *request* the SDK's is compared with."""
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    return fields["Authorization"], fields["X-Amz-Date"], fields.get("X-Amz-Security-Token")


@given(CREDENTIALS, TARGETS, BODIES, SECONDS, REGIONS, URLS)
def test_signatures_are_the_sdks(
    credentials: ReadOnlyCredentials, target: str, body: bytes, now: float, region: str, url: str
) -> None:
    """For any credentials, with and without a token, operation, body, time, region and endpoint."""
    signed = Signer(region, Endpoint.of(url, False).netloc, "test").signed(credentials, target, body, now)

    assert sdk_signed(credentials, target, body, now, region=region, url=url) == ours(signed)
    assert f"X-Amz-Target: {target}\r\n".encode() in signed
    assert signed.endswith(f"\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


URL = "https://dynamodb.eu-central-1.amazonaws.com"
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


@given(st.lists(st.tuples(CREDENTIALS, st.integers(-3, 3), BODIES), min_size=2, max_size=8))
def test_what_is_kept_from_one_request_never_signs_another(
    requests: list[tuple[ReadOnlyCredentials, int, bytes]],
) -> None:
    """A day's key and a second's date are kept; changed credentials and midnight, back and forth, are seen."""
    signer = Signer("eu-central-1", "dynamodb.eu-central-1.amazonaws.com", "test")
    target = "DynamoDB_20120810.GetItem"
    keys = [credentials for credentials, _, _ in requests[:2]]  # a few, that come again
    for position, (_, seconds, body) in enumerate(requests):
        credentials, now = keys[position % len(keys)], MIDNIGHT + seconds
        signed = signer.signed(credentials, target, body, now)

        expected = sdk_signed(credentials, target, body, now, region="eu-central-1", url=URL)
        assert expected == ours(signed)


def test_without_a_time_it_is_signed_for_now() -> None:
    """The server refuses what is minutes off."""
    before = int(datetime.now(UTC).timestamp())
    signed = Signer("eu-central-1", "localhost", "test").signed(ReadOnlyCredentials("a", "b", None), "GetItem", b"")

    then = datetime.strptime(ours(signed)[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    assert before <= then <= datetime.now(UTC).timestamp()
