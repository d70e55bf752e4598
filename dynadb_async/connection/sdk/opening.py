"""How an ordinary aioboto3 client is made: of settings, variables and files, any of which may be wrong."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aioboto3
import aiobotocore
from aiobotocore.credentials import AioCredentials

from dynadb_async.config import ClientConfig
from dynadb_async.connection.agent import USER_AGENT
from dynadb_async.connection.failures import AttemptFailedError
from dynadb_async.connection.keys import Keys
from dynadb_async.connection.sdk.http_session import check_http_session, checking_config
from dynadb_async.connection.sdk.keys import SdkKeys, check_keys, keys_of, sign_with
from dynadb_async.connection.sdk.variables import provider_of
from dynadb_async.connection.sdk.wrong_settings import (
    LOCAL_SERVER,
    check_client,
    failure_of_provider,
    opening_error_of,
)
from dynadb_async.errors import ConfigError, DynaDbError

SDK_USER_AGENT = f"{USER_AGENT} aiobotocore/{aiobotocore.__version__}"


async def entered(session: aioboto3.Session, config: ClientConfig) -> tuple[Any, Any, Keys | SdkKeys]:
    """
    What closes a client, the client, and its keys.

    Raises:
        ConfigError: There is no region, there are no credentials, or another setting can't be used.
        AttemptFailedError: Whoever gives the credentials failed.
    """
    with opening():
        settings = _settings(session, config)
        # Before the client is made, which would ask for them without saying that they are at fault.
        credentials = await _credentials(session, config)
        context: Any = session.client("dynamodb", **settings)
        client = await context.__aenter__()
        try:
            check_http_session(client, settings["config"])
            await asyncio.to_thread(check_client, client)
            keys = _keys(credentials)
            await _signed_with(client, keys, config)
        except BaseException:
            await context.__aexit__(None, None, None)
            raise
    return context, client, keys


@contextmanager
def opening() -> Iterator[None]:
    """
    What goes wrong within is a setting's fault, or that of whoever gives the credentials.

    Raises:
        ConfigError: The one.
        AttemptFailedError: The other.
    """
    try:
        yield
    except (DynaDbError, AttemptFailedError):
        raise
    except Exception as error:  # noqa: BLE001 - the SDK has a hundred of them, and raises Python's own, too
        raise opening_error_of(error) from None


async def _signed_with(client: Any, keys: Keys | SdkKeys, config: ClientConfig) -> None:
    if isinstance(keys, Keys):
        check_keys(keys)
        return
    sign_with(client, keys)
    # Those that come slowly are waited for by the requests.
    await keys.settings_checked(asyncio.get_running_loop().time() + config.connect_timeout + config.read_timeout)


async def _credentials(session: Any, config: ClientConfig) -> Any:
    # *session* is typed as boto3's own, whose method is no coroutine.
    if config.aws_access_key_id is not None:
        return AioCredentials(config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token)
    try:
        return await session.get_credentials()
    except (TypeError, KeyError, AttributeError) as error:
        # What was given had another form than credentials have.
        raise AttemptFailedError(failure_of_provider(error)) from None


def _keys(credentials: Any) -> Keys | SdkKeys:
    if credentials is None:
        msg = (
            "no credentials; set client.aws_access_key_id and client.aws_secret_access_key, the variables "
            f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or role; {LOCAL_SERVER}"
        )
        raise ConfigError(msg)
    return keys_of(credentials)


def _settings(session: aioboto3.Session, config: ClientConfig) -> dict[str, Any]:
    names = ("region_name", "endpoint_url", "use_ssl", "verify", "api_version")
    secrets = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    given = {name: getattr(config, name) for name in names + secrets if getattr(config, name) is not None}
    options: dict[str, Any] = {
        "connect_timeout": config.connect_timeout,
        "read_timeout": config.read_timeout,
        "max_pool_connections": config.max_pool_connections,
        # One attempt: the SDK's own retries know nothing of the time that is left.
        "retries": {"mode": "legacy", "total_max_attempts": 1},
        # What it would find has been refused with a clearer message, or is ours; its texts hold values.
        "parameter_validation": False,
        # Its own is put together anew for each request, at a tenth of the request's cost.
        "user_agent": SDK_USER_AGENT,
    }
    core: Any = session._session  # noqa: SLF001 - no public way leads there
    if "region_name" not in given:
        region = provider_of(core, "region").provide() or session.region_name
        given |= {"region_name": region} if region else {}
    if "verify" not in given:
        # Newer releases refuse an empty variable, even where it is somebody's session.
        given["verify"] = provider_of(core, "ca_bundle").provide() or os.environ.get("REQUESTS_CA_BUNDLE") or True
    default = core.get_default_client_config()
    return {**given, "config": checking_config(options | dict(config.options), default)}
