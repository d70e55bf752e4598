"""The SDK's credentials, for whoever signs: fetched once for all who wait, and before they are needed."""

import asyncio
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from aiobotocore.credentials import AioCredentials
from attrs import define, field

from dynadb_async.connection.failures import CREDENTIALS_LATE, AttemptFailedError
from dynadb_async.connection.keys import Credentials, Keys, flaw_of
from dynadb_async.connection.pause import Pause
from dynadb_async.connection.sdk.wrong_settings import config_error_of, failure_of_provider, is_wrong_for_provider
from dynadb_async.connection.shared import Shared
from dynadb_async.errors import ConfigError

# Seconds. Keys that expire within that time might do so on their way.
LAST_MOMENT = 2
# By which the request that is under way is signed.
signing_with: ContextVar[Credentials | None] = ContextVar("dynadb_async_signing_with", default=None)

# So long new keys are held to be new, though the server refuses them.
TRUST = 5.0


@define(eq=False, repr=False)
class SdkKeys:
    """
    Credentials that the SDK renews, in one event loop. Keys that are still valid sign while others are fetched.

    Attributes:
        source: The SDK's own object.
    """

    source: Any
    _fetching: Shared[Credentials] = field(init=False)
    _pause: Pause = field(factory=Pause, init=False)
    _renewed_at: float = field(default=float("-inf"), init=False)
    _sound: Credentials | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Nothing is fetched yet."""
        self._fetching = Shared(self._fetched, "dynadb_async.credentials")
        if hasattr(self.source, "_refresh_lock"):
            # Another event loop's, if a session is used by several, one after the other.
            self.source._refresh_lock = asyncio.Lock()  # noqa: SLF001 - no public way leads there

    async def now(self, until: float) -> Credentials:
        """See `RenewedKeys`."""
        held = self._held()
        if held is not None and not self._is_due():
            return held
        if held is None or self._is_due(LAST_MOMENT):
            return await self._fetched_by(until)
        if not self._pause.lasts(asyncio.get_running_loop().time()):
            self._fetching.begin()
        return held

    async def settings_checked(self, until: float) -> None:
        """
        Fetch the first ones, to see whether their provider's settings work; what else may be wrong is told later.

        Raises:
            ConfigError: They don't.
        """
        try:
            await self.now(until)
        except AttemptFailedError as error:
            cause = error.__cause__
            if isinstance(cause, ConfigError):
                raise cause from None
            if isinstance(cause, Exception) and is_wrong_for_provider(cause):
                raise config_error_of(cause) from None

    async def renewed(self, refused: Credentials, until: float) -> bool:
        """See `RenewedKeys`."""
        held, now = self._held(), asyncio.get_running_loop().time()
        if held is not None and not _are_same(held, refused):
            return True
        if not self._fetching.is_under_way:
            if now < self._renewed_at + TRUST or not hasattr(self.source, "_expiry_time"):
                return False
            self._renewed_at = now
            self._expire()
        return not _are_same(await self._fetched_by(until), refused)

    async def close(self) -> None:
        """Give up what is under way."""
        await self._fetching.close()

    async def get_frozen_credentials(self) -> Credentials:
        """As the SDK's own signer asks for them: those that our request has waited for, however short they last."""
        return signing_with.get() or await self.now(asyncio.get_running_loop().time() + 1)

    async def get_account_id(self) -> Any:
        """The account they are of, where that is known."""
        return getattr(self.source, "_account_id", None)

    def _held(self) -> Credentials | None:
        # Where a release of the SDK keeps them elsewhere, each request asks for them.
        held: Credentials | None = getattr(self.source, "_frozen_credentials", None)
        if held is self._sound:
            return held
        # Some come with the source, and some are there though the fetching failed for what they are.
        if held is not None and flaw_of(held):
            return None
        self._sound = held
        return held

    def _is_due(self, within: float | None = None) -> bool:
        """Whether they end within so many seconds, or as soon as the SDK fetches others."""
        try:
            return bool(self.source.refresh_needed(within))
        except TypeError:
            # The time of their end has no zone: others are asked for until one has.
            self._expire()
            return True

    def _expire(self) -> None:
        self.source._expiry_time = datetime.fromtimestamp(0, UTC)  # noqa: SLF001 - no public way leads there

    async def _fetched_by(self, until: float) -> Credentials:
        self._pause.check(asyncio.get_running_loop().time())
        limit = asyncio.timeout_at(until)
        try:
            async with limit:
                return await self._fetching.result()
        except TimeoutError:
            if not limit.expired():
                raise
        raise AttemptFailedError(CREDENTIALS_LATE)

    async def _fetched(self) -> Credentials:
        clock = asyncio.get_running_loop().time
        try:
            keys: Credentials = await self.source.get_frozen_credentials()
            check_keys(keys)
        except (Exception, asyncio.CancelledError) as error:
            # Whatever a provider raises: it may be anybody's. Only a cancellation may be ours.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            failure = failure_of_provider(error)
            self._pause.failed(failure, clock())
            raise AttemptFailedError(failure) from error
        if self._held() is not None and self._is_due():
            # The SDK says nothing of a failure as long as the old ones are valid; some are never valid for long.
            self._pause.failed(None, clock())
        else:
            self._pause.succeeded()
        return keys


def check_keys(keys: Credentials) -> None:
    """
    Refuse what can't be signed with, or sent.

    Raises:
        ConfigError: Something is missing, or holds a blank or a line break.
    """
    flaw = flaw_of(keys)
    if flaw:
        raise ConfigError(f"{flaw}; check the AWS_… variables, or whatever gives the credentials")


def keys_of(credentials: Any) -> Keys | SdkKeys:
    """As they are, or, where they renew themselves, by asking; all of those are of other classes."""
    if type(credentials) is AioCredentials:
        return Keys(credentials.access_key, credentials.secret_key, credentials.token)
    return SdkKeys(credentials)


def sign_with(client: Any, keys: SdkKeys) -> None:
    """Let *client* ask for its keys as we do, so that neither its limits nor its event loop come between."""
    signer: Any = getattr(client, "_request_signer", None)
    if hasattr(signer, "_credentials"):
        signer._credentials = keys  # noqa: SLF001 - no public way leads there
    resolver: Any = getattr(client, "_ruleset_resolver", None)
    # Each call asks for the account, too, which some endpoints have in their name.
    known: dict[Any, Any] = getattr(resolver, "_builtins", {})
    known.update((name, keys.get_account_id) for name, value in known.items() if callable(value))


def _are_same(one: Credentials, other: Credentials) -> bool:
    return (one.access_key, one.secret_key, one.token) == (other.access_key, other.secret_key, other.token)
