"""What the wire goes by without the SDK is what a real client makes of the same settings and environment."""

import asyncio
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aioboto3
import botocore.httpsession
import botocore.loaders
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from dynadb_async import ClientConfig
from dynadb_async.connection.agent import VERSION
from dynadb_async.connection.harmless import HARMLESS
from dynadb_async.connection.plain import STANDARD_REGION, NotPlain, Plain, plain_settings
from dynadb_async.connection.sdk.open_client import OpenClient
from dynadb_async.connection.sdk.session import SharedSession
from dynadb_async.connection.wire.endpoint import Endpoint, usual_authorities
from tests.sizes import of_size

BUNDLE = usual_authorities()
LOADER = botocore.loaders.create_loader()

WITH_KEYS = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}


def plain(environ: Mapping[str, str] = WITH_KEYS, **client: Any) -> Plain | NotPlain:
    """What is read without the SDK."""
    with patch.dict(os.environ, environ, clear=True):
        return plain_settings(ClientConfig(**client), os.environ)


def of_a_client(environ: Mapping[str, str], **client: Any) -> Plain | None:
    """What a real client makes of it."""

    async def made() -> Plain | None:
        session = SharedSession().session()
        session._session.register_component("data_loader", LOADER)  # it reads its models once
        opened = await OpenClient.open(session, ClientConfig(**client))
        await opened.close()
        return opened.plain()

    with patch.dict(os.environ, environ, clear=True):
        return asyncio.run(made())


def comparable(found: Plain | NotPlain | None) -> Any:
    """But for the user agent, which names the SDK where it is there, and the spelling of the endpoint."""
    assert isinstance(found, Plain), found
    place = Endpoint.of(found.endpoint_url, False)
    return found.region_name, place.host, place.port, place.netloc, place.tls is None, found.verify, found.keys


