"""The judge: one constraint on one response, and the constraints of one prompt. Cached, and equal calls are made once."""

import json
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from rlmr.wire import Constraint, Status
from services.verifier.cache import ByteCache, cache_key
from services.verifier.deadline import Deadline
from services.verifier.judge import prompting
from services.verifier.judge.endpoint import ChatEndpoint, JudgeFailure
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
        self.identity = f"{settings.judge_model}@prompts-{prompting.version()}-{settings.judge_mode}"
        self.verdicts: ByteCache[JudgeVerdict] = ByteCache(settings.cache_bytes // 2)
        self.splits: ByteCache[str] = ByteCache(settings.cache_bytes // 8)
        self._calls = SharedCalls()

    async def why_not_ready(self) -> str | None:
        return await self._endpoint.why_not_ready()

    async def verdict(
        self, judged: JudgedText, constraint: str, budget: CallBudget, deadline: Deadline
    ) -> JudgeVerdict:
        """Raises JudgeFailure."""
        if judged.is_no_text:
            return NO_TEXT_VERDICT
        key = sha256(b"verdict" + self._identity_digest() + judged.digest + cache_key(constraint)).digest()
        found = self.verdicts.get(key)
        if found is None:
            ask = partial(self._ask_verdict, judged, constraint)
            found = await self._calls.join_or_start(key, budget, deadline, ask)
            self.verdicts.put(key, found, 4 * len(found.reason))
        return found

    async def constraints(self, judged: JudgedText, budget: CallBudget, deadline: Deadline) -> list[Constraint]:
        """What the prompt asks for; at least one. Raises JudgeFailure."""
        key = sha256(b"split" + self._identity_digest() + cache_key(rules_text()) + judged.prompt_digest).digest()
        found = self.splits.get(key)
        if found is None:
            ask = partial(self._ask_constraints, judged.prompt)
            constraints = await self._calls.join_or_start(key, budget, deadline, ask)
            found = json.dumps([c.model_dump() for c in constraints])
            self.splits.put(key, found, 4 * len(found))
        return [Constraint.model_validate(c) for c in json.loads(found)]

    def _identity_digest(self) -> bytes:
        return cache_key(self.identity, str(self._settings.judge_yes_threshold))

    async def _ask_verdict(self, judged: JudgedText, constraint: str) -> JudgeVerdict:
        yes_no = self._settings.judge_mode == "yes_no"
        messages = partial(_verdict_messages, "yes_no_user" if yes_no else "verdict_user", judged, constraint)
        chars = len(judged.prompt) + len(constraint) + len(judged.response)
        if yes_no:
            choice = await self._endpoint.complete(
                "yes_no", messages, chars, max_tokens=1, logprobs=True, top_logprobs=20
            )
            return JudgeVerdict(*read_yes_no(choice, self._settings.judge_yes_threshold))
        choice = await self._endpoint.complete(
            "verdict", messages, chars, max_tokens=self._settings.judge_max_tokens, response_format=VERDICT_FORMAT
        )
        return JudgeVerdict(*read_verdict(choice))

    async def _ask_constraints(self, prompt: str) -> list[Constraint]:
        choice = await self._endpoint.complete(
            "split",
            partial(_split_messages, prompt),
            len(prompt) + len(rules_text()),
            max_tokens=self._settings.judge_split_max_tokens,
            response_format=split_format(),
        )
        constraints = read_constraints(choice)
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
