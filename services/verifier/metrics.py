"""Metrics of the verifier, beside the common rlmr_http_* ones."""

from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

from services.serving.metrics import SECONDS_BUCKETS, HttpMetrics

CHECK_SECONDS_BUCKETS = (0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)


@dataclass(frozen=True)
class VerifierMetrics:
    http: HttpMetrics
    samples: Counter
    verdicts: Counter
    sample_seconds: Histogram
    pending_samples: Gauge
    judge_calls: Counter
    judge_retries: Counter
    judge_tokens: Counter
    judge_answers: Counter
    judge_seconds: Histogram
    judge_calls_in_flight: Gauge
    judge_golden_wrong: Gauge
    judge_failed_in_row: Gauge
    cache_lookups: Counter
    cache_bytes: Gauge

    @classmethod
    def create(cls) -> "VerifierMetrics":
        http = HttpMetrics.create("verifier")
        registry = http.registry
        return cls(
            http=http,
            samples=Counter("rlmr_verifier_samples", "Samples answered.", ["status", "passed"], registry=registry),
            verdicts=Counter(
                "rlmr_verifier_verdicts",
                "Constraints answered; type is `unknown` for ids that are not registered.",
                ["type", "source", "outcome"],
                registry=registry,
            ),
            sample_seconds=Histogram(
                "rlmr_verifier_sample_seconds",
                "Time to check the rule constraints of one sample, in seconds.",
                buckets=CHECK_SECONDS_BUCKETS,
                registry=registry,
            ),
            judge_calls=Counter(
                "rlmr_verifier_judge_calls",
                "Calls to the judge, retries not counted; purpose is verdict, yes_no, paper, split or golden.",
                ["purpose", "outcome"],
                registry=registry,
            ),
            judge_retries=Counter("rlmr_verifier_judge_retries", "Repeated attempts at the judge.", registry=registry),
            judge_tokens=Counter(
                "rlmr_verifier_judge_tokens",
                "Tokens as the judge's endpoint counts them: prompt, completion, and the part of the prompt that was cached.",
                ["purpose", "kind"],
                registry=registry,
            ),
            judge_answers=Counter(
                "rlmr_verifier_judge_answers",
                "Verdicts of the judge, votes taken together: met, violated or not_applicable.",
                ["answer"],
                registry=registry,
            ),
            judge_seconds=Histogram(
                "rlmr_verifier_judge_seconds",
                "Time of one call to the judge, retries included, in seconds.",
                ["purpose"],
                buckets=SECONDS_BUCKETS,
                registry=registry,
            ),
            judge_calls_in_flight=Gauge(
                "rlmr_verifier_judge_calls_in_flight",
                "Calls to the judge that are under way or wait for a slot; what a pool of judges scales on.",
                registry=registry,
            ),
            judge_golden_wrong=Gauge(
                "rlmr_verifier_judge_golden_wrong",
                "Share of the golden verdicts that the judge gave otherwise than known, 0 to 1; 0 before the first check.",
                registry=registry,
            ),
            judge_failed_in_row=Gauge(
                "rlmr_verifier_judge_failed_in_row",
                "Calls to the judge that failed one after another.",
                registry=registry,
            ),
            cache_lookups=Counter(
                "rlmr_verifier_cache_lookups", "Look-ups of remembered verdicts.", ["result"], registry=registry
            ),
            cache_bytes=Gauge(
                "rlmr_verifier_cache_bytes", "Memory of remembered verdicts, in bytes.", registry=registry
            ),
            pending_samples=Gauge(
                "rlmr_verifier_samples_pending", "Samples accepted and not yet answered.", registry=registry
            ),
        )
