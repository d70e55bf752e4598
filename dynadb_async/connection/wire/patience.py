"""
How long to wait for an answer before it is asked for again: as TCP does it, by what answers really take.

https://www.rfc-editor.org/rfc/rfc6298
"""

from dynadb_async.connection.retry import GROWTH

# Seconds; below that, a pause of the server's own or a busy event loop would look like a lost answer.
SHORTEST = 0.1


class Patience:
    """
    The estimate of one transport, in seconds; at first, without an answer yet, the most that may be.

    Attributes:
        seconds: For a first attempt.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._smoothed = self._variation = -1.0
        self.seconds: float = most

    def learn(self, took: float) -> None:
        """An answer *took* so long."""
        if self._smoothed < 0:
            self._smoothed, self._variation = took, took / 2
        else:
            self._variation += (abs(self._smoothed - took) - self._variation) / 4
            self._smoothed += (took - self._smoothed) / 8
        self.seconds = min(self._most, max(SHORTEST, self._smoothed + 4 * self._variation))

    def after(self, attempts: int) -> float:
        """For the attempt after so many that were in vain."""
        return min(self._most, self.seconds * GROWTH**attempts)
