"""Who may come in: the printed address's token, the cookie that it is exchanged for, and what forms carry."""

import hmac
from hashlib import sha256
from secrets import token_hex, token_urlsafe

from attrs import field, frozen


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


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _is_same(one: str, other: str) -> bool:
    # In a time that says nothing, also about lengths.
    return hmac.compare_digest(sha256(_bytes(one)).digest(), sha256(_bytes(other)).digest())
