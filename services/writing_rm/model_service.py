"""The life of the served model: load, warm up, prove itself on the golden texts, answer."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from rlmr.wire import ModelIdentity, ScoreResult, ScoreSample
from services.serving import ApiError
from services.writing_rm.batching import Scheduler
from services.writing_rm.cache import ScoreCache
from services.writing_rm.engines.base import Engine
from services.writing_rm.engines.choose import make_engine
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.model.golden_check import GoldenCheck
from services.writing_rm.model.manifest import (
    ManifestError,
    ModelMissing,
    RewardModelManifest,
    read_manifest,
    verify_files,
)
from services.writing_rm.model.text_form import TextEncoder
from services.writing_rm.scoring import Scorer
from services.writing_rm.settings import WritingRmSettings

log = structlog.get_logger(__name__)


LOAD_AGAIN_SECONDS = (2.0, 60.0)
"""First and longest pause before a load is tried again; it doubles."""


class ModelService:
    def __init__(
        self,
        settings: WritingRmSettings,
        metrics: WritingRmMetrics,
        give_up: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """give_up: called once, with the reason, if this model can never be served; `hopeless` then says why, and so does liveness."""
        self.settings, self.metrics, self.give_up = settings, metrics, give_up
        self.hopeless: str | None = None
        self.manifest: RewardModelManifest | None = None
        self.engine: Engine | None = None
        self.scheduler: Scheduler | None = None
        self.scorer: Scorer | None = None
        self._starting = ["starting"]
        self._boot: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Returns at once: the service is live while it loads."""
        self._boot = asyncio.create_task(self._start(), name="load-model")

    async def _start(self) -> None:
        """What may pass is waited for here: a file that is still being copied, a disk or network that fails, memory that
        something else holds. Anything else ends the process.

        Ending it, rather than a service that is live and never ready, is what Kubernetes users look for: the pod shows
        CrashLoopBackOff, the reason is the last thing in its log, a rollout stops, and the restart with its growing pause tries
        the same again (a file may have been half copied). On a laptop, the command that was typed says what is wrong.
        """
        pause, longest = LOAD_AGAIN_SECONDS
        while True:
            try:
                await self._load()
                return
            except Exception as exc:
                reason = f"{type(exc).__name__}: {exc}"
                directory = str(self.settings.model_dir)
                await self._unload()
                self._starting = [reason]
                if not _may_pass(exc):
                    log.exception("model_not_loaded", model_dir=directory, reason=reason, next="the process ends")
                    self.hopeless = reason
                    self.give_up(reason)
                    return
                log.warning("model_not_loaded", model_dir=directory, reason=reason, next=f"again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def _unload(self) -> None:
        engine, self.engine = self.engine, None
        if engine is not None:
            await engine.stop()

    async def _load(self) -> None:
        settings, directory = self.settings, Path(self.settings.model_dir)
        self._starting = ["reading the model directory"]
        self.manifest = manifest = await asyncio.to_thread(read_manifest, directory)
        if settings.verify_files:
            await asyncio.to_thread(verify_files, directory, manifest, weights=settings.engine == "torch")
        encoder = await asyncio.to_thread(TextEncoder.from_directory, directory, manifest.text_form)
        check = GoldenCheck(manifest, encoder, settings.tolerance())
        if check.changed:  # our own tokenizer: no engine could ever pass, however long we wait for one
            raise ManifestError("; ".join(check.changed))
        self._starting = [f"starting the engine ({settings.engine})"]
        self.engine = engine = make_engine(settings, check, self.metrics)
        await engine.start()
        if settings.engine == "torch":  # an HTTP engine checks each of its servers itself, again and again
            await self._prove(engine, check)
        limits = [n for n in (manifest.max_tokens, settings.max_tokens, engine.max_tokens) if n is not None]
        cache = ScoreCache(settings.cache_bytes, f"{manifest.revision} {engine.identity}")
        self.scheduler = Scheduler(engine, cache, self.metrics, settings.queue_tokens, settings.engine_grace_seconds)
        self.scheduler.start()
        self.scorer = Scorer(
            manifest,
            encoder,
            self.scheduler,
            self.metrics,
            max_tokens=min(limits),
            max_chars=settings.max_chars,
            timeout=settings.timeout_seconds,
        )
        self._starting = []
        log.info("model_ready", model=manifest.name, revision=manifest.revision, engine=engine.identity)

    async def _prove(self, engine: Engine, check: GoldenCheck) -> None:
        report = await check.run(engine.score, engine.max_batch_tokens)
        self.metrics.golden_error.labels("torch").set(report.largest_error)
        up = self.metrics.engine_up.labels("torch")
        up.set(0)
        if report.problems:
            raise ManifestError("; ".join(report.problems))
        up.set_function(lambda: float(not engine.problems()))
        log.info("golden_scores_reproduced", largest_error=report.largest_error, texts=len(check.texts))

    def problems(self) -> list[str]:
        """Why /score cannot answer truthfully now; empty when it can."""
        return self._starting + (self.engine.problems() if self.engine is not None else [])

    def remarks(self) -> list[str]:
        """What somebody should look at although /score answers."""
        return self.engine.remarks() if self.engine is not None and not self._starting else []

    def needs_restart(self) -> str | None:
        """Why only another process can help; None while this one can."""
        if self.engine is not None and self.engine.usable.beyond_help:
            return self.engine.usable.problem
        return self.hopeless

    async def scored(
        self, samples: Sequence[ScoreSample], seconds: float | None = None
    ) -> tuple[ModelIdentity, list[ScoreResult]]:
        """What scored, and one result per sample in order, within `seconds` if the caller has a deadline. Raises ApiError 503 until the engine has once reproduced the golden scores, Overloaded when the queue is full."""
        if self.scorer is None or self.manifest is None or self.engine is None:
            reasons = "; ".join(self.problems())
            raise ApiError(503, "not_ready", f"not ready: {reasons}", headers={"Retry-After": "2"})
        results = await self.scorer.results(samples, seconds)
        identity = ModelIdentity(name=self.manifest.name, revision=self.manifest.revision, engine=self.engine.identity)
        return identity, results

    def details(self) -> dict[str, Any]:
        manifest, engine, scorer = self.manifest, self.engine, self.scorer
        return {
            "model": manifest.model_dump(exclude={"golden", "files"}) if manifest else None,
            "source": self.settings.model_source or str(self.settings.model_dir),
            "engine": engine.identity if engine else None,
            "max_tokens": scorer.max_tokens if scorer else None,
            "max_batch_tokens": engine.max_batch_tokens if engine else None,
            **(engine.details() if engine else {}),
            "golden_tolerance": self.settings.tolerance(),
            "limits": self.settings.model_dump(
                include={"max_body_bytes", "max_samples", "max_chars", "queue_tokens", "timeout_seconds", "cache_bytes"}
            ),
        }

    async def stop(self) -> None:
        if self._boot is not None:
            self._boot.cancel()
            await asyncio.gather(self._boot, return_exceptions=True)
        if self.scheduler is not None:
            await self.scheduler.stop()
        if self.scorer is not None:
            self.scorer.stop()
        await self._unload()


def _may_pass(exc: Exception) -> bool:
    """Out of memory goes by many names, some of them torch's, which need not be installed."""
    return isinstance(exc, OSError | MemoryError | ModelMissing) or "out of memory" in str(exc).lower()
