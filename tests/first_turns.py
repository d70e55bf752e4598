"""First turns, all at once, in a process of their own: `python -m tests.first_turns CONFIG COUNT`, a line on stdin."""

import asyncio
import json
import os
import sys

from dynadb_async import AsyncDynamoDb, DynamoDbConfig
from tests.sessions import RecordingSession, visit


async def main(config: DynamoDbConfig, count: int) -> dict[str, int]:
    """How many turns were answered, and how often CreateTable was sent for them."""
    session = RecordingSession()
    async with AsyncDynamoDb(config, aws_session=session) as db:
        answers = await asyncio.gather(*(visit(db, f"{os.getpid()}-{n}") for n in range(count)))
    return {"answered": sum(answers), "created": session.count("CreateTable")}


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(json.dumps(asyncio.run(main(DynamoDbConfig.from_dict(json.loads(sys.argv[1])), int(sys.argv[2])))))
