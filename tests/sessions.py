"""Where the tests' clients come from: sessions that remember what was asked of them, and adapters on an engine."""

import asyncio
import json
from typing import Any

import aioboto3
from aiobotocore.credentials import AioCredentialResolver, AioCredentials
from aiobotocore.session import AioSession
from botocore.exceptions import ConnectionClosedError

from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, TableConfig
from tests.engines import Engine


class RecordingSession(aioboto3.Session):
    """
    A session that remembers its clients and the control-plane requests that they sent.

    Attributes:
        clients: How many were made.
        closed: How many of them were closed again.
        sent: Operation and parameters of each request, in the order sent.
        losing: For how many answers of an operation the connection breaks, after the server did what was asked.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.clients = self.closed = 0
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.losing: dict[str, int] = {}

    def client(self, *names: Any, **options: Any) -> Any:
        """As the session's own."""
        return _Recorded(self, super().client(*names, **options))

    def _sending(self, request: Any, **_: Any) -> None:
        operation = request.headers["X-Amz-Target"].decode().partition(".")[2]
        self.sent.append((operation, json.loads(request.body)))

    def _lose(self, model: Any, **_: Any) -> None:
        if self.losing.get(model.name, 0):
            self.losing[model.name] -= 1
            raise ConnectionClosedError(endpoint_url="http://127.0.0.1")

    def count(self, operation: str) -> int:
        """How often *operation* was sent."""
        return sum(name == operation for name, _ in self.sent)


class _Recorded:
    """A client's context. A class, since a generator would be closed twice by a loop that ends."""

    def __init__(self, session: RecordingSession, context: Any) -> None:
        self.session, self.context = session, context

    async def __aenter__(self) -> Any:
        client = await self.context.__aenter__()
        self.session.clients += 1
        client.meta.events.register("before-send.dynamodb", self.session._sending)
        client.meta.events.register("after-call.dynamodb", self.session._lose)
        return client

    async def __aexit__(self, *error: object) -> None:
        self.session.closed += 1
        await self.context.__aexit__(*error)


class SlowProvider:
    """Credentials that take their time, as those of a role do."""

    METHOD = CANONICAL_NAME = "slow"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def load(self) -> AioCredentials:
        """The credentials, in the end."""
        await asyncio.sleep(self.seconds)
        return AioCredentials("local", "local")


def slow_session(seconds: float) -> RecordingSession:
    """A session whose credentials are awaited for so long."""
    session = AioSession()
    session.register_component("credential_provider", AioCredentialResolver([SlowProvider(seconds)]))
    return RecordingSession(botocore_session=session)


def config_on(engine: Engine, table: TableConfig | str, **client: Any) -> DynamoDbConfig:
    """A configuration for *engine*, more patient than the default; *client* overrides its settings."""
    return DynamoDbConfig(table, client=ClientConfig(**{**engine.client_settings, **client}))


def adapter_on(
    engine: Engine, table: TableConfig | str, *, session: aioboto3.Session | None = None, **client: Any
) -> AsyncDynamoDb[dict[str, Any]]:
    """An adapter on *engine*."""
    return AsyncDynamoDb(config_on(engine, table, **client), aws_session=session)


async def visit(db: AsyncDynamoDb[dict[str, Any]], user_id: str) -> int:
    """One turn, and how many the user had with it."""
    async with db.turn(user_id) as turn:
        visits: int = turn.user.data.get("visits", 0) + 1
        turn.user.data["visits"] = visits
    return visits
