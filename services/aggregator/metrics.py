"""rlmr_aggregator_*: what the strategies did and how the upstreams behaved."""

from dataclasses import dataclass

from prometheus_client import Counter, Histogram

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
    writing: Histogram
    length_correlation: Histogram
    upstream_seconds: Histogram
    upstream_attempts: Counter

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
        )
