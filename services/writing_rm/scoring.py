"""From a request's samples to their results: checks, tokens, scores. One bad sample never fails its neighbours."""

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from rlmr.wire import ScoreResult, ScoreSample, Status
from services.writing_rm.batching import Scheduler
from services.writing_rm.engines.base import Failure, Text
from services.writing_rm.metrics import Drift, WritingRmMetrics
from services.writing_rm.model.manifest import RewardModelManifest
from services.writing_rm.model.text_form import TextEncoder, TextFormError


class Scorer:
    def __init__(
        self,
        manifest: RewardModelManifest,
        encoder: TextEncoder,
        scheduler: Scheduler,
        metrics: WritingRmMetrics,
        *,
        max_tokens: int,
        max_chars: int,
        timeout: float,
    ) -> None:
        """max_tokens, max_chars: longest text; timeout: seconds from arrival to score."""
        self.manifest, self.encoder, self.scheduler, self.metrics = manifest, encoder, scheduler, metrics
        self.max_tokens, self.max_chars, self.timeout = max_tokens, max_chars, timeout
        self.drift = Drift(metrics)
        # One thread: a transformers tokenizer keeps state between its settings and its call.
        self._encoding = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encode")

    async def results(self, samples: Sequence[ScoreSample], seconds: float | None = None) -> list[ScoreResult]:
        """One result per sample, in order, within `seconds` (at most, and by default, the service's own time-out). Raises Overloaded
        when the queue has no room."""
        timeout = self.timeout if seconds is None else min(seconds, self.timeout)
        started, left = time.perf_counter(), threading.Event()
        encoding = asyncio.get_running_loop().run_in_executor(self._encoding, self._encode_all, samples, left)
        try:
            encoded = await asyncio.wait_for(encoding, timeout)
        except TimeoutError:
            late = f"not read within {timeout:g} s: too much text waits"
            encoded = [ScoreResult(id=sample.id, status=Status.TIMEOUT, reason=late) for sample in samples]
        finally:
            left.set()  # no effect when it is done
        spent = time.perf_counter() - started
        self.metrics.stage_seconds.labels("encode").observe(spent)
        texts = [item for item in encoded if isinstance(item, Text)]
        outcomes = iter(await self.scheduler.score(texts, max(0.0, timeout - spent)) if texts else [])
        results = []
        for sample, item in zip(samples, encoded, strict=True):
            if isinstance(item, ScoreResult):
                results.append(item)
                continue
            outcome, tokens = next(outcomes), len(item.ids)
            if isinstance(outcome, Failure):
                results.append(ScoreResult(id=sample.id, status=outcome.status, tokens=tokens, reason=outcome.reason))
            else:
                score = self.manifest.standardise(outcome)
                self.drift.add(score)
                results.append(ScoreResult(id=sample.id, status=Status.OK, score=score, raw=outcome, tokens=tokens))
        for result in results:
            self.metrics.samples.labels(result.status.value).inc()
        return results

    def _encode_all(self, samples: Sequence[ScoreSample], left: threading.Event) -> list[Text | ScoreResult]:
        """Ends early when nobody waits for it any more: all requests share this one thread."""
        encoded: list[Text | ScoreResult] = []
        for sample in samples:
            if left.is_set():
                break
            encoded.append(self._encode(sample))
        return encoded

    def _encode(self, sample: ScoreSample) -> Text | ScoreResult:
        def refused(status: Status, reason: str, tokens: int | None = None) -> ScoreResult:
            return ScoreResult(id=sample.id, status=status, reason=reason, tokens=tokens)

        prompt = sample.prompt
        contents = [prompt] if isinstance(prompt, str) else [message.content for message in prompt]
        for field, length in (("response", len(sample.response)), ("prompt", sum(map(len, contents)))):
            if length > self.max_chars:
                return refused(Status.TOO_LONG, f"{field}: {length} characters, at most {self.max_chars}")
        if not sample.response.strip():
            return refused(Status.INVALID_INPUT, "response: empty, or nothing but white space")
        try:
            ids = self.encoder.encode(prompt, sample.response)
        except TextFormError as exc:
            return refused(Status.INVALID_INPUT, str(exc))
        if len(ids) > self.max_tokens:
            return refused(Status.TOO_LONG, f"{len(ids)} tokens, at most {self.max_tokens}; nothing was cut", len(ids))
        group = prompt if isinstance(prompt, str) else tuple((message.role, message.content) for message in prompt)
        return Text(tuple(ids), group)

    def stop(self) -> None:
        self._encoding.shutdown(wait=False, cancel_futures=True)
