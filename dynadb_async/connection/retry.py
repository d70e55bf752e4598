"""When to try again: attempts, back-off, the budget of retries, the time that is left. Pure but for the clock."""

import random

from attrs import define, field

from dynadb_async.connection.failures import Failure

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5

# An attempt with less time would mostly be cut off, and its time-out hide why those before it failed.
SHORTEST_ATTEMPT = 0.05

# As in the SDK's standard mode: 500 tokens, of which a retry costs 5, and one after a time-out 10.
TOKENS, COST, COST_OF_LATE = 500, 5, 10


@define
class RetryBudget:
    """
    A token bucket over all operations, so that an outage is not multiplied by the attempts.

    An operation that succeeds in the end gives back what its retries took; a failed one doesn't.
    """

    tokens: int = TOKENS

    def take(self, cost: int) -> bool:
        """Whether there is enough for a retry."""
        if cost > self.tokens:
            return False
        self.tokens -= cost
        return True

    def give(self, tokens: int) -> None:
        """An operation succeeded."""
        self.tokens = min(TOKENS, self.tokens + tokens)


@define
class Attempts:
    """
    The attempts of one operation.

    Attributes:
        limit: How many there may be. Only one that waited in vain counts whole; a refusal, or a lost connection, is
            told at once, and counts half: the time that is left is worth more attempts.
        budget: What retries are paid from.
        until: The end of the operation's time.
    """

    limit: int
    budget: RetryBudget
    until: float
    made: int = field(default=0, init=False)
    used: float = field(default=0.0, init=False)
    paid: int = field(default=0, init=False)

    def pause_after(self, failure: Failure, now: float) -> float | None:
        """How many seconds to wait before the next attempt; None to give up."""
        self.made += 1
        self.used += 1 if failure.is_late else 0.5
        if not failure.is_retryable or self.limit == 1 or self.used >= self.limit:
            return None
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.made - 1))
        pause = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
        cost = COST_OF_LATE if failure.is_late else COST
        if now + pause + SHORTEST_ATTEMPT > self.until or not self.budget.take(cost):
            return None
        self.paid += cost
        return pause

    def succeeded(self) -> None:
        """Give back what the retries took, and a little more."""
        self.budget.give(self.paid + 1)
