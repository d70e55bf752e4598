"""The ordinary aioboto3 client: its settings, its opening, its answers and its end."""

import asyncio
import os
from collections.abc import Callable
from typing import Any, Self

import aioboto3
import aiobotocore
from aiobotocore.credentials import AioCredentials
from attrs import field, frozen
from botocore.exceptions import NoRegionError

from dynadb_async.config import ClientConfig
from dynadb_async.connection.agent import USER_AGENT
from dynadb_async.connection.answers import Answer
from dynadb_async.connection.failures import BROKEN_OFF, CORRUPT, LATE, AttemptFailedError, Failure
from dynadb_async.connection.operations import OPERATIONS
from dynadb_async.connection.places import SILENT_IN_A_ROW, Places
from dynadb_async.connection.plain import Plain
from dynadb_async.connection.request import Request
from dynadb_async.connection.sdk.abandoned import abandon_sessions, drop_idle
from dynadb_async.connection.sdk.answers import check_sdk_answer, is_ours
from dynadb_async.connection.sdk.failures import translated
from dynadb_async.connection.sdk.http_session import check_http_session, checking_config
from dynadb_async.connection.sdk.plain_client import Watch, plain_of
from dynadb_async.connection.shape import check_key
from dynadb_async.errors import ConfigError

SDK_USER_AGENT = f"{USER_AGENT} aiobotocore/{aiobotocore.__version__}"
LOCAL_SERVER = "for a local server, set AWS_ENDPOINT_URL_DYNAMODB; dynadb_async.testing.local_server() starts one"


@frozen(eq=False)
class OpenClient:
    """
    A client that is open.

    Attributes:
        config: Its settings.
        sdk: The client itself.
        credentials: The SDK's own object, which may renew itself.
    """

    config: ClientConfig
    sdk: Any
    credentials: Any
    _context: Any
    _places: Places
    _silent: list[Failure] = field(factory=list, init=False)

    @classmethod
    async def open(cls, session: aioboto3.Session, config: ClientConfig) -> Self:
        """
        Make one.

        Raises:
            ConfigError: There is no region, or there are no credentials.
            AttemptFailedError: The SDK refused.
        """
        with translated():
            settings = _settings(session, config)
            context: Any = session.client("dynamodb", **settings)
            client = await _entered(context)
            try:
                check_http_session(client, settings["config"])
                credentials = await _credentials(session, config)
            except BaseException:
                await context.__aexit__(None, None, None)
                raise
        client.meta.events.register("before-parse.dynamodb", check_sdk_answer)
        return cls(config, client, credentials, context, Places(config.max_pool_connections))

    async def call(self, request: Request, until: float) -> Answer:
        """See `Way`."""
        if not self._places.take_free():
            # The SDK's own queue comes after all its work for a request, which then is often in vain.
            await self._places.take(until, is_write=not OPERATIONS[request.operation].is_read)
        try:
            answer = await self._answered(request, until)
        except AttemptFailedError as error:
            self._doubted(error.failure)
            raise
        finally:
            self._places.leave()
        self._silent[:] = []
        return answer

    async def _answered(self, request: Request, until: float) -> Answer:
        limit = asyncio.get_running_loop().time() + self.config.connect_timeout + self.config.read_timeout
        ask = getattr(self.sdk, OPERATIONS[request.operation].method)
        token = is_ours.set(True)
        try:
            # The client's own time-outs do not see an answer that trickles in.
            with translated(request):
                async with asyncio.timeout_at(min(limit, until)):
                    members = await ask(**request.parameters)
        finally:
            is_ours.reset(token)
        check_key(request, members)
        return Answer(members)

    def _doubted(self, failure: Failure) -> None:
        """
        What a failure says about the connections that wait for a request.

        What comes next on one that had a corrupt answer may be another that is somebody else's; and where two
        attempts in a row had no answer, or one was broken off, all that are as old may be dead.
        """
        if failure is LATE:
            self._silent.append(failure)
        if failure in (CORRUPT, BROKEN_OFF) or len(self._silent) >= SILENT_IN_A_ROW:
            self._silent[:] = []
            drop_idle(self.sdk)

    def plain(self) -> Plain | None:
        """What the wire has to know to answer in its place; None if only the client itself can."""
        return plain_of(self.sdk, self.credentials)

    def watch(self) -> Callable[[], bool]:
        """Whether the wire may answer in its place still; to be asked before each operation."""
        return Watch(self.sdk).is_untouched if self.plain() is not None else bool

    async def close(self) -> None:
        """Close all connections."""
        await self._context.__aexit__(None, None, None)

    def abandon(self) -> None:
        """Let go of the sockets: their event loop was closed."""
        abandon_sessions(self.sdk)


async def _entered(context: Any) -> Any:
    try:
        return await context.__aenter__()
    except NoRegionError:
        msg = f"no region; set client.region_name, or AWS_REGION / AWS_DEFAULT_REGION; {LOCAL_SERVER}"
        raise ConfigError(msg) from None


async def _credentials(session: Any, config: ClientConfig) -> Any:
    # *session* is typed as boto3's own, whose method is no coroutine.
    if config.aws_access_key_id is not None:
        return AioCredentials(config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token)
    credentials = await session.get_credentials()
    if credentials is None:
        msg = (
            "no credentials; set client.aws_access_key_id and client.aws_secret_access_key, the variables "
            f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or role; {LOCAL_SERVER}"
        )
        raise ConfigError(msg)
    return credentials


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
    # The SDK reads AWS_DEFAULT_REGION only; its siblings in other languages, and Lambda, set this one.
    if "region_name" not in given and session.region_name is None and "AWS_REGION" in os.environ:
        given["region_name"] = os.environ["AWS_REGION"]
    default = session._session.get_default_client_config()  # noqa: SLF001 - no public way leads there
    return {**given, "config": checking_config(options | dict(config.options), default)}
