"""What an adapter tells of its work to whoever measures it."""

from contextlib import AbstractContextManager
from typing import Protocol


class Observer(Protocol):
    """
    Hears of an adapter's work: names, numbers and outcomes, never who a turn is for or what it holds.

    It is called in the event loop, in the midst of the work, so it should be quick, and must not raise.
    """

    def doing(self, name: str) -> AbstractContextManager[None]:
        """
        Be entered while something is under way; what it raises is its outcome.

        Args:
            name: `turn`, and within it `load` and `save`; also `delete` and `read`.
        """
        ...

    def attempted(self, operation: str, code: str, capacity_units: float) -> None:
        """
        Hear of one request to DynamoDB.

        Args:
            operation: DynamoDB's name for it, such as `UpdateItem`.
            code: Why it failed, as in `RequestError.code`; empty if it did not. `ConditionalCheckFailedException`:
                another turn of the user was faster; `Cancelled`: whoever asked is gone.
            capacity_units: What DynamoDB charged for it; 0 where it does not say.
        """
        ...

    def duplicate(self) -> None:
        """Hear that a turn was delivered a second time."""
        ...
