"""The judge: one constraint on one response, and the constraints of one prompt. Cached, and equal calls are made once."""

import json
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from rlmr.wire import Constraint, Status
from services.verifier.cache import ByteCache, cache_key
from services.verifier.deadline import Deadline
from services.verifier.judge import prompting
from services.verifier.judge.endpoint import ChatEndpoint, JudgeFailure, ServedModel
from services.verifier.judge.question import JudgedText
from services.verifier.judge.shared_calls import CallBudget, SharedCalls
from services.verifier.judge.split import read_constraints, rules_text, split_format
from services.verifier.judge.verdict import VERDICT_FORMAT, read_verdict, read_yes_no
from services.verifier.settings import VerifierSettings


@dataclass(frozen=True)
class JudgeVerdict:
    passed: bool
    reason: str


NO_TEXT_VERDICT = JudgeVerdict(False, "the response is no text: empty, punctuation, or only the opening of an answer")


class Judge:
    def __init__(self, endpoint: ChatEndpoint, settings: VerifierSettings) -> None:
        self._endpoint, self._settings = endpoint, settings
        self.served: ServedModel | None = None
        """As the endpoint lists it; None before it has."""
        self.verdicts: ByteCache[JudgeVerdict] = ByteCache(settings.cache_bytes // 2)
        self.splits: ByteCache[str] = ByteCache(settings.cache_bytes // 8)
        self._calls = SharedCalls()

    @property
    def identity(self) -> str:
        """Covers all that decides a verdict and that can be known: the model as served, prompts, mode, and the settings that answers
        depend on."""
        settings = self._settings
        decisive = (
            self.served,
            settings.judge_yes_threshold,
            settings.judge_max_tokens,
            settings.judge_split_max_tokens,
        )
        hashed = sha256(repr(decisive).encode("utf-8", "backslashreplace")).hexdigest()[:12]
        return f"{settings.judge_model}@prompts-{prompting.version()}-{settings.judge_mode}-{hashed}"

    @property
    def short_identity(self) -> str:
        """Of twelve letters, for the verifier's revision."""
        return sha256(self.identity.encode("utf-8", "backslashreplace")).hexdigest()[:12]

    async def verdict(
        self, judged: JudgedText, constraint: str, budget: CallBudget, deadline: Deadline
    ) -> JudgeVerdict:
        """Raises JudgeFailure."""
        if judged.is_no_text:
            return NO_TEXT_VERDICT
        key = sha256(cache_key("verdict", self.identity, constraint) + judged.digest).digest()
        found = self.verdicts.get(key)
        if found is None:
            ask = partial(self.ask, judged, constraint)
            found = await self._calls.join_or_start(key, budget, deadline, ask)
            self.verdicts.put(key, found, 4 * len(found.reason))
        return found

    async def constraints(self, judged: JudgedText, budget: CallBudget, deadline: Deadline) -> list[Constraint]:
        """What the prompt asks for; at least one. Raises JudgeFailure."""
        key = sha256(cache_key("split", self.identity, rules_text()) + judged.prompt_digest).digest()
        found = self.splits.get(key)
        if found is None:
            ask = partial(self._ask_constraints, judged.prompt)
            constraints = await self._calls.join_or_start(key, budget, deadline, ask)
            found = json.dumps([c.model_dump() for c in constraints])
            self.splits.put(key, found, 4 * len(found))
        return [Constraint.model_validate(c) for c in json.loads(found)]

    async def ask(
        self, judged: JudgedText, constraint: str, *, purpose: str | None = None, queue: bool = True
    ) -> JudgeVerdict:
        """One call, nothing remembered. Raises JudgeFailure."""
        settings, yes_no = self._settings, self._settings.judge_mode == "yes_no"
        parameters: dict[str, Any] = (
            {"max_tokens": 1, "logprobs": True, "top_logprobs": 20}
            if yes_no
            else {"max_tokens": settings.judge_max_tokens, "response_format": VERDICT_FORMAT}
        )
        passed, reason = await self._endpoint.complete(
            purpose or settings.judge_mode,
            partial(_verdict_messages, "yes_no_user" if yes_no else "verdict_user", judged, constraint),
            len(judged.prompt) + len(constraint) + len(judged.response),
            partial(read_yes_no, threshold=settings.judge_yes_threshold) if yes_no else read_verdict,
            queue=queue,
            **parameters,
        )
        return JudgeVerdict(passed, reason)

    async def _ask_constraints(self, prompt: str) -> list[Constraint]:
        constraints = await self._endpoint.complete(
            "split",
            partial(_split_messages, prompt),
            len(prompt) + len(rules_text()),
            read_constraints,
            max_tokens=self._settings.judge_split_max_tokens,
            response_format=split_format(),
        )
        if not constraints:
            raise JudgeFailure(Status.UNVERIFIABLE, "judge: no constraint could be determined from the prompt")
        return constraints


def _verdict_messages(template: str, judged: JudgedText, constraint: str) -> list[dict[str, str]]:
    fields = {
        "prompt": prompting.as_data(judged.prompt),
        "constraint": prompting.as_data(constraint),
        "response": prompting.as_data(judged.response),
        "key": prompting.delimiter(judged.prompt, constraint, judged.response),
    }
    return [
        {"role": "system", "content": prompting.fill("verdict_system")},
        {"role": "user", "content": prompting.fill(template, **fields)},
    ]


def _split_messages(prompt: str) -> list[dict[str, str]]:
    fields = {"prompt": prompting.as_data(prompt), "key": prompting.delimiter("split", prompt)}
    return [
        {"role": "system", "content": prompting.fill("split_system", rules=rules_text())},
        {"role": "user", "content": prompting.fill("split_user", **fields)},
    ]
