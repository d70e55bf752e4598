"""Who may call at all: what a verifier is, the error for a call that nobody signed, and what all verifiers share."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

from dynadb_async import ConfigError, DynaDbError, UsageError

Headers: TypeAlias = Mapping[str, str] | Mapping[str, Sequence[str]] | Iterable[tuple[str | bytes, str | bytes]]
"""A server's headers: its own mapping, of lists as well, or pairs in texts or bytes. Upper and lower case are one."""

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


def time_of(clock: Clock) -> datetime:
    """
    The time by *clock*.

    Raises:
        UsageError: It has no zone, so that it may be hours off.
    """
    time = clock()
    if time.utcoffset() is None:
        raise UsageError("expected a time with its zone from the verifier's clock, as datetime.now(UTC) is")
    return time


def one_header(headers: Headers, name: str) -> str:
    """
    The value of the only header of this name.

    Raises:
        SignatureError: There is none, or more than one.
    """
    # Whatever else a server has in their place, such as nothing at all, is no header.
    told: Any = headers or ()
    pairs = told.items() if hasattr(told, "items") else told
    values = [one for key, value in pairs if _text(key).lower() == name.lower() for one in _several(value)]
    if len(values) != 1:
        raise SignatureError(f"expected one header {name}, got {len(values) or 'none'}")
    return _text(values[0])


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else () if value is None else (value,)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def secrets(given: str | Sequence[str] | None) -> tuple[bytes, ...]:
    """
    One secret, or several while a new one takes over, as bytes.

    Raises:
        ConfigError: There is none, or one is empty, as a variable that was never set: anybody could sign with it. Or
            one is no text that can be written in UTF-8.
    """
    several: tuple[Any, ...] = tuple(given or ()) if isinstance(given, list | tuple | None) else (given,)
    if not several or not all(several) or any(isinstance(secret, str) and secret.isspace() for secret in several):
        raise ConfigError("expected a secret or an id, or several, got none or an empty one; is its variable set?")
    try:
        return tuple(map(str.encode, several))
    except (TypeError, UnicodeError):
        problem = "expected a text, or a list of texts, of valid Unicode as a secret or an id"
    raise ConfigError(problem)


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
