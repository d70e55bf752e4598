"""What requests are signed with."""

from collections.abc import Awaitable
from typing import Any, Protocol

from attrs import field, frozen

from dynadb_async.config.client import WITHOUT_BLANKS

# The server's words for keys whose time is over.
EXPIRED = {"ExpiredToken", "ExpiredTokenException"}


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

    def renewed(self, refused: Credentials, until: float) -> Awaitable[bool]:
        """
        Whether there are others now than *refused*, which the server holds to be expired.

        Raises:
            AttemptFailedError: They could not be fetched by *until*, on the event loop's clock.
        """
        ...


def flaw_of(keys: Credentials) -> str:
    """What is wrong with *keys*, without showing any; empty if nothing is."""
    parts: dict[str, Any] = {"access key": keys.access_key, "secret key": keys.secret_key, "session token": keys.token}
    for name, part in parts.items():
        if not part and name != "session token":
            return f"the {name} is missing"
        if part and not (isinstance(part, str) and WITHOUT_BLANKS.fullmatch(part)):
            return f"the {name} holds a blank, a line break or another character that no {name} has"
    return ""
