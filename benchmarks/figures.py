"""The figures that this project sets itself, and whether they are met."""

from collections.abc import Iterator

from attrs import frozen

from benchmarks.lineup import (
    AIOBOTO3,
    AIODYNAMO,
    BARE_AIOHTTP,
    LIMIT,
    NODE,
    OURS,
    OURS_ON_SDK,
    Contender,
    Load,
)
from benchmarks.rounds import Results, ratio


@frozen
class Figure:
    """
    A ratio to reach, of CPU time for a turn, 16 at once, 1 KB, in the same run.

    Attributes:
        ours: Which of our paths.
        rival: Whom it is held against.
        scheme: `http` or `https`.
        times_cheaper: At least so many; None where `times_its_cost` is given.
        times_its_cost: At most so many.
    """

    ours: Contender
    rival: Contender
    scheme: str
    times_cheaper: float | None = None
    times_its_cost: float | None = None

    @property
    def wanted(self) -> str:
        """In words."""
        return (
            f"≤ {self.times_its_cost}× its cost" if self.times_cheaper is None else f"≥ {self.times_cheaper}× cheaper"
        )

    def measured(self, results: Results) -> float:
        """The median of the ratios of pairs in the same round."""
        load = Load(self.scheme)
        ours, rival = results[self.ours, load], results[self.rival, load]
        return ratio(ours, rival) if self.times_cheaper is None else ratio(rival, ours)

    def is_met_by(self, measured: float) -> bool:
        """Whether *measured* is good enough."""
        if self.times_cheaper is None:
            return measured <= (self.times_its_cost or 0)
        return measured >= self.times_cheaper


def _figures() -> Iterator[Figure]:
    cheaper = {
        (OURS, AIOBOTO3): (14, 12),
        (OURS, AIODYNAMO): (3.5, 3),
        (OURS, NODE): (8, 7),
        (OURS, BARE_AIOHTTP): (2, 1.8),
        (OURS_ON_SDK, AIOBOTO3): (1, 1),
    }
    at_most = {(OURS, LIMIT): 1.5}
    for (ours, rival), wanted in cheaper.items():
        for scheme, times in zip(("http", "https"), wanted, strict=True):
            yield Figure(ours, rival, scheme, times_cheaper=times)
    for (ours, rival), times in at_most.items():
        for scheme in ("http", "https"):
            yield Figure(ours, rival, scheme, times_its_cost=times)


FIGURES = tuple(_figures())
