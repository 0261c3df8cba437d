"""Merges the texts of all callers into engine calls capped by tokens; a bounded queue that outlives the engine's absence."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence

import structlog

from rlmr.wire import Status
from services.serving import ApiError, Overloaded
from services.writing_rm.cache import ScoreCache
from services.writing_rm.engines.base import Engine, Failure, Lost, Outcome, Text
from services.writing_rm.metrics import WritingRmMetrics
from services.writing_rm.waiting import Job, Waiting

log = structlog.get_logger(__name__)

MOST_LOSSES = 5
"""Then it is given up: it would break every engine there is, again and again, until its deadline."""
PAUSE_SECONDS = 0.2
"""Rest of a worker whose call was lost: an engine that fails at once must not be asked as fast as it fails."""
RETRY_AFTER_SECONDS = 5
"""What callers are told while the engine is away: the time of a few health checks."""


class Scheduler:
    """Fills the engine's slots with what waits, in the order of waiting.py.

    Nothing is sent while the engine cannot be asked; what waits goes on waiting, each text until its last caller leaves or
    runs out of time. Texts of a lost call are put back at the head of the queue.
    """

    def __init__(
        self,
        engine: Engine,
        cache: ScoreCache,
        metrics: WritingRmMetrics,
        queue_tokens: int,
        grace_seconds: float = 5.0,
    ) -> None:
        """grace_seconds: how long after the engine went away new texts are still queued for it."""
        self.engine, self.cache, self.metrics, self.capacity = engine, cache, metrics, queue_tokens
        self.grace_seconds = grace_seconds
        self._jobs: dict[bytes, Job] = {}
        self._waiting = Waiting()
        self._running_tokens = 0
        self._tokens_per_second = 0.0
        self._sent_away: deque[tuple[float, int, int]] = deque()
        self._wake = asyncio.Condition()
        self._workers: list[asyncio.Task[None]] = []
        metrics.queue_tokens.set_function(lambda: self._waiting.tokens)
        metrics.queue_texts.set_function(lambda: len(self._waiting))
        metrics.running_tokens.set_function(lambda: self._running_tokens)
        metrics.demand_tokens.set_function(self.demand_tokens)
        metrics.demand_texts.set_function(self.demand_texts)
        metrics.cache_entries.set_function(lambda: len(self.cache))

    def start(self) -> None:
        self._workers = [asyncio.create_task(self._work(), name=f"scorer-{i}") for i in range(self.engine.slots)]

    async def stop(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._fail_waiting("the service is shutting down")

    def demand_tokens(self) -> int:
        """Waiting, running, and rejected work whose Retry-After has not passed: all that exists now, bounded by no queue."""
        return self._waiting.tokens + self._running_tokens + sum(tokens for _, tokens, _ in self._still_away())

    def demand_texts(self) -> int:
        """The same in texts."""
        return len(self._jobs) + sum(texts for _, _, texts in self._still_away())

    def _still_away(self) -> deque[tuple[float, int, int]]:
        """Rejected work as (time it may come back, tokens, texts)."""
        now = time.monotonic()
        while self._sent_away and self._sent_away[0][0] < now:
            self._sent_away.popleft()
        return self._sent_away

    async def score(self, texts: Sequence[Text], timeout: float) -> list[Outcome]:
        """One outcome per text, in order, within `timeout` seconds.

        Raises Overloaded (429) if they do not fit in the queue, and ApiError 503 if the engine has been away for longer than the
        grace or for good; then none is queued. Cancelling this call (the client left) takes texts nobody else waits for out of the queue.
        """
        keys = [self.cache.key(text.ids) for text in texts]
        known = {key: raw for key in keys if (raw := self.cache.get(key)) is not None}
        if len(known) < len(set(keys)):
            self._refuse_if_away(self.grace_seconds)
        fresh = {k: t for k, t in zip(keys, texts, strict=True) if k not in known and k not in self._jobs}
        self._admit(sum(len(text.ids) for text in fresh.values()), len(fresh))
        jobs = {key: self._join(key, fresh.get(key)) for key in dict.fromkeys(keys) if key not in known}
        hits = [text for text, key in zip(texts, keys, strict=True) if key in known]
        self.metrics.cache_lookups.labels("hit").inc(len(hits))
        self.metrics.cache_lookups.labels("miss").inc(len(fresh))
        self.metrics.cache_lookups.labels("joined").inc(len(texts) - len(hits) - len(fresh))
        self.metrics.tokens.labels("cached").inc(sum(len(text.ids) for text in hits))
        try:
            if fresh:
                async with self._wake:
                    self._wake.notify(self.engine.slots)
            if jobs:
                await asyncio.wait([job.future for job in jobs.values()], timeout=timeout)
            if self.engine.usable.beyond_help and not all(job.scored for job in jobs.values()):
                self._refuse_if_away(0.0)  # another replica can score all of it
            why = f" ({self.engine.usable.problem})" if self.engine.usable.problem else ""
            late = Failure(Status.TIMEOUT, f"no score within {timeout:.3g} s{why}")
            return [
                known[k] if k in known else jobs[k].future.result() if jobs[k].future.done() else late for k in keys
            ]
        finally:
            for job in jobs.values():
                self._leave(job)

    def _refuse_if_away(self, grace: float) -> None:
        usable = self.engine.usable
        if usable.beyond_help or usable.down_seconds() > grace:
            raise ApiError(
                503,
                "engine_away",
                f"no engine can be asked: {usable.problem}; try again later or elsewhere",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )

    def _admit(self, tokens: int, texts: int) -> None:
        if not tokens or self._waiting.tokens + tokens <= self.capacity:
            return
        if not self._waiting.tokens and not self._running_tokens:
            return  # larger than the whole queue: it could never fit better than now
        seconds = self.seconds_to_drain()
        self._still_away().append((time.monotonic() + seconds, tokens, texts))
        self.metrics.rejected.inc(tokens)
        raise Overloaded(
            f"{self._waiting.tokens} tokens wait and {self.capacity} may; these {tokens} do not fit: try again later or elsewhere",
            seconds,
        )

    def seconds_to_drain(self) -> float:
        """Time the engine needs for what waits and runs, at its recent speed; 1 to 60 s."""
        pending = self._waiting.tokens + self._running_tokens
        return min(60.0, max(1.0, pending / self._tokens_per_second)) if self._tokens_per_second else 5.0

    def _join(self, key: bytes, text: Text | None) -> Job:
        if text is not None:
            job = Job(text, key, asyncio.get_running_loop().create_future())
            self._jobs[key] = job
            self._waiting.add(job)
        job = self._jobs[key]
        job.waiters += 1
        return job

    def _leave(self, job: Job) -> None:
        job.waiters -= 1
        if job.waiters or job.running or job.future.done():
            return
        del self._jobs[job.key]
        self._waiting.remove(job)

    def _take(self) -> tuple[list[Job], int]:
        """The next call's texts and what they cost."""
        taken, cost = self._waiting.take(self.engine)
        now = time.perf_counter()
        for job in taken:
            job.running = True
            self._running_tokens += len(job.text.ids)
            self.metrics.stage_seconds.labels("queue").observe(now - job.since)
        return taken, cost

    async def _work(self) -> None:
        while True:
            async with self._wake:
                await self._wake.wait_for(lambda: self._waiting)
            if not await self.engine.usable.wait():
                self._fail_waiting(self.engine.usable.problem or "the engine is lost")
                continue
            jobs, cost = self._take()
            if jobs and await self._run(jobs, cost):
                await asyncio.sleep(PAUSE_SECONDS)

    def _fail_waiting(self, reason: str) -> None:
        failure = Failure(Status.UNAVAILABLE, reason)
        for job in self._waiting.clear():
            del self._jobs[job.key]
            job.future.set_result(failure)

    def _may_repeat(self, job: Job, lost: Lost) -> bool:
        job.losses += lost.suspect
        return job.waiters > 0 and job.losses < MOST_LOSSES

    async def _run(self, jobs: list[Job], cost: int) -> bool:
        """One call. Whether any text was put back."""
        started = time.perf_counter()
        nominal = sum(len(job.text.ids) for job in jobs)
        outcomes: Sequence[Outcome]
        try:
            outcomes = await self.engine.score([job.text for job in jobs])
        except Exception as exc:
            log.exception("engine_raised", texts=len(jobs), tokens=nominal)
            outcomes = [Lost(Status.UNAVAILABLE, f"the engine failed: {type(exc).__name__}: {exc}")] * len(jobs)
        except asyncio.CancelledError:
            outcomes = [Failure(Status.UNAVAILABLE, "the service is shutting down")] * len(jobs)
            raise
        finally:
            self._running_tokens -= nominal
            lost = []
            for job, outcome in zip(jobs, outcomes, strict=True):
                if isinstance(outcome, Lost) and self._may_repeat(job, outcome):
                    lost.append(job)
                    continue
                del self._jobs[job.key]
                if isinstance(outcome, float):
                    self.cache.put(job.key, outcome)
                job.future.set_result(outcome)
            self._waiting.put_back(lost)
            self.metrics.put_back.inc(len(lost))
        if lost:
            async with self._wake:
                self._wake.notify(len(lost))
        if len(lost) < len(jobs):
            self._measure(jobs, nominal, cost, started)
        return bool(lost)

    def _measure(self, jobs: Sequence[Job], nominal: int, cost: int, started: float) -> None:
        seconds = time.perf_counter() - started
        self.metrics.stage_seconds.labels("forward").observe(seconds)
        self.metrics.batch_texts.observe(len(jobs))
        self.metrics.batch_tokens.observe(cost)
        self.metrics.tokens.labels("computed").inc(cost)
        self.metrics.tokens.labels("shared").inc(nominal - cost)
        speed = nominal * self.engine.slots / seconds
        self._tokens_per_second = 0.8 * self._tokens_per_second + 0.2 * speed if self._tokens_per_second else speed
