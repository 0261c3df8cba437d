"""rlmr_writing_rm_*: queue, batches, tokens, cache, engines and the drift of live scores."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.serving.metrics import SECONDS_BUCKETS

_TOKENS = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SCORES = (-8, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 8)


@dataclass(frozen=True)
class WritingRmMetrics:
    queue_tokens: Gauge
    queue_texts: Gauge
    running_tokens: Gauge
    demand_tokens: Gauge
    demand_texts: Gauge
    rejected: Counter
    put_back: Counter
    samples: Counter
    tokens: Counter
    batch_tokens: Histogram
    batch_texts: Histogram
    stage_seconds: Histogram
    cache_lookups: Counter
    cache_entries: Gauge
    engine_up: Gauge
    engines_disagree: Gauge
    engine_failures: Counter
    golden_error: Gauge
    score: Histogram
    score_mean: Gauge
    score_std: Gauge

    @classmethod
    def create(cls, registry: CollectorRegistry) -> "WritingRmMetrics":
        def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"rlmr_writing_rm_{name}", text, labels, registry=registry)

        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"rlmr_writing_rm_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()) -> Histogram:
            return Histogram(f"rlmr_writing_rm_{name}", text, labels, buckets=buckets, registry=registry)

        return cls(
            queue_tokens=gauge("queue_tokens", "Tokens of texts that wait for the engine."),
            queue_texts=gauge("queue_texts", "Texts that wait for the engine."),
            running_tokens=gauge("running_tokens", "Tokens of texts in the engine now."),
            demand_tokens=gauge(
                "demand_tokens",
                "Tokens waiting, running, or sent away with 429 and told to come back: grows past the queue's bound. Autoscale on it.",
            ),
            demand_texts=gauge("demand_texts", "The same in texts."),
            rejected=counter("rejected_tokens", "Tokens of requests answered 429."),
            put_back=counter("put_back_texts", "Texts whose call was lost and that were put back into the queue."),
            samples=counter("samples", "Samples answered, by status.", ("status",)),
            tokens=counter(
                "tokens",
                "Tokens of answered texts: computed by the engine, shared (prompt of siblings, computed once), cached.",
                ("kind",),
            ),
            batch_tokens=histogram("batch_tokens", "Tokens computed per engine call.", _TOKENS),
            batch_texts=histogram("batch_texts", "Texts per engine call.", _TEXTS),
            stage_seconds=histogram(
                "stage_seconds",
                "Seconds per stage: encode (request), queue (text), forward (call).",
                SECONDS_BUCKETS,
                ("stage",),
            ),
            cache_lookups=counter("cache_lookups", "Score cache: hit, joined (already under way), miss.", ("result",)),
            cache_entries=gauge("cache_entries", "Remembered scores."),
            engine_up=gauge("engine_up", "1 while the engine reproduces the golden scores.", ("engine",)),
            engines_disagree=gauge(
                "engines_disagree", "1 while the engines of the pool differ in model, length limit or version."
            ),
            engine_failures=counter("engine_failures", "Failed calls of an HTTP engine, by kind.", ("engine", "kind")),
            golden_error=gauge(
                "golden_error",
                "Largest deviation from a golden score at the last check, in standard deviations.",
                ("engine",),
            ),
            score=histogram("score", "Scores given, in standard deviations of the reference set.", _SCORES),
            score_mean=gauge("score_mean", "Running mean of scores (about the last 1,000); 0 on the reference set."),
            score_std=gauge(
                "score_std", "Running standard deviation of scores (about the last 1,000); 1 on the reference set."
            ),
        )


class Drift:
    """Exponentially weighted mean and standard deviation of live scores, against 0 and 1 on the reference set."""

    def __init__(self, metrics: WritingRmMetrics, horizon: int = 1000) -> None:
        self.metrics, self.horizon = metrics, horizon
        self.count, self.mean, self.variance = 0, 0.0, 0.0

    def add(self, score: float) -> None:
        self.count += 1
        weight = 1 / min(self.count, self.horizon)
        distance = score - self.mean
        self.mean += weight * distance
        self.variance = (1 - weight) * (self.variance + weight * distance * distance)
        self.metrics.score.observe(score)
        self.metrics.score_mean.set(self.mean)
        self.metrics.score_std.set(self.variance**0.5)
