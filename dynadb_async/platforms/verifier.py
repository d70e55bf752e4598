"""Who may call at all: what a verifier is, the error for a call that nobody signed, and what all verifiers share."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeAlias, cast

from dynadb_async import ConfigError, DynaDbError

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
"""A server's headers: its own mapping, or pairs in texts or bytes. Upper and lower case do not matter."""

Clock: TypeAlias = Callable[[], datetime]
"""Returns the time, with its zone."""


class SignatureError(DynaDbError):
    """
    The call does not prove that the platform sent it; to be answered with 401, before anything is loaded.

    The message says what was wrong, never what a header or the body holds.
    """


class Verifier(Protocol):
    """Checks that a call comes from its platform."""

    async def check(self, method: str, url: str, headers: Headers, body: bytes) -> None:
        """
        Return if the platform sent it.

        Args:
            method: Such as POST.
            url: As the platform knows it, so a setting of the app's: what a proxy forwards, anybody can write.
            headers: All of them. One that is sent twice is refused, since two readers might take one each.
            body: The bytes as they came. JSON that was read and written again is another text.

        Raises:
            SignatureError: It is not signed, signed by somebody else, changed, or too old.
        """
        ...


def now_in_utc() -> datetime:
    """The time."""
    return datetime.now(UTC)


def one_header(headers: Headers, name: str) -> str:
    """
    The value of the only header of this name.

    Raises:
        SignatureError: There is none, or more than one.
    """
    told = headers.items() if isinstance(headers, Mapping) else headers
    pairs = cast("Iterable[tuple[str | bytes, str | bytes]]", told)
    values = [_text(value) for key, value in pairs if _text(key).lower() == name.lower()]
    if len(values) != 1:
        raise SignatureError(f"expected one header {name}, got {len(values) or 'none'}")
    return values[0]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def secrets(given: str | Sequence[str] | None) -> tuple[bytes, ...]:
    """
    One secret, or several while a new one takes over, as bytes.

    Raises:
        ConfigError: There is none, or one is empty, as a variable that was never set: anybody could sign with it.
    """
    several = (given,) if isinstance(given, str) else tuple(given or ())
    if not several or not all(several):
        raise ConfigError("expected a secret, or several, got none or an empty one; is its variable set?")
    return tuple(secret.encode() for secret in several)


def is_signed(signature: str, message: bytes, keys: tuple[bytes, ...]) -> bool:
    """Whether *signature* is the HMAC-SHA256 of *message*, in hexadecimal, under one of *keys*; in constant time."""
    sent = signature.encode(errors="surrogatepass")
    made = [hmac.new(key, message, hashlib.sha256).hexdigest().encode() for key in keys]
    # A sum: all are compared, whichever fits.
    return sum(hmac.compare_digest(sent, one) for one in made) > 0


def is_one_of(value: str, expected: tuple[bytes, ...]) -> bool:
    """Whether *value* is one of *expected*; in a time that tells neither what they are nor how long."""
    sent = hashlib.sha256(value.encode(errors="surrogatepass")).digest()
    return sum(hmac.compare_digest(sent, hashlib.sha256(one).digest()) for one in expected) > 0
