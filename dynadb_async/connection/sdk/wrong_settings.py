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

from dynadb_async.connection.failures import NO_CREDENTIALS, AttemptFailedError, Failure, told
from dynadb_async.errors import ConfigError

LOCAL_SERVER = "for a local server, set AWS_ENDPOINT_URL_DYNAMODB; dynadb_async.testing.local_server() starts one"

# Not a setting's fault, but that of whoever gives the credentials, or of the way there.
OF_OTHERS = (
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
HARMLESS = (
    ConfigNotFound,
    ConfigParseError,
    InvalidConfigError,
    InvalidDefaultsMode,
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
    return isinstance(error, (*HARMLESS, ParamValidationError))


def opening_error_of(error: Exception) -> Exception:
    """What to raise when a client could not be made for *error*."""
    if is_wrong_setting(error):
        return config_error_of(error)
    return AttemptFailedError(failure_of_provider(error))


def failure_of_provider(error: Exception) -> Failure:
    """That there are no credentials, for their provider failed with *error*, whose text may hold anything."""
    said = words_of(error)
    return evolve(NO_CREDENTIALS, advice=f"the credentials could not be had: their provider failed ({said}); check it")


def check_client(client: Any) -> None:
    """
    Refuse what variables and files brought that no request should carry.

    Raises:
        ConfigError: A user or password in the endpoint, or a line break in the user agent.
    """
    if "@" in urlsplit(client.meta.endpoint_url).netloc:
        msg = (
            "the endpoint holds a user or password; check AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL and endpoint_url"
        )
        raise ConfigError(msg)
    agent = client.meta.config.user_agent
    if not (agent.isascii() and agent.isprintable()):
        msg = "the user agent holds a line break or another character that no header takes; check AWS_SDK_UA_APP_ID"
        raise ConfigError(msg)


def config_error_of(error: Exception) -> ConfigError:
    """A wrong setting that the SDK stumbled over."""
    if isinstance(error, NoRegionError):
        return ConfigError(f"no region; set client.region_name, or AWS_REGION / AWS_DEFAULT_REGION; {LOCAL_SERVER}")
    return ConfigError(
        f"the AWS settings can't be used: {words_of(error)}; check client, the AWS_… variables and the files "
        "that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name"
    )


def words_of(error: Exception) -> str:
    """What *error* is, without what its text may hold of anybody's."""
    kind = type(error).__name__
    match error:
        case ClientError():
            return told(error.response.get("Error", {}).get("Code", "")) or kind
        case OSError() if error.filename is not None:
            return told(f"{kind}: {error.strerror}: {error.filename}")
        case UnicodeDecodeError():
            return f"{kind}: a file of settings is no text in {error.encoding}"
        case ConfigError():
            return str(error)
        case ValueError() if str(error).startswith("Invalid endpoint"):
            return "the endpoint is no address: a host name has letters, digits and hyphens, and no underscore"
        case _ if isinstance(error, HARMLESS):
            return told(f"{kind}: {error}")
        case _:
            return kind
