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


def is_unicode(text: str) -> bool:
    """Whether it has a form in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
