"""An item operation that is about to be sent."""

from typing import Any

from dynadb_async.attribute_json import decoded, encoded


class Request:
    """
    An operation's parameters, in botocore's form until the fast path encodes them, from then on only as JSON.

    So no tree of them waits for the network, which the garbage collector would look at again and again.

    Attributes:
        operation: DynamoDB's name for it, such as `GetItem`.
        table: The table's name.
    """

    def __init__(self, operation: str, parameters: dict[str, Any]) -> None:
        self.operation = operation
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
        if self._parameters is not None:
            return self._parameters
        parameters: dict[str, Any] = decoded(self._body, "Key", "ExpressionAttributeValues")
        return parameters
