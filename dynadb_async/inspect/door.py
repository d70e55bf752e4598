"""Who may come in: the printed address's token, the cookie that it is exchanged for, and what forms and links carry."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256, shake_256
from secrets import token_hex, token_urlsafe

from attrs import field, frozen

MARK = 16


def _secret() -> str:
    return token_urlsafe(32)


def _cookie_name() -> str:
    # Cookies know no ports: two of these pages on one machine would put each other out.
    return f"dynadb-inspect-{token_hex(4)}"


@frozen(repr=False)
class Door:
    """
    The secrets of one run.

    Attributes:
        token: Stands in the address that is printed.
        cookie: What a browser has instead, once it came with the token.
        cookie_name: Under which name.
    """

    token: str = field(factory=_secret)
    cookie: str = field(factory=_secret)
    cookie_name: str = field(factory=_cookie_name)
    _form_key: str = field(factory=_secret, init=False)
    _link_key: str = field(factory=_secret, init=False)

    def is_token(self, text: str) -> bool:
        """Whether it is the token."""
        return _is_same(text, self.token)

    def is_cookie(self, text: str) -> bool:
        """Whether it is the cookie's value."""
        return _is_same(text, self.cookie)

    def form_token(self, user_id: str) -> str:
        """What the form that deletes this user carries; no other page can know it."""
        return hmac.digest(self._form_key.encode(), _bytes(user_id), "sha256").hex()

    def is_form_token(self, text: str, user_id: str) -> bool:
        """Whether it is the form's of this user."""
        return _is_same(text, self.form_token(user_id))

    def link(self, path: str, *texts: str) -> str:
        """An address about *texts*, which it does not show: neither will a browser's history."""
        plain = json.dumps(texts).encode()
        mark = self._mark(plain)
        return f"{path}?at={urlsafe_b64encode(mark + self._mixed(plain, mark)).rstrip(b'=').decode()}"

    def texts(self, at: str) -> list[str] | None:
        """What a link was made of; None if it was not made in this run."""
        try:
            whole = urlsafe_b64decode(at + "=" * (-len(at) % 4))
        except ValueError:
            return None
        mark, mixed = whole[:MARK], whole[MARK:]
        plain = self._mixed(mixed, mark)
        return list(json.loads(plain)) if hmac.compare_digest(mark, self._mark(plain)) else None

    # The mark is what the text is mixed by, and what shows that it was not changed: a synthetic initialization vector.
    def _mark(self, plain: bytes) -> bytes:
        return hmac.digest(self._link_key.encode(), b"mark" + plain, "sha256")[:MARK]

    def _mixed(self, text: bytes, mark: bytes) -> bytes:
        stream = shake_256(b"mix" + self._link_key.encode() + mark).digest(len(text))
        return bytes(one ^ other for one, other in zip(text, stream, strict=True))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _is_same(one: str, other: str) -> bool:
    # In a time that says nothing, also about lengths.
    return hmac.compare_digest(sha256(_bytes(one)).digest(), sha256(_bytes(other)).digest())
