"""dynadb-async with the settings that a function on Lambda has: its table's name, and the environment."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.driver import Turn
from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, TableConfig


@asynccontextmanager
async def contender(endpoint: str, creates: str) -> AsyncIterator[Turn]:
    """The turns, once *creates* (`True` or `False`) has the table looked after."""
    # Not AWS_CA_BUNDLE: a function on Lambda trusts the usual authorities, and has none.
    client = ClientConfig(endpoint_url=endpoint, verify=os.environ["TRUSTED"])
    table = TableConfig("users", create_table_on_init=creates == "True")
    async with AsyncDynamoDb(DynamoDbConfig(table, client=client)) as db:

        async def turn(user: str) -> None:
            async with db.turn(user) as turn:
                turn.user.data["visits"] += 1

        yield turn
