"""The ways to an answer that the settings allow, opened once for an event loop, and closed with it."""

import logging
import os
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field

from dynadb_async.config import ClientConfig, is_embedded
from dynadb_async.connection.plain import NotPlain, Plain, plain_settings
from dynadb_async.connection.sdk.client import SharedClient
from dynadb_async.connection.sdk.instrumented import instrumented
from dynadb_async.connection.sdk.session import SharedSession
from dynadb_async.connection.shared import CLOSED, Shared
from dynadb_async.connection.way import Store, Way
from dynadb_async.connection.wire import opened_wire
from dynadb_async.errors import ConfigError, UsageError

logger: logging.Logger = logging.getLogger("dynadb_async")


def store_of(config: ClientConfig, users: str | None = None) -> Store | None:
    """
    The store in the process that the settings name, for as long as the adapter lives; None if they name a server.

    Args:
        config: The settings.
        users: The table whose items a file holds that does not say which table's they are; None for the first asked.

    Raises:
        ConfigError: There can't be one on this system.
    """
    if not is_embedded(config.endpoint_url):
        return None
    from dynadb_async.connection.embedded.store import store_at  # noqa: PLC0415 - nobody else pays for it

    return store_at(str(config.endpoint_url), users)


@define(eq=False, repr=False)
class Ways:
    """
    The ways of one event loop, the best first; the last takes every operation.

    Attributes:
        config: The client's settings.
        sdk: The ordinary client.
        store: The store in the process that takes its place, if the settings name one.
        all: The ways, once they are open.
        region: Where the requests go, once that is known.
        place: The same, with host and port.
        not_plain: Why the SDK had to be asked before anything else, if it had.
    """

    config: ClientConfig
    sdk: SharedClient
    store: Store | None = None
    all: tuple[Way, ...] = field(default=(), init=False)
    region: str = field(default="", init=False)
    place: str = field(default="", init=False)
    not_plain: str = field(default="", init=False)
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
        plain = await self._known()
        ways: tuple[Way, ...] = (self.sdk,)
        if plain is not None:
            ways = (await opened_wire(plain, self.config, self.sdk), self.sdk)
        try:
            yield ways
        finally:
            for way in ways:
                await way.close()

    async def _known(self) -> Plain | None:
        """What the wire needs to know; None if it can't be taken."""
        plain = self._plain()
        if isinstance(plain, Plain):
            self._goes_to(plain.endpoint_url, plain.region_name)
            return plain
        self.not_plain = plain.because
        logger.debug("the SDK is asked from the beginning: %s", plain.because)
        client = await self.sdk.opened()
        self._goes_to(client.sdk.meta.endpoint_url, client.sdk.meta.region_name)
        return client.plain() if self.config.fast_path else None

    def _goes_to(self, url: str, region: str) -> None:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self.region, self.place = region, f"{parts.hostname}:{port}, region {region}"

    def _plain(self) -> Plain | NotPlain:
        if self.sdk.session.given is not None:
            return NotPlain("an aws_session is given")
        place = instrumented()
        return NotPlain(f"{place} is not the SDK's own") if place else plain_settings(self.config, os.environ)

    async def client(self) -> Any:
        """
        The ordinary client, opened if it is not.

        Raises:
            ConfigError: There is no region, there are no credentials, or there is a store in its place.
            AttemptFailedError: The SDK refused.
            UsageError: After `close()`.
        """
        if self.store is not None:
            msg = "there is no client: client.endpoint_url names a store in the process"
            raise ConfigError(msg)
        await self.open()
        return (await self.sdk.opened()).sdk

    async def _embedded(self, store: Store) -> AsyncGenerator[tuple[Way, ...]]:
        from dynadb_async.connection.embedded.way import Embedded  # noqa: PLC0415 - nobody else pays for it

        way = Embedded(store)
        self.region = "this process"
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
        # It may be open though the ways are not: another setting was wrong.
        await self.sdk.close()

    def abandon(self) -> None:
        """Let go of those of an event loop that was closed first."""
        ways, self.all, self._life = self.all or (self.sdk,), (), None
        for way in ways:
            way.abandon()
