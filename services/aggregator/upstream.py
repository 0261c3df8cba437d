"""One upstream service over HTTP: deadline, retries with jitter, and readiness. Knows nothing about scores or verdicts."""

import asyncio
import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType

import aiohttp
import structlog
from yarl import URL

from rlmr.wire import Status
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.settings import AggregatorSettings

log = structlog.get_logger(__name__)


class UpstreamFailure(Exception):
    """No usable reply. `status` is what every sample of the call gets."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class _Retryable(Exception):
    """`retry_after`: seconds the upstream asked us to wait; None if it did not ask."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Upstream:
    """Use as an async context manager. Safe for concurrent calls."""

    def __init__(self, name: str, base_url: str, settings: AggregatorSettings, metrics: AggregatorMetrics) -> None:
        self.name, self.url = name, URL(base_url)
        self._settings, self._metrics = settings, metrics
        self._not_ready: str | None = "not asked yet"
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def __aenter__(self) -> "Upstream":
        key = self._settings.bearer()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._settings.upstream_connections,
                # Shorter than the services' own 75 s, so that we are the one who closes an idle connection.
                keepalive_timeout=60,
                ttl_dns_cache=10,
            ),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def post(self, path: str, body: bytes, *, deadline: float, retries: int, request_id: str) -> bytes:
        """Body of the 200 reply. Repeats only what a repeat can mend, and only within `deadline` seconds: connection errors, 429
        and 5xx up to `retries` times, but as often as the deadline allows where the upstream says when to come back
        (Retry-After: it is overloaded or starting, not broken; with `retries` 0 not at all). A call that runs into the deadline is not repeated. Raises
        UpstreamFailure."""
        started = time.monotonic()
        end = started + deadline
        attempts = failures = 0
        try:
            while True:
                attempts += 1
                try:
                    return await self._attempt(path, body, max(0.001, end - time.monotonic()), request_id)
                except _Retryable as failure:
                    wait = self._backoff(failures) + (failure.retry_after or 0.0)
                    failures += failure.retry_after is None or retries == 0
                    if failures > retries or time.monotonic() + wait >= end:
                        tries = f"{attempts} attempt{'s' if attempts > 1 else ''}"
                        raise UpstreamFailure(Status.UNAVAILABLE, f"{self.name}: {failure} ({tries})") from failure
                    log.info(
                        "upstream_retry",
                        upstream=self.name,
                        reason=str(failure),
                        wait_s=round(wait, 3),
                        request_id=request_id,
                    )
                    await asyncio.sleep(wait)
        finally:
            self._metrics.upstream_seconds.labels(self.name).observe(time.monotonic() - started)

    def _backoff(self, failures: int) -> float:
        """Half fixed, half random: callers that failed together must not come back together."""
        full = min(self._settings.backoff_seconds * 2**failures, self._settings.backoff_max_seconds)
        return full * (0.5 + 0.5 * random.random())

    async def _attempt(self, path: str, body: bytes, seconds: float, request_id: str) -> bytes:
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=self._settings.connect_timeout_seconds)
        headers = {"Content-Type": "application/json", "X-Request-ID": request_id}
        outcome = "cancelled"
        try:
            async with self._session.post(
                self.url.joinpath(path), data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as reply:
                content = await reply.read()
            outcome = str(reply.status)
        except aiohttp.ConnectionTimeoutError as exc:
            outcome = "connection_error"
            raise _Retryable(f"no connection within {self._settings.connect_timeout_seconds:g} s") from exc
        except TimeoutError as exc:
            outcome = "timeout"
            raise UpstreamFailure(Status.TIMEOUT, f"{self.name}: no answer within the deadline") from exc
        except (aiohttp.ClientError, OSError) as exc:
            outcome = "connection_error"
            raise _Retryable(f"{type(exc).__name__}: {exc}") from exc
        finally:
            self._metrics.upstream_attempts.labels(self.name, outcome).inc()
        if reply.status == 200:
            return content
        said = f"HTTP {reply.status}: {content[:300].decode('utf-8', 'replace')}"
        if reply.status == 429 or reply.status >= 500:
            raise _Retryable(said, retry_after=seconds_of(reply.headers.get("Retry-After")))
        raise UpstreamFailure(_STATUS_OF_CLIENT_ERROR.get(reply.status, Status.UNAVAILABLE), f"{self.name}: {said}")

    async def why_not_ready(self) -> str | None:
        """None when the upstream's /readyz says yes, else the reason. Remembered for `readiness_cache_seconds`."""
        async with self._asking:  # one probe at a time, however many callers ask
            if time.monotonic() - self._asked_at >= self._settings.readiness_cache_seconds:
                self._not_ready = await self._ask_ready()
                self._asked_at = time.monotonic()
            return self._not_ready

    async def _ask_ready(self) -> str | None:
        timeout = aiohttp.ClientTimeout(total=self._settings.readiness_timeout_seconds)
        try:
            async with self._session.get(self.url.joinpath("readyz"), timeout=timeout, allow_redirects=False) as reply:
                text = (await reply.read())[:300].decode("utf-8", "replace")
        except TimeoutError:
            return f"{self.name} at {self.url}: /readyz gave no answer within {timeout.total:g} s"
        except (aiohttp.ClientError, OSError) as exc:
            return f"{self.name} at {self.url}: {type(exc).__name__}: {exc}"
        return None if reply.status == 200 else f"{self.name} at {self.url}: HTTP {reply.status}: {text}"


# A wrong key or URL (401, 403, 404 ...) is our configuration, not the sample's fault: unavailable.
_STATUS_OF_CLIENT_ERROR = {
    400: Status.INVALID_INPUT,
    413: Status.TOO_LONG,
    422: Status.INVALID_INPUT,
}


def seconds_of(retry_after: str | None) -> float | None:
    """Retry-After in seconds: a number or an HTTP date (RFC 9110, 10.2.3); None where absent or unreadable."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        when = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
