"""
A running coach whose users' data is a class in its second version: what the first one stored is upgraded when read.

    python -m examples.typed_coach          (or: uvicorn examples.typed_coach:app)

Where DynamoDB is, the environment says: AWS_REGION and credentials as usual, or DYNADB_CLIENT__ENDPOINT_URL and so on;
`memory:` there needs none.
"""

from datetime import date
from functools import partial
from typing import Any

import uvicorn
from attrs import define, field
from fastapi import FastAPI
from pydantic import BaseModel

from dynadb_async import AsyncDynamoDb, DynamoDbConfig, Turn, UserData
from dynadb_async.fastapi import EXCEPTION_HANDLERS, AppDynamoDb

CONFIG = DynamoDbConfig("coach-users")


@define
class Run:
    """One run."""

    day: date
    meters: int


@define
class Runner:
    """
    What is remembered about a person.

    Attributes:
        name: What they want to be called.
        runs: The newest last. In version 1 there was `kilometers`, a number for all of them.
        earlier_meters: What they had run when version 2 came.
    """

    name: str = ""
    runs: list[Run] = field(factory=list[Run])
    earlier_meters: int = 0


def to_2(data: dict[str, Any]) -> None:
    """From one number to a list of runs. It runs at each load until the turn is saved, so it must be safe to repeat."""
    data["earlier_meters"] = round(data.pop("kilometers", 0) * 1000)


# While half of the servers still have version 1: `UserData(Old, newer="keep")` there, deployed first.
RUNNER = UserData(Runner, version=2, upgrade={1: to_2})

memory = AppDynamoDb(lambda: AsyncDynamoDb(DynamoDbConfig.from_env(base=CONFIG), user_data=RUNNER))
app = FastAPI(lifespan=memory.lifespan, exception_handlers=EXCEPTION_HANDLERS)


class Message(BaseModel):
    """A run that is reported. In a real app the user comes from the login, not from the body."""

    user: str
    id: str
    day: date
    meters: int


@app.post("/runs")
async def runs(message: Message) -> Any:
    """Add a run; reported twice, or from two watches at once, each is there once."""
    answer = partial(added, run=Run(message.day, message.meters))
    return await memory.adapter.handle(message.user, answer, turn_id=message.id, io_timeout=6)


async def added(turn: Turn[Runner], *, run: Run) -> dict[str, Any]:
    """The reply. It may run again if another turn of this user was faster, so it changes nothing but *turn*."""
    runner = turn.user.data
    runner.runs.append(run)
    meters = runner.earlier_meters + sum(known.meters for known in runner.runs)
    return {"text": f"{len(runner.runs)} runs, {meters / 1000:.1f} km in all."}


if __name__ == "__main__":
    uvicorn.run(app)
