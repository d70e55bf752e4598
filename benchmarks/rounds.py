"""Many short rounds, loads and contenders in turn, so that what the machine does meanwhile meets all of them alike."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
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
Running = dict[tuple[Contender, Load], "subprocess.Popen[str]"]


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
    """Each contender under each load; a process of its own for each contender, kind of item and scheme."""
    results: Results = {}
    for size, similar in _grouped(loads, lambda load: load.size).items():
        with ExitStack() as stack:
            running: Running = {}
            for scheme, alike in _grouped(similar, lambda load: load.scheme).items():
                _say(f"starting {len(contenders)} contenders: {scheme}, {size} bytes")
                processes = stack.enter_context(_processes(stub, contenders, scheme, size))
                running |= {(who, load): process for load in alike for who, process in processes.items()}
            results |= _rounds(stub, running, length)
    return results


def _grouped(loads: Iterable[Load], kind: Callable[[Load], Any]) -> dict[Any, list[Load]]:
    groups: dict[Any, list[Load]] = {}
    for load in loads:
        groups.setdefault(kind(load), []).append(load)
    return groups


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
        raise RuntimeError(f"{contender.name} went another way, the SDK's; see what its wire finds unusual")


def _rounds(stub: Stub, running: Running, length: Length) -> Results:
    turns = {(who, load): _turns_of(process, load, length.seconds) for (who, load), process in running.items()}
    results = {key: Series() for key in running}
    for number in range(length.rounds):
        _say(f"round {number + 1} of {length.rounds}")
        for (contender, load), process in running.items():
            count, series = turns[contender, load], results[contender, load]
            # Connections that were idle too long in the meantime are opened anew here.
            _order(process, turns=load.at_once, at_once=load.at_once, users=load.users)
            began = stub.cpu_time()
            took = _order(process, turns=count, at_once=load.at_once, users=load.users)
            series.stub.append((stub.cpu_time() - began) / count)
            series.cpu.append(took["cpu"] / count)
            series.wall.append(took["wall"] / count)
    return results


def _turns_of(process: "subprocess.Popen[str]", load: Load, seconds: float) -> int:
    few = load.at_once
    took = _order(process, turns=few, at_once=load.at_once, users=load.users)
    return max(few, min(MOST_TURNS, int(few * seconds / took["wall"])))


def _order(process: "subprocess.Popen[str]", **load: Any) -> dict[str, float]:
    took: dict[str, float] = json.loads(asked(process, json.dumps(load)))
    return took


def _say(progress: str) -> None:
    print(f"… {progress}", file=sys.stderr, flush=True)
