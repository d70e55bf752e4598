"""Classes of the app's own made of what is stored, and what is stored of them."""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, get_origin
from uuid import UUID

import attrs
from typing_extensions import is_typeddict

from dynadb_async.errors import ConfigError
from dynadb_async.values.instances import public_fields
from dynadb_async.values.serializer import LEVELS

if TYPE_CHECKING:
    from cattrs import Converter

LEAVES = (str, bytes, bytearray, memoryview, int, float, Decimal, NoneType, datetime, date, time, UUID, Enum)


def maker(kind: Any, *, is_dropping: bool = False) -> Callable[[Any], Any]:
    """
    What makes a *kind* of stored values; a *kind* that is none of the classes we know is itself that.

    Args:
        kind: A pydantic model, an attrs class, a dataclass, a TypedDict, a msgspec.Struct, or a function of the dict.
        is_dropping: A TypedDict's dict holds nothing that its class does not know.

    Raises:
        ConfigError: A field of *kind* has a type that can't be made of what is stored.
    """
    made = _maker_of_itself(kind)
    if made is not None:
        return made
    cls = get_origin(kind) or kind
    if not (attrs.has(cls) or dataclasses.is_dataclass(cls) or is_typeddict(cls)):
        function: Callable[[Any], Any] = kind
        return function
    try:
        structure = _converter(is_dropping=is_dropping).get_structure_hook(kind)
    except Exception as error:
        name = getattr(kind, "__name__", kind)
        raise ConfigError(f"{name} can't be read from what is stored: {error} - at user_data") from error
    return lambda value: structure(value, kind)


def _maker_of_itself(kind: Any) -> Callable[[Any], Any] | None:
    """For a class that knows how to; who made it has imported what is needed."""
    if not isinstance(kind, type):
        return None
    if hasattr(kind, "__struct_fields__"):
        from msgspec import convert  # noqa: PLC0415 - it is there, since the class is

        return lambda value: convert(value, kind)
    if not hasattr(kind, "__pydantic_validator__"):
        return None
    if hasattr(kind, "model_validate"):
        validate: Callable[[Any], Any] = kind.model_validate
        return validate
    from pydantic import TypeAdapter  # noqa: PLC0415 - it is there, since the class is

    return TypeAdapter(kind).validate_python


@cache
def _converter(*, is_dropping: bool) -> "Converter":
    from dynadb_async.values.converter import new_converter  # noqa: PLC0415 - cattrs is for those who need it

    return new_converter(_maker_of_itself, is_dropping=is_dropping)


def names_in(kind: Any) -> frozenset[str] | None:
    """The names of all fields of a pydantic model and of the models in it; None if *kind* is none."""
    kind = kind if isinstance(kind, type) else getattr(kind, "__self__", None)
    if not hasattr(kind, "__pydantic_validator__"):
        return None
    from pydantic import TypeAdapter  # noqa: PLC0415 - it is there, since the class is

    try:
        schema: dict[str, Any] = TypeAdapter(kind).json_schema()
    except Exception:  # noqa: BLE001 - some types have no schema
        return frozenset()
    parts = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for part in parts for name in part.get("properties", {}))


def laid_over(stored: Any, value: Any, passed: tuple[Any, ...] = ()) -> Any:
    """
    *value* as maps, lists and leaves, and under an instance's fields the members of the *stored* map beside them.

    So members that a class does not know survive. An empty set, which DynamoDB can't store, becomes an empty list.

    Raises:
        SerializationError: A pydantic model refers back to itself.
    """
    if isinstance(value, LEAVES) or len(passed) > LEVELS or any(value is outer for outer in passed):
        # What lies too deep, or around itself, the serializer tells.
        return value
    passed = (*passed, value)
    if isinstance(value, list | tuple):
        return [laid_over(None, member, passed) for member in value]
    if isinstance(value, set | frozenset):
        return value or []
    below: Mapping[str, Any] = stored if isinstance(stored, dict) else {}
    if isinstance(value, Mapping):
        return {name: laid_over(below.get(name), member, passed) for name, member in value.items()}
    fields = public_fields(value)
    if fields is None:
        return value
    return {**below, **{name: laid_over(below.get(name), field, passed) for name, field in fields.items()}}
