"""
How long to wait for an answer before it is asked for again: as TCP does it, by what answers really take.

https://www.rfc-editor.org/rfc/rfc6298
"""

from dynadb_async.connection.retry import GROWTH

# Seconds; below that, a pause of the server's own or a busy event loop would look like a lost answer.
SHORTEST = 0.1
# A number that is large enough for every ceiling, and small enough for a float.
MOST_STEPS = 50


class Patience:
    """
    The estimate of one transport, in seconds; at first, without an answer yet, the most that may be.

    Attributes:
        seconds: For a first attempt.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._smoothed = self._variation = -1.0
        self._estimate = most
        self.seconds: float = most
        self._in_vain = 0

    def learn(self, took: float) -> None:
        """An answer *took* so long."""
        if self._smoothed < 0:
            self._smoothed, self._variation = took, took / 2
        else:
            self._variation += (abs(self._smoothed - took) - self._variation) / 4
            self._smoothed += (took - self._smoothed) / 8
        self._estimate = min(self._most, max(SHORTEST, self._smoothed + 4 * self._variation))
        self.seconds = self._estimate
        self._in_vain = 0

    def ended(self) -> None:
        """An attempt was given up by it: if others are, too, before the next answer comes, the server is slower now."""
        self._in_vain += 1
        self.seconds = self.after(0)

    def after(self, attempts: int) -> float:
        """For the attempt after so many that were in vain."""
        return min(self._most, self._estimate * GROWTH ** min(max(attempts, self._in_vain), MOST_STEPS))
