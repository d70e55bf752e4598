"""What was measured, in words, tables and plots."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks import svg
from benchmarks.figures import FIGURES
from benchmarks.lineup import LIMIT, OURS, TRANSPORT, Contender, Load
from benchmarks.machine import machine
from benchmarks.rounds import Results, ratio
from benchmarks.tables import micros, table

AT_ONCE = (1, 16, 64)


def item_name(load: Load) -> str:
    """The kind of request."""
    return f"{'TLS' if load.scheme == 'https' else 'HTTP'}, {load.size // 1024} KB"


def turns_table(results: Results, contenders: Sequence[Contender], loads: Sequence[Load]) -> str:
    """CPU µs per turn and turns/s, everybody under each load."""
    head = ["turn, at once", *(f"{item_name(load)}, {load.at_once}" for load in loads)]
    rows = [[c.name, *(_cell(results, c, load) for load in loads)] for c in contenders]
    return table(head, rows)


def _cell(results: Results, contender: Contender, load: Load) -> str:
    series = results[contender, load]
    return f"{micros(series.micros)} µs, {series.rate:,.0f}/s"


def loops_table(results: Results, on_uvloop: Sequence[Contender], loads: Sequence[Load]) -> str:
    """Those on uvloop under each load, and beside themselves on asyncio, and ours."""
    head = ["on uvloop, at once", *(f"{item_name(load)}, {load.at_once}" for load in loads)]
    head += [f"× {whose}, {item_name(load)}" for whose in ("asyncio", "ours") for load in loads]
    return table(head, [_loops_row(results, on_uvloop, contender, loads) for contender in on_uvloop])


def _loops_row(
    results: Results, on_uvloop: Sequence[Contender], contender: Contender, loads: Sequence[Load]
) -> list[str]:
    is_alike = (contender.module, contender.options)
    same = next(c for c, _ in results if c.loop == "asyncio" and (c.module, c.options) == is_alike)
    rivals = [(same, load) for load in loads] + [(on_uvloop[0], load) for load in loads]
    ratios = [f"{ratio(results[contender, load], results[rival, load]):.2f}" for rival, load in rivals]
    return [contender.name.removesuffix(", on uvloop"), *(_cell(results, contender, load) for load in loads), *ratios]


def ratios_table(results: Results, contenders: Sequence[Contender], loads: Sequence[Load]) -> str:
    """How many times the CPU of ours, everybody under each load."""
    head = ["× dynadb-async's CPU, at once", *(f"{item_name(load)}, {load.at_once}" for load in loads)]
    rows = [[c.name, *(f"{ratio(results[c, load], results[OURS, load]):.2f}" for load in loads)] for c in contenders]
    return table(head, rows)


def figures_table(results: Results) -> str:
    """What this project wants to reach, and whether it does."""
    rows = []
    for figure in FIGURES:
        if (figure.rival, Load(figure.scheme)) not in results:
            rows.append(
                [figure.ours.name, figure.rival.name, item_name(Load(figure.scheme)), figure.wanted, "", "not here"]
            )
            continue
        found = figure.measured(results)
        verdict = "reached" if figure.is_met_by(found) else "MISSED"
        cells = [figure.ours.name, figure.rival.name, item_name(Load(figure.scheme)), figure.wanted]
        rows.append([*cells, f"{found:.2f}×", verdict])
    return table(["who", "against", "16 at once", "wanted", "measured", ""], rows)


def figures_page(results: Results) -> str:
    """The whole of `benchmarks/figures.md`."""
    day = date.today().isoformat()  # noqa: DTZ011 - a day for people
    return f"# The figures to reach\n\nWritten by `make bench` on {day}; {machine()}.\n\n{figures_table(results)}"


def summary(results: Results, contenders: Sequence[Contender]) -> str:
    """What a user wants to know, before all tables."""
    load = Load("https")
    cells = [[c.name, f"{micros(results[c, load].micros)} µs", f"{results[c, load].rate:,.0f}"] for c in contenders]
    return "A turn with 1 KB over TLS, 16 at once:\n\n" + table(["", "CPU of a turn", "turns/s of one process"], cells)


def stub_text(results: Results, loads: Sequence[Load]) -> str:
    """Whether the stub was what was measured."""
    busiest = max(
        (
            (series.stub_share, contender.name, load)
            for (contender, load), series in results.items()
            if contender != TRANSPORT
        ),
        key=lambda found: found[0],
    )
    rates = [
        (load, results[TRANSPORT, load].rate, results[LIMIT, load].rate, results[OURS, load].rate) for load in loads
    ]
    compared = "; ".join(
        f"{item_name(load)}, {load.at_once} at once: {stub:,.0f} against {limit:,.0f} and {ours:,.0f}"
        for load, stub, limit, ours in rates
        if load.at_once > 1
    )
    return (
        f"The stub was busy for at most {busiest[0]:.0%} of the time (under {busiest[1]}, {item_name(busiest[2])}, "
        f"{busiest[2].at_once} at once). Asked by a client that neither signs nor decodes it served, in turns/s, "
        f"against the bare protocol and dynadb-async: {compared}.\n"
    )


def growth_table(results: Results, contenders: Sequence[Contender], loads: Sequence[Load], name: str) -> str:
    """CPU µs per turn by *name*, `size` or `users`."""
    shown = [f"{load.size // 1024} KB" if name == "size" else f"{load.users:,}" for load in loads]
    rows = [[c.name, *(micros(results[c, load].micros) for load in loads)] for c in contenders]
    return table([f"CPU µs per turn by {name}", *shown], rows)


def codec_table(measured: dict[str, dict[str, float]]) -> str:
    """CPU µs of the codec alone."""
    rows = []
    for size, by_step in measured.items():
        cells = [
            f"{by_step[s]:,.0f} / {by_step[f'{s}, boto3']:,.0f} = 1 / {by_step[f'{s}, boto3'] / by_step[s]:.1f}"
            for s in ("encode", "decode")
        ]
        rows.append([f"{int(size) // 1024} KB", *cells])
    return table(["codec with JSON: ours / boto3's, µs", "encode", "decode"], rows)


def cold_table(measured: dict[str, dict[str, dict[str, float]]]) -> str:
    """CPU ms until the first turn is done."""
    steps = ["import", "open", "first turn", "second turn"]
    rows = [
        [f"{name}, {scheme}", *(f"{by[s]:,.1f}" for s in steps)]
        for name, schemes in measured.items()
        for scheme, by in schemes.items()
    ]
    return table(["CPU ms", *steps], rows)


def memory_table(measured: dict[str, dict[str, float]]) -> str:
    """KB that an open turn holds, its values among them."""
    items = list(next(iter(measured.values())))
    rows = [[name, *(f"{by_item[item] / 1024:,.1f}" for item in items)] for name, by_item in measured.items()]
    return table(["KB held for each user in flight", *items], rows)


def capacity_table(measured: dict[str, dict[int, Any]]) -> str:
    """Capacity units of a turn."""
    sizes = list(next(iter(measured.values())))
    rows = [
        [name, *(f"{c.size:,} B: {c.rcu:g} + {c.wcu:g}" for c in by_size.values())]
        for name, by_size in measured.items()
    ]
    return table(["item: RCU + WCU of a turn", *(f"{size:,} B in the reference" for size in sizes)], rows)


def write_plots(
    docs: Path, results: Results, contenders: Sequence[Contender], growth: Results, sizes: Sequence[Load]
) -> None:
    """`performance-turn.svg` and `performance-size.svg`."""
    loads = (Load(), Load("https"))
    rows = {c.name: [results[c, load].micros for load in loads] for c in contenders if c != TRANSPORT}
    title = "CPU µs of the client per turn: 1 KB, 16 at once"
    (docs / "performance-turn.svg").write_text(svg.bars(title, rows, ["HTTP", "TLS"]))
    names = dict.fromkeys(contender for contender, _ in growth)
    series = {c.name: [(load.size / 1024, growth[c, load].micros) for load in sizes] for c in names}
    title = "CPU µs of the client per turn, by the size of the item"
    (docs / "performance-size.svg").write_text(svg.lines(title, series, "KB", "µs"))


def page(sections: Sequence[str]) -> str:
    """The whole of `docs/performance.md`."""
    intro = PAGE.format(day=date.today().isoformat(), machine=machine())  # noqa: DTZ011 - a day for people
    return "\n\n".join(section.strip() for section in [intro, *sections]) + "\n"


PAGE = """\
# What a turn costs

Written by `make bench` on {day}; {machine}. Ratios hold; absolute times are this machine's.

A turn is one read and one write of a user's item, with one number in it changed. dynadb-async does not encode again
what a turn leaves as it is; "everything changed" is what a turn costs that leaves nothing. It and the bare protocol
send a consistent GetItem and the adapter's conditional UpdateItem, the memory of recent turns in the item; all others
send a consistent GetItem and a PutItem of the reference's smaller item, without any condition. Each contender runs in
its own process against a server on loopback that answers at once, in many short rounds, all loads of one item size and
all contenders in turn, so that a busy moment of the machine meets all alike; the two loads of the figures to reach have
rounds of their own, more and longer. CPU is the contender's whole process (for boto3 with all its threads, for Node
with its garbage collector); medians over the rounds, ratios from pairs of the same round. Node's client for each turn
is closed after it, which the reference leaves undone.
"""
