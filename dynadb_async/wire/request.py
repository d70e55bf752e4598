"""An item operation as JSON, and back."""

from base64 import b64decode, b64encode
from typing import Any

import orjson

from dynadb_async.errors import SerializationError


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
        return with_binaries(self._body) if self._parameters is None else self._parameters


def encoded(parameters: dict[str, Any]) -> bytes:
    """Botocore's parameters of an item operation as JSON: binaries in base64."""
    try:
        return orjson.dumps(parameters, default=_base64)
    except orjson.JSONEncodeError as error:
        problem = f"the serializer made something that is no attribute value ({type(error).__name__}); correct it"
    raise SerializationError(problem)


def _base64(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode()
    raise TypeError


def with_binaries(body: bytes) -> dict[str, Any]:
    """The parameters that were encoded as *body*."""
    parameters: dict[str, Any] = orjson.loads(body)
    for member in ("Key", "ExpressionAttributeValues"):
        if member in parameters:
            parameters[member] = {name: binary_value(value) for name, value in parameters[member].items()}
    return parameters


def binary_value(value: dict[str, Any]) -> dict[str, Any]:
    """An attribute value whose binaries are in base64 as one whose binaries are bytes."""
    match value:
        case {"B": text}:
            return {"B": b64decode(text, validate=True)}
        case {"BS": texts}:
            return {"BS": [b64decode(text, validate=True) for text in texts]}
        case {"M": members}:
            return {"M": {name: binary_value(member) for name, member in members.items()}}
        case {"L": members}:
            return {"L": [binary_value(member) for member in members]}
        case _:
            return value
