"""
Work on one conversation, in a process of its own: `python -m tests.conversation_worker SETTINGS`, a line on stdin.

It says what was acknowledged, and when that began and ended on the clock that all processes of a machine share.
"""

import asyncio
import json
import random
import sys
import time
from datetime import timedelta
from typing import Any

from attrs import asdict, define, field

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    Conversations,
    DynamoDbConfig,
    RequestError,
    TableConfig,
    VersionConflictError,
)
from dynadb_async.conversations import Conversation

USER, TALK = "user-1", "talk"
MOST_DELIVERIES = 60


@define
class Done:
    """
    One thing that was acknowledged.

    Attributes:
        what: `append`, `pop`, `clear`, `read`, `turn` or `delete`; `lost` for a pop whose outcome is not known.
        began: When its first delivery began.
        ended: When it was acknowledged.
        value: What was appended or popped; all that was read.
    """

    what: str
    began: float
    ended: float
    value: Any = None


@define
class Worker:
    """One process."""

    db: AsyncDynamoDb[dict[str, Any]]
    name: str
    dice: random.Random
    done: list[Done] = field(factory=list)

    @property
    def talk(self) -> Conversation:
        """The conversation."""
        return self.db.conversation(USER, TALK)

    async def acknowledged(self, what: str, value: Any, attempt: Any) -> None:
        """Try *attempt* until it is acknowledged, as a platform does that delivers again."""
        began = time.monotonic()
        for _ in range(MOST_DELIVERIES):
            try:
                answer = await attempt()
            except RequestError as error:
                # What was forgotten by then may have been made: again, it would be another one.
                if what == "pop" or error.code == "Forgotten":
                    self.done.append(Done("lost", began, time.monotonic(), value))
                    return
                continue
            except VersionConflictError:
                continue
            self.done.append(Done(what, began, time.monotonic(), answer if value is None else value))
            return
        raise AssertionError(f"{what} was not acknowledged in {MOST_DELIVERIES} deliveries")

    async def append(self, number: int, mode: str) -> None:
        """A message with an id; every fifth is delivered twice, and every tenth is large enough for several parts."""
        message = f"{self.name}-{number}" + ("." * 800_000 if number % 10 == 9 and self.dice.random() < 0.2 else "")

        async def attempt() -> Any:
            return await self.talk.append([message], append_id=f"{self.name}-{number}")

        await self.acknowledged("append", message, attempt)
        # Where others pop, it may come after more than 8 appends, and is another one then.
        if mode == "appends" and self.dice.random() < 0.2:
            await self.acknowledged("again", message, attempt)

    async def turn(self, number: int) -> None:
        """A turn that adds to its user's item and to the conversation; some raise, some are delivered twice."""
        turn_id = f"{self.name}-{number}"
        fails = self.dice.random() < 0.2

        async def attempt() -> Any:
            async with self.db.turn(USER, turn_id=turn_id) as turn:
                turn.user.data.setdefault("turns", {})[turn_id] = True
                turn.conversation(TALK).add(f"{turn_id}?", f"{turn_id}!")
                if fails:
                    raise InterruptedError

        try:
            await self.acknowledged("turn", turn_id, attempt)
        except InterruptedError:
            return
        if self.dice.random() < 0.2:
            await self.acknowledged("again", turn_id, attempt)

    async def work(self, mode: str, count: int) -> None:
        """So many steps."""
        for number in range(count):
            await self.step(mode, number)

    async def step(self, mode: str, number: int) -> None:
        """One piece of work."""
        chance = self.dice.random()
        if mode == "turns":
            await self.turn(number)
        elif mode == "cuts" and chance < 0.3:
            await self.acknowledged("pop", None, self.talk.pop)
        elif mode == "cuts" and chance < 0.35:
            await self.acknowledged("clear", True, self.talk.clear)
        elif mode == "deletes" and chance < 0.1:
            await self.acknowledged("delete", True, lambda: self.db.delete(USER))
        elif mode == "appends" and chance < 0.1:
            await self.acknowledged("read", None, self.read)
        else:
            await self.append(number, mode)

    async def read(self) -> list[Any]:
        """All messages."""
        return (await self.talk.messages()).messages


def config_of(settings: dict[str, Any]) -> DynamoDbConfig:
    """The configuration of each worker."""
    return DynamoDbConfig(
        TableConfig(settings["table"]),
        client=ClientConfig(**settings["client"]),
        conversations=Conversations(f"{settings['table']}-log", keep=timedelta(days=1)),
        recent_turns=100,
    )


async def main(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """What was acknowledged."""
    async with AsyncDynamoDb(config_of(settings)) as db:
        worker = Worker(db, settings["name"], random.Random(settings["name"]))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        await worker.work(settings["mode"], settings["count"])
    return [asdict(done) for done in worker.done]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
