"""The ordinary aioboto3 client of one event loop: its settings, its opening and its end."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from importlib.metadata import version
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from attrs import define, field
from botocore.exceptions import NoRegionError

from dynadb_async.answers import check_sdk_answer
from dynadb_async.config import ClientConfig
from dynadb_async.errors import ConfigError, UsageError
from dynadb_async.wire import Wire, wire_beside
from dynadb_async.wire.over_aiohttp import abandon_session

USER_AGENT = f"dynadb-async/{version('dynadb-async')} aiobotocore/{version('aiobotocore')}"
LOCAL_SERVER = "for a local server, set AWS_ENDPOINT_URL_DYNAMODB; dynadb_async.testing.local_server() starts one"


@define(eq=False)
class SharedClient:
    """
    One client, made at its first use by the event loop that it belongs to, and closed with that loop.

    Attributes:
        session: What clients are made from; it may be shared between loops, a client may not.
        config: The client's settings.
        sdk: The ordinary client, once it is open.
        wire: The fast path beside it, if there is one.
    """

    session: aioboto3.Session
    config: ClientConfig
    sdk: Any = field(default=None, init=False)
    wire: Wire | None = field(default=None, init=False)
    _life: AsyncGenerator[Any] | None = field(default=None, init=False)
    _is_closed: bool = field(default=False, init=False)
    # A lock belongs to the loop that first waits for it, as everything here does.
    _opening: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    async def open(self) -> None:
        """
        Make the client, once for all who ask.

        Raises:
            ConfigError: There is no region, or there are no credentials.
            UsageError: After `close()`.
        """
        if self.sdk is None:
            async with self._opening:
                if self.sdk is None:
                    await self._begin()

    async def _begin(self) -> None:
        if not self._is_closed:
            # Not a context manager: an event loop that ends closes the generators that were begun in it, and so the
            # client with its connections, though nobody called `close`.
            life = self._lifetime()
            sdk, self.wire = await anext(life)
            self._life, self.sdk = life, sdk
        if self._is_closed:
            # Perhaps only meanwhile; a retry, too, must not open anew what nobody would close.
            await self.close()
            msg = "closed while in use; close the adapter when no turn is open any more"
            raise UsageError(msg)

    async def close(self) -> None:
        """Close the client, if there is one, and open none any more."""
        self._is_closed = True
        self.sdk, life, self._life = None, self._life, None
        if life is not None:
            await life.aclose()

    def abandon(self) -> None:
        """Let go of the client of an event loop that was closed first: its end can't be awaited any more."""
        client, wire = self.sdk, self.wire
        self.sdk = self.wire = self._life = None
        if wire is not None:
            wire.abandon()
        # No public way leads there. Where a release of the SDK keeps them elsewhere, Python's own warning remains.
        with contextlib.suppress(AttributeError):
            for session in client._endpoint.http_session._sessions.values():  # noqa: SLF001
                abandon_session(session)

    async def _lifetime(self) -> AsyncGenerator[Any]:
        try:
            context: Any = self.session.client("dynamodb", **self._settings())
            async with context as client:
                await self._check_credentials()
                client.meta.events.register("before-parse.dynamodb", check_sdk_answer)
                wire = await wire_beside(client, await self._credentials(), self.config)
                try:
                    yield client, wire
                finally:
                    if wire is not None:
                        await wire.close()
        except NoRegionError:
            msg = f"no region; set client.region_name, or AWS_REGION / AWS_DEFAULT_REGION; {LOCAL_SERVER}"
            raise ConfigError(msg) from None

    async def _check_credentials(self) -> None:
        if await self._credentials() is None:
            msg = (
                "no credentials; set client.aws_access_key_id and client.aws_secret_access_key, the variables "
                f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or role; {LOCAL_SERVER}"
            )
            raise ConfigError(msg)

    async def _credentials(self) -> Any:
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
