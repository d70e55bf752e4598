"""The ordinary aioboto3 client that is open: its answers and its end."""

import asyncio
from collections.abc import Callable
from typing import Any, Self

import aioboto3
from attrs import field, frozen

from dynadb_async.config import ClientConfig
from dynadb_async.connection.answers import Answer
from dynadb_async.connection.failures import BROKEN_OFF, CORRUPT, LATE, AttemptFailedError, Failure
from dynadb_async.connection.keys import EXPIRED, Credentials, Keys
from dynadb_async.connection.operations import OPERATIONS
from dynadb_async.connection.places import SILENT_IN_A_ROW, Places
from dynadb_async.connection.plain import Plain
from dynadb_async.connection.request import Request
from dynadb_async.connection.sdk.abandoned import abandon_sessions, drop_idle
from dynadb_async.connection.sdk.answers import check_sdk_answer, is_ours
from dynadb_async.connection.sdk.failures import translated
from dynadb_async.connection.sdk.keys import SdkKeys, signing_with
from dynadb_async.connection.sdk.opening import entered
from dynadb_async.connection.sdk.plain_client import Watch, plain_of
from dynadb_async.connection.shape import check_key
from dynadb_async.values.stored_text import as_stored


@frozen(eq=False)
class OpenClient:
    """
    A client that is open.

    Attributes:
        config: Its settings.
        sdk: The client itself.
        keys: What requests are signed with.
    """

    config: ClientConfig
    sdk: Any
    keys: Keys | SdkKeys
    _context: Any
    _places: Places
    _silent: list[Failure] = field(factory=list, init=False)

    @classmethod
    async def open(cls, session: aioboto3.Session, config: ClientConfig) -> Self:
        """
        Make one.

        Raises:
            ConfigError: There is no region, there are no credentials, or another setting can't be used.
            AttemptFailedError: Whoever gives the credentials failed.
        """
        context, client, keys = await entered(session, config)
        client.meta.events.register("before-parse.dynamodb", check_sdk_answer)
        return cls(config, client, keys, context, Places(config.max_pool_connections))

    async def call(self, request: Request, until: float) -> Answer:
        """See `Way`."""
        if not self._places.take_free():
            # The SDK's own queue comes after all its work for a request, which then is often in vain.
            is_write = not OPERATIONS[request.operation].is_read
            await self._places.take(until, self.config.read_timeout, is_write=is_write)
        try:
            answer = await self._signed(request, until)
        except AttemptFailedError as error:
            self._doubted(error.failure)
            raise
        finally:
            self._places.leave()
        self._silent[:] = []
        return answer

    async def _signed(self, request: Request, until: float) -> Answer:
        keys = self.keys
        if isinstance(keys, Keys):
            return await self._answered(request, until)
        credentials = await keys.now(until)
        try:
            return await self._answered_by(credentials, request, until)
        except AttemptFailedError as error:
            if error.failure.code not in EXPIRED or not await keys.renewed(credentials, until):
                raise
        return await self._answered_by(await keys.now(until), request, until)

    async def _answered_by(self, credentials: Credentials, request: Request, until: float) -> Answer:
        token = signing_with.set(credentials)
        try:
            return await self._answered(request, until)
        finally:
            signing_with.reset(token)

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
        return Answer(as_stored(members) if "Item" in members else members)

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
        return plain_of(self.sdk, self.keys)

    def watch(self) -> Callable[[], bool]:
        """Whether the wire may answer in its place still; to be asked before each operation."""
        return Watch(self.sdk).is_untouched if self.plain() is not None else bool

    async def close(self) -> None:
        """Close all connections."""
        if isinstance(self.keys, SdkKeys):
            await self.keys.close()
        await self._context.__aexit__(None, None, None)

    def abandon(self) -> None:
        """Let go of the sockets: their event loop was closed."""
        abandon_sessions(self.sdk)
