"""The verifier as the routes see it: limits, what is counted, who answers."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rlmr.wire import FieldError, VerifierIdentity, VerifyGroupsReply, VerifyReply, VerifyRequest, VerifyResult
from services.serving import ApiError, Overloaded
from services.verifier.cache import ByteCache
from services.verifier.checking import RuleChecks
from services.verifier.constraints import registry, revision
from services.verifier.constraints.versions import base_id
from services.verifier.deadline import Deadline
from services.verifier.judge import Judge
from services.verifier.judge.watch import JudgeWatch
from services.verifier.metrics import VerifierMetrics
from services.verifier.request import RequestInProgress
from services.verifier.settings import VerifierSettings
from services.verifier.verify import JUDGE


class Verifier:
    def __init__(self, settings: VerifierSettings, metrics: VerifierMetrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.revision = f"rules-{revision()}"
        self.rules = RuleChecks(settings, metrics, self.revision)
        self.judge: Judge | None = None
        self.watch: JudgeWatch | None = None
        self._pending = 0

    @property
    def identity(self) -> VerifierIdentity:
        if self.judge is None:
            return VerifierIdentity(revision=self.revision)
        return VerifierIdentity(
            revision=f"{self.revision}+judge-{self.judge.short_identity}", judge=self.judge.identity
        )

    async def verify(self, request: VerifyRequest, deadline: Deadline) -> VerifyReply | VerifyGroupsReply:
        """Cancelling it ends all that was begun for the request. Raises ApiError."""
        samples = request.flat()
        self._refuse_over_limits(len(samples), "samples" if request.groups is None else "groups")
        with self._counted_as_pending(len(samples)):
            if self.watch is not None:
                await self.watch.first_look()  # a verdict is remembered, and answered, under the judge's whole identity
            in_progress = RequestInProgress(self.settings, self.rules, self.judge, request.mode, deadline)
            answered = await in_progress.results(samples)
        self._count(answered)
        replies = zip(samples, answered, strict=True)
        # Equal samples share one answer; only the id is theirs.
        results = [r if r.id == s.id else r.model_copy(update={"id": s.id}) for s, r in replies]
        return request.reply(self.identity, results)

    def _refuse_over_limits(self, count: int, path: str) -> None:
        limit = self.settings.max_samples
        if count > limit:
            message = f"{count} texts, at most {limit} (MAX_SAMPLES): send several requests"
            raise ApiError(422, "too_many_samples", message, [FieldError(path=path, message=message)])
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

    def _count(self, results: list[VerifyResult]) -> None:
        """Added up first: a request may bring tens of thousands of verdicts."""
        for (status, passed), number in Counter((r.status, r.passed) for r in results).items():
            self.metrics.samples.labels(status.value, str(passed).lower()).inc(number)
        verdicts = Counter(
            (part.type, part.source, part.status, part.passed) for r in results for part in r.constraints
        )
        for (type, source, status, passed), number in verdicts.items():
            kind = base if (base := base_id(type)) in registry or base == JUDGE else "unknown"
            outcome = status.value if passed is None else "passed" if passed else "failed"
            self.metrics.verdicts.labels(kind, source, outcome).inc(number)
        caches: list[ByteCache] = [self.rules.cache]
        if self.judge is not None:
            caches += [self.judge.verdicts, self.judge.splits]
        self.metrics.cache_bytes.set(sum(cache.bytes for cache in caches))
        for cache in caches:
            hits, misses = cache.take_counts()
            self.metrics.cache_lookups.labels("hit").inc(hits)
            self.metrics.cache_lookups.labels("miss").inc(misses)
