"""The judge: one constraint on one response, and the constraints of one prompt. Cached, and equal calls are made once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from rlmr.wire import Constraint, Status
from services.verifier.cache import ByteCache, cache_key
from services.verifier.judge import prompting
from services.verifier.judge.endpoint import ChatEndpoint, JudgeFailure
from services.verifier.judge.openers import is_no_text
from services.verifier.judge.split import read_constraints, rules_text, split_format
from services.verifier.judge.verdict import VERDICT_FORMAT, read_verdict, read_yes_no
from services.verifier.settings import VerifierSettings

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class JudgeVerdict:
    passed: bool
    reason: str


NO_TEXT_VERDICT = JudgeVerdict(False, "the response is no text: empty, punctuation, or only the opening of an answer")


class CallBudget:
    """Calls that one request may still make."""

    def __init__(self, calls: int) -> None:
        self.total, self.left = calls, calls

    def spend(self) -> None:
        if self.left == 0:
            raise JudgeFailure(Status.UNAVAILABLE, f"judge: the request's budget of {self.total} calls is spent")
        self.left -= 1


class Judge:
    def __init__(self, endpoint: ChatEndpoint, settings: VerifierSettings) -> None:
        self._endpoint, self._settings = endpoint, settings
        self.identity = f"{settings.judge_model}@prompts-{prompting.version()}-{settings.judge_mode}"
        self.verdicts: ByteCache[JudgeVerdict] = ByteCache(settings.cache_bytes // 2)
        self.splits: ByteCache[str] = ByteCache(settings.cache_bytes // 8)
        self._calls_under_way: dict[bytes, asyncio.Task[Any]] = {}

    async def why_not_ready(self) -> str | None:
        return await self._endpoint.why_not_ready()

    async def verdict(self, prompt: str, constraint: str, response: str, budget: CallBudget) -> JudgeVerdict:
        """Raises JudgeFailure."""
        if is_no_text(response):
            return NO_TEXT_VERDICT
        key = cache_key("verdict", self.identity, str(self._settings.judge_yes_threshold), prompt, constraint, response)
        found = self.verdicts.get(key)
        if found is None:
            found = await self._join_or_start(key, budget, lambda: self._ask_verdict(prompt, constraint, response))
            self.verdicts.put(key, found, 4 * len(found.reason))
        return found

    async def constraints(self, prompt: str, budget: CallBudget) -> list[Constraint]:
        """What the prompt asks for; at least one. Raises JudgeFailure."""
        key = cache_key("split", self.identity, rules_text(), prompt)
        found = self.splits.get(key)
        if found is None:
            constraints = await self._join_or_start(key, budget, lambda: self._ask_constraints(prompt))
            found = json.dumps([c.model_dump() for c in constraints])
            self.splits.put(key, found, 4 * len(found))
        return [Constraint.model_validate(c) for c in json.loads(found)]

    async def _join_or_start(self, key: bytes, budget: CallBudget, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Callers with the same key wait for one call. It goes on if a caller leaves: others may be waiting."""
        task = self._calls_under_way.get(key)
        if task is None:
            budget.spend()
            task = asyncio.ensure_future(ask())
            self._calls_under_way[key] = task
            task.add_done_callback(lambda done: self._call_ended(key, done))
        return cast(Answer, await asyncio.shield(task))

    def _call_ended(self, key: bytes, task: asyncio.Task[Any]) -> None:
        del self._calls_under_way[key]
        if not task.cancelled():
            task.exception()  # looked at, so that a call whose callers all left is not reported as never retrieved

    async def _ask_verdict(self, prompt: str, constraint: str, response: str) -> JudgeVerdict:
        fields = {
            "prompt": prompting.as_data(prompt),
            "constraint": prompting.as_data(constraint),
            "response": prompting.as_data(response),
            "key": prompting.delimiter(prompt, constraint, response),
        }
        yes_no = self._settings.judge_mode == "yes_no"
        messages = [
            {"role": "system", "content": prompting.fill("verdict_system")},
            {"role": "user", "content": prompting.fill("yes_no_user" if yes_no else "verdict_user", **fields)},
        ]
        if yes_no:
            choice = await self._endpoint.complete("yes_no", messages, max_tokens=1, logprobs=True, top_logprobs=20)
            return JudgeVerdict(*read_yes_no(choice, self._settings.judge_yes_threshold))
        choice = await self._endpoint.complete(
            "verdict", messages, max_tokens=self._settings.judge_max_tokens, response_format=VERDICT_FORMAT
        )
        return JudgeVerdict(*read_verdict(choice))

    async def _ask_constraints(self, prompt: str) -> list[Constraint]:
        messages = [
            {"role": "system", "content": prompting.fill("split_system", rules=rules_text())},
            {
                "role": "user",
                "content": prompting.fill(
                    "split_user", prompt=prompting.as_data(prompt), key=prompting.delimiter("split", prompt)
                ),
            },
        ]
        choice = await self._endpoint.complete(
            "split", messages, max_tokens=self._settings.judge_split_max_tokens, response_format=split_format()
        )
        constraints = read_constraints(choice)
        if not constraints:
            raise JudgeFailure(Status.UNVERIFIABLE, "judge: no constraint could be determined from the prompt")
        return constraints
