"""The ways to an answer that the settings allow, opened once for an event loop, and closed with it."""

from collections.abc import AsyncGenerator

from attrs import define, field

from dynadb_async.config import ClientConfig, is_embedded
from dynadb_async.connection.sdk.client import SharedClient
from dynadb_async.connection.sdk.session import SharedSession
from dynadb_async.connection.shared import CLOSED, Shared
from dynadb_async.connection.way import Store, Way
from dynadb_async.connection.wire import opened_wire
from dynadb_async.errors import UsageError


def store_of(config: ClientConfig) -> Store | None:
    """
    The store in the process that the settings name, for as long as the adapter lives; None if they name a server.

    Raises:
        ConfigError: There can't be one on this system.
    """
    if not is_embedded(config.endpoint_url):
        return None
    from dynadb_async.connection.embedded.store import store_at  # noqa: PLC0415 - nobody else pays for it

    return store_at(str(config.endpoint_url))


@define(eq=False)
class Ways:
    """
    The ways of one event loop, the best first; the last takes every operation.

    Attributes:
        config: The client's settings.
        sdk: The ordinary client.
        store: The store in the process that takes its place, if the settings name one.
        all: The ways, once they are open.
    """

    config: ClientConfig
    sdk: SharedClient
    store: Store | None = None
    all: tuple[Way, ...] = field(default=(), init=False)
    _life: AsyncGenerator[tuple[Way, ...]] | None = field(default=None, init=False)
    _is_closed: bool = field(default=False, init=False)
    _opening: Shared[None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Nothing is opened yet."""
        self._opening = Shared(self._open, "dynadb_async.open")

    @classmethod
    def of(cls, session: SharedSession, config: ClientConfig, store: Store | None = None) -> "Ways":
        """What *config* allows, or *store* alone."""
        return cls(config, SharedClient(session, config), store)

    async def open(self) -> None:
        """
        Open them, once for all who ask.

        Raises:
            ConfigError: There is no region, or there are no credentials.
            AttemptFailedError: The SDK refused.
            UsageError: After `close()`.
        """
        if not self.all:
            await self._opening.result()

    async def _open(self) -> None:
        if not self._is_closed:
            # Not a context manager: an event loop that ends closes the generators that were begun in it, and so the
            # ways with their connections, though nobody called `close`.
            life = self._lifetime() if self.store is None else self._embedded(self.store)
            ways = await anext(life)
            self._life, self.all = life, ways
        if self._is_closed:
            # Perhaps only meanwhile; a retry, too, must not open anew what nobody would close.
            await self._end()
            raise UsageError(CLOSED)

    async def _lifetime(self) -> AsyncGenerator[tuple[Way, ...]]:
        ways: tuple[Way, ...] = (self.sdk,)
        try:
            client = await self.sdk.opened()
            plain = client.plain() if self.config.fast_path else None
            if plain is not None:
                ways = (await opened_wire(plain, self.config, client.watch()), self.sdk)
            yield ways
        finally:
            for way in ways:
                await way.close()

    async def _embedded(self, store: Store) -> AsyncGenerator[tuple[Way, ...]]:
        from dynadb_async.connection.embedded.way import Embedded  # noqa: PLC0415 - nobody else pays for it

        way = Embedded(store)
        try:
            yield (way,)
        finally:
            await way.close()

    async def close(self) -> None:
        """Close them, and open none any more."""
        self._is_closed = True
        await self._opening.close()
        await self._end()

    async def _end(self) -> None:
        self.all, life, self._life = (), self._life, None
        if life is not None:
            await life.aclose()

    def abandon(self) -> None:
        """Let go of those of an event loop that was closed first."""
        ways, self.all, self._life = self.all, (), None
        for way in ways:
            way.abandon()
