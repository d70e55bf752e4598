"""Whether a request was meant for this page, and comes from it: against DNS rebinding and other sites' forms; pure."""

import re
import socket
from ipaddress import ip_address

from attrs import frozen
from starlette.datastructures import Headers

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(?::\d{1,5})?")


@frozen
class Address:
    """
    Where the page is served.

    Attributes:
        host: The interface, as a name or an IP address.
    """

    host: str = "127.0.0.1"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def name(self) -> str:
        """The host as an address has it; of an interface that stands for all of them, this machine itself."""
        try:
            ip = ip_address(self.host)
        except ValueError:
            return self.host.lower()
        if ip.is_unspecified:
            return "127.0.0.1" if ip.version == 4 else "[::1]"  # noqa: PLR2004 - IP's own versions
        return str(ip) if ip.version == 4 else f"[{ip}]"  # noqa: PLR2004

    def problem(self, headers: Headers) -> str | None:
        """Why a request with these headers is none for this page; None if it is."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0].lower()):
            return "This page answers to its own address only, not to another name for it."
        return None if self._is_from_here(headers, hosts[0].lower()) else "This page takes nothing from other sites."

    def _is_ours(self, host: str) -> bool:
        """Whether it is a name of this page. Its port may be a tunnel's."""
        found = HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1]
        if name in LOOPBACK_NAMES or name == self.name:
            return True
        # An IP address can't be rebound: who has one for origin is who answers there.
        return not self.is_loopback and (name == socket.gethostname().lower() or _is_ip(name))

    def _is_from_here(self, headers: Headers, host: str) -> bool:
        site = headers.get("sec-fetch-site")
        if site not in (None, "none", "same-origin") and headers.get("sec-fetch-mode") != "navigate":
            return False
        for origin in headers.getlist("origin"):
            # Under no-referrer a form has the origin `null`, and so has a sandbox on another site. Browsers tell them
            # apart, but only to this machine, or over TLS.
            is_form = origin == "null" and (site == "same-origin" or (site is None and not self.is_loopback))
            if origin.lower() != f"http://{host}" and not is_form:
                return False
        return True


def _is_ip(name: str) -> bool:
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
