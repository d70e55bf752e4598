"""What failed is not tried again at once, and by everybody."""

from attrs import define, field

from dynadb_async.connection.failures import AttemptFailedError, Failure
from dynadb_async.errors import ConfigError

FIRST, LONGEST = 0.5, 15.0  # seconds


@define(eq=False, repr=False)
class Pause:
    """After a failure, and longer after each further one; meanwhile the failure is told as it was."""

    _failure: Failure | ConfigError | None = field(default=None, init=False)
    _length: float = field(default=0.0, init=False)
    _end: float = field(default=0.0, init=False)

    def check(self, now: float) -> None:
        """
        Whether it may be tried now.

        Raises:
            AttemptFailedError, ConfigError: Not yet.
        """
        if self._failure is None or not self.lasts(now):
            return
        if isinstance(self._failure, ConfigError):
            # Another one: each time that it is raised, its traceback grows.
            raise ConfigError(*self._failure.args)
        raise AttemptFailedError(self._failure)

    def lasts(self, now: float) -> bool:
        """Whether it goes on."""
        return now < self._end

    def failed(self, failure: Failure | ConfigError | None, now: float) -> None:
        """It was tried, in vain."""
        self._failure = failure
        self._length = min(LONGEST, 2 * self._length or FIRST)
        self._end = now + self._length

    def succeeded(self) -> None:
        """It was tried, and has what was wanted."""
        self._failure, self._length, self._end = None, 0.0, 0.0
