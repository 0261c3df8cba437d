"""The judge: one constraint on one response, all of them at once (mode paper), and the constraints of one prompt. Cached, and equal
calls are made once."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

from rlmr.wire import Constraint, Status
from services.verifier.cache import ByteCache, cache_key
from services.verifier.deadline import Deadline
from services.verifier.judge import prompting
from services.verifier.judge.asked_language import CONDITION, is_conditional, language_of
from services.verifier.judge.endpoint import ChatEndpoint, JudgeFailure, ServedModel
from services.verifier.judge.form import PLAIN, forms_of
from services.verifier.judge.openers import OPENERS
from services.verifier.judge.prompt_files import Language, prompts_of
from services.verifier.judge.question import JudgedText
from services.verifier.judge.shared_calls import CallBudget, SharedCalls
from services.verifier.judge.split import read_constraints, rules_text, split_format
from services.verifier.judge.verdict import NO, YES, JudgeVerdict, read_yes_no
from services.verifier.judge.votes import majority
from services.verifier.settings import VerifierSettings

NO_TEXT_VERDICT = JudgeVerdict(
    "violated", "the response is no text: empty, punctuation, or only the opening of an answer"
)

_DECISIVE = (
    "judge_yes_threshold", "judge_max_tokens", "judge_split_max_tokens", "judge_language", "judge_temperature", "judge_top_p",
    "judge_seed", "judge_thinking", "judge_thinking_tokens", "judge_extra_body", "judge_votes",
)  # fmt: skip
"""Settings that verdicts depend on, beside model, mode and prompts."""


class Judge:
    def __init__(self, endpoint: ChatEndpoint, settings: VerifierSettings) -> None:
        self._endpoint, self._settings = endpoint, settings
        self._prompts = prompts_of(settings.judge_prompts)
        self._plain, self._conditional = forms_of(settings.judge_prompts)
        self.served: ServedModel | None = None
        """As the endpoint lists it; None before it has."""
        self.verdicts: ByteCache[JudgeVerdict] = ByteCache(settings.cache_bytes // 2)
        self.splits: ByteCache[str] = ByteCache(settings.cache_bytes // 8)
        self._calls = SharedCalls()

    @property
    def identity(self) -> str:
        """Covers all that decides a verdict and that can be known: the model as served, prompts, form, mode, the settings that answers
        depend on, and the word lists of what is asked and how it is read."""
        settings = self._settings
        forms = [form.model_dump_json() for form in (self._plain, self._conditional)]
        given = [json.dumps(getattr(settings, name), sort_keys=True) for name in _DECISIVE]
        decisive = (self.served, forms, given, CONDITION.pattern, sorted(OPENERS), sorted(YES), sorted(NO))
        hashed = sha256(repr(decisive).encode("utf-8", "backslashreplace")).hexdigest()[:12]
        return f"{settings.judge_model}@prompts-{self._prompts.version}-{settings.judge_mode}-{hashed}"

    @property
    def short_identity(self) -> str:
        """Of twelve letters, for the verifier's revision."""
        return sha256(self.identity.encode("utf-8", "backslashreplace")).hexdigest()[:12]

    @property
    def usage(self) -> dict[str, Any]:
        return self._endpoint.usage.summary()

    async def verdict(
        self, judged: JudgedText, constraint: str, budget: CallBudget, deadline: Deadline
    ) -> JudgeVerdict:
        """Raises JudgeFailure."""
        key = sha256(cache_key("verdict", self.identity, constraint) + judged.digest).digest()
        return await self._remembered(key, judged, partial(self.ask, judged, constraint), budget, deadline)

    async def verdict_on_all(
        self, judged: JudgedText, constraints: Sequence[str] | None, budget: CallBudget, deadline: Deadline
    ) -> JudgeVerdict:
        """One verdict on all constraints; None: on all that the task asks for. Raises JudgeFailure."""
        listed = "null" if constraints is None else json.dumps(constraints)
        key = sha256(cache_key("all", self.identity, listed) + judged.digest).digest()
        return await self._remembered(key, judged, partial(self.ask_all, judged, constraints), budget, deadline)

    async def _remembered(
        self,
        key: bytes,
        judged: JudgedText,
        ask: Callable[[], Coroutine[Any, Any, JudgeVerdict]],
        budget: CallBudget,
        deadline: Deadline,
    ) -> JudgeVerdict:
        if judged.is_no_text:
            return NO_TEXT_VERDICT
        found = self.verdicts.get(key)
        if found is None:
            found = await self._calls.join_or_start(key, budget, deadline, ask, calls=self._settings.judge_votes)
            self.verdicts.put(key, found, 4 * len(found.reason))
        return found

    async def constraints(self, judged: JudgedText, budget: CallBudget, deadline: Deadline) -> list[Constraint]:
        """What the prompt asks for; at least one. Raises JudgeFailure."""
        key = sha256(cache_key("split", self.identity, rules_text()) + judged.prompt_digest).digest()
        found = self.splits.get(key)
        if found is None:
            ask = partial(self._ask_constraints, judged)
            constraints = await self._calls.join_or_start(key, budget, deadline, ask)
            found = json.dumps([c.model_dump() for c in constraints])
            self.splits.put(key, found, 4 * len(found))
        return [Constraint.model_validate(c) for c in json.loads(found)]

    async def ask(
        self, judged: JudgedText, constraint: str, *, purpose: str | None = None, queue: bool = True
    ) -> JudgeVerdict:
        """As many calls as there are votes, nothing remembered. Raises JudgeFailure."""
        settings, conditional = self._settings, is_conditional(constraint)
        texts, language = {"constraint": constraint}, self._language(judged, constraint)
        purpose = purpose or ("verdict" if settings.judge_mode == "paper" else settings.judge_mode)
        if settings.judge_mode == "yes_no":
            read = partial(read_yes_no, threshold=settings.judge_yes_threshold)
            first_token = {"max_tokens": 1, "logprobs": True, "top_logprobs": 20}
            return await self._vote(
                purpose, self._template(constraint), language, judged, texts, read, queue, **first_token
            )
        form = self._conditional if conditional else self._plain

        def read_form(choice: dict[str, Any]) -> JudgeVerdict:
            verdict = form.read(choice)
            if verdict.answer == "not_applicable" and not conditional:
                raise JudgeFailure(Status.UNPARSEABLE, "judge: not applicable, to a requirement without a condition")
            return verdict

        template = self._template(constraint)
        as_json = {"max_tokens": settings.judge_max_tokens, "response_format": form.response_format}
        return await self._vote(purpose, template, language, judged, texts, read_form, queue, **as_json)

    def messages(self, judged: JudgedText, constraint: str) -> list[dict[str, str]]:
        """What `ask` sends."""
        language = self._language(judged, constraint)
        return self._messages(self._template(constraint), language, judged, {"constraint": constraint})

    def _template(self, constraint: str) -> str:
        if self._settings.judge_mode == "yes_no":
            return "yes_no_user"
        return "verdict_conditional_user" if is_conditional(constraint) else "verdict_user"

    async def ask_all(
        self, judged: JudgedText, constraints: Sequence[str] | None, *, purpose: str = "paper", queue: bool = True
    ) -> JudgeVerdict:
        """As `ask`, of all constraints at once; None: of all that the task sets."""
        language = self._language(judged, *(constraints or ()))
        listed = constraints if constraints is not None else [self._prompts.fill(language, "whole_task")]
        texts = {"constraints": "\n".join(f"{i}. {text}" for i, text in enumerate(listed, start=1))}
        as_json = {"max_tokens": self._settings.judge_max_tokens, "response_format": PLAIN.response_format}
        return await self._vote(purpose, "paper_user", language, judged, texts, PLAIN.read, queue, **as_json)

    async def _vote(
        self,
        purpose: str,
        template: str,
        language: Language,
        judged: JudgedText,
        texts: dict[str, str],
        read: Callable[[dict[str, Any]], JudgeVerdict],
        queue: bool,
        **parameters: Any,
    ) -> JudgeVerdict:
        messages = partial(self._messages, template, language, judged, texts)
        chars = len(judged.prompt) + len(judged.response) + sum(map(len, texts.values()))

        async def ballot(vote: int) -> JudgeVerdict | JudgeFailure:
            try:
                return await self._endpoint.complete(
                    purpose, messages, chars, read, queue=queue, vote=vote, **parameters
                )
            except JudgeFailure as failure:
                return failure

        found = majority(await asyncio.gather(*map(ballot, range(self._settings.judge_votes))))
        if purpose != "golden":
            self._endpoint.count_verdict(found.answer)
        return found

    async def _ask_constraints(self, judged: JudgedText) -> list[Constraint]:
        constraints = await self._endpoint.complete(
            "split",
            partial(self._split_messages, judged.prompt, self._language(judged)),
            len(judged.prompt) + len(rules_text()),
            read_constraints,
            max_tokens=self._settings.judge_split_max_tokens,
            response_format=split_format(),
        )
        if not constraints:
            raise JudgeFailure(Status.UNVERIFIABLE, "judge: no constraint could be determined from the prompt")
        return constraints

    def _language(self, judged: JudgedText, *texts: str) -> Language:
        wanted = self._settings.judge_language
        if wanted != "auto":
            return wanted
        spoken = (judged.language, *map(language_of, texts))
        return next((language for language in spoken if language is not None), "en")

    def _messages(
        self, template: str, language: Language, judged: JudgedText, texts: dict[str, str]
    ) -> list[dict[str, str]]:
        fields = {
            "prompt": prompting.as_data(judged.prompt),
            "response": prompting.as_data(judged.response),
            "key": prompting.delimiter(judged.prompt, judged.response),
            **{name: prompting.as_data(text) for name, text in texts.items()},
        }
        system = {"verdict_user": "verdict_system", "verdict_conditional_user": "verdict_system"}.get(
            template, template.replace("_user", "_system")
        )
        return [
            {"role": "system", "content": self._prompts.fill(language, system)},
            {"role": "user", "content": self._prompts.fill(language, template, **fields)},
        ]

    def _split_messages(self, prompt: str, language: Language) -> list[dict[str, str]]:
        fields = {"prompt": prompting.as_data(prompt), "key": prompting.delimiter("split", prompt)}
        return [
            {"role": "system", "content": self._prompts.fill(language, "split_system", rules=rules_text())},
            {"role": "user", "content": self._prompts.fill(language, "split_user", **fields)},
        ]
