"""The SDK's credentials, for whoever signs."""

import asyncio
from typing import Any

from aiobotocore.credentials import AioCredentials
from attrs import frozen

from dynadb_async.connection.failures import NOT_BEGUN, AttemptFailedError
from dynadb_async.connection.keys import Credentials, Keys
from dynadb_async.connection.sdk.failures import translated


@frozen
class SdkKeys:
    """
    Credentials that the SDK renews.

    Attributes:
        source: The SDK's own object.
    """

    source: Any

    async def now(self, until: float) -> Credentials:
        """See `RenewedKeys`: they are fetched now and then, over the network."""
        limit = asyncio.timeout_at(until)
        try:
            with translated():
                async with limit:
                    frozen: Credentials = await self.source.get_frozen_credentials()
        except AttemptFailedError:
            if not limit.expired():
                raise
            raise AttemptFailedError(NOT_BEGUN) from None
        return frozen


def keys_of(credentials: Any) -> Keys | SdkKeys:
    """As they are, or, where they renew themselves, by asking; all of those are of other classes."""
    if type(credentials) is AioCredentials:
        return Keys(credentials.access_key, credentials.secret_key, credentials.token)
    return SdkKeys(credentials)
