"""Prometheus metrics common to every service. One registry per app, so that tests can build several apps in one process."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


@dataclass(frozen=True)
class HttpMetrics:
    """rlmr_http_*: what any caller sees."""

    registry: CollectorRegistry
    requests: Counter
    requests_by_key: Counter
    seconds: Histogram
    in_flight: Gauge
    ready: Gauge

    @classmethod
    def create(cls, service: str) -> "HttpMetrics":
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        Gauge(
            "rlmr_build_info", "Always 1; the labels tell what runs.", ["service", "version"], registry=registry
        ).labels(service, _version()).set(1)
        return cls(
            registry=registry,
            requests=Counter(
                "rlmr_http_requests", "Requests answered.", ["route", "method", "code"], registry=registry
            ),
            requests_by_key=Counter(
                "rlmr_http_requests_by_key",
                "Requests with a valid key, by the key's name; probes aside.",
                ["key"],
                registry=registry,
            ),
            seconds=Histogram(
                "rlmr_http_request_seconds",
                "Time to answer, in seconds.",
                ["route"],
                buckets=SECONDS_BUCKETS,
                registry=registry,
            ),
            in_flight=Gauge("rlmr_http_requests_in_flight", "Requests being worked on now.", registry=registry),
            ready=Gauge("rlmr_ready", "1 while /readyz says yes.", registry=registry),
        )


def _version() -> str:
    from rlmr import __version__

    return __version__
