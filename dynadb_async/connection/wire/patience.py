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
        smoothed, variation = self._smoothed, self._variation
        if smoothed < 0:
            smoothed, variation = took, took / 2
        else:
            error = took - smoothed
            variation += ((error if error > 0 else -error) - variation) / 4
            smoothed += error / 8
        self._smoothed, self._variation = smoothed, variation
        estimate = smoothed + 4 * variation
        # Without a call: it is done after each answer.
        estimate = max(SHORTEST, estimate)
        self._estimate = self.seconds = min(self._most, estimate)
        self._in_vain = 0

    def ended(self) -> None:
        """An attempt was given up by it: if others are, too, before the next answer comes, the server is slower now."""
        self._in_vain += 1
        self.seconds = self.after(0)

    def after(self, attempts: int) -> float:
        """For the attempt after so many that were in vain."""
        return min(self._most, self._estimate * GROWTH ** min(max(attempts, self._in_vain), MOST_STEPS))
