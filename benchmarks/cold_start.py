"""From nothing to the first turn, CPU ms of each step: `python -m benchmarks.cold_start dynadb|aioboto3 ENDPOINT`."""

import asyncio
import json
import sys
import time
from importlib import import_module
from itertools import pairwise

CONTENDERS = {"dynadb": ("dynadb", ("wire", "turn")), "aioboto3": ("aioboto3_client", ())}


async def steps(name: str, endpoint: str) -> dict[str, float]:
    """Import, open, first turn, and a later one."""
    module, options = CONTENDERS[name]
    marks = [time.process_time()]
    contender = import_module(f"benchmarks.contenders.{module}").contender
    marks.append(time.process_time())
    async with contender(endpoint, *options) as turn:
        marks.append(time.process_time())
        await turn("user-1")
        marks.append(time.process_time())
        await turn("user-1")
        marks.append(time.process_time())
    names = ("import", "open", "first turn", "second turn")
    return {name: 1000 * (end - begin) for name, (begin, end) in zip(names, pairwise(marks), strict=True)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(steps(*sys.argv[1:]))))
