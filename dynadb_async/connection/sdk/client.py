"""The ordinary aioboto3 client of one event loop: its settings, its opening, its answers and its end."""

import asyncio
import contextlib
import os
from importlib.metadata import version
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from attrs import define, field
from botocore.exceptions import ClientError, NoRegionError

from dynadb_async.config import ClientConfig
from dynadb_async.connection.answers import Answer, check_sdk_answer
from dynadb_async.connection.failures import CONDITION_FAILED, ConditionFailedError
from dynadb_async.connection.request import Request
from dynadb_async.connection.sdk.abandoned import abandon_session
from dynadb_async.errors import ConfigError

USER_AGENT = f"dynadb-async/{version('dynadb-async')} aiobotocore/{version('aiobotocore')}"
LOCAL_SERVER = "for a local server, set AWS_ENDPOINT_URL_DYNAMODB; dynadb_async.testing.local_server() starts one"

METHODS = {
    "GetItem": "get_item",
    "UpdateItem": "update_item",
    "DeleteItem": "delete_item",
    "DescribeTable": "describe_table",
    "CreateTable": "create_table",
    "DescribeTimeToLive": "describe_time_to_live",
    "UpdateTimeToLive": "update_time_to_live",
}


@define(eq=False)
class SharedClient:
    """
    One client, a way that takes every operation.

    Attributes:
        session: What clients are made from; it may be shared between loops, a client may not.
        config: The client's settings.
        sdk: The client itself, once it is open.
    """

    session: aioboto3.Session
    config: ClientConfig
    sdk: Any = field(default=None, init=False)
    _context: Any = field(default=None, init=False)

    async def open(self) -> Any:
        """
        Make the client.

        Raises:
            ConfigError: There is no region, or there are no credentials.
        """
        try:
            context: Any = self.session.client("dynamodb", **self._settings())
            client = await context.__aenter__()
        except NoRegionError:
            msg = f"no region; set client.region_name, or AWS_REGION / AWS_DEFAULT_REGION; {LOCAL_SERVER}"
            raise ConfigError(msg) from None
        self._context = context
        await self._check_credentials()
        client.meta.events.register("before-parse.dynamodb", check_sdk_answer)
        self.sdk = client
        return client

    def takes(self, operation: str) -> bool:
        """See `Way`."""
        return operation in METHODS

    async def call(self, request: Request, until: float) -> Answer:
        """See `Way`."""
        limit = asyncio.get_running_loop().time() + self.config.connect_timeout + self.config.read_timeout
        # The client's own time-outs see neither the wait for a free connection nor an answer that trickles in.
        try:
            async with asyncio.timeout_at(min(limit, until)):
                return Answer(await getattr(self.sdk, METHODS[request.operation])(**request.parameters))
        except ClientError as error:
            refused: dict[str, Any] = dict(error.response)
            if refused["Error"].get("Code") == CONDITION_FAILED:
                raise ConditionFailedError(refused.get("Item")) from None
            raise

    async def close(self) -> None:
        """See `Way`."""
        self.sdk, context, self._context = None, self._context, None
        if context is not None:
            await context.__aexit__(None, None, None)

    def abandon(self) -> None:
        """See `Way`."""
        client, self.sdk, self._context = self.sdk, None, None
        # No public way leads there. Where a release of the SDK keeps them elsewhere, Python's own warning remains.
        with contextlib.suppress(AttributeError):
            for session in client._endpoint.http_session._sessions.values():  # noqa: SLF001
                abandon_session(session)

    async def _check_credentials(self) -> None:
        if await self.credentials() is None:
            msg = (
                "no credentials; set client.aws_access_key_id and client.aws_secret_access_key, the variables "
                f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or role; {LOCAL_SERVER}"
            )
            raise ConfigError(msg)

    async def credentials(self) -> Any:
        """Where the client has its own from."""
        config = self.config
        if config.aws_access_key_id is not None:
            return AioCredentials(config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token)
        session: Any = self.session  # typed as boto3's own session, whose method is no coroutine
        return await session.get_credentials()

    def _settings(self) -> dict[str, Any]:
        config = self.config
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
            "user_agent": USER_AGENT,
        }
        # The SDK reads AWS_DEFAULT_REGION only; its siblings in other languages, and Lambda, set this one.
        if "region_name" not in given and self.session.region_name is None and "AWS_REGION" in os.environ:
            given["region_name"] = os.environ["AWS_REGION"]
        return {**given, "config": AioConfig(**(options | dict(config.options)))}
