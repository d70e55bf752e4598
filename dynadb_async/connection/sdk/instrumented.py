"""
Whether somebody has changed the SDK in this process, to be told of its calls or to answer them: tracing, mocks.

Looked at without importing it: what nobody has imported, nobody has changed.
"""

import sys
from types import FunctionType, ModuleType
from typing import Any

from attrs import define, field

# Handlers that an ordinary client has. The SDK has others, which answer by themselves (its stub) or change the
# endpoint (its discovery): those, and all that we do not know, are left to it.
KNOWN_HANDLERS = ("handlers.", "signers.", "useragent.", "retryhandler.", "retries.")
KNOWN = ("dynadb_async.", *(f"{package}.{part}" for package in ("botocore", "aiobotocore") for part in KNOWN_HANDLERS))
KNOWN_BY_NAME = ("block_endpoint_discovery_required_operations",)

EVENTS = (
    "provide-client-params",
    "before-parameter-build",
    "before-endpoint-resolution",
    "before-call",
    "request-created",
    "choose-signer",
    "before-sign",
    "before-send",
    "response-received",
    "needs-retry",
    "after-call",
    "after-call-error",
)
# Where tracing and mocks put their own.
PLACES: dict[str, tuple[str, ...]] = {
    "botocore.client": ("BaseClient.__init__", "BaseClient._make_api_call", "ClientCreator.create_client"),
    "botocore.session": ("Session.__init__", "Session.create_client"),
    "botocore.endpoint": ("Endpoint.make_request",),
    "aiobotocore.client": ("AioBaseClient._make_api_call", "AioClientCreator.create_client"),
    "aiobotocore.session": ("AioSession.__init__", "AioSession._create_client"),
    "aiobotocore.endpoint": ("AioEndpoint.make_request", "AioEndpoint._send_request"),
}


def instrumented() -> str:
    """The place of the SDK's where somebody has put something else, or nothing."""
    for name, places in PLACES.items():
        module = sys.modules.get(name)
        for place in places if module is not None else ():
            owner, _, member = place.partition(".")
            function = vars(getattr(module, owner, object)).get(member)
            if function is not None and not is_the_sdks(function):
                return f"{name}.{place}"
    handlers = getattr(sys.modules.get("botocore.handlers"), "BUILTIN_HANDLERS", ())
    are_known = all(is_known(handler) for event, handler, *_ in handlers if event.startswith(EVENTS))
    return "" if are_known else "botocore.handlers.BUILTIN_HANDLERS"


def is_the_sdks(function: Any) -> bool:
    """Tracing instrumentation puts its own in a function's place, perhaps before we are imported, and with its name."""
    while type(function) is FunctionType and function.__globals__["__name__"].startswith(("botocore.", "aiobotocore.")):
        inner = getattr(function, "__wrapped__", None)
        if inner is None:
            return True
        function = inner
    return False


def is_known(handler: Any) -> bool:
    """Whether a handler of the SDK's events is one that each client has."""
    handler = getattr(handler, "func", handler)  # a functools.partial
    module = getattr(handler, "__module__", None) or type(handler).__module__
    return f"{module}.".startswith(KNOWN) or getattr(handler, "__name__", "") in KNOWN_BY_NAME


@define(eq=False, repr=False)
class Onlooker:
    """Whether the SDK, which we have not used yet, is as it was: it may be imported, and changed, at any time."""

    _seen: Any = field(default=None, init=False)
    _is_the_sdks: bool = field(default=True, init=False)

    def is_untouched(self) -> bool:
        """Cheap enough to be asked before each operation."""
        module: ModuleType | None = sys.modules.get("aiobotocore.client")
        if module is None:
            return True
        # It may be half imported.
        function = getattr(getattr(module, "AioBaseClient", None), "_make_api_call", None)
        if function is not self._seen:
            self._seen, self._is_the_sdks = function, function is None or is_the_sdks(function)
        return self._is_the_sdks
