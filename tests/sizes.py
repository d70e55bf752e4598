"""
How much the tests that are slow by nature try: long histories, and what Hypothesis thinks of.

DYNADB_TEST_SIZE=large: as much as finds what is rare. The default is small, and finds what broke today.
"""

import os

IS_LARGE = os.environ.get("DYNADB_TEST_SIZE") == "large"


def of_size(small: int, *, large: int) -> int:
    """So many today."""
    return large if IS_LARGE else small
