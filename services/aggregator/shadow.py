"""Shadow scoring: a second reward model scores what the first has scored, and only the first one's rewards count.

So a new model can be judged on the texts of a real training before any run depends on it. The shadow is asked after the reply has been
decided, once, and never delays or changes it: it cannot be waited for, and what is too much for it is left out and counted.
"""

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any

import structlog

from rlmr.wire import ModelIdentity
from services.aggregator.asking import Call, ask_writing
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.question import Question
from services.aggregator.settings import AggregatorSettings
from services.aggregator.signals import Signals, Writing
from services.aggregator.upstream import Upstream
from services.serving import ApiError

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 64
"""Groups that the shadow is asked about at the same time; further ones are skipped."""


@dataclass
class Summary:
    """Of all samples that both models have scored since `between` last changed. Differences are shadow minus counted, in standard
    deviations of each model's own reference set."""

    between: tuple[str, str] | None = None
    groups: int = 0
    samples: int = 0
    total: float = 0.0
    squares: float = 0.0
    largest: float = 0.0
    pairs: int = 0
    same_order: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    def add(self, pairs: list[tuple[float, float]]) -> tuple[int, int]:
        """`pairs`: (counted, shadow) of one group. Gives their agreement."""
        differences = [shadow - counted for counted, shadow in pairs]
        self.groups += 1
        self.samples += len(pairs)
        self.total += math.fsum(differences)
        self.squares += math.fsum(d * d for d in differences)
        self.largest = max(self.largest, *map(abs, differences))
        ordered, same = agreement(pairs)
        self.pairs += ordered
        self.same_order += same
        return ordered, same

    def report(self) -> dict[str, Any]:
        n = self.samples
        mean = self.total / n if n else None
        return {
            "counted_revision": self.between[0] if self.between else None,
            "shadow_revision": self.between[1] if self.between else None,
            "groups": self.groups,
            "samples": n,
            "difference_mean": mean,
            "difference_std": math.sqrt(max(0.0, self.squares / n - mean * mean)) if mean is not None else None,
            "difference_largest": self.largest if n else None,
            "pairs_in_the_same_order": self.same_order / self.pairs if self.pairs else None,
            "outcomes": dict(sorted(self.outcomes.items())),
        }


def agreement(pairs: list[tuple[float, float]]) -> tuple[int, int]:
    """Of the pairs of responses of one group that both models tell apart: how many, and how many in the same order. A group's
    advantages follow its order, so this is what a change of the model would do to a training."""
    ordered = same = 0
    for i, (a, b) in enumerate(pairs):
        for c, d in pairs[:i]:
            if a != c and b != d:
                ordered += 1
                same += (a > c) == (b > d)
    return ordered, same


class Shadow:
    def __init__(self, upstream: Upstream, settings: AggregatorSettings, metrics: AggregatorMetrics) -> None:
        self.upstream, self.settings, self.metrics = upstream, settings, metrics
        self.summary = Summary()
        self._work: set[asyncio.Task[None]] = set()

    def follow(self, question: Question, signals: Signals, request_id: str) -> None:
        """Asks the shadow about a group that has been answered, in the background."""
        if signals.writing is None or signals.model is None:
            return
        if len(self._work) >= MOST_AT_ONCE:
            self._count("skipped")
            return
        task = asyncio.create_task(self._compare(question, signals.writing, signals.model, request_id))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def stop(self) -> None:
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    async def _compare(self, question: Question, counted: list[Writing], model: ModelIdentity, request_id: str) -> None:
        seconds = self.settings.deadline(len(question.encoded))
        call = Call(False, seconds, 0, self.settings.backoff_seconds, request_id, None)
        try:
            given, who = await ask_writing(self.upstream, question, call)
        except ApiError as refused:
            self._count("failed")
            log.warning("shadow_failed", reason=refused.message, request_id=request_id)
            return
        both = [
            (a.score, b.score)
            for a, b in zip(counted, given, strict=True)
            if a.score is not None and b.score is not None
        ]
        if who is None or not both:
            self._count("failed")
            return
        if self.summary.between != (between := (model.revision, who.revision)):
            self.summary = Summary(between, outcomes=self.summary.outcomes)
        ordered, same = self.summary.add(both)
        self._count("compared")
        for first, second in both:
            self.metrics.shadow_difference.observe(second - first)
        self.metrics.shadow_pairs.labels("same").inc(same)
        self.metrics.shadow_pairs.labels("other").inc(ordered - same)

    def _count(self, outcome: str) -> None:
        self.summary.outcomes[outcome] = self.summary.outcomes.get(outcome, 0) + 1
        self.metrics.shadow_groups.labels(outcome).inc()
