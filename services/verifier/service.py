"""The verifier's work on requests: in slices, so that a large request never keeps the probes or its neighbours waiting."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rlmr.serving import ApiError, Overloaded
from rlmr.wire import (
    ConstraintResult,
    FieldError,
    Status,
    VerifierIdentity,
    VerifyReply,
    VerifyRequest,
    VerifyResult,
    VerifySample,
)
from services.verifier.constraints import Mode, registry, revision
from services.verifier.metrics import VerifierMetrics
from services.verifier.settings import VerifierSettings
from services.verifier.verify import Constraints, check_rules, conclude, refusal


class Verifier:
    def __init__(self, settings: VerifierSettings, metrics: VerifierMetrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.identity = VerifierIdentity(revision=f"rules-{revision()}")
        self._pending = 0

    async def verify(self, request: VerifyRequest) -> VerifyReply:
        self._admit(request)
        prepared = Constraints()
        results: list[VerifyResult] = []
        with self._counted(len(request.samples)):
            turn = time.perf_counter()
            for sample in request.samples:
                results.append(self._count(await self._sample(sample, request.mode, prepared)))
                if time.perf_counter() - turn > self.settings.slice_seconds:
                    await asyncio.sleep(0)
                    turn = time.perf_counter()
        return VerifyReply(verifier=self.identity, results=results)

    def _admit(self, request: VerifyRequest) -> None:
        count, limit = len(request.samples), self.settings.max_samples
        if count > limit:
            message = f"{count} samples, at most {limit} (MAX_SAMPLES): send several requests"
            raise ApiError(422, "too_many_samples", message, [FieldError(path="samples", message=message)])
        if self._pending and self._pending + count > self.settings.max_pending_samples:
            raise Overloaded(f"{self._pending} samples are waiting already", retry_after=1)

    @contextmanager
    def _counted(self, count: int) -> Iterator[None]:
        self._pending += count
        self.metrics.pending_samples.set(self._pending)
        try:
            yield
        finally:
            self._pending -= count
            self.metrics.pending_samples.set(self._pending)

    async def _sample(self, sample: VerifySample, mode: Mode, prepared: Constraints) -> VerifyResult:
        refused = refusal(sample, self.settings.max_chars, self.settings.max_constraints)
        if refused is not None:
            return refused
        if sample.constraints is None:
            reason = "no constraints given, and no judge is configured to read them out of the prompt"
            return VerifyResult(id=sample.id, status=Status.UNVERIFIABLE, reason=reason)
        with self.metrics.sample_seconds.time():
            checked = check_rules(sample, sample.constraints, mode, prepared)
        results = [
            ConstraintResult(type="judge", status=Status.UNVERIFIABLE, source="judge", reason="no judge is configured")
            if result is None
            else result
            for result in checked
        ]
        return conclude(sample.id, results)

    def _count(self, result: VerifyResult) -> VerifyResult:
        self.metrics.samples.labels(result.status.value, str(result.passed).lower()).inc()
        for part in result.constraints:
            kind = part.type if part.type in registry or part.type == "judge" else "unknown"
            outcome = part.status.value if part.passed is None else "passed" if part.passed else "failed"
            self.metrics.verdicts.labels(kind, part.source, outcome).inc()
        return result
