"""What DynamoDB refuses, with its own codes: malformed values, wrong keys, what is too large."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from dynadb_async.connection.codes import failure_of_answer
from dynadb_async.connection.embedded.plain_json import NUMERAL
from dynadb_async.connection.embedded.tables import Item, Table, comparable
from dynadb_async.connection.failures import AttemptFailedError
from dynadb_async.errors import SerializationError
from dynadb_async.values.numeral import decimal_numeral
from dynadb_async.values.size import attribute_size, sizes_in, text_size

INVALID, UNREADABLE, MISSING, IN_USE = (
    "ValidationException",
    "SerializationException",
    "ResourceNotFoundException",
    "ResourceInUseException",
)

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
LARGEST_ITEM = 400 * 1024
LARGEST_KEYS = (2048, 1024)
LARGEST_NAME, LARGEST_KEYS_NAME = 64 * 1024 - 1, 255
# Maps and lists in one another; the item around them is DynamoDB's 32nd level.
LEVELS = 31


def refused(code: str, message: str) -> AttemptFailedError:
    """DynamoDB's refusal, as it is on every way; *message* holds no value."""
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return AttemptFailedError(failure_of_answer(answer))


def check_values(values: Item) -> None:
    """
    Each is one attribute value, and everything in it, under a name.

    Raises:
        AttemptFailedError: One is not.
    """
    for name, value in values.items():
        check_name(name)
        _check(value, LEVELS)


def check_name(name: str, largest: int = LARGEST_NAME) -> None:
    """
    It may be an attribute's, or a member's.

    Raises:
        AttemptFailedError: It is empty, or has more than *largest* bytes.
    """
    if not 1 <= text_size(name) <= largest:
        raise refused(INVALID, f"One or more parameter values were invalid: a name has 1 to {largest} bytes")


def _check(value: Any, levels: int) -> None:
    # What is null in JSON is as good as not there.
    if value is None or (type(value) is dict and None in value.values()):
        raise refused(INVALID, "Supplied AttributeValue is empty")
    if type(value) is not dict:
        raise refused(UNREADABLE, "an attribute value is a map of one type and its content")
    known = [tag for tag in value if tag in _CHECKS]
    if len(known) != 1 or len(value) != 1:
        raise refused(INVALID, "Supplied AttributeValue must contain exactly one of the supported datatypes")
    (tag,) = known
    _CHECKS[tag](value[tag], levels)


def _a(kind: type, content: Any) -> None:
    if not isinstance(content, kind):
        raise refused(UNREADABLE, f"expected {kind.__name__}, got {type(content).__name__}")


def _check_number(content: Any, _: int) -> None:
    _a(str, content)
    if NUMERAL.fullmatch(content) is None:
        raise refused(INVALID, "The parameter cannot be converted to a numeric value")
    try:
        decimal_numeral(Decimal(content))
    except SerializationError as error:
        problem = error.problem
    else:
        return
    raise refused(INVALID, problem)


def _check_null(content: Any, _: int) -> None:
    _a(bool, content)
    if not content:
        raise refused(INVALID, "Null attribute value types must have the value of true")


def _check_set(tag: str, kind: Callable[[Any, int], None], content: Any, levels: int) -> None:
    _a(list, content)
    if not content:
        raise refused(INVALID, "One or more parameter values were invalid: a set may not be empty")
    for member in content:
        kind(member, levels)
    if len(comparable({tag: content})[1]) != len(content):
        raise refused(INVALID, "One or more parameter values were invalid: Input collection contains duplicates")


def _check_list(content: Any, levels: int) -> None:
    _a(list, content)
    _check_depth(levels)
    for member in content:
        _check(member, levels - 1)


def _check_map(content: Any, levels: int) -> None:
    _a(dict, content)
    _check_depth(levels)
    for name, member in content.items():
        check_name(name)
        _check(member, levels - 1)


def _check_depth(levels: int) -> None:
    if not levels:
        raise refused(INVALID, "Nesting Levels have exceeded supported limits")


_CHECKS: dict[str, Callable[[Any, int], None]] = {
    "S": lambda content, _: _a(str, content),
    "N": _check_number,
    "B": lambda content, _: _a(bytes, content),
    "BOOL": lambda content, _: _a(bool, content),
    "NULL": _check_null,
    "L": _check_list,
    "M": _check_map,
    "SS": lambda content, levels: _check_set("SS", lambda text, _: _a(str, text), content, levels),
    "NS": lambda content, levels: _check_set("NS", _check_number, content, levels),
    "BS": lambda content, levels: _check_set("BS", lambda binary, _: _a(bytes, binary), content, levels),
}


def check_key(table: Table, key: Item) -> None:
    """
    *key* has the attributes of the table's key, and they may be a key's.

    Raises:
        AttemptFailedError: Not so.
    """
    check_values(key)
    if {"NULL": True} in key.values():
        raise refused(INVALID, "One or more parameter values were invalid: a key attribute may not be NULL")
    if {name: tag for name, value in key.items() for tag in value} != table.key:
        raise refused(INVALID, "The provided key element does not match the schema")
    for limit, value in zip(LARGEST_KEYS, (key[name] for name in table.key), strict=False):
        if value in ({"S": ""}, {"B": b""}):
            raise refused(INVALID, "One or more parameter values are not valid: a key attribute may not be empty")
        if attribute_size(value) > limit:
            raise refused(INVALID, f"a value of the key is over {limit} bytes")


def item_size(item: Item) -> int:
    """The bytes that DynamoDB counts for *item*, its attributes' names included."""
    return sum(sizes_in(item).values())


def check_item_size(item: Item) -> None:
    """
    It has at most 400 KB.

    Raises:
        AttemptFailedError: More.
    """
    if item_size(item) > LARGEST_ITEM:
        raise refused(INVALID, "Item size has exceeded the maximum allowed size")
