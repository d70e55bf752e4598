"""A value of one of several types: which of them it is."""

import dataclasses
from collections.abc import Callable
from datetime import date
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from attrs import fields, has
from cattrs import Converter
from cattrs.disambiguators import create_default_dis_func
from typing_extensions import is_typeddict

from dynadb_async.values.misfit import Misfit

Structure = Callable[[Any, Any], Any]
"""Of a stored value and the type that it is to have."""


def is_union(kind: Any) -> bool:
    """Whether it is `X | Y`."""
    return get_origin(kind) in (Union, UnionType)


def union(converter: Converter, kind: Any) -> Structure:
    """
    Make the first of the types that the value fits; of several classes the one whose members are stored.

    Raises:
        TypeError: Two classes of *kind* can't be told apart.
    """
    # A date can be read as a time of its midnight, but no time as a date.
    parts = sorted((part for part in get_args(kind) if part is not NoneType), key=lambda part: part is not date)
    reads = {part: converter.get_structure_hook(part) for part in parts}
    names = {part: known for part in parts if (known := _names(part)) is not None}
    is_optional = NoneType in get_args(kind)
    _tell_apart(converter, [part for part in names if is_class(part)], names)

    def structure(value: Any, _: Any) -> Any:
        if value is None and is_optional:
            return None
        candidates = _by_members(value, parts, names) if len(names) > 1 and isinstance(value, dict) else parts
        if len(candidates) == 1:
            return reads[candidates[0]](value, candidates[0])
        for part in candidates:
            try:
                return reads[part](value, part)
            except Exception:  # noqa: BLE001, S112 - whatever a constructor raises: it does not fit
                continue
        raise Misfit(f"none of its types fits {type(value).__name__}")

    return structure


def class_of(kind: Any) -> Any:
    """*kind* without the types that it is of."""
    return get_origin(kind) or kind


def is_class(kind: Any) -> bool:
    """Whether it is an attrs class or a dataclass."""
    return has(class_of(kind)) or dataclasses.is_dataclass(class_of(kind))


def _names(kind: Any) -> frozenset[str] | None:
    """As what a class's fields are stored; None if it is no class with fields."""
    cls = class_of(kind)
    if hasattr(cls, "__struct_encode_fields__"):
        return frozenset(cls.__struct_encode_fields__)
    if is_class(cls):
        return frozenset(field.name for field in (fields(cls) if has(cls) else dataclasses.fields(cls)))
    if is_typeddict(cls):
        return frozenset(get_type_hints(cls))
    model = getattr(cls, "__pydantic_fields__", None)
    return None if model is None else frozenset(model)


def _tell_apart(converter: Converter, classes: list[Any], names: dict[Any, frozenset[str]]) -> None:
    if len({names[part] for part in classes}) < len(classes):
        create_default_dis_func(converter, *classes)


def _by_members(value: dict[str, Any], parts: list[Any], names: dict[Any, frozenset[str]]) -> list[Any]:
    """Those classes that know most of what is stored, least other members first; then what is no class."""
    known = {part: len(members & value.keys()) for part, members in names.items()}
    most = max(known.values())
    classes = sorted((part for part in names if known[part] == most), key=lambda part: len(names[part]))
    return [*classes, *(part for part in parts if part not in names)]
