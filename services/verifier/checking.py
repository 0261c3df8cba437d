"""Rule checks off the event loop: in a few threads, a slice of a request at a time, so that neither probes nor other requests
wait for a long text.

Threads, not processes: a check is pure Python that hands the interpreter over every few milliseconds, and what it remembers of words
and languages is shared. Measured in docs/verifier.md.
"""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from rlmr.wire import Constraint, ConstraintResult, VerifyResult, VerifySample
from services.verifier.cache import ByteCache
from services.verifier.constraints import Mode
from services.verifier.deadline import Deadline
from services.verifier.judge.question import JudgedText
from services.verifier.metrics import VerifierMetrics
from services.verifier.settings import VerifierSettings
from services.verifier.verify import PreparedConstraints, check_rules, is_final, is_unsure, refusal, sample_key

RuleResults = list[ConstraintResult | None]
"""Per constraint: the rules' answer, or None where the judge is to answer."""

_SLICE_CHARS = 50_000


@dataclass(frozen=True, slots=True)
class Checked:
    key: bytes
    """Equal for samples that get the same answer."""
    results: RuleResults | None
    """None for a sample without a list of constraints."""
    judged: JudgedText | None
    """What the judge is shown; None where it has nothing to answer."""


@dataclass(slots=True)
class RequestMemory:
    """What one request needs to do only once. One thread at a time uses it."""

    prepared: PreparedConstraints = field(default_factory=PreparedConstraints)
    results: dict[bytes, RuleResults] = field(default_factory=dict)


class RuleChecks:
    def __init__(self, settings: VerifierSettings, metrics: VerifierMetrics, revision: str) -> None:
        self.cache: ByteCache[RuleResults] = ByteCache(settings.cache_bytes // 2)
        self._settings, self._metrics, self._revision = settings, metrics, revision
        self._threads = ThreadPoolExecutor(settings.check_threads, thread_name_prefix="check")

    def stop(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(
        self, samples: Sequence[VerifySample], mode: Mode, memory: RequestMemory, deadline: Deadline
    ) -> list[VerifyResult | Checked]:
        """A result where a sample is refused. Raises TimeoutError if no thread was free, or done, in time."""

        def work() -> list[VerifyResult | Checked]:
            return [self._check_sample(sample, mode, memory, deadline) for sample in samples]

        if deadline.passed:
            raise TimeoutError
        async with asyncio.timeout(deadline.left):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _check_sample(
        self, sample: VerifySample, mode: Mode, memory: RequestMemory, deadline: Deadline
    ) -> VerifyResult | Checked:
        refused = refusal(sample, self._settings.max_chars, self._settings.max_constraints)
        if refused is not None:
            return refused
        key = sample_key(sample, mode, self._revision)
        if sample.constraints is None:
            return Checked(key, None, JudgedText.of(sample.prompt, sample.response))
        results = memory.results.get(key)
        if results is None:
            results = memory.results[key] = self._results(sample, sample.constraints, mode, key, memory, deadline)
        asks = any(r is None or is_unsure(r) for r in results)
        return Checked(key, results, JudgedText.of(sample.prompt, sample.response) if asks else None)

    def _results(
        self,
        sample: VerifySample,
        constraints: list[Constraint],
        mode: Mode,
        key: bytes,
        memory: RequestMemory,
        deadline: Deadline,
    ) -> RuleResults:
        results = self.cache.get(key)
        if results is None:
            with self._metrics.sample_seconds.time():
                results = check_rules(sample, constraints, mode, memory.prepared, deadline)
            if all(map(is_final, results)):
                size = sum(600 + 4 * len(r.reason or "") for r in results if r is not None)
                self.cache.put(key, results, size)
        return results


def slices(samples: Sequence[VerifySample]) -> Iterator[list[VerifySample]]:
    """In order; each of a few milliseconds' work, or of one sample."""
    part, chars = list[VerifySample](), 0
    for sample in samples:
        part.append(sample)
        chars += len(sample.response) + 1000
        if chars >= _SLICE_CHARS:
            yield part
            part, chars = [], 0
    if part:
        yield part
