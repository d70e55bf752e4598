"""
Whom the SDK's client talks to: only a server whose certificate was made for the name that was asked for.

By itself it accepts the certificate of any host, for botocore leaves that check to urllib3, which is not there; and
through a proxy it accepts anything. It also follows redirects, with the session token of the request.
"""

import inspect
import io
import logging
import ssl
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import frozen

from dynadb_async.connection.trust import is_verified, verified
from dynadb_async.errors import ConfigError

if TYPE_CHECKING:

    class AioConfig:
        """The SDK's own, as far as it is used here: it ships no types."""

        def __init__(self, **options: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...
        def merge(self, other_config: Any) -> Any:
            """Another one, laid over this one."""

    class AIOHTTPSession:
        """The same."""

        def __init__(self, *args: Any, **options: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...
        def _get_ssl_context(self) -> ssl.SSLContext: ...
        def _setup_proxy_ssl_context(self, proxy_url: str) -> ssl.SSLContext | None: ...
        def _create_connector(self, proxy_url: str | None) -> Any: ...
        async def _get_session(self, proxy_url: str | None) -> Any: ...
else:
    from aiobotocore.config import AioConfig
    from aiobotocore.httpsession import AIOHTTPSession

logger: logging.Logger = logging.getLogger("dynadb_async")

LARGE = 1024 * 1024
DROPPED = (
    "the client would not check whom it talks to: "
    "make the default client config of aws_session an aiobotocore.config.AioConfig, or remove it"
)


class CheckedHttpSession(AIOHTTPSession):
    """The SDK's own connections, with the host's name checked, through a proxy too, and without redirects."""

    def __init__(self, verify: Any = True, *args: Any, **kwargs: Any) -> None:  # noqa: FBT002 - the SDK's own
        super().__init__((verify or True) if is_verified(verify) else False, *args, **kwargs)
        self._made = 0

    def has_usable_proxy(self, url: str) -> bool:
        """Whether the proxy that requests to *url* go through has an address, if there is one."""
        proxy = self._proxy_config.proxy_url_for(url)
        try:
            parts = urlsplit(proxy or "http://none")
            # Of another scheme, such as socks5://, the SDK makes the host http://socks5:.
            is_odd = parts.port == 0 or parts.netloc.endswith(":")
            return parts.scheme in ("http", "https") and bool(parts.hostname) and not is_odd
        except ValueError:
            return False

    def check_files(self, url: str) -> None:
        """
        Read the certificates that settings name, before the first request to *url* would.

        Raises:
            OSError: One can't be read, or is none.
            BotoCoreError: The proxy's.
        """
        proxy = self._proxy_config.proxy_url_for(url)
        context = self._setup_proxy_ssl_context(proxy) if proxy else self._get_ssl_context()
        if self._cert_file:
            context.load_cert_chain(self._cert_file, self._key_file)
        if isinstance(self._verify, str):
            context.load_verify_locations(self._verify)

    def _get_ssl_context(self) -> ssl.SSLContext:
        self._made += 1
        return verified(super()._get_ssl_context())

    def _setup_proxy_ssl_context(self, proxy_url: str) -> ssl.SSLContext:
        # None without a setting of the proxy's own, and then nobody would be verified.
        return super()._setup_proxy_ssl_context(proxy_url) or self._get_ssl_context()

    def _create_connector(self, proxy_url: str | None) -> Any:
        made, connector = self._made, super()._create_connector(proxy_url)
        # Newer releases make it in a coroutine, with the certificates read in a thread.
        return self._awaited(connector, made) if inspect.isawaitable(connector) else self._checked(connector, made)

    async def _awaited(self, connector: Awaitable[Any], made: int) -> Any:
        return self._checked(await connector, made)

    def _checked(self, connector: Any, made: int) -> Any:
        if self._verify and self._made == made:
            msg = "this release of aiobotocore verifies servers in another way than ours can follow; use an older one"
            raise ConfigError(msg)
        return connector

    async def _get_session(self, proxy_url: str | None) -> Any:
        return _WithoutRedirects(await super()._get_session(proxy_url))


@frozen
class _WithoutRedirects:
    """DynamoDB sends none; another's would have the request sent again, signed as it is, to whomever it names."""

    session: Any

    async def request(self, method: str, **details: Any) -> Any:
        data = details.get("data")
        if isinstance(data, bytes) and len(data) > LARGE:
            # aiohttp warns of large bytes, which it would send in one piece.
            details["data"] = io.BytesIO(data)
        return await self.session.request(method, **details, allow_redirects=False)


class CheckedConfig(AioConfig):
    """A session's default settings by which all its clients check host names, those for credentials too."""

    def __init__(self) -> None:
        super().__init__(http_session_cls=CheckedHttpSession)

    def merge(self, other_config: Any) -> Any:
        """The SDK's own loses everything that is not botocore's."""
        merged = super().merge(other_config)
        merged.connector_args = getattr(other_config, "connector_args", None) or merged.connector_args
        merged.http_session_cls = http_session_class(getattr(other_config, "http_session_cls", AIOHTTPSession))
        return merged


def http_session_class(*wished: Any) -> Any:
    """The first that is somebody's own, else ours."""
    return next((kind for kind in wished if kind not in (None, AIOHTTPSession)), CheckedHttpSession)


def checking_config(options: dict[str, Any], default: Any) -> AioConfig:
    """
    A client's settings of *options*, by which it checks host names.

    Args:
        options: What AioConfig takes. A class of connections in it, or in *default*, stays, with a warning.
        default: What the session lays them over, if anything.

    Raises:
        ConfigError: That would drop the check.
    """
    if default is not None and not isinstance(default, AioConfig):
        raise ConfigError(DROPPED)
    kind = http_session_class(options.get("http_session_cls"), getattr(default, "http_session_cls", None))
    config = AioConfig(**{**options, "http_session_cls": kind})
    if default is not None:
        # What the user of a Config gave is all that its merging takes over.
        config._user_provided_options["http_session_cls"] = kind  # noqa: SLF001
    if not issubclass(kind, CheckedHttpSession):
        logger.warning("http_session_cls: %s has to check host names of certificates by itself", kind.__name__)
    return config


def check_http_session(client: Any, config: AioConfig) -> None:
    """
    Look whether *client* has the connections that *config* says, since the settings of its session come between.

    Raises:
        ConfigError: It has others.
    """
    kind = type(getattr(getattr(client, "_endpoint", None), "http_session", None))
    if kind is not config.http_session_cls:
        raise ConfigError(DROPPED)
