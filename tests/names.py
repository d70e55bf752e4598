"""What a test with a parameter is called."""

import re


def shown(value: object) -> str:
    """The value's repr, but the same in each worker of a parallel run: no address in memory, and sets in order."""
    if isinstance(value, set | frozenset) and value:
        members = f"{{{', '.join(sorted(map(shown, value)))}}}"
        return members if isinstance(value, set) else f"frozenset({members})"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
