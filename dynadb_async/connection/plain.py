"""
The plain case: what the wire goes by is all in the settings and the environment, so that no SDK has to be asked.

Whatever else could matter to the SDK makes a case not plain, and so does a doubt: then the SDK reads it as it always
does, and the wire goes by its client.
"""

import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from dynadb_async.config import ClientConfig
from dynadb_async.connection.agent import USER_AGENT
from dynadb_async.connection.harmless import HARMLESS
from dynadb_async.connection.keys import Keys, RenewedKeys, flaw_of

# The regions of AWS's standard partition, as the SDK's own partitions.json has them.
STANDARD_REGION = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d{1,2}")
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
SIMPLE_URL = re.compile(rf"https?://{LABEL}(?:\.{LABEL})*(?::(\d{{1,5}}))?/?")
LARGEST_PORT = 65535
LONGEST_HOST = 253

SETTINGS: dict[str, tuple[Any, ...]] = {
    "fast_path": (True,),
    "options": ({},),
    "use_ssl": (None, True),
    "api_version": (None,),
}
FILES = {
    "AWS_CONFIG_FILE": "~/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
}
MODELS = "~/.aws/models"


@frozen
class Plain:
    """
    Where requests go, and as whose.

    Attributes:
        region_name: What they are signed for.
        endpoint_url: Scheme, host and port.
        verify: How a server's certificate is checked: True or None with the usual authorities, a file of others, or
            False for not at all.
        keys: What they are signed with.
        user_agent: Who asks.
    """

    region_name: str
    endpoint_url: str
    verify: bool | str | None
    keys: Keys | RenewedKeys
    user_agent: str


@frozen
class NotPlain:
    """
    The SDK has to be asked.

    Attributes:
        because: What it is that only the SDK knows to read; no value of it.
    """

    because: str


def plain_settings(config: ClientConfig, environ: Mapping[str, str]) -> Plain | NotPlain:
    """What *config* and *environ* say, or why they do not say all."""
    because = _not_plain_settings(config) or _not_plain_variable(environ) or _found_file(environ)
    if because:
        return NotPlain(because)
    region = config.region_name or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if region is None or not STANDARD_REGION.fullmatch(region):
        return NotPlain("no region of AWS's standard partition in the settings, AWS_REGION or AWS_DEFAULT_REGION")
    keys = _keys(config, environ)
    if keys is None:
        return NotPlain("no keys in the settings, or in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    url = _endpoint(config, environ) or f"https://dynamodb.{region}.amazonaws.com"
    because = _not_plain_url(url) or _proxy(url, environ)
    if because:
        return NotPlain(because)
    return Plain(region, url, True if config.verify is None else config.verify, keys, USER_AGENT)


def _not_plain_settings(config: ClientConfig) -> str:
    for name, plain in SETTINGS.items():
        if getattr(config, name) not in plain:
            return f"client.{name} is set"
    return ""


def _not_plain_variable(environ: Mapping[str, str]) -> str:
    for name, value in environ.items():
        matters = name.startswith("AWS_") and (name not in HARMLESS or not value)
        if matters or name == "REQUESTS_CA_BUNDLE" or name.startswith("BOTO"):
            return f"the variable {name} is set"
    return ""


def _found_file(environ: Mapping[str, str]) -> str:
    # Found as the SDK finds them, to whom /dev/null is no file.
    for variable, usual in FILES.items():
        name = environ.get(variable, usual)
        if os.path.isfile(os.path.expandvars(os.path.expanduser(name))):  # noqa: PTH111, PTH113 - it expands variables
            return f"the file {name} is there"
    # A user without a home, as in a container, is none to pathlib.
    return f"the folder {MODELS} is there" if os.path.isdir(os.path.expanduser(MODELS)) else ""  # noqa: PTH111, PTH112


def _keys(config: ClientConfig, environ: Mapping[str, str]) -> Keys | None:
    given = config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token
    if given[0] is None:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        given = environ.get(names[0]), environ.get(names[1]), environ.get(names[2])
    key, secret, token = given
    keys = Keys(key or "", secret or "", token)
    return None if flaw_of(keys) else keys


def _endpoint(config: ClientConfig, environ: Mapping[str, str]) -> str | None:
    if config.endpoint_url is not None:
        return config.endpoint_url
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environ.get("AWS_ENDPOINT_URL_DYNAMODB") or environ.get("AWS_ENDPOINT_URL")


def _not_plain_url(url: str) -> str:
    parts = SIMPLE_URL.fullmatch(url)
    is_simple = parts is not None and int(parts[1] or 1) in range(1, LARGEST_PORT + 1)
    if not is_simple or len(url) > len("https://") + LONGEST_HOST:
        return "the endpoint is more than a scheme, a host and a port"
    return ""


def _proxy(url: str, environ: Mapping[str, str]) -> str:
    named = [name for name, value in environ.items() if value and name.lower().endswith("_proxy")]
    is_system_wide = sys.platform in ("darwin", "win32")
    if not is_system_wide and all(name.lower() == "no_proxy" for name in named):
        return ""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - slow, and rare

    host = url.partition("://")[2].rstrip("/")
    if is_system_wide:
        return "" if not getproxies() or proxy_bypass(host) else "a proxy is set"
    passed_by = environ.get("no_proxy", environ.get("NO_PROXY", ""))
    return "" if proxy_bypass(host, {"no": passed_by}) else "a proxy is set"
