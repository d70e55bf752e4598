"""What a conversation costs in DynamoDB's units, as the manual says it."""

from math import ceil
from typing import Any
from uuid import UUID

import pytest

from dynadb_async import AsyncDynamoDb, ClientConfig, Conversations, DynamoDbConfig
from dynadb_async.values.size import attribute_size
from tests.engines import Engine


async def sizes(memory: Engine, table: str) -> dict[str, int]:
    """Bytes of each item of *table*, by its sort key, or by its key if it has none."""
    async with memory.client() as client:
        items = (await client.scan(TableName=table))["Items"]
    return {
        item.get("name", item["userId"])["S"]: sum(len(name) + attribute_size(value) for name, value in item.items())
        for item in items
    }


def written(before: dict[str, int], after: dict[str, int]) -> int:
    """Units of the transaction that wrote the conversation's head and whatever is new: 2 for each begun KB."""
    names = {*after} - {*before} | {name for name in after if name.startswith("h/")}
    return sum(2 * ceil(after[name] / 1024) for name in names)


def config(memory: Engine, table_name: str) -> DynamoDbConfig:
    """Two tables of a test's own."""
    client = ClientConfig(endpoint_url=memory.endpoint_url)
    return DynamoDbConfig(table_name, client=client, conversations=Conversations(f"{table_name}-log"))


@pytest.mark.parametrize(("size", "units"), [(300, 4), (1000, 6), (3000, 10)])
async def test_an_append(memory: Engine, table_name: str, size: int, units: int) -> None:
    """It does not grow with the conversation: the eighth costs what the twentieth costs."""
    message = [{"role": "user", "content": "x" * size}]
    costs: list[Any] = []
    async with AsyncDynamoDb(config(memory, table_name)) as db:
        for number in range(20):
            before = await sizes(memory, f"{table_name}-log")
            await db.conversation("user-1", "support").append(message, append_id=f"message-{number}")
            costs.append(written(before, await sizes(memory, f"{table_name}-log")))
    assert [units] * 20 == costs


@pytest.mark.parametrize(
    ("user_id", "turn_id", "units"), [("user-1", "m-{}", 10), ("amzn1.ask.account." + "A" * 180, "alexa", 12)]
)
async def test_a_turn(memory: Engine, table_name: str, user_id: str, turn_id: str, units: int) -> None:
    """With an item of 1.4 KB, which alone costs 2; the ids of Alexa make the head longer than 1 KB."""
    async with AsyncDynamoDb(config(memory, table_name)) as db:
        for number in range(10):
            before = await sizes(memory, f"{table_name}-log")
            request = f"amzn1.echo-api.request.{UUID(int=number)}" if turn_id == "alexa" else turn_id.format(number)
            async with db.turn(user_id, turn_id=request) as turn:
                turn.user.data["about"] = "x" * 800
                turn.conversation("support").add("x" * 1000)
        item = (await sizes(memory, table_name))[user_id]
    assert 1024 < item < 2048
    assert units == written(before, await sizes(memory, f"{table_name}-log")) + 2 * ceil(item / 1024)


async def test_a_page(memory: Engine, table_name: str) -> None:
    """Twenty messages of 1 KB are 6 units: Query rounds their sum, to 4 KB."""
    async with AsyncDynamoDb(config(memory, table_name)) as db:
        for number in range(20):
            await db.conversation("user-1", "support").append(["x" * 1000], append_id=f"message-{number}")
        entries = [size for name, size in (await sizes(memory, f"{table_name}-log")).items() if name.startswith("c/")]
    assert (20, 6) == (len(entries), ceil(sum(entries) / 4096))
