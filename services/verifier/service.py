"""The verifier's work on requests: rules first and in slices, so that a large request never keeps its neighbours waiting; then
the judge for what is left; all-or-nothing decided in code."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rlmr.wire import (
    Constraint,
    ConstraintResult,
    FieldError,
    Status,
    VerifierIdentity,
    VerifyReply,
    VerifyRequest,
    VerifyResult,
    VerifySample,
)
from services.serving import ApiError, Overloaded
from services.verifier.cache import ByteCache
from services.verifier.constraints import Mode, registry, revision
from services.verifier.judge import Judge, JudgeFailure
from services.verifier.judge.judge import CallBudget
from services.verifier.metrics import VerifierMetrics
from services.verifier.settings import VerifierSettings
from services.verifier.verify import (
    JUDGE,
    PreparedConstraints,
    check_rules,
    conclude,
    is_final,
    prompt_text,
    refusal,
    sample_key,
)

RuleResults = list[ConstraintResult | None]
"""Per constraint: the rules' answer, or None where the judge is to answer."""


class Verifier:
    def __init__(self, settings: VerifierSettings, metrics: VerifierMetrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.revision = f"rules-{revision()}"
        self.judge: Judge | None = None
        self.rule_results: ByteCache[RuleResults] = ByteCache(settings.cache_bytes // 2)
        self._pending = 0

    @property
    def identity(self) -> VerifierIdentity:
        return VerifierIdentity(revision=self.revision, judge=self.judge.identity if self.judge else None)

    async def verify(self, request: VerifyRequest) -> VerifyReply:
        self._refuse_over_limits(request)
        with self._counted_as_pending(len(request.samples)):
            in_progress = _RequestInProgress(self, request.mode)
            try:
                started = [await in_progress.answer_or_task(sample) for sample in request.samples]
                answered = [self._count_result(r if isinstance(r, VerifyResult) else await r) for r in started]
            finally:
                await in_progress.cancel_tasks()
        self._count_cache_lookups()
        replies = zip(request.samples, answered, strict=True)
        return VerifyReply(
            verifier=self.identity,
            # Equal samples share one answer; only the id is theirs.
            results=[r if r.id == s.id else r.model_copy(update={"id": s.id}) for s, r in replies],
        )

    def _refuse_over_limits(self, request: VerifyRequest) -> None:
        count, limit = len(request.samples), self.settings.max_samples
        if count > limit:
            message = f"{count} samples, at most {limit} (MAX_SAMPLES): send several requests"
            raise ApiError(422, "too_many_samples", message, [FieldError(path="samples", message=message)])
        if self._pending and self._pending + count > self.settings.max_pending_samples:
            raise Overloaded(f"{self._pending} samples are waiting already", retry_after=1)

    @contextmanager
    def _counted_as_pending(self, count: int) -> Iterator[None]:
        self._pending += count
        self.metrics.pending_samples.set(self._pending)
        try:
            yield
        finally:
            self._pending -= count
            self.metrics.pending_samples.set(self._pending)

    def _count_result(self, result: VerifyResult) -> VerifyResult:
        self.metrics.samples.labels(result.status.value, str(result.passed).lower()).inc()
        for part in result.constraints:
            kind = part.type if part.type in registry or part.type == JUDGE else "unknown"
            outcome = part.status.value if part.passed is None else "passed" if part.passed else "failed"
            self.metrics.verdicts.labels(kind, part.source, outcome).inc()
        return result

    def _count_cache_lookups(self) -> None:
        caches: list[ByteCache] = [self.rule_results]
        if self.judge is not None:
            caches += [self.judge.verdicts, self.judge.splits]
        self.metrics.cache_bytes.set(sum(cache.bytes for cache in caches))
        for cache in caches:
            self.metrics.cache_lookups.labels("hit").inc(cache.hits)
            self.metrics.cache_lookups.labels("miss").inc(cache.misses)
            cache.hits = cache.misses = 0


class _RequestInProgress:
    """One request: equal samples are answered once; samples that need the judge wait for it side by side."""

    def __init__(self, verifier: Verifier, mode: Mode) -> None:
        self._verifier, self._settings, self._mode = verifier, verifier.settings, mode
        self._prepared = PreparedConstraints()
        self._budget = CallBudget(verifier.settings.judge_calls_per_request)
        self._answers: dict[bytes, VerifyResult | asyncio.Task[VerifyResult]] = {}
        self._turn_began = time.perf_counter()

    async def answer_or_task(self, sample: VerifySample) -> "VerifyResult | asyncio.Task[VerifyResult]":
        refused = refusal(sample, self._settings.max_chars, self._settings.max_constraints)
        if refused is not None:
            return refused
        key = sample_key(sample, self._mode, self._verifier.revision)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._rules_then_judge(sample, key)
            if time.perf_counter() - self._turn_began > self._settings.slice_seconds:
                await asyncio.sleep(0)
                self._turn_began = time.perf_counter()
        return answer

    async def cancel_tasks(self) -> None:
        """Nothing of a request outlives it, also when its caller left."""
        tasks = [a for a in self._answers.values() if isinstance(a, asyncio.Task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _rules_then_judge(self, sample: VerifySample, key: bytes) -> "VerifyResult | asyncio.Task[VerifyResult]":
        if sample.constraints is None:
            return asyncio.create_task(self._read_prompt_then_check(sample))
        rule_results = self._rule_results(sample, sample.constraints, key)
        if None in rule_results and self._verifier.judge is not None:
            return asyncio.create_task(self._fill_in_with_judge(sample, sample.constraints, rule_results))
        return conclude(sample.id, [r or _without_judge() for r in rule_results])

    def _rule_results(self, sample: VerifySample, constraints: list[Constraint], key: bytes) -> RuleResults:
        rule_results = self._verifier.rule_results.get(key)
        if rule_results is None:
            with self._verifier.metrics.sample_seconds.time():
                rule_results = check_rules(sample, constraints, self._mode, self._prepared)
            if all(map(is_final, rule_results)):
                size = sum(600 + 4 * len(r.reason or "") for r in rule_results if r is not None)
                self._verifier.rule_results.put(key, rule_results, size)
        return rule_results

    async def _read_prompt_then_check(self, sample: VerifySample) -> VerifyResult:
        """A sample without constraints: the judge reads them out of the prompt first."""
        judge = self._verifier.judge
        if judge is None:
            reason = "no constraints given, and no judge is configured to read them out of the prompt"
            return VerifyResult(id=sample.id, status=Status.UNVERIFIABLE, reason=reason)
        try:
            constraints = await judge.constraints(prompt_text(sample.prompt), self._budget)
        except JudgeFailure as failure:
            return VerifyResult(id=sample.id, status=failure.status, reason=failure.reason)
        full = sample.model_copy(update={"constraints": constraints})
        rule_results = self._rule_results(full, constraints, sample_key(full, self._mode, self._verifier.revision))
        return await self._fill_in_with_judge(full, constraints, rule_results)

    async def _fill_in_with_judge(
        self, sample: VerifySample, constraints: list[Constraint], rule_results: RuleResults
    ) -> VerifyResult:
        failed = any(r is not None and (r.passed is False or r.status is Status.INVALID_INPUT) for r in rule_results)
        if failed and not self._settings.judge_after_failure:
            return conclude(sample.id, [r or _judge_not_asked() for r in rule_results])
        verdicts = await asyncio.gather(
            *(
                self._judge_result(sample, c.text or "")
                for c, r in zip(constraints, rule_results, strict=True)
                if r is None
            )
        )
        rest = iter(verdicts)
        return conclude(sample.id, [r or next(rest) for r in rule_results])

    async def _judge_result(self, sample: VerifySample, text: str) -> ConstraintResult:
        judge = self._verifier.judge
        assert judge is not None
        try:
            verdict = await judge.verdict(prompt_text(sample.prompt), text, sample.response, self._budget)
        except JudgeFailure as failure:
            return ConstraintResult(type=JUDGE, status=failure.status, source="judge", reason=failure.reason)
        return ConstraintResult(type=JUDGE, passed=verdict.passed, source="judge", reason=verdict.reason)


def _without_judge() -> ConstraintResult:
    return ConstraintResult(type=JUDGE, status=Status.UNVERIFIABLE, source="judge", reason="no judge is configured")


def _judge_not_asked() -> ConstraintResult:
    reason = "not asked: another constraint has decided the sample already"
    return ConstraintResult(type=JUDGE, status=Status.UNVERIFIABLE, source="judge", reason=reason)
