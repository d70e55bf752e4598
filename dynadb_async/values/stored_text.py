"""Texts that are no Unicode, as other programs store them: read, kept, and written again as they are."""

from typing import Any


class StoredText(str):
    """A text with a lone surrogate that was stored. What a program makes of it is a plain text, and is refused."""

    __slots__ = ()


def as_stored(value: Any) -> Any:
    """What came as JSON, its texts and names that are no Unicode as `StoredText`."""
    if isinstance(value, dict):
        return {as_stored(name): as_stored(member) for name, member in value.items()}
    if isinstance(value, list):
        return [as_stored(element) for element in value]
    return value if type(value) is not str or is_unicode(value) else StoredText(value)


def is_text(value: Any, longest: int) -> bool:
    """Whether *value* is a text of 1 to *longest* bytes in UTF-8."""
    try:
        return 1 <= len(value.encode()) <= longest
    except (AttributeError, UnicodeEncodeError):
        return False


def is_unicode(text: str) -> bool:
    """Whether it has a form in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
