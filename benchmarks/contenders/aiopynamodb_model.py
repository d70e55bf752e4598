"""pynamodb's async fork, aiopynamodb: a model of the item."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from os import environ
from typing import Any

from aiopynamodb.attributes import MapAttribute, UnicodeAttribute
from aiopynamodb.models import Model

from benchmarks.driver import Turn


def model_of(endpoint: str) -> Any:
    """The table behind *endpoint*."""

    class User(Model):
        class Meta:
            table_name = "users"
            host = endpoint
            region = environ["AWS_DEFAULT_REGION"]
            max_pool_connections = 64

        user_id = UnicodeAttribute(hash_key=True, attr_name="userId")
        user: Any = MapAttribute()
        created_at = UnicodeAttribute(attr_name="createdAt")
        updated_at = UnicodeAttribute(attr_name="updatedAt")

    return User


@asynccontextmanager
async def contender(endpoint: str) -> AsyncIterator[Turn]:
    """GetItem and PutItem."""
    user_model = model_of(endpoint)

    async def turn(user: str) -> None:
        found = await user_model.get(user, consistent_read=True)
        found.user["data"]["visits"] += 1
        await found.save()

    yield turn
    await user_model._get_connection().connection.close()  # noqa: SLF001 - nothing public closes it
