"""rlmr_aggregator_*: what the strategies did and how the upstreams behaved."""

import collections
import math
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import Counter, Histogram

from rlmr.wire import RewardGroupResult
from services.aggregator.signals import Signals
from services.serving.metrics import SECONDS_BUCKETS, HttpMetrics

_SHARE_BUCKETS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.999, 1.0)
_CORRELATION_BUCKETS = (-0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_REWARD_BUCKETS = (-4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4)


@dataclass(frozen=True)
class AggregatorMetrics:
    http: HttpMetrics
    groups: Counter
    samples: Counter
    verdicts: Counter
    violators: Histogram
    delta: Histogram
    policy_faults: Counter
    writing: Histogram
    length_correlation: Histogram
    upstream_seconds: Histogram
    upstream_attempts: Counter
    shadow_groups: Counter
    shadow_difference: Histogram
    shadow_pairs: Counter

    @classmethod
    def create(cls) -> "AggregatorMetrics":
        http = HttpMetrics.create("aggregator")
        r = http.registry
        return cls(
            http=http,
            groups=Counter(
                "rlmr_aggregator_groups",
                "Groups decided; reason is empty for decision=train.",
                ["strategy", "decision", "reason"],
                registry=r,
            ),
            samples=Counter(
                "rlmr_aggregator_samples",
                "Samples by the status an upstream gave them.",
                ["upstream", "status"],
                registry=r,
            ),
            verdicts=Counter(
                "rlmr_aggregator_verdicts", "Verdicts received: passed is true or false.", ["passed"], registry=r
            ),
            violators=Histogram(
                "rlmr_aggregator_violator_share",
                "k/n: violators among the valid samples of a group.",
                ["strategy"],
                buckets=_SHARE_BUCKETS,
                registry=r,
            ),
            policy_faults=Counter(
                "rlmr_aggregator_policy_faults",
                "Samples that count as violations through the policy's own fault: empty, too_long, cut_off, unparseable.",
                ["fault"],
                registry=r,
            ),
            delta=Histogram(
                "rlmr_aggregator_delta",
                "rlmr's penalty per trained group, in standard deviations of the writing reward.",
                buckets=(0.0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 32),
                registry=r,
            ),
            writing=Histogram(
                "rlmr_aggregator_writing_reward",
                "Writing rewards before any adjustment, in standard deviations.",
                buckets=_REWARD_BUCKETS,
                registry=r,
            ),
            length_correlation=Histogram(
                "rlmr_aggregator_length_correlation",
                "Pearson correlation between writing reward and length in characters, per group of at least 3.",
                buckets=_CORRELATION_BUCKETS,
                registry=r,
            ),
            upstream_seconds=Histogram(
                "rlmr_aggregator_upstream_seconds",
                "Time of an upstream call, retries included.",
                ["upstream"],
                buckets=SECONDS_BUCKETS,
                registry=r,
            ),
            upstream_attempts=Counter(
                "rlmr_aggregator_upstream_attempts",
                "Attempts by outcome: an HTTP status, connection_error or timeout.",
                ["upstream", "outcome"],
                registry=r,
            ),
            shadow_groups=Counter(
                "rlmr_aggregator_shadow_groups",
                "Groups for the shadow model: compared, failed (no score in common) or skipped (too many at once).",
                ["outcome"],
                registry=r,
            ),
            shadow_difference=Histogram(
                "rlmr_aggregator_shadow_difference",
                "Shadow minus counted writing reward of a sample, each in standard deviations of its own reference set.",
                buckets=(-2, -1, -0.5, -0.25, -0.1, -0.01, 0.01, 0.1, 0.25, 0.5, 1, 2),
                registry=r,
            ),
            shadow_pairs=Counter(
                "rlmr_aggregator_shadow_pairs",
                "Pairs of responses of one group that both models tell apart; order is same or other.",
                ["order"],
                registry=r,
            ),
        )

    def count_signals(self, responses: Sequence[str], signals: Signals) -> None:
        """What the upstreams said about one group."""
        # Counted first and looked up once per status: finding a labelled series costs more than adding to it.
        for upstream, given in (("writing_rm", signals.writing), ("verifier", signals.verdicts)):
            for status, count in collections.Counter(answer.status for answer in given or []).items():
                self.samples.labels(upstream, status.value).inc(count)
        known = (v.passed for v in signals.verdicts or [] if v.passed is not None)
        for passed, count in collections.Counter(known).items():
            self.verdicts.labels("true" if passed else "false").inc(count)
        answers = zip(signals.writing, responses, strict=True) if signals.writing else ()
        scored = [(w.score, text) for w, text in answers if w.score is not None]
        for score, _ in scored:
            self.writing.observe(score)
        correlation = pearson([(score, float(len(text))) for score, text in scored])
        if correlation is not None:
            self.length_correlation.observe(correlation)

    def count_decision(self, result: RewardGroupResult, signals: Signals, strategy: str) -> None:
        reason = result.reason.value if result.reason else ""
        self.groups.labels(strategy, result.decision.value, reason).inc()
        if result.diagnostics.n_valid and signals.verdicts is not None:
            self.violators.labels(strategy).observe(result.diagnostics.k / result.diagnostics.n_valid)
        if result.delta is not None:
            self.delta.observe(result.delta)
        for sample in result.diagnostics.samples:
            if sample.fault is not None:
                self.policy_faults.labels(sample.fault.value).inc()


def pearson(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Correlation of at least 3 pairs; None where it is undefined (fewer, or one side constant)."""
    if len(pairs) < 3:
        return None
    mean_x = math.fsum(x for x, _ in pairs) / len(pairs)
    mean_y = math.fsum(y for _, y in pairs) / len(pairs)
    xx = math.fsum((x - mean_x) ** 2 for x, _ in pairs)
    yy = math.fsum((y - mean_y) ** 2 for _, y in pairs)
    xy = math.fsum((x - mean_x) * (y - mean_y) for x, y in pairs)
    scale = math.sqrt(xx) * math.sqrt(yy)
    return xy / scale if scale > 0 else None
