"""What an adapter tells of its work to whoever measures it."""

from contextlib import AbstractContextManager
from typing import Protocol


class Observer(Protocol):
    """
    Hears of an adapter's work: names, numbers and outcomes, never who a turn is for or what it holds.

    It is called in the event loop, in the midst of the work, so it should be quick, and must not raise.
    """

    def doing(self, name: str) -> AbstractContextManager["Observer | None"]:
        """
        Be entered while something is under way; what it raises is its outcome.

        A turn has the app's own code in it, and may be left by another task than the one that entered it, or late:
        nothing that belongs to the running task should be held from its beginning to its end.

        Args:
            name: `turn`, and within it `load` and `save`; also `delete` and `read`.

        Returns:
            A context manager. Who hears of what is done within is what it gives on entering; None: the same observer.
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
