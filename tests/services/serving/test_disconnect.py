"""Work ends with its caller, and with nobody else."""

import asyncio
import contextlib

import pytest
from starlette.requests import Request

from services.serving.disconnect import ClientLeft, until_disconnect


class Caller:
    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, str]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    @property
    def request(self) -> Request:
        return Request({"type": "http"}, self.receive)


async def test_work_is_cancelled_when_its_caller_leaves_and_the_task_goes_on() -> None:
    caller, ended = Caller(), []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    asyncio.get_running_loop().call_later(0.05, caller.left.set)
    with pytest.raises(ClientLeft):
        await until_disconnect(caller.request, work())
    assert ended == [True]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # no cancellation is left over


async def test_a_result_and_an_error_come_through_and_leave_no_task_behind() -> None:
    before = asyncio.all_tasks()

    async def work(seconds: float) -> int:
        await asyncio.sleep(seconds)
        return 7

    async def broken() -> None:
        await asyncio.sleep(0.05)
        raise KeyError("k")

    for seconds in (0.0, 0.05):
        assert await until_disconnect(Caller().request, work(seconds)) == 7
    with pytest.raises(KeyError):
        await until_disconnect(Caller().request, broken())
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == before


async def test_somebody_elses_cancellation_stays_one() -> None:
    caller = Caller()
    task = asyncio.create_task(until_disconnect(caller.request, asyncio.sleep(60)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_caller_that_left_while_the_work_ended_gets_its_answer_or_none_and_no_cancellation_stays() -> None:
    for delay in (0.0198, 0.02, 0.0202, 0.021, 0.022):
        caller = Caller()
        asyncio.get_running_loop().call_later(delay, caller.left.set)
        with contextlib.suppress(ClientLeft):
            await until_disconnect(caller.request, asyncio.sleep(0.021))
        await asyncio.sleep(0.01)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
