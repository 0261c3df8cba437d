"""One request: rules first, slice by slice; then the judge for what is left; all-or-nothing decided in code."""

import asyncio

from rlmr.wire import Constraint, ConstraintResult, Status, VerifyResult, VerifySample
from services.verifier.checking import Checked, RequestMemory, RuleChecks, RuleResults, slices
from services.verifier.constraints import ConstraintError, Mode
from services.verifier.constraints.registry import printable_line
from services.verifier.deadline import Deadline
from services.verifier.judge import Judge, JudgeFailure
from services.verifier.judge.question import JudgedText
from services.verifier.judge.shared_calls import CallBudget
from services.verifier.settings import VerifierSettings
from services.verifier.verify import JUDGE, conclude, in_words, is_unsure

_ResultOrTask = VerifyResult | asyncio.Task[VerifyResult]


class RequestInProgress:
    """Equal samples are answered once; samples that need the judge wait for it side by side."""

    def __init__(
        self, settings: VerifierSettings, rules: RuleChecks, judge: Judge | None, mode: Mode, deadline: Deadline
    ) -> None:
        self._settings, self._rules, self._judge, self._mode, self._deadline = settings, rules, judge, mode, deadline
        self._memory = RequestMemory()
        self._budget = CallBudget(settings.judge_calls_per_request)
        self._answers: dict[bytes, _ResultOrTask] = {}

    async def results(self, samples: list[VerifySample]) -> list[VerifyResult]:
        """One per sample, in order, by the deadline. Nothing of the request outlives this call, also when it is cancelled."""
        started: list[_ResultOrTask] = []
        try:
            for part in slices(samples):
                started += [self._started(s, c) for s, c in zip(part, await self._checked(part), strict=True)]
            return [answer if isinstance(answer, VerifyResult) else await answer for answer in started]
        except BaseException:
            self._deadline.give_up()
            raise
        finally:
            tasks = [answer for answer in started if isinstance(answer, asyncio.Task)]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _checked(self, samples: list[VerifySample]) -> list[VerifyResult | Checked]:
        try:
            return list(await self._rules.check(samples, self._mode, self._memory, self._deadline))
        except TimeoutError:
            reason = f"not checked {self._deadline}"
            return [VerifyResult(id=s.id, status=Status.TIMEOUT, reason=reason) for s in samples]

    def _started(self, sample: VerifySample, checked: VerifyResult | Checked) -> _ResultOrTask:
        if isinstance(checked, VerifyResult):
            return checked
        answer = self._answers.get(checked.key)
        if answer is None:
            answer = self._answers[checked.key] = self._rules_then_judge(sample, checked)
        return answer

    def _rules_then_judge(self, sample: VerifySample, checked: Checked) -> _ResultOrTask:
        judge, constraints, results, judged = self._judge, sample.constraints, checked.results, checked.judged
        if judge is not None and self._settings.judge_mode == "paper":
            return asyncio.create_task(self._all_at_once(judge, sample, results))
        if constraints is None or results is None:
            if judge is None or judged is None:
                reason = "no constraints given, and no judge is configured to read them out of the prompt"
                return VerifyResult(id=sample.id, status=Status.UNVERIFIABLE, reason=reason)
            return asyncio.create_task(self._read_prompt_then_check(judge, sample, judged))
        if judged is None:
            return conclude(sample.id, [r for r in results if r is not None])
        if judge is None:
            return conclude(sample.id, [r or _without_judge() for r in results])
        return asyncio.create_task(self._fill_in(judge, sample.id, constraints, results, judged))

    async def _read_prompt_then_check(self, judge: Judge, sample: VerifySample, judged: JudgedText) -> VerifyResult:
        """A sample without constraints: the judge reads them out of the prompt first."""
        try:
            constraints = await judge.constraints(judged, self._budget, self._deadline)
        except JudgeFailure as failure:
            return VerifyResult(id=sample.id, status=failure.status, reason=failure.reason)
        (checked,) = await self._checked([sample.model_copy(update={"constraints": constraints})])
        if isinstance(checked, VerifyResult):
            return checked
        assert checked.results is not None
        return await self._fill_in(judge, sample.id, constraints, checked.results, judged)

    async def _fill_in(
        self, judge: Judge, sample_id: str, constraints: list[Constraint], results: RuleResults, judged: JudgedText
    ) -> VerifyResult:
        failed = any(
            r is not None and (r.status is Status.INVALID_INPUT or (r.passed is False and not is_unsure(r)))
            for r in results
        )
        if failed and not self._settings.judge_after_failure:
            return conclude(sample_id, [r or _judge_not_asked() for r in results])
        answers = (
            self._verdict(judge, judged, constraint.text or "")
            if result is None
            else self._last_word(judge, judged, constraint, result)
            for constraint, result in zip(constraints, results, strict=True)
            if result is None or is_unsure(result)
        )
        rest = iter(await asyncio.gather(*answers))
        return conclude(sample_id, [next(rest) if r is None or is_unsure(r) else r for r in results])

    async def _all_at_once(self, judge: Judge, sample: VerifySample, results: RuleResults | None) -> VerifyResult:
        """Mode paper: one call and one verdict; which constraint was violated is not known."""
        constraints = sample.constraints
        if any(r is not None and r.status is Status.INVALID_INPUT for r in results or ()):
            return conclude(sample.id, [r or _judge_not_asked() for r in results or ()])
        if constraints == []:
            return conclude(sample.id, [])
        judged = await asyncio.to_thread(JudgedText.of, sample.prompt, sample.response)
        try:
            texts = None if constraints is None else [in_words(c) for c in constraints]
            verdict = await judge.verdict_on_all(judged, texts, self._budget, self._deadline)
        except ConstraintError as error:
            return VerifyResult(id=sample.id, status=Status.INVALID_INPUT, reason=str(error))
        except JudgeFailure as failure:
            return VerifyResult(id=sample.id, status=failure.status, reason=failure.reason)
        types = [JUDGE] if constraints is None else [c.type for c in constraints]
        if verdict.passed:
            met = [ConstraintResult(type=t, passed=True, source="judge", reason=verdict.reason) for t in types]
            return VerifyResult(id=sample.id, status=Status.OK, passed=True, constraints=met)
        if len(types) == 1:
            only = ConstraintResult(type=types[0], passed=False, source="judge", reason=verdict.reason)
            return conclude(sample.id, [only])
        reason = f"one verdict on all, which one is violated is not told: {verdict.reason}"
        unknown = [ConstraintResult(type=t, status=Status.UNVERIFIABLE, source="judge", reason=reason) for t in types]
        return VerifyResult(id=sample.id, status=Status.OK, passed=False, constraints=unknown)

    async def _verdict(self, judge: Judge, judged: JudgedText, constraint: str) -> ConstraintResult:
        try:
            verdict = await judge.verdict(judged, constraint, self._budget, self._deadline)
        except JudgeFailure as failure:
            return ConstraintResult(type=JUDGE, status=failure.status, source="judge", reason=failure.reason)
        reason = verdict.reason if verdict.answer != "not_applicable" else f"not applicable: {verdict.reason}"
        return ConstraintResult(type=JUDGE, passed=verdict.passed, source="judge", reason=reason)

    async def _last_word(
        self, judge: Judge, judged: JudgedText, constraint: Constraint, found: ConstraintResult
    ) -> ConstraintResult:
        """The judge's verdict on what an unsure checker calls violated. Where the judge fails there is none: it would have
        been the other way in one of ten or twenty."""
        verdict = await self._verdict(judge, judged, in_words(constraint))
        reason = printable_line(f"{found.reason}; judge: {verdict.reason}")
        return verdict.model_copy(update={"type": constraint.type, "reason": reason})


def _without_judge() -> ConstraintResult:
    return ConstraintResult(type=JUDGE, status=Status.UNVERIFIABLE, source="judge", reason="no judge is configured")


def _judge_not_asked() -> ConstraintResult:
    reason = "not asked: another constraint has decided the sample already"
    return ConstraintResult(type=JUDGE, status=Status.UNVERIFIABLE, source="judge", reason=reason)
