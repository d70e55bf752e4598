"""Conversations under faults: several processes at once, and nothing is lost, doubled, or out of order."""

from tests.conversation_checker import Trial, run_trial, violations
from tests.engines import Engine
from tests.sizes import of_size

COUNT = of_size(25, large=60)


async def test_appends(dynamodb_local: Engine, table_name: str) -> None:
    """4 processes with lost requests and answers and second deliveries: one order for all; readers see prefixes."""
    history = await run_trial(dynamodb_local, table_name, Trial(mode="appends", count=COUNT))

    assert [] == violations(history)
    assert 3 * COUNT < len(history.messages)


async def test_appends_pops_and_clears(dynamodb_local: Engine, table_name: str) -> None:
    """No message is popped twice; what was appended after a clear was over is there, or was popped."""
    history = await run_trial(dynamodb_local, table_name, Trial(mode="cuts", count=COUNT))

    assert [] == violations(history)
    assert {"append", "pop", "clear"} <= {done["what"] for done in history.done}


async def test_deletes_during_appends(dynamodb_local: Engine, table_name: str) -> None:
    """What was appended after a delete was over is there; every entry that is left has its head."""
    history = await run_trial(dynamodb_local, table_name, Trial(mode="deletes", count=COUNT))

    assert [] == violations(history)
    assert history.names == [] or any(name.startswith("h/") for name in history.names)
