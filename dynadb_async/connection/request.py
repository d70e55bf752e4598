"""An operation of DynamoDB's that is about to be asked for."""

from collections.abc import Mapping
from typing import Any, Self

from attrs import define, field

from dynadb_async.connection.retry import Attempts
from dynadb_async.values.attribute_json import decoded, encoded


@define(eq=False, repr=False)
class Request:
    """
    An operation and its parameters.

    They are JSON from the beginning: a tree of them that waits for the network would be looked at by the garbage
    collector again and again.

    Attributes:
        operation: DynamoDB's name for it, such as `GetItem`.
        table: The table's name.
        body: The parameters as JSON, binaries in base64.
        key: The item's key, where it asks for one item: an answer with another is not its own.
        between: The name of a sort key, and the first and the last that a query asks for; the last comes first.
        after: The key after which a page begins, where it is not the first.
        attempts: What became of it so far.
    """

    operation: str
    table: str
    body: bytes
    key: Mapping[str, Any] = field(factory=dict)
    between: tuple[str, str, str] | None = None
    after: Mapping[str, Any] | None = None
    attempts: Attempts | None = field(default=None, init=False)

    @classmethod
    def of(cls, operation: str, parameters: Mapping[str, Any]) -> Self:
        """From parameters in botocore's form."""
        return cls(operation, parameters["TableName"], encoded(parameters), parameters.get("Key", {}))

    @property
    def is_conditional(self) -> bool:
        """Whether there is a condition that may fail."""
        return b'"ConditionExpression":' in self.body

    @property
    def parameters(self) -> dict[str, Any]:
        """In botocore's form, for the ordinary client."""
        return parameters_of(self.body)

    def ask_for_capacity(self) -> None:
        """Ask, too, what it costs."""
        self.body = self.body[:-1] + b',"ReturnConsumedCapacity":"TOTAL"}'


def parameters_of(body: bytes) -> dict[str, Any]:
    """The parameters that were encoded as *body*."""
    parameters: dict[str, Any] = decoded(
        body, "Key", "ExpressionAttributeValues", "Item", "TransactItems", "RequestItems"
    )
    return parameters
