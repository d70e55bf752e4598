"""Whether there is anything about an open client that only it can do; if not, the wire may answer in its place."""

from typing import Any
from urllib.parse import urlsplit

from aiobotocore.client import AioBaseClient
from botocore.utils import get_environ_proxies

from dynadb_async.connection.keys import Keys, RenewedKeys
from dynadb_async.connection.operations import ON_THE_WIRE, OPERATIONS
from dynadb_async.connection.plain import Plain
from dynadb_async.connection.sdk.http_session import CheckedHttpSession
from dynadb_async.connection.sdk.instrumented import EVENTS, is_known, is_the_sdks

MAKE_API_CALL: Any = AioBaseClient._make_api_call  # noqa: SLF001
IS_THE_SDKS = is_the_sdks(MAKE_API_CALL)

METHODS = frozenset((*(OPERATIONS[name].method for name in ON_THE_WIRE), "_make_api_call"))

# Options of the SDK's that change what is sent, or how, in ways that only the SDK follows.
FOLLOWED_BY_THE_SDK_ONLY = (
    "proxies",
    "proxies_config",
    "client_cert",
    "use_dualstack_endpoint",
    "use_fips_endpoint",
    "tcp_keepalive",
    "user_agent_extra",
    "user_agent_appid",
)


def plain_of(client: Any, keys: Keys | RenewedKeys) -> Plain | None:
    """What the wire has to know to answer in *client*'s place; None if only that can."""
    try:
        if not is_plain_client(client):
            return None
        verify = verify_of(client)
    except AttributeError:
        # A release of the SDK that keeps its settings elsewhere.
        return None
    meta = client.meta
    return Plain(meta.region_name, meta.endpoint_url, verify, keys, meta.config.user_agent)


def is_plain_client(client: Any) -> bool:
    """Whether a new client has nothing about it that a plain signed POST over a direct connection leaves out."""
    meta, parts = client.meta, urlsplit(client.meta.endpoint_url)
    config = meta.config
    return (
        isinstance(client, AioBaseClient)
        and config.signature_version == "v4"
        and getattr(config, "account_id_endpoint_mode", None) != "required"
        and parts.scheme in ("http", "https")
        and parts.path in ("", "/")
        and not parts.query
        and not get_environ_proxies(meta.endpoint_url).keys() - {"no"}  # NO_PROXY is none
        and not any(getattr(config, name, None) for name in FOLLOWED_BY_THE_SDK_ONLY)
        and not set(getattr(config, "connector_args", None) or ()) - {"keepalive_timeout"}
        and type(client._endpoint.http_session) is CheckedHttpSession  # noqa: SLF001
        and IS_THE_SDKS
    )


def verify_of(client: Any) -> bool | str | None:
    """How *client* verifies servers, its setting, `AWS_CA_BUNDLE` and the configuration file considered."""
    verify: bool | str | None = client._endpoint.http_session._verify  # noqa: SLF001
    return verify


class Watch:
    """Whether a client still is as the SDK made it: nothing patched, nobody else listening to its events."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._attributes = client.__dict__
        self._kind = type(client)
        # Internals of the SDK: where they are missing, the ordinary client is used.
        self._emitter: Any = getattr(client.meta.events, "_emitter", None)
        self._seen: Any = None
        self._is_heard = True

    def is_untouched(self) -> bool:
        """Cheap enough to be asked before each operation: a registration replaces the emitter's cache."""
        cache = getattr(self._emitter, "_lookup_cache", None)
        if cache is not self._seen:
            self._seen, self._is_heard = cache, self._has_foreign_handlers()
        if self._is_heard:
            return False
        return self._kind._make_api_call is MAKE_API_CALL and METHODS.isdisjoint(self._attributes)  # noqa: SLF001

    def _has_foreign_handlers(self) -> bool:
        try:
            handlers = [
                handler
                for event in EVENTS
                for operation in ON_THE_WIRE
                for handler in self._emitter._handlers.prefix_search(f"{event}.dynamodb.{operation}")  # noqa: SLF001
            ]
        except AttributeError:
            return True
        return not all(is_known(handler) for handler in handlers)
