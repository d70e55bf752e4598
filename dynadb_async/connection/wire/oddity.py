"""Whether answers are in DynamoDB's form: if again and again they are not, the ordinary client is asked for a while."""

import asyncio
import logging

logger: logging.Logger = logging.getLogger("dynadb_async")

# In a row, each the first on its connection: one alone may be a balancer's that was about to end.
ODD_IN_A_ROW = 3
# Seconds until it is tried again.
A_WHILE = 30.0


class Oddity:
    """
    What is known about the answers of one transport.

    Attributes:
        in_a_row: How many were odd since the last that was not.
        away_until: Until when not to ask this way, on the event loop's clock; None as long as they are not.
    """

    def __init__(self) -> None:
        self.in_a_row: int = 0
        self.away_until: float | None = None

    def is_over(self) -> bool:
        """Whether to ask this way again."""
        if self.away_until is not None and asyncio.get_running_loop().time() < self.away_until:
            return False
        self.away_until = None
        # One more, and it is left again.
        self.in_a_row = ODD_IN_A_ROW - 1
        logger.info("the fast path is tried again")
        return True

    def saw(self, operation: str) -> None:
        """An odd answer to *operation* was the first on its connection."""
        self.in_a_row += 1
        if self.in_a_row >= ODD_IN_A_ROW and self.away_until is None:
            self.away_until = asyncio.get_running_loop().time() + A_WHILE
            logger.info(
                "%s: no answer in DynamoDB's form, %d times; for %.0f s, the ordinary client is used",
                operation,
                self.in_a_row,
                A_WHILE,
            )
