"""
Where a turn's own time goes: `python -m benchmarks.profile [PATH] [TURNS]`, 16 at once against the stub.

cProfile's own cost makes small functions look dearer than they are; `--sample` takes samples instead, of lines.
"""

import asyncio
import cProfile
import os
import pstats
import signal
import sys
from collections import Counter
from types import FrameType

from benchmarks.contenders.dynadb import contender
from benchmarks.driver import measured
from benchmarks.servers import stub

SHOWN = 40
INTERVAL = 0.001


async def run(endpoint: str, path: str, turns: int, profile: cProfile.Profile | None, samples: Counter[str]) -> None:
    """Warm up, then profile."""
    async with contender(endpoint, path, "turn") as turn:
        await measured(turn, turns=500, at_once=16, users=1000)
        if profile is not None:
            profile.enable()
        else:
            signal.signal(signal.SIGPROF, lambda _, frame: samples.update([_place(frame)]))
            signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        took = await measured(turn, turns=turns, at_once=16, users=1000)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if profile is not None:
            profile.disable()
        print(f"{1e6 * took['cpu'] / turns:.0f} µs a turn with the profiler")


def _place(frame: FrameType | None) -> str:
    if frame is None:
        return "nowhere"
    code = frame.f_code
    return f"{'/'.join(code.co_filename.split('/')[-2:])}:{frame.f_lineno} {code.co_qualname}"


def main() -> None:
    """Profile, print."""
    options = [option for option in sys.argv[1:] if option != "--sample"]
    path, turns = (options[:1] or ["wire"])[0], int((options[1:] or ["5000"])[0])
    profile = None if "--sample" in sys.argv else cProfile.Profile()
    samples: Counter[str] = Counter()
    with stub([1024]) as server:
        os.environ.update(server.environment)
        asyncio.run(run(server.endpoint("http", 1024, "own"), path, turns, profile, samples))
        print(f"sent by {server.agents()}")
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(SHOWN)
    for place, count in samples.most_common(SHOWN):
        print(f"{count / samples.total():6.1%}  {place}")


if __name__ == "__main__":
    main()
