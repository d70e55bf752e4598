"""
A serializer of one's own: each stored element as one JSON text, easy to read for other programs.

    db = AsyncDynamoDb("assistant-users", serializer=JsonSerializer())

JSON has no binaries, sets or exact decimals; these are refused, with their place.
"""

import json
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from attrs import NOTHING, frozen

from dynadb_async import AttributeValue, DynamoDbSerializer, SerializationError

NATIVE = DynamoDbSerializer()


@frozen
class JsonSerializer:
    """Elements as JSON; those that were stored in DynamoDB's own form before are read as well."""

    def serialize(self, element: Any) -> AttributeValue:
        """Make one text of the element; what JSON has no form for is a SerializationError."""
        try:
            return {"S": json.dumps(_plain(element), ensure_ascii=False, allow_nan=False, separators=(",", ":"))}
        except RecursionError:
            raise SerializationError("the structure contains itself, or is far too deep") from None

    def deserialize(self, value: AttributeValue) -> Any:
        """Read the element; what is neither JSON nor DynamoDB's own form is a SerializationError."""
        if "S" not in value:
            return NATIVE.deserialize(value)
        try:
            return json.loads(value["S"])
        except ValueError:
            raise SerializationError("the text is no JSON") from None


def _plain(value: Any) -> Any:
    """The value in JSON's own types, without what is undefined."""
    match value:
        case None | bool() | int():
            return value
        case float() if value - value == 0:
            return value
        case str() if not any("\ud800" <= character <= "\udfff" for character in value):
            return value
        case dict():
            return {_name(key): _within(key, member) for key, member in value.items() if member is not NOTHING}
        case list() | tuple():
            return [_within(index, member) for index, member in enumerate(value) if member is not NOTHING]
        case datetime() | date() | time():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            raise SerializationError(f"this {type(value).__name__} has no JSON form; store its parts or its text")


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise SerializationError(f"a map's keys are text, not {type(key).__name__}")
    return key


def _within(place: Any, member: Any) -> Any:
    try:
        return _plain(member)
    except SerializationError as error:
        raise error.within(place) from None
