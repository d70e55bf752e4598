"""What a turn costs in DynamoDB's own units, as DynamoDB Local counts them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aioboto3
from attrs import define, field, frozen

from benchmarks.items import KEY, item_size, reference_item, user_data
from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, TableConfig
from tests.engines import Engine, EngineMissingError, dynamodb_local

SIZES = (700, 1500, 3500, 10_000, 50_000)
# The memory of recent turns is full then.
TURNS = 10
REPLY = {"speech": "x" * 700, "reprompt": "x" * 200, "shouldEndSession": False}


@frozen
class Way:
    """One way to take a turn."""

    name: str
    turn_ids: bool = False
    reply: Any = None
    is_consistent: bool = True


OWN_WAYS = (
    Way("dynadb-async"),
    Way("… with turn ids", turn_ids=True),
    Way("… with turn ids and stored replies of 1 KB", turn_ids=True, reply=REPLY),
    Way("… consistent_read=False", is_consistent=False),
)
REFERENCE = "the reference: GetItem and PutItem"


class Cost(NamedTuple):
    """Bytes of the item, read units and write units of a turn."""

    size: int
    rcu: float
    wcu: float


@define
class Meter:
    """
    What requests of one session consumed.

    Attributes:
        units: RCU and WCU, by operation.
    """

    units: dict[str, float] = field(factory=dict)

    def session(self) -> aioboto3.Session:
        """A session that is metered. The adapter takes the ordinary client for it, and sends the same requests."""
        session = aioboto3.Session()
        session.events.register("provide-client-params.dynamodb", self._ask)
        session.events.register("after-call.dynamodb", self._read)
        return session

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in ("GetItem", "UpdateItem", "PutItem"):
            params["ReturnConsumedCapacity"] = "TOTAL"

    def _read(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if "ConsumedCapacity" in parsed:
            self.units[model.name] = parsed["ConsumedCapacity"]["CapacityUnits"]

    async def cost(self, client: Any) -> Cost:
        """Of the last turn."""
        read, write = self.units["GetItem"], self.units.get("UpdateItem", self.units.get("PutItem", 0.0))
        answer = await client.get_item(TableName="capacity", Key={KEY: reference_item({})[KEY]}, ConsistentRead=True)
        return Cost(item_size(answer["Item"]), read, write)


def capacity() -> dict[str, dict[int, Cost]] | None:
    """RCU and WCU of a turn, by way and by the size of the reference's item; None where DynamoDB Local is missing."""
    try:
        with dynamodb_local() as engine:
            return asyncio.run(_measured(engine))
    except EngineMissingError:
        return None


async def _measured(engine: Engine) -> dict[str, dict[int, Cost]]:
    measured = {way.name: {size: await _own(engine, way, size) for size in SIZES} for way in OWN_WAYS}
    return measured | {REFERENCE: {size: await _reference(engine, size) for size in SIZES}}


@asynccontextmanager
async def _adapter(engine: Engine, meter: Meter, way: Way) -> AsyncIterator[AsyncDynamoDb]:
    table = TableConfig("capacity", consistent_read=way.is_consistent)
    config = DynamoDbConfig(table, client=ClientConfig(**engine.client_settings))
    async with AsyncDynamoDb(config, aws_session=meter.session()) as db:
        yield db


async def _own(engine: Engine, way: Way, size: int) -> Cost:
    meter = Meter()
    async with _adapter(engine, meter, way) as db:
        user = reference_item({})[KEY]["S"]
        await db.delete(user)
        for number in range(TURNS):
            turn_id = f"amzn1.echo-api.request.00000000-0000-4000-8000-{number:012}" if way.turn_ids else None
            async with db.turn(user, turn_id=turn_id) as turn:
                turn.user.data.update(user_data(size))
                turn.response = way.reply
    async with engine.client() as client:
        return await meter.cost(client)


async def _reference(engine: Engine, size: int) -> Cost:
    meter, item = Meter(), reference_item(user_data(size))
    assert item_size(item) == size
    async with meter.session().client("dynamodb", **engine.reached) as client:
        for _ in range(2):  # a write is charged for the larger of the old and the new item
            await client.put_item(TableName="capacity", Item=item)
        await client.get_item(TableName="capacity", Key={"userId": item["userId"]}, ConsistentRead=True)
        return await meter.cost(client)


if __name__ == "__main__":
    for name, by_size in (capacity() or {}).items():
        print(name, by_size)
