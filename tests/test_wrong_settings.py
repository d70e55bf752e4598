"""Settings that are wrong only when used: told at the start, with what and where, and never by a raw exception."""

import os
from pathlib import Path
from typing import Any

import aioboto3
import pytest
from attrs import field, frozen

from dynadb_async import AsyncDynamoDb, ClientConfig, ConfigError, DynamoDbConfig, TableConfig
from tests.engines import PATIENCE
from tests.raw_server import Asked, answer, raw_server

REGION = {"AWS_REGION": "eu-central-1"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", **REGION}
ARN = "arn:aws:iam::123456789012:role/x"
ROLE = f"[default]\nrole_arn = {ARN}\n"
TOKEN, WITH_ROLE = "AWS_WEB_IDENTITY_TOKEN_FILE", {"AWS_ROLE_ARN": ARN, **REGION}
CONTAINER = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/x", **REGION}


@frozen
class Wrong:
    """
    A wrong setting.

    Attributes:
        says: What the error has to say.
        variables: The environment.
        client: The client's settings.
        file: What is in the AWS configuration file, or else *in_credentials* in the other one.
    """

    says: str
    variables: dict[str, str] = field(factory=dict)
    client: dict[str, Any] = field(factory=dict)
    file: str | bytes = ""
    in_credentials: str | bytes = ""


WRONG = {
    "a missing profile": Wrong("nowhere", {**KEYS, "AWS_PROFILE": "nowhere"}),
    "a token file that is a folder": Wrong("directory.*folder", {TOKEN: "{folder}", **WITH_ROLE}),
    "a missing token file": Wrong("No such file.*gone", {TOKEN: "{place}/gone", **WITH_ROLE}),
    "a token file without a role": Wrong("role", {TOKEN: "{text}", **REGION}),
    "an underscore in a host name": Wrong("underscore", {**KEYS, "AWS_ENDPOINT_URL_DYNAMODB": "http://my_host:8000"}),
    "an underscore in the configuration": Wrong("underscore", KEYS, {"endpoint_url": "http://my_host:8000"}),
    "an odd region": Wrong("region.*eu central 1", {**KEYS, "AWS_REGION": "eu central 1"}),
    "a region with a line break": Wrong("region", {**KEYS, "AWS_REGION": "eu-central-1\n"}),
    "an odd region in the configuration": Wrong("region.*Eu_Central!", KEYS, {"region_name": "Eu_Central!"}),
    "a broken configuration file": Wrong("parse.*config", KEYS, file="[default\nx"),
    "a file without a section": Wrong("parse.*config", KEYS, file="region = x\n"),
    "a file that is no text": Wrong("parse.*config", KEYS, file=b"\xff\xfe\0[default]"),
    "a broken credentials file": Wrong("parse.*credentials", REGION, in_credentials="[default\nx"),
    "half of the keys in a file": Wrong(
        "aws_secret_access_key", REGION, in_credentials="[default]\naws_access_key_id = x"
    ),
    "half of the keys in variables": Wrong("AWS_SECRET_ACCESS_KEY", {"AWS_ACCESS_KEY_ID": "AKID", **REGION}),
    "no keys": Wrong("AWS_ACCESS_KEY_ID", REGION),
    "no region": Wrong("AWS_REGION", {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}),
    "an odd defaults mode": Wrong("defaults mode", {**KEYS, "AWS_DEFAULTS_MODE": "odd"}),
    "an endpoint without scheme": Wrong("http or https", {**KEYS, "AWS_ENDPOINT_URL_DYNAMODB": "localhost:8000"}),
    "an endpoint of another scheme": Wrong("http or https", {**KEYS, "AWS_ENDPOINT_URL": "ftp://localhost:8000"}),
    "a port that is too high": Wrong("port", {**KEYS, "AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:99999"}),
    "a port that is a word": Wrong("port", {**KEYS, "AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:word"}),
    "half of an address": Wrong("no address", {**KEYS, "AWS_ENDPOINT_URL_DYNAMODB": "http://[::1"}),
    "a blank in a host name": Wrong("no address", {**KEYS, "AWS_ENDPOINT_URL_DYNAMODB": "http://local host"}),
    "a missing CA file": Wrong("No such file.*AWS_CA_BUNDLE", {**KEYS, "AWS_CA_BUNDLE": "{place}/gone"}),
    "a CA file that is a folder": Wrong("directory.*AWS_CA_BUNDLE", {**KEYS, "AWS_CA_BUNDLE": "{folder}"}),
    "a CA file without certificates": Wrong("certificates.*AWS_CA_BUNDLE", {**KEYS, "AWS_CA_BUNDLE": "{text}"}),
    "a missing CA file in the configuration": Wrong(r"client\.verify", KEYS, {"verify": "/nowhere/ca.pem"}),
    "a missing client certificate": Wrong("client_cert", KEYS, {"options": {"client_cert": "/nowhere/c.pem"}}),
    "a proxy without a name": Wrong("HTTPS_PROXY", {**KEYS, "HTTPS_PROXY": "http://"}),
    "a proxy of another kind": Wrong("HTTPS_PROXY", {**KEYS, "HTTPS_PROXY": "socks5://localhost:1"}),
    "a proxy whose port is a word": Wrong("HTTPS_PROXY", {**KEYS, "HTTPS_PROXY": "http://localhost:word"}),
    "a proxy that is no address": Wrong("proxies", KEYS, {"options": {"proxies": {"https": "http://[::1"}}}),
    "a proxy's missing CA file": Wrong(
        "proxies_config",
        KEYS,
        {"options": {"proxies": {"https": "http://localhost:1"}, "proxies_config": {"proxy_ca_bundle": "/nowhere"}}},
    ),
    "a missing program": Wrong("No such file.*prog", REGION, file="[default]\ncredential_process = /nowhere/prog\n"),
    "a program without JSON": Wrong("credential_process", REGION, file="[default]\ncredential_process = echo hush\n"),
    "an open quotation": Wrong("credential_process", REGION, file="[default]\ncredential_process = echo 'hush\n"),
    "a missing source profile": Wrong("gone", REGION, file=f"{ROLE}source_profile = gone\n"),
    "a source profile without keys": Wrong(
        "AWS settings", REGION, file=f"{ROLE}source_profile = a\n[profile a]\nregion = x\n"
    ),
    "a role without a source": Wrong("source_profile", REGION, file=ROLE),
    "an odd source": Wrong("Moon", REGION, file=f"{ROLE}credential_source = Moon\n"),
    "no single sign-on": Wrong(
        "SSO",
        REGION,
        file="[default]\nsso_start_url = https://x\nsso_region = x\nsso_account_id = 1\nsso_role_name = r\n",
    ),
    "a missing section of services": Wrong("gone", KEYS, file="[default]\nservices = gone\n"),
    "a container that is elsewhere": Wrong(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        {**CONTAINER, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://evil.example/"},
    ),
    "a container's missing token": Wrong(
        "No such file.*gone", {**CONTAINER, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{place}/gone"}
    ),
    "a container's token with a line break": Wrong(
        "AWS_CONTAINER_AUTHORIZATION_TOKEN", {**CONTAINER, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\r\nhush"}
    ),
    "an odd mode of account ids": Wrong("account_id_endpoint_mode", {**KEYS, "AWS_ACCOUNT_ID_ENDPOINT_MODE": "maybe"}),
    "an odd way to STS": Wrong("STS", {**KEYS, "AWS_STS_REGIONAL_ENDPOINTS": "odd"}),
    "an expiry that is no time": Wrong("AWS_CREDENTIAL_EXPIRATION", {**KEYS, "AWS_CREDENTIAL_EXPIRATION": "soon"}),
    "an old API": Wrong("api_version", KEYS, {"api_version": "1999-01-01"}),
}


def adapter(**client: Any) -> AsyncDynamoDb[Any]:
    """One that only loads and saves."""
    config = TableConfig("users", create_table_on_init=False)
    return AsyncDynamoDb(DynamoDbConfig(config, client=ClientConfig(**{**PATIENCE, **client})))


def prepare(wrong: Wrong, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine as it is then."""
    (place / "folder").mkdir()
    (place / "text").write_text("hello")
    for name, content in (("config", wrong.file), ("credentials", wrong.in_credentials)):
        variable = "AWS_CONFIG_FILE" if name == "config" else "AWS_SHARED_CREDENTIALS_FILE"
        if content:
            (place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
            monkeypatch.setenv(variable, str(place / name))
    for name, value in wrong.variables.items():
        monkeypatch.setenv(name, value.format(place=place, folder=place / "folder", text=place / "text"))


@pytest.mark.parametrize("fast_path", [True, False], ids=["wire", "sdk"])
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_a_wrong_setting_is_told_at_the_start(
    wrong: Wrong, fast_path: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making an adapter does nothing that can fail; opening it says what is wrong, and each use again."""
    prepare(wrong, tmp_path, monkeypatch)
    db = adapter(fast_path=fast_path, **wrong.client)
    for use in (db.open, lambda: db.load("me")):
        with pytest.raises(ConfigError, match=wrong.says) as raised:
            await use()
        assert "hush" not in str(raised.value)
    await db.close()


async def test_an_adapter_opens_once_its_settings_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed once leaves nothing behind."""
    async with raw_server(nothing) as server:
        monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/ca.pem")
        db = adapter(
            endpoint_url="https://127.0.0.1:1",
            region_name="eu-central-1",
            aws_access_key_id="AKID",
            aws_secret_access_key="secret",
        )
        with pytest.raises(ConfigError):
            await db.open()
        await db.close()
        monkeypatch.delenv("AWS_CA_BUNDLE")
        monkeypatch.setenv("AWS_PROFILE", "nowhere")
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        db = adapter(endpoint_url=server.url)
        with pytest.raises(ConfigError):
            await db.load("me")
        monkeypatch.delenv("AWS_PROFILE")
        await db.load("me")
        await db.close()

        assert 1 == len(server.asked)


async def nothing(asked: Asked) -> None:
    """Script: there is no item."""
    await asked.send(answer(b"{}"))


def region_of(asked: Asked) -> str:
    """What the request is signed for."""
    return asked.head.partition(b"Credential=")[2].split(b"/")[2].decode()


IN_FILE = "[default]\nregion = sa-east-1\n"
FIRST, SECOND = {"AWS_REGION": "eu-west-1"}, {"AWS_DEFAULT_REGION": "us-west-2"}


@pytest.mark.parametrize("fast_path", [True, False], ids=["wire", "sdk"])
@pytest.mark.parametrize("file", ["", IN_FILE])
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({**FIRST, **SECOND}, "eu-west-1"),
        (FIRST, "eu-west-1"),
        (SECOND, "us-west-2"),
        ({**FIRST, "AWS_DEFAULT_REGION": ""}, "eu-west-1"),
        ({**SECOND, "AWS_REGION": ""}, "us-west-2"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "sa-east-1"),
        ({}, "sa-east-1"),
    ],
)
@pytest.mark.parametrize("has_session", [False, True])
async def test_which_region_comes_first(
    fast_path: Any,
    file: str,
    variables: dict[str, str],
    expected: str,
    has_session: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """AWS_REGION before AWS_DEFAULT_REGION before the file; an empty variable is unset."""
    prepare(Wrong("", {**KEYS, "AWS_REGION": "", **variables}, file=file), tmp_path, monkeypatch)
    if "AWS_REGION" not in variables:
        monkeypatch.delenv("AWS_REGION")
    async with raw_server(nothing) as server:
        client = ClientConfig(endpoint_url=server.url, fast_path=fast_path, **PATIENCE)
        config = DynamoDbConfig(TableConfig("users", create_table_on_init=False), client=client)
        db = AsyncDynamoDb(config, aws_session=aioboto3.Session() if has_session else None)
        if file or expected != "sa-east-1":
            await db.load("me")
            assert [expected] == [region_of(asked) for asked in server.asked]
        else:
            with pytest.raises(ConfigError, match="region"):
                await db.load("me")
        await db.close()


async def test_a_region_of_ones_own_session_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said to it comes before any variable; what is said to the adapter, before that."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    async with raw_server(nothing) as server:
        for given, expected in (({}, "ap-south-1"), ({"region_name": "us-east-2"}, "us-east-2")):
            client = ClientConfig(**PATIENCE, endpoint_url=server.url, **given)
            config = DynamoDbConfig(TableConfig("users", create_table_on_init=False), client=client)
            async with AsyncDynamoDb(config, aws_session=aioboto3.Session(region_name="ap-south-1")) as db:
                await db.load("me")
            assert expected == region_of(server.asked[-1])


EMPTY = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "AWS_MAX_ATTEMPTS",
    "AWS_RETRY_MODE",
    "AWS_DEFAULTS_MODE",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_DATA_PATH",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_SDK_UA_APP_ID",
    "AWS_SIGV4A_SIGNING_REGION_SET",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
    "AWS_ENDPOINT_DISCOVERY_ENABLED",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_RESPONSE_CHECKSUM_VALIDATION",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
]


@pytest.mark.parametrize("fast_path", [True, False], ids=["wire", "sdk"])
@pytest.mark.parametrize("name", [*EMPTY, "all of them"])
async def test_an_empty_variable_is_unset(
    fast_path: Any, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As Docker and CI systems set those that nobody gave a value."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable, value in {**KEYS, **dict.fromkeys(EMPTY if name == "all of them" else [name], "")}.items():
        monkeypatch.setenv(variable, value)
    async with raw_server(nothing) as server:
        async with adapter(endpoint_url=server.url, fast_path=fast_path) as db:
            await db.load("me")

        assert ["eu-central-1"] == [region_of(asked) for asked in server.asked]
    assert "" == os.environ.get(name, "")
