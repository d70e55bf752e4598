"""Classes of the app's own made of what is stored."""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, get_origin

import attrs
from typing_extensions import is_typeddict

from dynadb_async.errors import ConfigError

if TYPE_CHECKING:
    from cattrs import Converter

# Of pydantic's errors those of values that are stored as a text, a number or a list.
FORMLESS = {
    "datetime_type",
    "date_type",
    "time_type",
    "frozen_set_type",
    "is_instance_of",
    "set_type",
    "tuple_type",
}


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

        struct: Any = kind
        if struct.__struct_config__.array_like:
            raise ConfigError(f"{kind.__name__} is stored as a list, and expected is a map - at user_data")
        return lambda value: convert(value, kind, dec_hook=_structured)
    if not hasattr(kind, "__pydantic_validator__"):
        return None
    if hasattr(kind, "model_validate"):
        return _validated(kind.model_validate)
    from pydantic import TypeAdapter  # noqa: PLC0415 - it is there, since the class is

    return _validated(TypeAdapter(kind).validate_python)


def _structured(kind: Any, value: Any) -> Any:
    """What msgspec does not know, such as a Counter."""
    return _converter(is_dropping=False).structure(value, kind)


def _validated(validate: Callable[..., Any]) -> Callable[[Any], Any]:
    """As pydantic does it; what is strict also reads what was stored as another type, for DynamoDB has none of it."""
    from pydantic import ValidationError  # noqa: PLC0415 - it is there, since the class is

    def validated(value: Any) -> Any:
        try:
            return validate(value)
        except ValidationError as error:
            if not {found["type"] for found in error.errors()} <= FORMLESS:
                raise
        return validate(value, strict=False)

    return validated


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
