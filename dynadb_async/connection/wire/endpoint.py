"""The endpoint: where connections go, and how a server is recognised."""

import os
import ssl
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from attrs import frozen

from dynadb_async.connection.trust import is_verified, verified


@frozen
class Endpoint:
    """
    Where requests go.

    Attributes:
        host: Name or address.
        port: The TCP port.
        netloc: As the `host` header has it.
        url: The whole address.
        tls: How to verify the server; None without TLS.
    """

    host: str
    port: int
    netloc: str
    url: str
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str, verify: bool | str | None) -> "Endpoint":  # noqa: FBT001 - the SDK's own
        """From a client's endpoint and the SDK's `verify`: True, False, or a file of CA certificates."""
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        default = 443 if is_tls else 80
        port = parts.port or default
        host = parts.hostname or ""
        shown = f"[{host}]" if ":" in host else host
        netloc = shown if port == default else f"{shown}:{port}"
        return cls(host, port, netloc, url, _tls_context(verify) if is_tls else None)


def _tls_context(verify: bool | str | None) -> ssl.SSLContext:  # noqa: FBT001 - the SDK's own
    # As the SDK makes its own, so that both ways trust the same servers.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.post_handshake_auth = True
    if "SSLKEYLOGFILE" in os.environ and not sys.flags.ignore_environment:
        context.keylog_filename = os.environ["SSLKEYLOGFILE"]
    if is_verified(verify):
        verified(context).load_verify_locations(verify if verify and isinstance(verify, str) else usual_authorities())
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def usual_authorities() -> str:
    """
    The file of CA certificates that the SDK takes without a setting: certifi's, else its own.

    Raises:
        FileNotFoundError: There is neither.
    """
    try:
        from certifi import where  # noqa: PLC0415 - only TLS needs it, and not each environment has it
    except ImportError:
        # Found without importing it.
        spec = find_spec("botocore")
        for folder in (spec and spec.submodule_search_locations) or ():
            return str(Path(folder) / "cacert.pem")
        raise FileNotFoundError from None
    return where()
