"""Python values as DynamoDB's attribute values and back, without loss; what DynamoDB would refuse is refused here."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import partial
from types import NoneType
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from attrs import NOTHING, Factory, field, frozen

from dynadb_async.config import MarshallConfig
from dynadb_async.errors import ConfigError, SerializationError
from dynadb_async.values.instances import public_fields, way_round
from dynadb_async.values.numeral import (
    canonical_numeral,
    decimal_numeral,
    fraction_numeral,
    number_from,
    refuse_collisions,
    whole_numeral,
)
from dynadb_async.values.stored_text import StoredText, is_unicode
from dynadb_async.values.unmarshall import unmarshalled

AttributeValue: TypeAlias = dict[str, Any]
"""As botocore has it: one type tag and its content, `{"S": "text"}`, `{"M": {"name": {...}}}`; binaries are bytes."""

# Measured on DynamoDB Local 3.3: 31 maps and lists may lie in one another, and the item around them is DynamoDB's 32nd.
LEVELS = 31
# Surely within the range of numbers, and of no more than 38 digits.
SMALL = 10**15
TOO_DEEP = f"maps and lists lie more than {LEVELS} deep in one another; store a flatter structure"
CIRCULAR = "the structure contains itself; store an id in place of the way back"

SURROGATE = "the text has a lone surrogate, which is no valid Unicode; decode it from bytes with the right encoding"

_Form: TypeAlias = Callable[[Any, int], AttributeValue | None]


class Serializer(Protocol):
    """How a stored element (`user`, `session`, `history`) becomes one attribute value, and back."""

    def serialize(self, element: Any) -> AttributeValue:
        """
        The attribute value of *element*; what was read back is equal to it.

        Raises:
            SerializationError: Something in it has no form.
        """
        ...

    def deserialize(self, value: AttributeValue) -> Any:
        """
        The element that was serialized to *value*, which is left as it is.

        Raises:
            SerializationError: This is nothing that `serialize` could have made.
        """
        ...


def _checked_marshall(marshall: MarshallConfig) -> MarshallConfig:
    given: object = marshall
    if isinstance(given, MarshallConfig):
        return given
    raise ConfigError(f"expected a MarshallConfig, got {type(given).__name__} - at DynamoDbSerializer.marshall")


@frozen
class DynamoDbSerializer:
    """
    All ten attribute types, both ways. As `marshall()` of the JavaScript SDK, but numbers keep every digit.

    Dates and times become ISO-8601 text as `isoformat()` writes it, a UUID its text, an Enum its value. A list or tuple
    becomes a list, a mapping with text keys a map, bytes-like values a binary, a set one of DynamoDB's three.

    Attributes:
        marshall: What to do with undefined and empty values, class instances and numbers of too many digits.
    """

    marshall: MarshallConfig = field(factory=MarshallConfig, converter=_checked_marshall)
    _members: dict[type, _Form] = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: self._forms_of_set_members(), takes_self=True)
    )
    _forms: dict[type, _Form] = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: self._forms_of_values(), takes_self=True)
    )

    def _forms_of_set_members(self) -> dict[type, _Form]:
        imprecise = self.marshall.allow_imprecise_numbers
        whole = partial(whole_numeral, imprecise=True) if imprecise else whole_numeral
        decimal = partial(decimal_numeral, imprecise=True) if imprecise else decimal_numeral
        numbers: dict[type, _Form] = {
            int: lambda value, _: {"N": whole(value)},
            float: lambda value, _: {"N": fraction_numeral(value)},
            Decimal: lambda value, _: {"N": decimal(value)},
        }
        binaries: dict[type, _Form] = dict.fromkeys(
            (bytes, bytearray, memoryview), lambda value, _: {"B": bytes(value)}
        )
        times: dict[type, _Form] = dict.fromkeys((datetime, date, time), lambda value, _: {"S": value.isoformat()})
        stored: dict[type, _Form] = {StoredText: lambda value, _: {"S": value}}
        return {str: _text, **stored, **numbers, **binaries, **times, UUID: lambda value, _: {"S": str(value)}}

    def _forms_of_values(self) -> dict[type, _Form]:
        containers: dict[type, _Form] = {
            **dict.fromkeys((dict, Mapping), self._map),
            **dict.fromkeys((list, tuple), self._list),
            **dict.fromkeys((set, frozenset), self._set),
        }
        scalars: dict[type, _Form] = {
            **self._members,
            bool: lambda value, _: {"BOOL": value},
            NoneType: lambda *_: {"NULL": True},
        }
        if self.marshall.convert_empty_values:
            nullable = (str, bytes, bytearray, memoryview, set, frozenset)
            scalars.update({kind: _or_null((scalars | containers)[kind]) for kind in nullable})
        return containers | scalars

    def serialize(self, element: Any) -> AttributeValue:
        """
        The attribute value of *element*.

        Raises:
            SerializationError: Something in it has no DynamoDB form; the path starts at *element*.
        """
        try:
            form = self._forms.get(type(element), self._unusual)(element, LEVELS)
        except SerializationError as error:
            if error.problem is TOO_DEEP and (path := way_round(element, error.path)):
                raise SerializationError(CIRCULAR, path) from None
            raise
        if form is None:
            raise SerializationError("the element is undefined (attrs.NOTHING); store None instead")
        return form

    def _form(self, value: Any, levels: int) -> AttributeValue | None:
        return self._forms.get(type(value), self._unusual)(value, levels)

    def _unusual(self, value: Any, levels: int) -> AttributeValue | None:
        """What is no exact built-in type: undefined, an Enum, a subclass, a class instance."""
        if value is NOTHING:
            return self._undefined()
        if isinstance(value, Enum):
            return self._form(value.value, levels)
        form = _form_of_subclass(self._forms, value)
        return form(value, levels) if form else self._instance(value, levels)

    def _undefined(self) -> AttributeValue | None:
        if not self.marshall.remove_undefined_values:
            raise SerializationError("undefined (attrs.NOTHING) has no DynamoDB form; set remove_undefined_values")
        return None

    def _instance(self, value: Any, levels: int) -> AttributeValue:
        kind = type(value).__name__
        fields = public_fields(value)
        if fields is None:
            raise SerializationError(f"a value of type {kind} has no DynamoDB form; store its parts or its text")
        if not self.marshall.convert_class_instance_to_map:
            raise SerializationError(
                f"{kind} is a class instance; make a dict of it or set convert_class_instance_to_map"
            )
        return self._map(fields, levels)

    def _map(self, value: Mapping[Any, Any], levels: int) -> AttributeValue:
        # The hot path: the commonest types are done here, all else by one look-up and one call; the place is put
        # together on errors.
        if not levels:
            raise SerializationError(TOO_DEEP)
        forms, unusual, inner = self._forms, self._unusual, levels - 1
        members: dict[str, AttributeValue] = {}
        for key, member in value.items():
            name = key if type(key) is str and key and key.isascii() else _name(key)
            kind = type(member)
            if kind is str and member and member.isascii():
                members[name] = {"S": member}
                continue
            if (kind is int and -SMALL < member < SMALL) or (kind is float and 1 / SMALL < member < SMALL):
                members[name] = {"N": repr(member)}
                continue
            try:
                form = forms.get(kind, unusual)(member, inner)
            except SerializationError as error:
                raise error.within(name) from None
            if form is not None:
                members[name] = form
        return {"M": members}

    def _list(self, value: list[Any] | tuple[Any, ...], levels: int) -> AttributeValue:
        if not levels:
            raise SerializationError(TOO_DEEP)
        forms, unusual, inner = self._forms, self._unusual, levels - 1
        members: list[AttributeValue] = []
        for index, member in enumerate(value):
            try:
                kind = type(member)
                form = self._map(member, inner) if kind is dict else forms.get(kind, unusual)(member, inner)
            except SerializationError as error:
                raise error.within(index) from None
            if form is not None:
                members.append(form)
        return {"L": members}

    def _set(self, value: set[Any] | frozenset[Any], levels: int) -> AttributeValue:
        forms = [form for member in value if (form := self._member(member, levels)) is not None]
        if not forms:
            raise SerializationError("an empty set has no DynamoDB form; leave it out or set convert_empty_values")
        tags = {tag for form in forms for tag in form}
        if len(tags) > 1:
            raise SerializationError("the set is mixed; DynamoDB's sets hold only texts, only numbers or only binaries")
        (tag,) = tags
        contents = [form[tag] for form in forms]
        # Members that Python tells apart may be one to DynamoDB, which refuses them twice: 0.1 and Decimal("0.10").
        if tag == "N":
            contents = list({canonical_numeral(Decimal(text)): text for text in contents}.values())
            # As they would be read again.
            refuse_collisions([number_from(text) for text in contents])
            return {"NS": contents}
        return {f"{tag}S": list(dict.fromkeys(contents))}

    def _member(self, member: Any, levels: int) -> AttributeValue | None:
        if member is NOTHING:
            return self._undefined()
        if isinstance(member, Enum):
            return self._member(member.value, levels)
        form = self._members.get(type(member)) or _form_of_subclass(self._members, member)
        if form is None or isinstance(member, bool):
            raise SerializationError(f"a set holds texts, numbers or binaries, not {type(member).__name__}; use a list")
        return form(member, levels)

    def deserialize(self, value: AttributeValue) -> Any:
        """
        The element in *value*. Digits alone become an int, other numbers a float where that is exact, else a Decimal.

        Raises:
            SerializationError: This is no attribute value; the path starts at the element.
        """
        return unmarshalled(value)


def _text(value: str, _: int) -> AttributeValue:
    text = str.__str__(value)
    if not text.isascii():
        _check_unicode(text)
    return {"S": text}


def _name(key: Any) -> str:
    if type(key) is StoredText:
        return key
    if not isinstance(key, str):
        raise SerializationError(f"a map's keys are text, not {type(key).__name__}; make text of them")
    if not key:
        raise SerializationError("a map's key may not be empty; give the member a name")
    name = str.__str__(key)
    _check_unicode(name)
    return name


def _check_unicode(text: str) -> None:
    if not is_unicode(text):
        raise SerializationError(SURROGATE)


def _or_null(form: _Form) -> _Form:
    return lambda value, levels: form(value, levels) if len(value) else {"NULL": True}


def _form_of_subclass(forms: Mapping[type, _Form], value: Any) -> _Form | None:
    return next((form for kind, form in forms.items() if isinstance(value, kind)), None)
