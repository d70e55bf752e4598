"""The ordinary aioboto3 client as a way to an answer: made when it is first needed, off the event loop's thread."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define, field

from dynadb_async.config import ClientConfig
from dynadb_async.connection.answers import Answer
from dynadb_async.connection.failures import NOT_OPEN, AttemptFailedError
from dynadb_async.connection.operations import OPERATIONS
from dynadb_async.connection.pause import Pause
from dynadb_async.connection.request import Request
from dynadb_async.connection.sdk.instrumented import Onlooker
from dynadb_async.connection.sdk.session import SharedSession
from dynadb_async.connection.shared import CLOSED, Shared
from dynadb_async.errors import ConfigError, UsageError

if TYPE_CHECKING:
    import aioboto3

    from dynadb_async.connection.sdk.open_client import OpenClient


@define(eq=False, repr=False)
class SharedClient:
    """
    The one client of an event loop.

    Attributes:
        session: What it is made from.
        config: Its settings.
        is_untouched: Whether the SDK, and the client if it is open, are as they were made: asked before each
            operation.
    """

    session: SharedSession
    config: ClientConfig
    _client: "OpenClient | None" = field(default=None, init=False)
    is_untouched: Callable[[], bool] = field(factory=lambda: Onlooker().is_untouched, init=False)
    _is_closed: bool = field(default=False, init=False)
    _opening: "Shared[OpenClient]" = field(init=False)
    _pause: Pause = field(factory=Pause, init=False)

    def __attrs_post_init__(self) -> None:
        """Nothing is opened yet."""
        self._opening = Shared(self._open, "dynadb_async.open_client")

    async def opened(self) -> "OpenClient":
        """
        The client, made once for all who ask.

        Raises:
            ConfigError: There is no region, or there are no credentials.
            AttemptFailedError: The SDK refused.
            UsageError: It was closed meanwhile.
        """
        return self._client or await self._opening.result()

    async def _open(self) -> "OpenClient":
        # To import the SDK and to read its models takes half a second.
        clock = asyncio.get_running_loop().time
        self._pause.check(clock())
        try:
            session, kind = await asyncio.to_thread(_loaded, self.session)
            client = await kind.open(session, self.config)
        except (AttemptFailedError, ConfigError) as error:
            self._pause.failed(error if isinstance(error, ConfigError) else error.failure, clock())
            raise
        if self._is_closed:
            await client.close()
            raise UsageError(CLOSED)
        self._client, self.is_untouched = client, client.watch()
        return client

    def takes(self, operation: str) -> bool:
        """See `Way`."""
        return operation in OPERATIONS

    async def call(self, request: Request, until: float) -> Answer:
        """See `Way`."""
        return await (self._client or await self._opened_by(until)).call(request, until)

    async def _opened_by(self, until: float) -> "OpenClient":
        limit = asyncio.timeout_at(until)
        try:
            async with limit:
                return await self.opened()
        except TimeoutError:
            if not limit.expired():
                raise
        raise AttemptFailedError(NOT_OPEN)

    async def close(self) -> None:
        """See `Way`."""
        self._is_closed = True
        await self._opening.close()
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def abandon(self) -> None:
        """See `Way`."""
        client, self._client = self._client, None
        if client is not None:
            client.abandon()


def _loaded(shared: SharedSession) -> "tuple[aioboto3.Session, type[OpenClient]]":
    from dynadb_async.connection.sdk.models import read_models  # noqa: PLC0415 - here and not before
    from dynadb_async.connection.sdk.open_client import OpenClient  # noqa: PLC0415
    from dynadb_async.connection.sdk.opening import opening  # noqa: PLC0415

    with opening():
        session = shared.session()
        read_models(session)
    return session, OpenClient
