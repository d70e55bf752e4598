"""Bytes for each user whose handler runs: `python -m benchmarks.memory dynadb|aioboto3 ENDPOINT USERS`."""

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Callable, Coroutine

import aioboto3

from benchmarks.contenders.dynadb import adapter

Hold = Callable[[str, asyncio.Semaphore, asyncio.Event], Coroutine[None, None, None]]


async def dynadb(endpoint: str, users: int) -> int:
    """So many turns are open."""
    async with adapter(endpoint) as db:

        async def hold(user: str, opened: asyncio.Semaphore, end: asyncio.Event) -> None:
            async with db.turn(user) as turn:
                turn.user.data["visits"] += 1
                opened.release()
                await end.wait()

        await held(hold, min(users, 64))
        return await held(hold, users)


async def plain(endpoint: str, users: int) -> int:
    """So many items were read and are to be written."""
    async with aioboto3.Session().resource("dynamodb", endpoint_url=endpoint) as resource:
        table = await resource.Table("users")

        async def hold(user: str, opened: asyncio.Semaphore, end: asyncio.Event) -> None:
            item = (await table.get_item(Key={"userId": user}))["Item"]
            opened.release()
            await end.wait()
            await table.put_item(Item=item)

        await held(hold, min(users, 64))
        return await held(hold, users)


async def held(hold: Hold, users: int) -> int:
    """The bytes that all of them hold at the same time; what connections hold is there before."""
    opened, end = asyncio.Semaphore(0), asyncio.Event()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    async with asyncio.TaskGroup() as group:
        for number in range(users):
            group.create_task(hold(f"user-{number}", opened, end))
        for _ in range(users):
            await opened.acquire()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        end.set()
    return after - before


if __name__ == "__main__":
    name, endpoint, users = sys.argv[1:]
    tracemalloc.start()
    print(asyncio.run({"dynadb": dynadb, "aioboto3": plain}[name](endpoint, int(users))) / int(users))
