"""A table seen from both sides: through an adapter, and as it really is."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aioboto3
from attrs import define, field, frozen

from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, TableConfig
from tests import engines
from tests.engines import Engine

PATIENCE: dict[str, Any] = engines.PATIENCE | {"queue_timeout": 5}

# Shared, since the SDK reads its models once per session; clients are still made for each adapter.
AWS_SESSION = aioboto3.Session()


@define
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = field(factory=lambda: datetime(2026, 3, 1, 12, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        """What time it is."""
        return self.now

    def move(self, **by: float) -> None:
        """Let time pass, in the words of `timedelta`."""
        self.now += timedelta(**by)


@frozen
class Table:
    """
    A table on one engine.

    Attributes:
        engine: Where it is.
        name: Its name.
        raw: A plain client, which blocks.
    """

    engine: Engine
    name: str
    raw: Any

    def config(
        self, *, table: dict[str, Any] | None = None, client: dict[str, Any] | None = None, **settings: Any
    ) -> DynamoDbConfig:
        """The settings that reach this table."""
        reached = ClientConfig(**(self.engine.reached | PATIENCE | (client or {})))
        return DynamoDbConfig(TableConfig(self.name, **(table or {})), client=reached, **settings)

    def adapter(self, *, config: DynamoDbConfig | None = None, **options: Any) -> AsyncDynamoDb[Any]:
        """An adapter; options are its own, or the configuration's."""
        own = {name: options.pop(name) for name in ("user_data", "serializer", "clock") if name in options}
        config = self.config(**options) if config is None else config
        return AsyncDynamoDb(config, aws_session=AWS_SESSION, **own)

    def item(self, user_id: str) -> dict[str, Any] | None:
        """The user's item as it is stored."""
        found: dict[str, Any] | None = self.raw.get_item(
            TableName=self.name, Key={"userId": {"S": user_id}}, ConsistentRead=True
        ).get("Item")
        return found

    def put(self, user_id: str, **attributes: Any) -> None:
        """Write an item as another program does: whole, and on no condition."""
        self.raw.put_item(TableName=self.name, Item={"userId": {"S": user_id}, **attributes})

    def add(self, user_id: str, **attributes: Any) -> None:
        """Write attributes into an item as another program does, beside what is there."""
        self.put(user_id, **{**(self.item(user_id) or {}), "userId": {"S": user_id}, **attributes})


@contextmanager
def new_table(engine: Engine, key: str = "userId") -> Iterator[Table]:
    """Make an empty table."""
    name = f"test-{uuid4().hex}"
    client = engine.raw()
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 100})
    try:
        yield Table(engine, name, client)
    finally:
        client.close()
