"""When to try again: attempts, back-off, the budget of retries, the time that is left. Pure but for the clock."""

import math
import random

from attrs import define

from dynadb_async.connection.failures import Failure

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5

# An attempt with less time would mostly be cut off, and its time-out hide why those before it failed.
SHORTEST_ATTEMPT = 0.05

# Of an attempt's patience, compared with that of the one before.
GROWTH = 1.5

# As in the SDK's standard mode: 500 tokens, of which a retry costs 5, and one after a time-out 10.
TOKENS, COST, COST_OF_LATE = 500, 5, 10


@define(eq=False, repr=False)
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


class Attempts:
    """
    The attempts of one operation. As nearly all have one, what only later ones need costs nothing before.

    Attributes:
        limit: How many there may be. Only one that waited in vain for all of its time counts whole; a refusal, or a
            lost connection, is told at once, and counts half: the time that is left is worth more attempts.
        budget: What retries are paid from.
        until: The end of the operation's time.
        trusted: A connection that has not answered since then is not used again; it may be what failed before.
        patience: How many seconds the present attempt is given, before it may end early.
    """

    made: int = 0
    used: float = 0.0
    paid: int = 0
    trusted: float = -math.inf
    patience: float = 0.0
    _is_ended_early: bool = False

    def __init__(self, limit: int, budget: RetryBudget, until: float) -> None:
        self.limit: int = limit
        self.budget: RetryBudget = budget
        self.until: float = until

    def may_end_early(self, now: float) -> bool:
        """Whether to give up the present attempt before its time, as a longer one is allowed, and can be paid."""
        if self.limit == 1 or self.used + 0.5 >= self.limit or now + GROWTH * self.patience > self.until:
            return False
        self._is_ended_early = self._is_paid(COST_OF_LATE)
        return self._is_ended_early

    def pause_after(self, failure: Failure, now: float) -> float | None:
        """How many seconds to wait before the next attempt; None to give up."""
        is_ended_early, self._is_ended_early = self._is_ended_early, False
        self.made += 1
        self.used += 1 if failure.is_late and not is_ended_early else 0.5
        if is_ended_early:
            return 0.0
        if not failure.is_retryable or self.limit == 1 or self.used >= self.limit:
            return None
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.made - 1))
        pause = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
        if now + pause + SHORTEST_ATTEMPT > self.until or not self._is_paid(COST_OF_LATE if failure.is_late else COST):
            return None
        return pause

    def _is_paid(self, cost: int) -> bool:
        if not self.budget.take(cost):
            return False
        self.paid += cost
        return True

    def succeeded(self) -> None:
        """Give back what the retries took, and a little more."""
        self.budget.give(self.paid + 1)
