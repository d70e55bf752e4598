"""An operation of DynamoDB's that is about to be asked for."""

from typing import Any

from dynadb_async.attribute_json import decoded, encoded


class Request:
    """
    An operation's parameters, in botocore's form until they are encoded, from then on only as JSON.

    So no tree of them waits for the network, which the garbage collector would look at again and again.

    Attributes:
        operation: DynamoDB's name for it, such as `GetItem`.
        table: The table's name.
    """

    __slots__ = ("_body", "_parameters", "operation", "table")

    def __init__(self, operation: str, parameters: dict[str, Any]) -> None:
        self.operation: str = operation
        self.table: str = parameters["TableName"]
        self._parameters: dict[str, Any] | None = parameters
        self._body = b""

    @property
    def body(self) -> bytes:
        """
        JSON, binaries in base64.

        Raises:
            SerializationError: A user's own serializer made something that is no attribute value.
        """
        if self._parameters is not None:
            self._body, self._parameters = encoded(self._parameters), None
        return self._body

    @property
    def parameters(self) -> dict[str, Any]:
        """In botocore's form, for the ordinary client."""
        return parameters_of(self._body) if self._parameters is None else self._parameters

    def ask_for_capacity(self) -> None:
        """Ask, too, what it costs."""
        self._body = self.body[:-1] + b',"ReturnConsumedCapacity":"TOTAL"}'


def parameters_of(body: bytes) -> dict[str, Any]:
    """The parameters that were encoded as *body*."""
    parameters: dict[str, Any] = decoded(body, "Key", "ExpressionAttributeValues")
    return parameters
