"""One upstream service over HTTP: what its failures mean for samples, and its readiness. Knows nothing about scores or verdicts."""

import asyncio
import time
from types import TracebackType

import structlog
from yarl import URL

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import AttemptFailed, CallFailed, Policy, Reply, call_async
from rlmr.wire import Status
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.settings import AggregatorSettings

log = structlog.get_logger(__name__)


class UpstreamFailure(Exception):
    """No usable reply. `status` is what every sample of the call gets."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class KeyRefused(UpstreamFailure):
    """An upstream does not take our key: only the right setting helps. The reason holds the remedy."""


class Upstream:
    """Use as an async context manager. Safe for concurrent calls."""

    def __init__(self, name: str, base_url: str, settings: AggregatorSettings, metrics: AggregatorMetrics) -> None:
        self.name, self.url = name, URL(base_url)
        self._settings, self._metrics = settings, metrics
        # Idle connections are kept for less than the services' own 75 s, so that we are the one who closes them.
        self._http = AiohttpTransport(
            api_key=settings.bearer(),
            connections=settings.upstream_connections,
            keep_alive=60.0,
            connect_timeout=settings.connect_timeout_seconds,
        )
        self._not_ready: str | None = "not asked yet"
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def __aenter__(self) -> "Upstream":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def post(self, path: str, body: bytes, *, deadline: float, retries: float, request_id: str) -> bytes:
        """Body of the 200 reply. Repeats what a repeat can mend, within `deadline` seconds (rlmr/calls.py): connection errors, 429
        and 5xx up to `retries` times, and as often as the deadline allows where the upstream says when to come back
        (Retry-After: it is overloaded or starting, not broken); with `retries` 0 nothing. Raises UpstreamFailure,
        KeyRefused for a key that is not taken."""
        policy = Policy(
            attempts=retries + 1,
            deadline=deadline,
            backoff=self._settings.backoff_seconds,
            backoff_max=self._settings.backoff_max_seconds,
        )
        url, headers = str(self.url.joinpath(path)), {"X-Request-ID": request_id}

        async def attempt(seconds: float) -> Reply:
            outcome = "cancelled"
            try:
                reply = await self._http.post(url, body, seconds, headers)
                outcome = "200"
                return reply
            except AttemptFailed as failure:
                outcome = _OUTCOMES.get(failure.kind) or str(failure.status)
                raise
            finally:
                self._metrics.upstream_attempts.labels(self.name, outcome).inc()

        def on_retry(failure: AttemptFailed, wait: float) -> None:
            log.info(
                "upstream_retry",
                upstream=self.name,
                reason=str(failure),
                wait_s=round(wait, 3),
                request_id=request_id,
            )

        started = time.monotonic()
        try:
            return (await call_async(attempt, policy, on_retry)).content
        except CallFailed as exc:
            if exc.failure.status == 401:
                remedy = "give both the same RLMR_API_KEY, or set RLMR_AGGREGATOR_UPSTREAM_API_KEY"
                message = f"{self.name} does not take the aggregator's key (HTTP 401): {remedy}"
                raise KeyRefused(Status.UNAVAILABLE, message) from exc
            raise UpstreamFailure(_status_of(exc.failure), f"{self.name}: {exc}") from exc
        finally:
            self._metrics.upstream_seconds.labels(self.name).observe(time.monotonic() - started)

    async def why_not_ready(self) -> str | None:
        """None when the upstream's /readyz says yes, else the reason. Remembered for `readiness_cache_seconds`."""
        async with self._asking:  # one probe at a time, however many callers ask
            if time.monotonic() - self._asked_at >= self._settings.readiness_cache_seconds:
                self._not_ready = await self._ask_ready()
                self._asked_at = time.monotonic()
            return self._not_ready

    async def _ask_ready(self) -> str | None:
        try:
            await self._http.get(str(self.url.joinpath("readyz")), self._settings.readiness_timeout_seconds)
        except AttemptFailed as exc:
            return f"{self.name} at {self.url}: /readyz: {exc}"
        return None


_OUTCOMES = dict.fromkeys(("no_connection", "stale", "lost"), "connection_error") | {"timeout": "timeout"}
"""Labels of attempts without a status."""

# A wrong URL (403, 404 ...) is our configuration, not the sample's fault: unavailable.
_STATUS_OF_CLIENT_ERROR = {
    400: Status.INVALID_INPUT,
    413: Status.TOO_LONG,
    422: Status.INVALID_INPUT,
}


def _status_of(failure: AttemptFailed) -> Status:
    if failure.kind == "timeout":
        return Status.TIMEOUT
    return _STATUS_OF_CLIENT_ERROR.get(failure.status or 0, Status.UNAVAILABLE)
