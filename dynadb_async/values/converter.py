"""
Attrs classes, dataclasses and TypedDicts of stored values, by cattrs, which is imported with this module.

Cattrs would rather guess: `int("5")`, `list("abc")`, `bool("no")`. Here a value of another type is told, not converted,
for what was guessed would be written over what is stored.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import cache, partial
from typing import Any, Literal, NotRequired, Required, get_args, get_origin

from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, mapping_structure_factory
from cattrs.gen.typeddicts import make_dict_structure_fn as make_typed_dict_structure_fn
from typing_extensions import TypeAliasType, TypedDict, get_type_hints, is_typeddict

from dynadb_async.values.misfit import Misfit, expected
from dynadb_async.values.scalars import EXACT, member_of, scalar
from dynadb_async.values.unions import Structure, class_of, is_class, is_union, union

REQUIRED: Any = Required
NOT_REQUIRED: Any = NotRequired


def new_converter(maker_of: Callable[[Any], Callable[[Any], Any] | None], *, is_dropping: bool) -> Converter:
    """
    What makes values of their stored form.

    Args:
        maker_of: For a class that makes itself of a dict, such as a pydantic model within a dataclass.
        is_dropping: A TypedDict's dict holds nothing that its class does not know.
    """

    def unknown(kind: Any) -> Structure:
        raise TypeError(f"there is no way to make a value of type {getattr(kind, '__name__', kind)} of what is stored")

    converter = Converter(structure_fallback_factory=unknown)
    # What is registered later is asked first.
    for kind, read in EXACT.items():
        converter.register_structure_hook(kind, partial(scalar, kind, read))
    # Releases of cattrs look for an Enum's in one place or the other.
    converter.register_structure_hook(Enum, member_of)
    converter.register_structure_hook_func(_is_enum, member_of)
    for applies, fit in ((_is_listed, _listed), (_is_set, _set)):
        _guard(converter, applies, fit)
    factories: list[tuple[Callable[[Any], bool], Callable[[Converter, Any], Structure]]] = [
        (is_union, union),
        (_is_alias, _aliased),
        (_is_named_tuple, _named_tuple),
        (_is_literal, _literal),
        (is_class, _instance),
        (_is_mapped, _mapping),
        (is_typeddict, partial(_typed_dict, is_dropping=is_dropping)),
        (lambda kind: maker_of(kind) is not None, lambda _, kind: _made(maker_of(kind))),
    ]
    for is_for, structure_for in factories:
        converter.register_structure_hook_factory(is_for, partial(structure_for, converter))
    return converter


def _made(make: Callable[[Any], Any] | None) -> Structure:
    return lambda value, _: make and make(value)


def _is_sub(kind: Any, *ancestors: type) -> bool:
    cls = class_of(kind)
    return isinstance(cls, type) and issubclass(cls, ancestors)


def _is_enum(kind: Any) -> bool:
    return _is_sub(kind, Enum)


def _is_listed(kind: Any) -> bool:
    return _is_sub(kind, Sequence) and not _is_sub(kind, str, bytes, bytearray, memoryview)


def _is_set(kind: Any) -> bool:
    return _is_sub(kind, AbstractSet)


def _is_mapped(kind: Any) -> bool:
    return class_of(kind) in (dict, OrderedDict, Mapping, MutableMapping)


def _is_named_tuple(kind: Any) -> bool:
    return _is_sub(kind, tuple) and hasattr(kind, "_field_defaults") and get_origin(kind) is None


def _is_alias(kind: Any) -> bool:
    return isinstance(kind, TypeAliasType)


def _aliased(converter: Converter, kind: Any) -> Structure:
    structure = converter.get_structure_hook(kind.__value__)
    return lambda value, _: structure(value, kind.__value__)


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else expected("a list", value)


def _set(value: Any) -> Any:
    """An empty set is stored as an empty list, or, by `convert_empty_values`, as NULL."""
    return () if value is None else value if isinstance(value, set | list) else expected("a set", value)


def _mapped(value: Any) -> Any:
    return value if isinstance(value, dict) else expected("a map", value)


def _guard(converter: Converter, applies: Callable[[Any], bool], fit: Callable[[Any], Any]) -> None:
    """Let cattrs have only what fits the collection at all."""
    passed: list[Any] = []

    def is_guarded(kind: Any) -> bool:
        # What we ask for ourselves is cattrs's own, once: within it there may be the same type again.
        if passed and passed[-1] is kind:
            passed.pop()
            return False
        return applies(kind)

    def guarded(kind: Any) -> Structure:
        passed.append(kind)
        structure = converter.get_structure_hook(kind, cache_result=False)
        return lambda value, _: structure(fit(value), kind)

    converter.register_structure_hook_factory(is_guarded, guarded)


def _mapping(converter: Converter, kind: Any) -> Structure:
    made = OrderedDict if class_of(kind) is OrderedDict else dict
    structure = mapping_structure_factory(kind, converter, made)
    return lambda value, _: structure(_mapped(value), kind)


def _typed_dict(converter: Converter, kind: Any, *, is_dropping: bool) -> Structure:
    structure, known = make_typed_dict_structure_fn(_resolved(kind), converter), get_type_hints(kind)
    if not is_dropping:
        return lambda value, _: structure(_mapped(value), kind)
    return lambda value, _: structure({n: member for n, member in _mapped(value).items() if n in known}, kind)


@cache
def _resolved(kind: Any) -> Any:
    """The same TypedDict, which knows what is not required even if its annotations were text when it was made."""
    if class_of(kind) is not kind or hasattr(kind, "__parameters__"):
        return kind
    marks = {name: get_origin(hint) for name, hint in get_type_hints(kind, include_extras=True).items()}
    required = {name for name in kind.__required_keys__ if marks[name] is not NOT_REQUIRED}
    required |= {name for name, mark in marks.items() if mark is REQUIRED}
    hints = get_type_hints(kind)
    marked = {name: (REQUIRED if name in required else NOT_REQUIRED)[hint] for name, hint in hints.items()}
    return TypedDict(kind.__name__, marked)  # type: ignore[operator]


def _named_tuple(converter: Converter, kind: Any) -> Structure:
    """Also one that got another field, with a default, since it was stored."""
    hints = tuple(get_type_hints(kind).values())
    least = len(hints) - len(kind._field_defaults)

    def structure(value: Any, _: Any) -> Any:
        if not least <= len(_listed(value)) <= len(hints):
            raise Misfit(f"expected a list of {len(hints)} members, got {len(value)}")
        members: Any = tuple[hints[: len(value)]]  # type: ignore[misc]
        return kind(*converter.get_structure_hook(members)(value, members))

    return structure


def _instance(converter: Converter, kind: Any) -> Structure:
    # Also what the constructor does not take: a counter that starts at 0 would start again at each load.
    structure = make_dict_structure_fn(kind, converter, _cattrs_include_init_false=True)
    return lambda value, _: structure(_mapped(value), kind)


def _literal(_: Converter, kind: Any) -> Structure:
    def structure(value: Any, _: Any) -> Any:
        for allowed in get_args(kind):
            form = allowed.value if isinstance(allowed, Enum) else allowed
            if form == value and isinstance(form, bool) == isinstance(value, bool):
                return allowed
        raise Misfit(f"expected {' or '.join(map(repr, get_args(kind)))}")

    return structure
