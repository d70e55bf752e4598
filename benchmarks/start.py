"""
The whole start as a process of its own, from exec to exit: import, open, one turn on a table that exists.

`python -m benchmarks.start ROUNDS` measures nothing else; `make bench` has it in its report.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from statistics import median

from attrs import define, field

from benchmarks.lineup import AIOBOTO3, AIODYNAMO, NODE_FIRST, START, START_WITH_TABLE, Contender
from benchmarks.servers import Stub, node, stub
from benchmarks.tables import table

KB = 1024
LINE_UP = (START, START_WITH_TABLE, AIOBOTO3, AIODYNAMO, NODE_FIRST)
# Of CPU over HTTP, and of peak memory: ours, whose, at most so many times.
FIGURES = (
    (START, AIOBOTO3, "cpu", 0.45),
    (START, AIODYNAMO, "cpu", 0.75),
    (START_WITH_TABLE, AIOBOTO3, "cpu", 0.5),
    (START, AIOBOTO3, "memory", 0.6),
)


# Small, since the most memory of a process counts what it had before exec, when it was a copy of its parent.
LAUNCH = """
import os, sys, time
began = time.perf_counter()
_, status, used = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
wall = time.perf_counter() - began
print([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, wall, used.ru_maxrss])
"""
LAUNCHER = (sys.executable, "-I", "-S", "-c", LAUNCH)


@define
class Starts:
    """
    One contender's starts, in the order of the rounds.

    Attributes:
        cpu: Seconds of the process, all threads, in the kernel, too.
        wall: Seconds from exec to exit.
        memory: Its most, in KB.
    """

    cpu: list[float] = field(factory=list)
    wall: list[float] = field(factory=list)
    memory: list[float] = field(factory=list)


Found = dict[tuple[Contender, str], Starts]


def measure(server: Stub, rounds: int) -> Found:
    """Everybody in turn, over HTTP and TLS; the first round only warms the machine's caches up."""
    who = [contender for contender in LINE_UP if node() or contender is not NODE_FIRST]
    found: Found = {(contender, scheme): Starts() for contender in who for scheme in ("http", "https")}
    for number in range(rounds + 1):
        for (contender, scheme), starts in found.items():
            cpu, wall, memory = _start(server, contender, scheme)
            if number:
                starts.cpu.append(cpu)
                starts.wall.append(wall)
                starts.memory.append(memory)
    return found


def _start(server: Stub, contender: Contender, scheme: str) -> tuple[float, float, float]:
    endpoint, environment = server.endpoint(scheme, KB, contender.layout), dict(server.environment)
    environment["TRUSTED"] = environment["AWS_CA_BUNDLE"]
    if contender in (START, START_WITH_TABLE):
        del environment["AWS_CA_BUNDLE"]
    command = contender.command(endpoint, module="first_turn")
    done = subprocess.run([*LAUNCHER, *command], env=environment, stdout=subprocess.PIPE, check=True, text=True)
    code, cpu, wall, memory = json.loads(done.stdout)
    if code:
        raise RuntimeError(f"{contender.name} could not start")
    return cpu, wall, memory


def _ratio(found: Found, ours: Contender, whose: Contender, what: str, scheme: str = "http") -> float:
    pairs = zip(getattr(found[ours, scheme], what), getattr(found[whose, scheme], what), strict=True)
    ratio: float = median(one / other for one, other in pairs)
    return ratio


def starts_table(found: Found) -> str:
    """CPU, wall and memory of each, and how many times the CPU of ours."""
    rows = []
    for (contender, scheme), starts in found.items():
        cells = [f"{1000 * median(starts.cpu):,.0f}", f"{1000 * median(starts.wall):,.0f}"]
        times = _ratio(found, contender, START, "cpu", scheme)
        name = f"{contender.name}, {'TLS' if scheme == 'https' else 'HTTP'}"
        rows.append([name, *cells, f"{median(starts.memory) / KB:,.0f}", f"{times:.2f}"])
    return table(["exec to exit, one turn", "CPU ms", "wall ms", "peak MB", "× ours"], rows)


def starts_figures(found: Found) -> str:
    """What this project wants of its start, and whether it does."""
    rows = []
    for ours, whose, what, at_most in FIGURES:
        times = _ratio(found, ours, whose, what)
        verdict = "reached" if times <= at_most else "MISSED"
        rows.append([ours.name, whose.name, what, f"≤ {at_most}×", f"{times:.2f}×", verdict])
    return table(["who", "against", "of", "wanted", "measured", ""], rows)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    with stub([KB]) as server:
        found = measure(server, int(arguments[0]))
    print(starts_table(found))
    print(starts_figures(found))


if __name__ == "__main__":
    main(sys.argv[1:])
