"""
One verifier for each platform that shares a secret with the app. Alexa's, which has certificates, is `AlexaVerifier`.

Each secret may be several while a new one takes over: `SlackVerifier([new, old])`.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from attrs import field, frozen
from attrs.converters import optional

from dynadb_async import ConfigError
from dynadb_async.platforms.request import MalformedRequestError
from dynadb_async.platforms.verifier import (
    Clock,
    Headers,
    SignatureError,
    is_one_of,
    is_signed,
    now_in_utc,
    one_header,
    secrets,
    time_of,
)

MOST_FIELDS = 100


@frozen
class SlackVerifier:
    """
    Slack's signature over the time and the body, of events, commands and interactions.

    https://docs.slack.dev/authentication/verifying-requests-from-slack

    Attributes:
        signing_secret: From the app's page, "Basic Information". Not the verification token.
        window: How old a call may be, or how far ahead its clock: within it a copied call passes again, and `turn_id`
            is what keeps it from being applied twice.
        clock: The time.
    """

    signing_secret: tuple[bytes, ...] = field(converter=secrets, repr=False)
    window: timedelta = field(default=timedelta(minutes=5), kw_only=True)
    clock: Clock = field(default=now_in_utc, kw_only=True, repr=False)

    async def check(self, method: str, url: str, headers: Headers, body: bytes) -> None:  # noqa: ARG002
        """
        Return if Slack sent it.

        Raises:
            SignatureError: It is not signed, signed by somebody else, changed, or too old.
        """
        sent = one_header(headers, "X-Slack-Request-Timestamp")
        signature = one_header(headers, "X-Slack-Signature")
        if not re.fullmatch("[0-9]{1,12}", sent):
            raise SignatureError("expected seconds in X-Slack-Request-Timestamp")
        if abs(time_of(self.clock).timestamp() - int(sent)) > self.window.total_seconds():
            raise SignatureError("the call is too old, or the clock of this machine is wrong")
        version, _, made = signature.partition("=")
        if version != "v0" or not is_signed(made, b"v0:%b:%b" % (sent.encode(), body), self.signing_secret):
            raise SignatureError("X-Slack-Signature is not that of this body under this secret")


@frozen
class MetaVerifier:
    """
    Meta's signature over the body, of Messenger and WhatsApp, and the handshake of a webhook's set-up.

    https://developers.facebook.com/docs/graph-api/webhooks/getting-started

    Meta signs no time: a copied call passes for ever, and only `turn_id` keeps it from being applied twice.

    Attributes:
        app_secret: From the app's page, "Basic Settings". Not an access token.
        verify_token: The text that was made up for the webhook's set-up; without one, a GET is refused.
    """

    app_secret: tuple[bytes, ...] = field(converter=secrets, repr=False)
    verify_token: tuple[bytes, ...] | None = field(default=None, converter=optional(secrets), kw_only=True, repr=False)

    async def check(self, method: str, url: str, headers: Headers, body: bytes) -> None:
        """
        Return if Meta sent it. A GET is the handshake, and has the token in its URL in place of a signature.

        Raises:
            SignatureError: It is not signed, signed by somebody else, or changed.
        """
        if method.upper() == "GET":
            self.challenge(url)
            return
        scheme, _, made = one_header(headers, "X-Hub-Signature-256").partition("=")
        if scheme != "sha256" or not is_signed(made, body, self.app_secret):
            raise SignatureError("X-Hub-Signature-256 is not that of this body under this secret")

    def challenge(self, url: str) -> str:
        """
        What to answer to the handshake, as plain text: its `hub.challenge`.

        Args:
            url: The GET's URL with its query; a path and the query are enough.

        Raises:
            SignatureError: The token is another, or the app has none.
            MalformedRequestError: There is no challenge.
        """
        asked = _query(url)
        token = asked.get("hub.verify_token", "")
        if self.verify_token is None or not is_one_of(token, self.verify_token):
            raise SignatureError("hub.verify_token is not the app's, or the app has none")
        if asked.get("hub.mode") != "subscribe" or not asked.get("hub.challenge"):
            raise MalformedRequestError("expected hub.mode=subscribe and a hub.challenge in a handshake of Meta")
        return asked["hub.challenge"]


def _query(url: str) -> dict[str, str]:
    try:
        fields = parse_qsl(urlsplit(url).query, max_num_fields=MOST_FIELDS)
    except ValueError:
        fields = []  # the error shows the query
    names = [name for name, _ in fields]
    if len(set(names)) != len(names):
        raise SignatureError("expected each field of a handshake's query once")
    return dict(fields)


def _telegram_tokens(given: str | Sequence[str] | None) -> tuple[bytes, ...]:
    tokens = secrets(given)
    if not all(re.fullmatch(rb"[A-Za-z0-9_-]{1,256}", token) for token in tokens):
        raise ConfigError("expected 1 to 256 of A-Z, a-z, 0-9, _ and - in Telegram's secret token: it takes no others")
    return tokens


@frozen
class TelegramVerifier:
    """
    The token that Telegram sends with each call.

    https://core.telegram.org/bots/api#setwebhook

    It proves who calls, not what: whoever has seen one call can send any other. So the webhook must be https only.

    Attributes:
        secret_token: What was given to `setWebhook(secret_token=…)`. Not the bot's own token.
    """

    secret_token: tuple[bytes, ...] = field(converter=_telegram_tokens, repr=False)

    async def check(self, method: str, url: str, headers: Headers, body: bytes) -> None:  # noqa: ARG002
        """
        Return if the caller has the token.

        Raises:
            SignatureError: There is none, or another one.
        """
        if not is_one_of(one_header(headers, "X-Telegram-Bot-Api-Secret-Token"), self.secret_token):
            raise SignatureError("X-Telegram-Bot-Api-Secret-Token is another token")


@frozen
class DialogflowVerifier:
    """
    The bearer token, or user and password, that a Dialogflow CX webhook was told to send in `Authorization`.

    https://cloud.google.com/dialogflow/cx/docs/concept/webhook#authentication

    It proves who calls, not what: whoever has seen one call can send any other, and so can everybody who may edit the
    agent. Google's own ID tokens and client certificates are not checked here: let the load balancer do that.

    Attributes:
        bearer: The token, of the webhook's header `Authorization: Bearer …`.
        scheme: `bearer`; `basic` sets the other one.
    """

    bearer: tuple[bytes, ...] = field(converter=secrets, repr=False)
    scheme: str = field(default="bearer", kw_only=True)

    @classmethod
    def basic(cls, user: str, password: str) -> "DialogflowVerifier":
        """
        For a webhook with a user name and a password.

        Raises:
            ConfigError: One is empty, or the name has a colon.
        """
        secrets([user, password])
        if ":" in user:
            raise ConfigError("expected a user name without a colon: it is what separates name and password")
        return cls(b64encode(f"{user}:{password}".encode()).decode(), scheme="basic")

    async def check(self, method: str, url: str, headers: Headers, body: bytes) -> None:  # noqa: ARG002
        """
        Return if the caller has the token, or the password.

        Raises:
            SignatureError: There is none, or another one.
        """
        scheme, _, value = one_header(headers, "Authorization").partition(" ")
        if scheme.lower() != self.scheme or not is_one_of(value, self.bearer):
            raise SignatureError("Authorization is another one")
