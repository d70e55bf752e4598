"""What the bare contenders share: a turn's requests as the adapter sends them, signed, and what comes back."""

from os import environ
from typing import Any

import aioboto3
import orjson
from attrs import define, field
from botocore.credentials import Credentials

from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, DynamoDbSerializer, TableConfig
from dynadb_async.connection.wire.signature import Signer


@define
class Requests:
    """
    Encodes and signs, and no more.

    Attributes:
        get: The adapter's GetItem.
        update: The adapter's UpdateItem.
    """

    signer: Signer
    get: dict[str, Any]
    update: dict[str, Any]
    codec: DynamoDbSerializer = field(factory=DynamoDbSerializer)
    credentials: Credentials = field(
        factory=lambda: Credentials(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"])
    )

    def load(self, user: str) -> bytes:
        """GetItem."""
        return self._signed("GetItem", self.get | {"Key": {"userId": {"S": user}}})

    def save(self, user: str, data: dict[str, Any]) -> bytes:
        """The adapter's UpdateItem with this user's data in it."""
        values = self.update["ExpressionAttributeValues"]
        name = next(name for name, value in values.items() if "data" in value.get("M", ()))
        values = values | {name: self.codec.serialize({"data": data})}
        return self._signed(
            "UpdateItem", self.update | {"Key": {"userId": {"S": user}}, "ExpressionAttributeValues": values}
        )

    def put(self, item: dict[str, Any]) -> bytes:
        """PutItem of all attributes."""
        stored = {name: self.codec.serialize(value) for name, value in item.items()}
        return self._signed("PutItem", {"TableName": "users", "Item": stored})

    def _signed(self, operation: str, parameters: dict[str, Any]) -> bytes:
        return self.signer.signed(self.credentials, f"DynamoDB_20120810.{operation}", orjson.dumps(parameters))

    def data_of(self, answer: bytes) -> dict[str, Any]:
        """The user's data in GetItem's answer."""
        data: dict[str, Any] = self.codec.deserialize(orjson.loads(answer)["Item"]["user"])["data"]
        return data


async def requests_of_adapter(endpoint: str, netloc: str) -> Requests:
    """From one turn that is listened to; that alone makes the adapter leave its fast path."""
    sent: list[bytes] = []
    session = aioboto3.Session()
    session.events.register("before-send.dynamodb", lambda request, **_: sent.append(request.body))
    config = DynamoDbConfig(
        TableConfig("users", create_table_on_init=False), client=ClientConfig(endpoint_url=endpoint, read_timeout=10)
    )
    async with AsyncDynamoDb(config, aws_session=session) as db, db.turn("user-1"):
        pass
    get, update = map(orjson.loads, sent)
    return Requests(Signer(environ["AWS_DEFAULT_REGION"], netloc, "bare"), get, update)
