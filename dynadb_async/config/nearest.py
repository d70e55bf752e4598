"""What was meant by an unknown name."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: what was meant, perhaps, and what there is."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    guess = f", perhaps {close[0]} was meant" if close else ""
    return f"{guess}; known are {', '.join(known)}"
