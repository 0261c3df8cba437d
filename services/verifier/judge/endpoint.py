"""An OpenAI-compatible chat endpoint: deadline, retries of what may be retried, concurrency limit. Knows nothing of verdicts."""

import asyncio
import json
import random
import time
from types import TracebackType
from typing import Any

import aiohttp
import structlog

from rlmr.wire import Status
from services.verifier.metrics import VerifierMetrics
from services.verifier.settings import VerifierSettings

log = structlog.get_logger(__name__)

_MAX_REPLY_BYTES = 2**20
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})


class JudgeFailure(Exception):
    """No verdict. `status` is what the constraint gets."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class _Retryable(Exception):
    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ChatEndpoint:
    """Use as an async context manager. Safe for concurrent calls."""

    def __init__(self, settings: VerifierSettings, metrics: VerifierMetrics) -> None:
        assert settings.judge_url is not None
        self._url = settings.judge_url.rstrip("/")
        self._settings, self._metrics = settings, metrics
        self._slots = asyncio.Semaphore(settings.judge_concurrency)
        self._not_ready: str | None = "not asked yet"
        self._asked_at = float("-inf")

    async def __aenter__(self) -> "ChatEndpoint":
        key = self._settings.judge_api_key
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._settings.judge_concurrency, keepalive_timeout=60),
            headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def complete(self, purpose: str, messages: list[dict[str, str]], **parameters: Any) -> dict[str, Any]:
        """The only choice of the completion. Deterministic sampling. Raises JudgeFailure.

        The deadline grows with the text and counts from the moment the call has a slot; it covers all attempts.
        """
        body = {
            "model": self._settings.judge_model,
            "messages": messages,
            "temperature": 0,
            "top_p": 1,
            "seed": 0,
            "n": 1,
            "stream": False,
            **parameters,
        }
        chars = sum(len(message["content"]) for message in messages)
        seconds = self._settings.judge_seconds + self._settings.judge_seconds_per_1000_chars * chars / 1000
        payload = json.dumps(body).encode()
        async with self._slots:
            started, outcome = time.monotonic(), "cancelled"
            try:
                reply = await self._with_retries(payload, started + seconds)
                choice = _only_choice(reply)
                outcome = "ok"
                return choice
            except JudgeFailure as failure:
                outcome = failure.status.value
                raise
            finally:
                self._metrics.judge_calls.labels(purpose, outcome).inc()
                self._metrics.judge_seconds.labels(purpose).observe(time.monotonic() - started)

    async def _with_retries(self, payload: bytes, end: float) -> bytes:
        for attempt in range(self._settings.judge_retries + 1):
            try:
                return await self._attempt(payload, end - time.monotonic())
            except _Retryable as failure:
                backoff = min(0.2 * 2**attempt, 5.0) * (0.5 + 0.5 * random.random())
                wait = max(failure.retry_after, backoff)
                if attempt == self._settings.judge_retries or time.monotonic() + wait >= end:
                    tries = f"{attempt + 1} attempt{'s' if attempt else ''}"
                    raise JudgeFailure(Status.UNAVAILABLE, f"judge: {failure} ({tries})") from failure
                self._metrics.judge_retries.inc()
                log.info("judge_retry", reason=str(failure), wait_s=round(wait, 3))
                await asyncio.sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _attempt(self, payload: bytes, seconds: float) -> bytes:
        timeout = aiohttp.ClientTimeout(total=max(seconds, 0.001), sock_connect=5)
        try:
            async with self._session.post(
                f"{self._url}/chat/completions",
                data=payload,
                headers={"Content-Type": "application/json"},
                timeout=timeout,
                allow_redirects=False,
            ) as reply:
                content = await _limited(reply)
        except aiohttp.ConnectionTimeoutError as exc:
            raise _Retryable("no connection within 5 s") from exc
        except TimeoutError as exc:
            raise JudgeFailure(Status.TIMEOUT, "judge: no answer within the deadline") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise _Retryable(f"{type(exc).__name__}: {exc}") from exc
        if reply.status == 200:
            return content
        said = f"HTTP {reply.status}: {content[:300].decode('utf-8', 'replace')}"
        if reply.status in _RETRIED:
            raise _Retryable(said, _retry_after(reply.headers.get("Retry-After")))
        too_long = reply.status == 413 or (reply.status == 400 and b"context length" in content)
        raise JudgeFailure(Status.TOO_LONG if too_long else Status.UNAVAILABLE, f"judge: {said}")

    async def why_not_ready(self) -> str | None:
        """None when the endpoint lists its models, else the reason. Remembered for five seconds."""
        if time.monotonic() - self._asked_at >= 5:
            self._asked_at = time.monotonic()
            self._not_ready = await self._ask_models()
        return self._not_ready

    async def _ask_models(self) -> str | None:
        try:
            async with self._session.get(f"{self._url}/models", timeout=aiohttp.ClientTimeout(total=3)) as reply:
                await _limited(reply)
        except (TimeoutError, aiohttp.ClientError, OSError) as exc:
            return f"judge at {self._url}: {type(exc).__name__}: {exc}"
        return None if reply.status == 200 else f"judge at {self._url}: GET /models answered HTTP {reply.status}"


async def _limited(reply: aiohttp.ClientResponse) -> bytes:
    content = b""
    async for chunk in reply.content.iter_chunked(65536):
        content += chunk
        if len(content) > _MAX_REPLY_BYTES:
            raise JudgeFailure(Status.UNPARSEABLE, f"judge: reply larger than {_MAX_REPLY_BYTES} bytes")
    return content


def _retry_after(value: str | None) -> float:
    """Seconds. A date or nonsense counts as absent: the backoff applies then."""
    return float(value) if value is not None and value.isascii() and value.isdigit() else 0.0


def _only_choice(content: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(content)
        choices = reply["choices"]
        choice = choices[0]
        text, finish = choice["message"]["content"], choice["finish_reason"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as exc:
        raise JudgeFailure(
            Status.UNPARSEABLE, f"judge: the reply is not a chat completion ({type(exc).__name__})"
        ) from exc
    if len(choices) != 1:
        raise JudgeFailure(Status.UNPARSEABLE, f"judge: {len(choices)} choices, exactly 1 was asked for")
    if not isinstance(text, str):
        raise JudgeFailure(Status.UNPARSEABLE, "judge: the message has no text")
    return {"text": text, "finish_reason": finish, "logprobs": choice.get("logprobs")}
