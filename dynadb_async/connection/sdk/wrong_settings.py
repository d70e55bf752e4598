"""Which exceptions of the SDK's mean that a setting is wrong, and what may be said of them."""

from typing import Any
from urllib.parse import urlsplit

from attrs import evolve
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectionError,  # noqa: A004 - botocore's own
    CredentialRetrievalError,
    HTTPClientError,
    InvalidConfigError,
    InvalidDefaultsMode,
    InvalidProxiesConfigError,
    InvalidRegionError,
    InvalidRetryConfigurationError,
    MetadataRetrievalError,
    NoAuthTokenError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnknownCredentialError,
    UnknownSignatureVersionError,
)

from dynadb_async.connection.codes import told
from dynadb_async.connection.failures import NO_CREDENTIALS, AttemptFailedError, Failure
from dynadb_async.connection.sdk.http_session import CheckedHttpSession
from dynadb_async.connection.trust import unusable_certificates
from dynadb_async.errors import ConfigError

LOCAL_SERVER = (
    "for a local server, set AWS_ENDPOINT_URL_DYNAMODB; dynadb_async.testing.local_server() starts one, "
    'and client.endpoint_url="memory:" needs none'
)

LONGEST_WORDS = 300
NO_ENDPOINT = (
    "the endpoint is no address: expected http or https, a host name of letters, digits and hyphens, without "
    "underscore, and perhaps a port; check endpoint_url, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL and the region"
)
WITHOUT_ZONE = "can't subtract offset-naive"
# How texts begin that Python or the SDK has for it.
MEANT = {
    "Invalid endpoint EC2": "AWS_EC2_METADATA_SERVICE_ENDPOINT is no address",
    "Invalid endpoint": NO_ENDPOINT,
    "Invalid IPv6 URL": NO_ENDPOINT,
    "Port ": NO_ENDPOINT,
    "No closing quotation": "credential_process: a quotation does not end",
    "Expecting value": "credential_process: what it says is no JSON",
    "Unsupported host": "AWS_CONTAINER_CREDENTIALS_FULL_URI: with http it must be a local address",
    "Auth token value": "AWS_CONTAINER_AUTHORIZATION_TOKEN, or its file: it holds a line break",
    "Unknown string format": "AWS_CREDENTIAL_EXPIRATION, or another time, can't be read",
    WITHOUT_ZONE: "AWS_CREDENTIAL_EXPIRATION, or another time, has no zone, such as a Z at its end",
    "Unable to load data for": "client.api_version, or AWS_DATA_PATH: there is no such version of DynamoDB's",
}
NO_REGION = f"no region; set client.region_name, or AWS_REGION / AWS_DEFAULT_REGION; {LOCAL_SERVER}"

# Not a setting's fault, but that of whoever gives the credentials, or of the way there.
OF_OTHERS: tuple[type[Exception], ...] = (
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
    TimeoutError,
    TokenRetrievalError,
)

# Their texts name settings, files and profiles. Those of others may hold what a program said, or an address with a
# password in it.
HARMLESS: tuple[type[Exception], ...] = (
    ConfigNotFound,
    ConfigParseError,
    InvalidConfigError,
    InvalidDefaultsMode,
    InvalidProxiesConfigError,
    InvalidRegionError,
    InvalidRetryConfigurationError,
    NoAuthTokenError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    UnknownCredentialError,
    UnknownSignatureVersionError,
)


def is_wrong_setting(error: Exception) -> bool:
    """Whether *error*, when a client was made, would come again until somebody changes a setting, or its file."""
    if isinstance(error, OSError):
        return error.filename is not None
    of_settings = isinstance(error, BotoCoreError | ValueError | TypeError | KeyError | AttributeError)
    return of_settings and not isinstance(error, OF_OTHERS)


def is_wrong_for_provider(error: Exception) -> bool:
    """The same, when credentials were fetched; their provider may be anybody's, with faults of its own."""
    if isinstance(error, OSError):
        return error.filename is not None
    return isinstance(error, (*HARMLESS, ParamValidationError)) or str(error).startswith(WITHOUT_ZONE)


def opening_error_of(error: Exception) -> Exception:
    """What to raise when a client could not be made for *error*."""
    if is_wrong_setting(error):
        return config_error_of(error)
    return AttemptFailedError(failure_of_provider(error))


def failure_of_provider(error: BaseException) -> Failure:
    """That there are no credentials, for their provider failed with *error*, whose text may hold anything."""
    said = words_of(error)
    return evolve(NO_CREDENTIALS, advice=f"the credentials could not be had: their provider failed ({said}); check it")


def check_client(client: Any) -> None:
    """
    Refuse what variables and files brought that no request should carry.

    Raises:
        ConfigError: A user or password in the endpoint, a line break in the user agent, an address that is none, or
            a file of certificates that can't be read.
    """
    url = client.meta.endpoint_url
    if not client.meta.region_name:
        raise ConfigError(NO_REGION)
    parts = urlsplit(url)
    if "@" in parts.netloc:
        msg = (
            "the endpoint holds a user or password; check AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL and endpoint_url"
        )
        raise ConfigError(msg)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ConfigError(NO_ENDPOINT)
    session = client._endpoint.http_session  # noqa: SLF001 - no public way leads there
    if isinstance(session, CheckedHttpSession):
        _check_files(session, url)
    agent = client.meta.config.user_agent
    if not (agent.isascii() and agent.isprintable()):
        msg = "the user agent holds a line break or another character that no header takes; check AWS_SDK_UA_APP_ID"
        raise ConfigError(msg)


def _check_files(session: CheckedHttpSession, url: str) -> None:
    try:
        if not session.has_usable_proxy(url):
            msg = "a proxy's address is none; check HTTPS_PROXY, HTTP_PROXY and proxies of client.options"
            raise ConfigError(msg)
        if url.startswith("https:"):
            session.check_files(url)
    except OSError as error:
        raise unusable_certificates(error) from None
    except InvalidProxiesConfigError as error:
        raise ConfigError(f"proxies_config: {unusable_certificates(error.kwargs.get('error'))}") from None


def config_error_of(error: Exception) -> ConfigError:
    """A wrong setting that the SDK stumbled over."""
    if isinstance(error, NoRegionError):
        return ConfigError(NO_REGION)
    return ConfigError(
        f"the AWS settings can't be used: {words_of(error)}; check client, the AWS_… variables and the files "
        "that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name"
    )


def words_of(error: BaseException) -> str:
    """What *error* is, without what its text may hold of anybody's."""
    kind = type(error).__name__
    match error:
        case ClientError():
            return told(error.response.get("Error", {}).get("Code", "")) or kind
        case OSError() if error.filename is not None:
            return f"{told(error.strerror)}: {told(error.filename)}"
        case ConfigError():
            return str(error)
        case _ if isinstance(error, HARMLESS):
            return f"{kind}: {''.join(sign for sign in str(error)[:LONGEST_WORDS] if sign.isprintable())}"
        case _:
            return next((meaning for said, meaning in MEANT.items() if str(error).startswith(said)), kind)
