"""The alarm is `asyncio.timeout_at` for many at once, and no other way of being cancelled is taken for it."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynadb_async.wire.alarm import Alarm

LONG = 30.0


@pytest.fixture
async def alarm() -> Alarm:
    """Of the running event loop."""
    return Alarm(asyncio.get_running_loop())


async def within(alarm: Alarm, seconds: float, work: Any = None) -> str:
    """What became of *work*, or of waiting for ever."""
    try:
        with alarm.at(alarm.loop.time() + seconds):
            await (work or asyncio.Event().wait())
    except TimeoutError:
        return "late"
    return "done"


async def test_it_rings(alarm: Alarm) -> None:
    """Once the time is up, also when that was before it began; the task goes on as if it had not been cancelled."""
    for seconds in (0.01, 0, -1):
        assert "late" == await within(alarm, seconds)
        task = asyncio.current_task()
        assert task is not None
        assert 0 == task.cancelling()
    assert "done" == await within(alarm, LONG, asyncio.sleep(0))


@given(st.lists(st.sampled_from([0.001, 0.003, 0.006, LONG]), min_size=1, max_size=8))
async def test_each_has_its_own_time(times: list[float]) -> None:
    """Whoever comes first, whoever is due first."""
    alarm = Alarm(asyncio.get_running_loop())
    outcomes = await asyncio.gather(
        *(within(alarm, seconds, asyncio.sleep(0.02) if seconds == LONG else None) for seconds in times)
    )

    assert ["done" if seconds == LONG else "late" for seconds in times] == outcomes


async def test_a_cancellation_from_outside_stays_one(alarm: Alarm) -> None:
    """Alone, and in the very moment in which the alarm rings."""
    for seconds in (LONG, 0.01):
        task = asyncio.create_task(within(alarm, seconds))
        await asyncio.sleep(0)
        if seconds != LONG:
            alarm.loop.call_at(alarm.loop.time() + 0.0099, task.cancel)
            alarm.loop.call_at(alarm.loop.time() + 0.0101, task.cancel)
        else:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_is_cancelled_already_can_be_late(alarm: Alarm) -> None:
    """A save in the clean-up of a cancelled task has its time like any other."""

    async def work() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return await within(alarm, 0.01)
        return "never"

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()

    assert "late" == await task


async def test_an_error_in_the_last_moment_stays_one(alarm: Alarm) -> None:
    """The alarm rang, and the block raised something else."""

    async def stumble() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("stumbled") from None

    with pytest.raises(ValueError, match="stumbled"):
        await within(alarm, 0.01, stumble())


async def test_within_a_task_only(alarm: Alarm) -> None:
    """There would be nothing to cancel."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[bool] = loop.create_future()

    def enter() -> None:
        with pytest.raises(RuntimeError, match="task"), alarm.at(0):
            pass
        told.set_result(True)

    loop.call_soon(enter)
    assert await told


async def test_it_can_be_hastened(alarm: Alarm) -> None:
    """Never put off, and only for a task that has a limit."""

    async def hastened(seconds: float) -> None:
        alarm.hasten(alarm.loop.time() + seconds)
        await asyncio.Event().wait()

    alarm.hasten(0)
    assert "late" == await within(alarm, LONG, hastened(0.01))
    assert "late" == await within(alarm, 0.01, hastened(LONG))
