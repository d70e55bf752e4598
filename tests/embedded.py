"""A store in the process as one of the engines: seen past the adapter."""

import time
from typing import Any, Self

from attrs import define

from dynadb_async.connection.embedded.answering import ANSWERS
from dynadb_async.connection.embedded.store import store_at
from dynadb_async.connection.request import Request
from dynadb_async.connection.way import Store

PATIENCE = 30.0


@define
class EmbeddedClient:
    """What boto3's client is for a server, as far as tests ask for it: what is really stored, past the adapter."""

    store: Store

    @classmethod
    def at(cls, url: str) -> Self:
        """A client of the store that *url* names."""
        return cls(store_at(url))

    def __getattr__(self, method: str) -> Any:
        """An operation by the name of its method."""
        operation = "".join(word.capitalize() for word in method.split("_"))
        if operation not in ANSWERS:
            raise AttributeError(method)
        return lambda **parameters: self.store.answer(Request.of(operation, parameters), time.monotonic() + PATIENCE)

    def get_waiter(self, _name: str) -> Self:
        """All is there, or gone, at once."""
        return self

    def wait(self, **_: Any) -> None:
        """See `get_waiter`."""

    def close(self) -> None:
        """Let the store go."""
        self.store.close()


@define
class AsyncEmbeddedClient:
    """The same as aioboto3's client."""

    plain: EmbeddedClient

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.plain.close()

    def __getattr__(self, method: str) -> Any:
        """An operation, as a coroutine function."""
        operation = getattr(self.plain, method)

        async def asked(**parameters: Any) -> Any:
            return operation(**parameters)

        return asked
