"""The one aioboto3 session of an adapter."""

from threading import Lock
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    import aioboto3


@define(eq=False, repr=False)
class SharedSession:
    """
    What clients are made from, for all event loops: a client belongs to one, a session does not.

    Attributes:
        given: The user's own; without one, it is made when it is first needed.
    """

    given: "aioboto3.Session | None" = None
    _made: "aioboto3.Session | None" = field(default=None, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def session(self) -> "aioboto3.Session":
        """The session. It takes a moment, as the SDK is imported: not for an event loop's thread."""
        if self.given is not None:
            return self.given
        from dynadb_async.connection.sdk.own_session import own_session  # noqa: PLC0415 - here and not before

        with self._lock:
            if self._made is None:
                self._made = own_session()
            return self._made