def one_of(*usual: str, odd: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Mostly what people write."""
    return st.sampled_from([*usual * 4, *odd])


REGIONS = one_of(
    *("us-east-1", "eu-central-1", "ap-southeast-7", "mx-central-1"),
    odd=("us-gov-west-1", "cn-north-1", "us-iso-east-1", "aws-global", "us-east-1-fips", "local", "US-EAST-1", ""),
)
URLS = one_of(
    *("http://127.0.0.1:8000", "http://localhost:8000/", "https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com"),
    *("https://dynamodb.example:443", "http://dynamodb-local"),
    odd=(
        *("http://host/path", "http://host?query", "http://host:99999", "http://host:0", "http://[::1]:8000", ""),
        *(
            "HTTP://LOCALHOST:8000",
            "http://under_score:8000",
            "http://a..b",
            "http://-a",
            "localhost:8000",
            "ftp://h",
            f"http://{'a' * 64}",
        ),
        *(
            f"http://{'a' * 64}",
            "http://user:password@host",
            "https://dynamodb.us-gov-west-1.amazonaws.com",
            "http://h:80#f",
            "http://h:8 ",
        ),
    ),
)
VALID_URLS = one_of("http://127.0.0.1:8000", "https://dynamodb.example", "http://localhost:8000/", "http://host/path")
KEYS = one_of("AKIDEXAMPLE", "wJalr/XUtn+FEMI=", odd=("", "with blank", "ünïcode"))
BOOLS = st.sampled_from(["true", "TRUE", "True", "false", "1", "0", "yes", ""])

READ = {
    "AWS_REGION": REGIONS,
    "AWS_DEFAULT_REGION": REGIONS,
    "AWS_ACCESS_KEY_ID": KEYS,
    "AWS_SECRET_ACCESS_KEY": KEYS,
    "AWS_SESSION_TOKEN": KEYS,
    "AWS_ENDPOINT_URL_DYNAMODB": URLS,
    "AWS_ENDPOINT_URL": URLS,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": BOOLS,
}
FILES = {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"}
# Where only some values are allowed; the SDK refuses others even though it never asks there.
ALLOWED = {
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv4",
    "AWS_METADATA_SERVICE_TIMEOUT": "1",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "2",
}
CHANGING_NOTHING = st.lists(st.sampled_from(sorted(HARMLESS.keys() - READ.keys() - FILES)), max_size=4).map(
    lambda names: {name: ALLOWED.get(name, "true") for name in names}
)
OTHERS = st.dictionaries(
    st.sampled_from(
        [
            *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT"),
            *("AWS_USE_DUALSTACK_ENDPOINT", "AWS_ACCOUNT_ID", "AWS_ACCOUNT_ID_ENDPOINT_MODE", "AWS_SECURITY_TOKEN"),
            *("AWS_CREDENTIAL_EXPIRATION", "AWS_DEFAULTS_MODE", "AWS_DATA_PATH", "AWS_ROLE_ARN", "BOTO_CONFIG"),
            *("HTTP_PROXY", "https_proxy", "NO_PROXY", "AWS_SOMETHING_NEW", "PATH", "HOSTNAME"),
        ]
    ),
    st.sampled_from(["true", "127.0.0.1", "http://127.0.0.1:9", "*", BUNDLE]),
    max_size=1,
)
USUAL = {"AWS_REGION": REGIONS, "AWS_ACCESS_KEY_ID": KEYS, "AWS_SECRET_ACCESS_KEY": KEYS}
ENVIRONMENTS = st.builds(
    lambda read, harmless, others: {"HOME": os.devnull, **read, **harmless, **others},
    st.fixed_dictionaries(USUAL, optional={name: value for name, value in READ.items() if name not in USUAL})
    | st.fixed_dictionaries({}, optional=READ),
    CHANGING_NOTHING,
    OTHERS | st.just({}),
)
IN_SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "region_name": REGIONS.filter(bool),
        "endpoint_url": VALID_URLS,
        "verify": st.sampled_from([True, False, BUNDLE]),
        "use_ssl": st.just(True),
    },
)
GOOD_KEYS = one_of("AKIDSETTINGS", "vJalr/XUtn+FEMI=")
KEYS_IN_SETTINGS = st.just({}) | st.fixed_dictionaries(
    {"aws_access_key_id": GOOD_KEYS, "aws_secret_access_key": GOOD_KEYS}, optional={"aws_session_token": GOOD_KEYS}
)


def test_it_is_what_a_real_client_makes_of_it() -> None:
    """Region, endpoint, keys and `verify`, wherever it is plain; and it often is."""
    plain_ones: list[bool] = []

    @settings(max_examples=of_size(150, large=3000), suppress_health_check=[HealthCheck.nested_given])
    @given(ENVIRONMENTS, IN_SETTINGS, KEYS_IN_SETTINGS)
    def agree(environ: dict[str, str], client: dict[str, Any], keys: dict[str, str]) -> None:
        found = plain(environ, **client, **keys)
        plain_ones.append(isinstance(found, Plain))
        event("plain" if isinstance(found, Plain) else found.because)
        if isinstance(found, Plain):
            assert comparable(of_a_client(environ, **client, **keys)) == comparable(found)

    agree()
    assert sum(plain_ones) > len(plain_ones) / 10


@pytest.mark.parametrize("name", sorted(HARMLESS.keys() - READ.keys()))
def test_a_harmless_variable_leaves_a_case_plain(name: str) -> None:
    """Each by itself, as it stands in Lambda or ECS; and says why."""
    found = plain({**WITH_KEYS, name: ALLOWED.get(name, "/nowhere" if name in FILES else "true")})

    assert isinstance(found, Plain)
    assert HARMLESS[name]


@pytest.mark.parametrize(
    "environ",
    [
        {"AWS_REGION": ""},
        {"AWS_REGION": "cn-north-1"},
        {"AWS_SECRET_ACCESS_KEY": ""},
        {"AWS_PROFILE": "other"},
        {"AWS_CONFIG_FILE": __file__},
        {"AWS_SHARED_CREDENTIALS_FILE": "$FOLDER/test_plain.py", "FOLDER": str(Path(__file__).parent)},
        {"AWS_CA_BUNDLE": BUNDLE},
        {"REQUESTS_CA_BUNDLE": BUNDLE},
        {"BOTO_CONFIG": "/nowhere"},
        {"AWS_USE_FIPS_ENDPOINT": "false"},
        {"AWS_SOMETHING_NEW": "1"},
        {"AWS_ENDPOINT_URL": "http://localhost:8000/path"},
        {"AWS_ENDPOINT_URL": f"http://{'a' * 64}.example"},
        {"AWS_ENDPOINT_URL": f"http://{'a.' * 127}example"},
        {"https_proxy": "http://127.0.0.1:1"},
        {"ALL_PROXY": "http://127.0.0.1:1", "NO_PROXY": "example.com"},
    ],
    ids=lambda environ: next(iter(environ)),
)
def test_a_doubt_is_not_plain(environ: dict[str, str]) -> None:
    """And the reason shows no value."""
    found = plain({**WITH_KEYS, **environ})

    assert isinstance(found, NotPlain)
    assert "127.0.0.1:1" not in found.because


@pytest.mark.parametrize(
    "client",
    [{"options": {"tcp_keepalive": True}}, {"use_ssl": False}, {"api_version": "2012-08-10"}, {"fast_path": False}],
    ids=lambda client: next(iter(client)),
)
def test_settings_of_the_sdks_are_not_plain(client: dict[str, Any]) -> None:
    """What only it follows."""
    assert isinstance(plain(**client), NotPlain)


def test_without_keys_it_is_not_plain(tmp_path: Path) -> None:
    """Then they come from where only the SDK looks."""
    without = {"AWS_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true"}
    assert isinstance(plain({**without, "AWS_ACCESS_KEY_ID": "AKID"}), NotPlain)
    assert isinstance(plain(without), NotPlain)
    assert isinstance(plain(without, aws_access_key_id="AKID", aws_secret_access_key="secret"), Plain)


def test_a_folder_of_models_is_not_plain(tmp_path: Path) -> None:
    """The SDK would read its own DynamoDB there; an empty home has none of it."""
    environ = {**WITH_KEYS, "HOME": str(tmp_path)}
    assert isinstance(plain(environ), Plain)

    tmp_path.joinpath(".aws/models").mkdir(parents=True)

    assert isinstance(plain(environ), NotPlain)


def test_a_user_without_a_home_has_no_files_there() -> None:
    """As in a container whose user is not in its list: what can't be found is not there, to the SDK as well."""
    environ = {**WITH_KEYS, "HOME": "~"}
    assert comparable(plain(environ)) == comparable(of_a_client(environ))


def test_a_proxy_that_is_passed_by_is_none() -> None:
    """What `NO_PROXY` names is reached directly."""
    environ = {**WITH_KEYS, "HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": ".amazonaws.com"}

    assert comparable(plain(environ)) == comparable(of_a_client(environ))


def test_the_standard_partitions_regions_are_those_of_the_sdk() -> None:
    """All of them, and of the others none."""
    for partition in LOADER.load_data("endpoints")["partitions"]:
        for region in partition["regions"]:
            assert bool(STANDARD_REGION.fullmatch(region)) is (partition["partition"] == "aws"), region


WITHOUT_CERTIFI = """
import sys
sys.modules["certifi"] = None
from dynadb_async.connection.wire.endpoint import usual_authorities
found = usual_authorities()
assert "botocore" not in sys.modules
import aioboto3
import botocore.httpsession
assert found == botocore.httpsession.get_cert_path(True), found
"""


def test_the_authorities_are_those_that_the_sdk_trusts() -> None:
    """Certifi's file; where that is not installed, botocore's own, found without importing it."""
    assert usual_authorities() == botocore.httpsession.get_cert_path(True)
    subprocess.run([sys.executable, "-c", WITHOUT_CERTIFI], check=True, cwd=Path(__file__).parent.parent)


def test_the_context_of_tls_is_as_the_sdk_makes_it() -> None:
    """Options, versions, ciphers and authorities; and it checks the host's name."""
    ours = Endpoint.of("https://dynamodb.example", True).tls
    theirs = botocore.httpsession.create_urllib3_context()
    theirs.load_verify_locations(usual_authorities())
    assert ours is not None

    for name in ("options", "minimum_version", "maximum_version", "verify_mode", "verify_flags", "post_handshake_auth"):
        assert getattr(theirs, name) == getattr(ours, name), name
    assert theirs.get_ciphers() == ours.get_ciphers()
    assert theirs.cert_store_stats() == ours.cert_store_stats()
    assert ours.check_hostname


def test_the_release_is_the_installed_one() -> None:
    """It is written where the user agent is made, too."""
    assert importlib.metadata.version("dynadb-async") == VERSION


@pytest.mark.parametrize(("of_session", "expected"), [("sa-east-1", "sa-east-1"), (None, "eu-central-1")])
async def test_the_region_of_a_users_session_comes_first(
    monkeypatch: pytest.MonkeyPatch, of_session: str | None, expected: str
) -> None:
    """If it was made with one; then AWS_REGION, before AWS_DEFAULT_REGION."""
    for name, value in {**WITH_KEYS, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)

    opened = await OpenClient.open(aioboto3.Session(region_name=of_session), ClientConfig())
    await opened.close()

    assert expected == opened.sdk.meta.region_name
