"""
AWS Signature Version 4 of an item operation: always POST /, five or six headers, and a body.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import time
from hashlib import sha256
from hmac import HMAC
from hmac import digest as hmac_digest
from typing import NamedTuple, Protocol

CONTENT_TYPE = "application/x-amz-json-1.0"


class Credentials(Protocol):
    """Botocore's credentials, frozen at one moment."""

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


class SignedRequest(NamedTuple):
    """
    One request, ready to be sent.

    Attributes:
        target: The operation, as the `x-amz-target` header has it.
        date: `x-amz-date`, `20261122T120000Z`.
        authorization: The header of that name.
        token: `x-amz-security-token`, or None.
        body: JSON.
    """

    target: str
    date: str
    authorization: str
    token: str | None
    body: bytes


class Signer:
    """Signs for one region and host. What is the same for many requests is made once: the key for a day."""

    def __init__(self, region: str, host: str) -> None:
        self._region = region
        self._host = host
        self._second = -1
        self._date = ""
        self._day = ""
        self._key = b""
        self._key_of: tuple[str, str] = ("", "")

    def signed(self, credentials: Credentials, target: str, body: bytes, now: float | None = None) -> SignedRequest:
        """The request that asks for *target* with *body*, signed for the time *now* in seconds since the epoch."""
        second = int(time.time() if now is None else now)
        if second != self._second:
            self._date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            self._second = second
        date, token = self._date, credentials.token
        token_line, token_name = (f"x-amz-security-token:{token}\n", "x-amz-security-token;") if token else ("", "")
        names = f"content-type;host;x-amz-date;{token_name}x-amz-target"
        canonical = (
            f"POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{self._host}\nx-amz-date:{date}\n{token_line}"
            f"x-amz-target:{target}\n\n{names}\n{sha256(body).hexdigest()}"
        )
        scope = f"{date[:8]}/{self._region}/dynamodb/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac_digest(self._signing_key(credentials.secret_key, date[:8]), to_sign.encode(), "sha256").hex()
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}"
        )
        return SignedRequest(target, date, authorization, token, body)

    def _signing_key(self, secret: str, day: str) -> bytes:
        if self._key_of != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, "dynamodb", "aws4_request"):
                key = HMAC(key, part.encode(), "sha256").digest()
            self._key, self._key_of = key, (secret, day)
        return self._key
