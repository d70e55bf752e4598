"""What requests are signed with."""

from collections.abc import Awaitable
from typing import Protocol

from attrs import field, frozen


class Credentials(Protocol):
    """A key pair at one moment."""

    @property
    def access_key(self) -> str:
        """The access key id."""
        ...

    @property
    def secret_key(self) -> str:
        """The secret access key."""
        ...

    @property
    def token(self) -> str | None:
        """The session token of temporary credentials."""
        ...


@frozen
class Keys:
    """
    Keys that stay as they are.

    Attributes:
        access_key: The access key id.
        secret_key: The secret access key.
        token: The session token of temporary credentials.
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class RenewedKeys(Protocol):
    """Keys that are fetched anew now and then."""

    def now(self, until: float) -> Awaitable[Credentials]:
        """
        Those to sign with now.

        Raises:
            AttemptFailedError: There were none by *until*, on the event loop's clock.
        """
        ...
