"""`make bench`: measures everything, prints and writes docs/performance.md, plots and benchmarks/figures.md."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import conversations, report, start
from benchmarks.capacity import capacity
from benchmarks.lineup import AIOBOTO3, AIODYNAMO, LIMIT, ON_UVLOOP, OURS, OURS_ALL_CHANGED, Load, line_up
from benchmarks.rounds import Length, measure
from benchmarks.servers import Stub, stub

DOCS = Path(__file__).parent.parent / "docs"
# What users need not know: what is to be reached, and what is missed.
FIGURES = Path(__file__).parent / "figures.md"

KB = 1024
# Whom a reader may be using today.
SHOWN_FIRST = {OURS.name, AIOBOTO3.name, AIODYNAMO.name, "boto3 in threads", "Node, AWS SDK v3"}
TURNS = [
    Load(scheme, size, at_once) for scheme in ("http", "https") for size in (KB, 4 * KB) for at_once in (1, 16, 64)
]
# Those that the figures to reach are about: many rounds, so that they differ little from run to run.
OF_FIGURES = [Load(scheme, KB, 16) for scheme in ("http", "https")]
FEW_TURNS = [Load(scheme, at_once=at_once) for scheme in ("http", "https") for at_once in (1, 16)]
# Four at once: sixteen turns of 300 KB would wait for one another longer than anybody's time-out.
MANY_SMALL = 150 * KB
BY_SIZE = [Load(size=size * KB, at_once=4) for size in (1, 4, 16, 64, 300)]
# A stub keeps nothing: turns of one user at the same time would find that theirs are not there.
BY_USERS = [Load(users=users) for users in (100, 1000, 10_000)]
GROWING = (OURS, OURS_ALL_CHANGED, AIOBOTO3, AIODYNAMO, LIMIT)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--quick", action="store_true", help="two minutes, with noise; docs/ stays as it is")
    is_quick = parser.parse_args().quick
    loads = FEW_TURNS if is_quick else TURNS
    sizes = {load.size for load in [*loads, *BY_SIZE]} | {MANY_SMALL}
    with stub(sorted(sizes)) as server:
        contenders = line_up()
        results = measure(
            server, (*contenders, *ON_UVLOOP), OF_FIGURES, Length(7, 0.05) if is_quick else Length(21, 0.15)
        )
        others = [load for load in loads if load not in OF_FIGURES]
        results |= measure(server, contenders, others, Length(3, 0.05) if is_quick else Length(9, 0.1))
        print(report.turns_table(results, contenders, loads))
        print(report.ratios_table(results, contenders, loads))
        print(report.loops_table(results, ON_UVLOOP, OF_FIGURES))
        print(report.figures_table(results), flush=True)
        growth = measure(server, GROWING, [*BY_SIZE, *BY_USERS], Length(2, 0.05) if is_quick else Length(7, 0.1))
        alone = _measured_alone(server, 3 if is_quick else 9)
        talks, grown = _run(server, "conversations", "--json", "0.05" if is_quick else "0.2")
    sections = [
        report.summary(results, [c for c in contenders if c.name in SHOWN_FIRST]),
        *("## Turns", "![CPU per turn](performance-turn.svg)", report.turns_table(results, contenders, loads)),
        *(report.ratios_table(results, contenders, loads), report.stub_text(results, loads)),
        *("## On uvloop", UVLOOP_NOTE, report.loops_table(results, ON_UVLOOP, OF_FIGURES)),
        *("## How it grows", "![CPU by size](performance-size.svg)", "4 at once, HTTP:\n"),
        report.growth_table(growth, GROWING, BY_SIZE, "size"),
        "16 at once, HTTP, 1 KB; turns of one user wait for one another:\n",
        report.growth_table(growth, GROWING, BY_USERS, "users"),
        *alone,
        *("## Conversations", CONVERSATIONS_NOTE, conversations.section(talks, grown)),
        *("## In DynamoDB's own units", _capacity_text()),
    ]
    text = report.page(sections)
    print(text)
    if not is_quick:
        DOCS.mkdir(exist_ok=True)
        (DOCS / "performance.md").write_text(text)
        FIGURES.write_text(report.figures_page(results) + "\n" + conversations.figures_table(talks))
        report.write_plots(DOCS, results, contenders, growth, BY_SIZE)


def _measured_alone(server: Stub, rounds: int) -> list[str]:
    """Codec, cold start, memory: each measurement in a process of its own."""
    codec = _run(server, "codec", str(rounds))
    names = ("dynadb", "aioboto3")
    starts: dict[str, dict[str, list[dict[str, float]]]] = {name: {"http": [], "https": []} for name in names}
    for _ in range(rounds):
        for name in names:
            for scheme, found in starts[name].items():
                found.append(_run(server, "cold_start", name, _endpoint(server, name, scheme)))
    cold = {
        name: {
            scheme: {step: median(run[step] for run in runs) for step in runs[0]} for scheme, runs in by_scheme.items()
        }
        for name, by_scheme in starts.items()
    }
    memory = {
        name: {
            "1 KB": _run(server, "memory", name, _endpoint(server, name, "http"), "1000"),
            "150 KB of small maps": _run(server, "memory", name, server.endpoint("http", MANY_SMALL, "small"), "10"),
        }
        for name in names
    }
    whole = start.measure(server, rounds)
    return [
        *("## The codec alone", report.codec_table(codec)),
        *("## Cold start", start.starts_table(whole), start.starts_figures(whole), report.cold_table(cold)),
        *("## Memory", report.memory_table(memory)),
    ]


def _endpoint(server: Stub, name: str, scheme: str) -> str:
    return server.endpoint(scheme, KB, "own" if name == "dynadb" else "reference")


def _run(server: Stub, module: str, *options: str) -> Any:
    command = [sys.executable, "-m", f"benchmarks.{module}", *options]
    done = subprocess.run(command, env=server.environment, stdout=subprocess.PIPE, check=True, timeout=300)
    return json.loads(done.stdout)


def _capacity_text() -> str:
    measured = capacity()
    if measured is None:
        return "Not measured: DynamoDB Local is not here (it needs npm and Java).\n"
    return report.capacity_table(measured) + CAPACITY_NOTE


UVLOOP_NOTE = """\
`uvicorn[standard]` runs an app on uvloop. The last columns are ratios of CPU time, by pairs of the same round: to the
same contender on asyncio's own loop, and to dynadb-async on uvloop.
"""

CONVERSATIONS_NOTE = """\
Messages of 300 characters. Against a stub, CPU of the whole client: the same transaction and the same Query on
aioboto3, one growing item as session stores keep it, and a list in memory as the floor. On DynamoDB Local, units and
milliseconds as a conversation grows.
"""

CAPACITY_NOTE = """
Counted by DynamoDB Local after ten turns, when the memory of recent turns is full. A read unit is 4 KB read
consistently, a write unit 1 KB. Turn ids are of Alexa's length; two replies of 1 KB are kept.
"""

if __name__ == "__main__":
    main()
