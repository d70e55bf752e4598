"""
One contender in its own process: `python -m benchmarks.driver [--uvloop] MODULE ENDPOINT [OPTION]`.

For each line `{"turns": …, "at_once": …, "users": …}` it takes so many turns and answers with the CPU and wall seconds.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from importlib import import_module

Turn = Callable[[str], Awaitable[None]]
"""Load the user's item, change it, save it."""
Contender = Callable[..., AbstractAsyncContextManager[Turn]]
"""Of the endpoint, and of an option where there are several ways."""


async def measured(turn: Turn, *, turns: int, at_once: int, users: int) -> dict[str, float]:
    """What so many turns took."""
    numbers = iter(range(turns))

    async def work() -> None:
        for number in numbers:
            await turn(f"user-{number % users}")

    cpu, wall = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


async def drive(module: str, endpoint: str, *options: str) -> None:
    """Until the input ends."""
    contender: Contender = import_module(f"benchmarks.contenders.{module}").contender
    async with contender(endpoint, *options) as turn:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await measured(turn, **json.loads(line))), flush=True)


def new_event_loop(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes it; uvloop is imported only where it is measured."""
    return import_module("uvloop").new_event_loop if name == "--uvloop" else asyncio.new_event_loop


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop(sys.argv[1])) as runner:
        runner.run(drive(*[argument for argument in sys.argv[1:] if argument != "--uvloop"]))
