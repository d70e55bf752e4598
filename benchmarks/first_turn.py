"""A process that takes one turn and ends: `python -m benchmarks.first_turn MODULE ENDPOINT [OPTION]`."""

import asyncio
import sys
from importlib import import_module


async def main(module: str, endpoint: str, *options: str) -> None:
    """One turn of a contender's."""
    async with import_module(f"benchmarks.contenders.{module}").contender(endpoint, *options) as turn:
        await turn("user-1")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
