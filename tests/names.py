"""What a test with a parameter is called, and why some are not for every event loop."""

import re

# A reason for the mark `asyncio_only`.
UVLOOP_ENDS = (
    "a uvloop that ends closes what is open in it by itself, with a ResourceWarning, and hangs if that is an error"
)


def shown(value: object) -> str:
    """The value's repr, but the same in each worker of a parallel run: no address in memory, and sets in order."""
    if isinstance(value, set | frozenset) and value:
        members = f"{{{', '.join(sorted(map(shown, value)))}}}"
        return members if isinstance(value, set) else f"frozenset({members})"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
