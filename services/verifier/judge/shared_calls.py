"""Equal calls are made once, for as long as somebody waits for their answer."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from rlmr.wire import Status
from services.verifier.deadline import Deadline
from services.verifier.judge.endpoint import OUT_OF_TIME, JudgeFailure

Answer = TypeVar("Answer")


class CallBudget:
    """Calls that one request may still make."""

    def __init__(self, calls: int) -> None:
        self.total, self.left = calls, calls

    def spend(self, calls: int) -> None:
        if self.left < calls:
            raise JudgeFailure(Status.UNAVAILABLE, f"judge: the request's budget of {self.total} calls is spent")
        self.left -= calls


@dataclass(slots=True)
class _Call:
    task: asyncio.Task[Any]
    waiters: int = 0


class SharedCalls:
    def __init__(self) -> None:
        self._under_way: dict[bytes, _Call] = {}

    async def join_or_start(
        self,
        key: bytes,
        budget: CallBudget,
        deadline: Deadline,
        start: Callable[[], Coroutine[Any, Any, Answer]],
        *,
        calls: int = 1,
    ) -> Answer:
        """The answer of the call with this key; `start` makes one, `calls` of the budget, if none is under way. Each caller waits until its own deadline; the
        call is cancelled when the last one has left. Raises JudgeFailure."""
        call = self._under_way.get(key)
        if call is None:
            budget.spend(calls)
            call = self._under_way[key] = _Call(asyncio.create_task(start()))
            call.task.add_done_callback(lambda task: self._forget(key, task))
        call.waiters += 1
        why = None
        try:
            async with asyncio.timeout(deadline.left):
                return cast(Answer, await asyncio.shield(call.task))
        except TimeoutError as exc:
            why = OUT_OF_TIME
            raise JudgeFailure(Status.TIMEOUT, f"judge: no answer {deadline}") from exc
        finally:
            call.waiters -= 1
            if not call.waiters:
                # Forgotten at once: whoever asks now must not wait for a call that is being cancelled.
                self._forget(key, call.task)
                call.task.cancel(why)

    def _forget(self, key: bytes, task: asyncio.Task[Any]) -> None:
        call = self._under_way.get(key)
        if call is not None and call.task is task:
            del self._under_way[key]
        if task.done() and not task.cancelled():
            task.exception()  # looked at, so that a call whose callers all left is not reported as never retrieved
