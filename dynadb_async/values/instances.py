"""A class instance as its public fields: attrs classes, dataclasses, pydantic models, structs and plain objects."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from attrs import NOTHING

from dynadb_async.errors import Path, SerializationError


def public_fields(instance: object) -> dict[str, Any] | None:
    """
    The fields of *instance* by name, or None when it is no class instance that could be stored as a map.

    Nested instances stay instances. A field that was never set is `attrs.NOTHING`. A pydantic model's fields carry the
    names that `model_validate` reads, and the values that its field serializers give; excluded and computed fields are
    left out, extra ones are there.

    Raises:
        SerializationError: A pydantic model refers back to itself.
    """
    kind: Any = type(instance)
    if hasattr(kind, "__pydantic_fields__") and hasattr(kind, "model_dump"):
        return _model_fields(instance)
    if hasattr(kind, "__struct_fields__"):
        return _struct_fields(instance)
    if hasattr(kind, "__attrs_attrs__"):
        names: Iterable[str] = [attribute.name for attribute in kind.__attrs_attrs__]
    elif dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
    elif _is_plain_object(instance):
        names = [*_slots(kind), *getattr(instance, "__dict__", ())]
    else:
        return None
    public = [name for name in names if not name.startswith("_")]
    return {name: getattr(instance, name, NOTHING) for name in public} or None


def is_record(instance: object) -> bool:
    """Whether its class says what its fields are: an attrs class, a dataclass, a pydantic model, a struct."""
    kind = type(instance)
    names = ("__attrs_attrs__", "__pydantic_fields__", "__struct_fields__")
    return dataclasses.is_dataclass(kind) or any(hasattr(kind, name) for name in names)


def is_array(instance: object) -> bool:
    """Whether it is a struct that msgspec reads of a list of its fields."""
    config = getattr(type(instance), "__struct_config__", None)
    return config is not None and config.array_like


def way_round(element: Any, path: Path) -> Path | None:
    """The place where the structure on the way along *path* first meets itself again."""
    passed: list[Any] = []
    for depth, part in enumerate(path):
        passed.append(element)
        members: Any = element.value if isinstance(element, Enum) else element
        members = members if isinstance(members, Mapping | list | tuple) else public_fields(members)
        element = members[part]
        if any(element is earlier for earlier in passed):
            return path[: depth + 1]
    return None


def _is_plain_object(instance: object) -> bool:
    """Whether the public attributes are all there is: an exception, an iterator or a function holds more than them."""
    kind = type(instance)
    return kind.__module__ != "builtins" and not isinstance(instance, type | BaseException | Iterator)


def _slots(kind: type) -> Iterator[str]:
    for ancestor in reversed(kind.__mro__):
        slots = vars(ancestor).get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots


def _struct_fields(struct: Any) -> dict[str, Any]:
    """Of a msgspec.Struct, by the names that `msgspec.convert` reads; UNSET is undefined."""
    kind, config = type(struct), type(struct).__struct_config__
    values = [getattr(struct, name) for name in kind.__struct_fields__]
    values = [NOTHING if type(value).__name__ == "UnsetType" else value for value in values]
    tag = {} if config.tag is None else {config.tag_field: config.tag}
    return tag | dict(zip(kind.__struct_encode_fields__, values, strict=True))


def _model_fields(model: Any) -> dict[str, Any] | None:
    dumped = _dump(model)
    if not isinstance(dumped, dict):
        return None
    fields = {
        field.serialization_alias or name: (name, field) for name, field in type(model).__pydantic_fields__.items()
    }
    members: dict[str, Any] = {}
    for key, value in dumped.items():
        if key in fields:
            name, field = fields[key]
            members[_read_name(name, field)] = _undumped(getattr(model, name), value)
        else:
            members[key] = value
    return members


def _dump(model: Any) -> Any:
    computed = set(type(model).__pydantic_decorators__.computed_fields)
    try:
        # A handler may have set a field without validation: that is told as a value without a form, not as a warning.
        return model.model_dump(by_alias=True, exclude=computed, warnings=False)
    except ValueError as error:
        if not str(error).startswith("Circular reference"):
            raise
        problem = f"this {type(model).__name__} is circular or far too deep; store an id in place of the way back"
        raise SerializationError(problem) from None


def _read_name(name: str, field: Any) -> str:
    """The name that validation reads, which may differ from the one that a dump writes."""
    alias = getattr(field.validation_alias, "choices", [field.validation_alias])[0]
    return alias if isinstance(alias, str) else name


def _undumped(attribute: Any, dumped: Any) -> Any:
    """The attribute itself where the dump made maps of instances, the dump where a field serializer had its say."""
    if attribute is dumped:
        return dumped
    if isinstance(attribute, list | tuple) and isinstance(dumped, list | tuple) and len(attribute) == len(dumped):
        return [_undumped(inner, outer) for inner, outer in zip(attribute, dumped, strict=True)]
    if isinstance(attribute, Mapping) and isinstance(dumped, dict) and len(attribute) == len(dumped):
        return dict(zip(dumped, map(_undumped, attribute.values(), dumped.values()), strict=True))
    is_record = hasattr(type(attribute), "__pydantic_fields__") or dataclasses.is_dataclass(attribute)
    return attribute if is_record and isinstance(dumped, dict) else dumped
