"""
Requests as they are sent, with AWS Signature Version 4: always POST /, five or six signed headers, and a body.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import time
from hashlib import sha256
from hmac import HMAC
from typing import TYPE_CHECKING

from attrs import define

from dynadb_async.connection.keys import Credentials

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

# Seconds. AWS takes a signature for some minutes; a clock that is so little wrong is not why it was refused.
WITHIN_REASON = 60

CONTENT_TYPE = "application/x-amz-json-1.0"


@define(eq=False, repr=False)
class Scope:
    """
    What all requests share that ask for one operation within one second, with the same credentials.

    Attributes:
        head: The request's first bytes, up to the signature.
        canonical: Hash of the canonical request, up to the body's own hash.
        inner: HMAC's first hash of the text to sign, up to the canonical request's hash.
        outer: HMAC's second hash, up to the first.
    """

    head: str
    canonical: "Hash"
    inner: "Hash"
    outer: "Hash"


class Signer:
    """Signs for one region and host. What is the same for many requests is made once: the key for a day."""

    def __init__(self, region: str, host: str, user_agent: str) -> None:
        self._region = region
        self._host = host
        self._user_agent = user_agent
        self._scopes: dict[str, tuple[tuple[int, str, str, str | None], Scope]] = {}
        self._key = b""
        self._key_of: tuple[str, str] = ("", "")
        # Seconds by which the server's clock is ahead of this machine's.
        self._ahead = 0.0

    def learn(self, date: str) -> bool:
        """Sign by the server's clock from now on, whose *date* is an HTTP header's; False if it says nothing new."""
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - slow to import, and few need it

        try:
            ahead = parsedate_to_datetime(date).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return False
        is_new = abs(ahead - self._ahead) > WITHIN_REASON
        if is_new:
            self._ahead = ahead
        return is_new

    def signed(self, credentials: Credentials, target: str, body: bytes, now: float | None = None) -> bytes:
        """The request that asks for *target* with *body*, signed for the time *now* in seconds since the epoch."""
        second = int(time.time() + self._ahead if now is None else now)
        signed_for = (second, credentials.access_key, credentials.secret_key, credentials.token)
        latest = self._scopes.get(target)
        if latest is not None and latest[0] == signed_for:
            scope = latest[1]
        else:
            scope = self._scope(credentials, target, second)
            self._scopes[target] = signed_for, scope
        canonical, inner, outer = scope.canonical.copy(), scope.inner.copy(), scope.outer.copy()
        canonical.update(sha256(body).hexdigest().encode())
        inner.update(canonical.hexdigest().encode())
        outer.update(inner.digest())
        return f"{scope.head}{outer.hexdigest()}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def _scope(self, credentials: Credentials, target: str, second: int) -> Scope:
        date, token = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second)), credentials.token
        token_line, token_name = (f"x-amz-security-token:{token}\n", "x-amz-security-token;") if token else ("", "")
        token_field = f"X-Amz-Security-Token: {token}\r\n" if token else ""
        names = f"content-type;host;x-amz-date;{token_name}x-amz-target"
        canonical = (
            f"POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{self._host}\nx-amz-date:{date}\n{token_line}"
            f"x-amz-target:{target}\n\n{names}\n"
        )
        day = f"{date[:8]}/{self._region}/dynamodb/aws4_request"
        # As in RFC 2104. Copies of HMAC's two hashes, with the text in the first, cost less than those of an HMAC.
        key = self._signing_key(credentials.secret_key, date[:8]).ljust(64, b"\0")
        inner, outer = (sha256(bytes(byte ^ pad for byte in key)) for pad in (0x36, 0x5C))
        inner.update(f"AWS4-HMAC-SHA256\n{date}\n{day}\n".encode())
        return Scope(
            head=(
                f"POST / HTTP/1.1\r\nHost: {self._host}\r\nUser-Agent: {self._user_agent}\r\n"
                f"Content-Type: {CONTENT_TYPE}\r\nAccept-Encoding: identity\r\n"
                f"X-Amz-Target: {target}\r\nX-Amz-Date: {date}\r\n{token_field}Authorization: AWS4-HMAC-SHA256 "
                f"Credential={credentials.access_key}/{day}, SignedHeaders={names}, Signature="
            ),
            canonical=sha256(canonical.encode()),
            inner=inner,
            outer=outer,
        )

    def _signing_key(self, secret: str, day: str) -> bytes:
        if self._key_of != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, "dynamodb", "aws4_request"):
                key = HMAC(key, part.encode(), "sha256").digest()
            self._key, self._key_of = key, (secret, day)
        return self._key
