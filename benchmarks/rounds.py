"""Many short rounds, each contender in turn, so that what the machine does meanwhile meets all of them alike."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

from attrs import define, field, frozen

from benchmarks.lineup import Contender, Load
from benchmarks.servers import Stub, asked, line_of, talking

MOST_TURNS = 5000
LARGE = 50_000


@define
class Series:
    """
    One contender's rounds under one load, in the order of the rounds.

    Attributes:
        cpu: Seconds of its process for each turn.
        wall: Seconds that passed for each turn.
        stub: Seconds of the stub's process for each turn.
    """

    cpu: list[float] = field(factory=list)
    wall: list[float] = field(factory=list)
    stub: list[float] = field(factory=list)

    @property
    def micros(self) -> float:
        """The median of its CPU time for a turn, in µs."""
        return 1e6 * median(self.cpu)

    @property
    def rate(self) -> float:
        """The median of its turns per second."""
        return 1 / median(self.wall)

    @property
    def stub_share(self) -> float:
        """How much of the time the stub was busy."""
        return median(stub / wall for stub, wall in zip(self.stub, self.wall, strict=True))


Results = dict[tuple[Contender, Load], Series]


def ratio(dearer: Series, cheaper: Series) -> float:
    """How many times the CPU time, by pairs of the same round."""
    return median(one / other for one, other in zip(dearer.cpu, cheaper.cpu, strict=True))


@frozen
class Length:
    """
    How much is measured.

    Attributes:
        rounds: For each contender and load.
        seconds: Of one round, about.
    """

    rounds: int
    seconds: float


def measure(stub: Stub, contenders: Sequence[Contender], loads: Iterable[Load], length: Length) -> Results:
    """Each contender under each load; a process of its own for each contender and kind of item."""
    results: Results = {}
    by_item: dict[tuple[str, int], list[Load]] = {}
    for load in loads:
        by_item.setdefault((load.scheme, load.size), []).append(load)
    for (scheme, size), similar in by_item.items():
        with _processes(stub, contenders, scheme, size) as running:
            for load in similar:
                _say(f"{scheme}, {size} bytes, {load.at_once} at once, {load.users} users")
                results.update(_rounds(stub, running, load, length))
    return results


@contextmanager
def _processes(
    stub: Stub, contenders: Sequence[Contender], scheme: str, size: int
) -> "Iterator[dict[Contender, subprocess.Popen[str]]]":
    with ExitStack() as stack:
        running = {}
        for contender in contenders:
            command = contender.command(stub.endpoint(scheme, size, contender.layout))
            running[contender] = stack.enter_context(talking(command, stub.environment))
        for process in running.values():
            line_of(process)
        for contender, process in running.items():
            _warm_up(stub, contender, process, size)
        yield running


def _warm_up(stub: Stub, contender: Contender, process: "subprocess.Popen[str]", size: int) -> None:
    stub.agents()
    _order(process, turns=contender.warm_up if size < LARGE else 10, at_once=8, users=1000)
    if not all(contender.agent in agent for agent in stub.agents()):
        raise RuntimeError(f"{contender.name} went another way, the SDK's; see what dynadb_async.wire finds unusual")


def _rounds(
    stub: Stub, running: "dict[Contender, subprocess.Popen[str]]", load: Load, length: Length
) -> Iterator[tuple[tuple[Contender, Load], Series]]:
    turns = {contender: _turns_of(process, load, length.seconds) for contender, process in running.items()}
    series = {contender: Series() for contender in running}
    for _ in range(length.rounds):
        for contender, process in running.items():
            count, began = turns[contender], stub.cpu_time()
            took = _order(process, turns=count, at_once=load.at_once, users=load.users)
            series[contender].stub.append((stub.cpu_time() - began) / count)
            series[contender].cpu.append(took["cpu"] / count)
            series[contender].wall.append(took["wall"] / count)
    for contender, measured in series.items():
        yield (contender, load), measured


def _turns_of(process: "subprocess.Popen[str]", load: Load, seconds: float) -> int:
    few = load.at_once
    took = _order(process, turns=few, at_once=load.at_once, users=load.users)
    return max(few, min(MOST_TURNS, int(few * seconds / took["wall"])))


def _order(process: "subprocess.Popen[str]", **load: Any) -> dict[str, float]:
    took: dict[str, float] = json.loads(asked(process, json.dumps(load)))
    return took


def _say(progress: str) -> None:
    print(f"… {progress}", file=sys.stderr, flush=True)
