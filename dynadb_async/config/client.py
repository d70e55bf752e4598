"""The settings of the connection."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs
from attrs import field, frozen

from dynadb_async.config.validation import (
    a_bool,
    a_bool_or_none,
    an_int,
    by_name,
    copied,
    expected,
    is_text,
    refuse_ours,
    seconds,
    text,
    wrong,
)

OWN_CLIENT_OPTIONS = {
    "connect_timeout": "connect_timeout",
    "read_timeout": "read_timeout",
    "retries": "max_attempts",
    "max_pool_connections": "max_pool_connections",
    "region_name": "region_name",
}
NEEDED_BESIDE = {
    "aws_access_key_id": "aws_secret_access_key",
    "aws_secret_access_key": "aws_access_key_id",
    "aws_session_token": "aws_access_key_id",
}
# A path ends in a file's name.
EMBEDDED = re.compile(r"memory:[\w.-]*|file:[^\0]*[^\0/\s]", re.DOTALL)
ELSEWHERE = re.compile("file://(?!/|localhost/)")
# What goes into a header: a line break in it would begin another.
WITHOUT_BLANKS = re.compile("[!-~]+")


def is_embedded(url: str | None) -> bool:
    """Whether *url* names a store in the process: `memory:`, `memory:NAME` or `file:PATH`."""
    return url is not None and EMBEDDED.fullmatch(url) is not None


def _is_url(value: object) -> bool:
    if isinstance(value, str) and is_embedded(value):
        return True
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        # urlsplit itself would drop line breaks.
        is_whole = isinstance(value, str) and value.isprintable() and " " not in value
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        return is_whole and is_web and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


# The address may hold somebody's password: it is not shown.
_url = expected(
    "a URL like http://localhost:8000, without user or password in it, memory:, memory:NAME, file:PATH or None",
    lambda value: value is None or _is_url(value),
    is_secret=True,
)
_is_here = expected(
    "file:PATH or file:///PATH (after two slashes stands the name of a machine, and only this one's files are opened)",
    lambda value: value is None or not ELSEWHERE.match(value),
    is_secret=True,
)
_key = expected(
    "a str without blanks, line breaks and other characters that no key has, or None",
    lambda value: value is None or (isinstance(value, str) and WITHOUT_BLANKS.fullmatch(value) is not None),
    is_secret=True,
)
_ca_bundle = expected(
    "a bool, the path of a CA bundle or None", lambda value: value is None or isinstance(value, bool) or is_text(value)
)


def _botocore_options(made: object, attribute: "attrs.Attribute[Any]", value: Mapping[str, Any]) -> None:
    """A rule: what botocore's Config takes besides the settings of the client."""
    by_name(made, attribute, value)
    refuse_ours(made, attribute.name, value, OWN_CLIENT_OPTIONS)
    _check_user_agent(made, attribute.name, value)
    if value:
        _check_with_botocore(made, attribute.name, value)


def _check_user_agent(made: object, setting: str, value: Mapping[str, Any]) -> None:
    for name in ("user_agent", "user_agent_extra", "user_agent_appid"):
        words = value.get(name)
        if isinstance(words, str) and not (words.isascii() and words.isprintable()):
            raise wrong(made, "expected a str of printable ASCII characters, without line breaks", setting, name)


def _check_with_botocore(made: object, setting: str, value: Mapping[str, Any]) -> None:
    from aiobotocore.config import AioConfig  # noqa: PLC0415 - slow to import, and few need it

    from dynadb_async.config.nearest import nearest  # noqa: PLC0415

    known = {*AioConfig.OPTION_DEFAULTS, "connector_args", "http_session_cls"} - OWN_CLIENT_OPTIONS.keys()
    for name in value:
        if name not in known:
            raise wrong(made, f"unknown option of botocore's Config{nearest(name, known)}", setting, name)
    try:
        AioConfig(**value)
    except Exception as error:  # noqa: BLE001 - each option has its own; the text may hold a value
        raise wrong(made, f"botocore's Config refuses these options: {type(error).__name__}", setting) from None


@frozen(kw_only=True)
class ClientConfig:
    """
    The connection. What is None is left to the standard AWS variables, files and roles.

    Attributes:
        region_name: Such as `eu-central-1`.
        endpoint_url: The server's address, where it is not AWS's own; or `memory:`, `memory:NAME` or `file:PATH` for a
            store in the process.
        aws_access_key_id: The first half of the credentials; in no repr.
        aws_secret_access_key: The other half; in no repr.
        aws_session_token: What temporary credentials have besides; in no repr.
        use_ssl: False: plain HTTP, where no `endpoint_url` says which.
        verify: A file of the certificates that are trusted; False: none is checked, which is for tests.
        api_version: The SDK's own setting; DynamoDB has one version.
        connect_timeout: Seconds.
        read_timeout: Seconds, of one attempt.
        operation_timeout: Seconds, of an operation with all its attempts.
        max_attempts: Of an operation; one that fails at once, rather than by waiting in vain, counts half.
        queue_timeout: Seconds that a turn waits for another of its user; `handle()` waits as long as its time lasts.
        max_pool_connections: How many requests are under way at once; others wait for one of them.
        fast_path: Item operations go around botocore's machinery for each call.
        options: Any other field of `botocore.config.Config`.
    """

    region_name: str | None = field(default=None, validator=text())
    endpoint_url: str | None = field(default=None, validator=[_url, _is_here])
    aws_access_key_id: str | None = field(default=None, repr=False, validator=_key)
    aws_secret_access_key: str | None = field(default=None, repr=False, validator=_key)
    aws_session_token: str | None = field(default=None, repr=False, validator=_key)
    use_ssl: bool | None = field(default=None, validator=a_bool_or_none)
    verify: bool | str | None = field(default=None, validator=_ca_bundle)
    api_version: str | None = field(default=None, validator=text())
    connect_timeout: float = field(default=1, validator=seconds)
    read_timeout: float = field(default=0.5, validator=seconds)
    operation_timeout: float = field(default=3, validator=seconds)
    queue_timeout: float = field(default=1, validator=seconds)
    max_attempts: int = field(default=5, validator=an_int(1))
    max_pool_connections: int = field(default=50, validator=an_int(1))
    fast_path: bool = field(default=True, validator=a_bool)
    options: Mapping[str, Any] = field(
        factory=dict, converter=copied, validator=_botocore_options, repr=False, hash=False
    )

    def __attrs_post_init__(self) -> None:
        """Check that the parts of the credentials come together."""
        for name, needed in NEEDED_BESIDE.items():
            if getattr(self, name) is not None and getattr(self, needed) is None:
                raise wrong(self, f"expected {needed} beside {name}: give both, or neither", needed)
