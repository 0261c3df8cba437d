"""An OpenAI-compatible chat endpoint: deadline, concurrency limit, what a failed call means. Knows nothing of verdicts."""

import asyncio
import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import structlog

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import AttemptFailed, CallFailed, Policy, call_async
from rlmr.wire import Status
from services.verifier.metrics import VerifierMetrics
from services.verifier.settings import VerifierSettings

log = structlog.get_logger(__name__)

OUT_OF_TIME = "out of time"
"""Message of the cancellation of a call whose last caller could wait no longer: the judge was too slow."""

_MAX_REPLY_BYTES = 2**20


class JudgeFailure(Exception):
    """No verdict. `status` is what the constraint gets."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class ChatEndpoint:
    """Use as an async context manager. Safe for concurrent calls."""

    def __init__(self, settings: VerifierSettings, metrics: VerifierMetrics) -> None:
        assert settings.judge_url is not None
        self._url = settings.judge_url.rstrip("/")
        self._settings, self._metrics = settings, metrics
        self._slots = asyncio.Semaphore(settings.judge_concurrency)
        key = settings.judge_api_key
        self._http = AiohttpTransport(
            api_key=key.get_secret_value() if key else None,
            connections=settings.judge_concurrency,
            max_reply_bytes=_MAX_REPLY_BYTES,
        )
        self._not_ready: str | None = "not asked yet"
        self._asked_at = float("-inf")

    async def __aenter__(self) -> "ChatEndpoint":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def complete(
        self, purpose: str, messages: Callable[[], list[dict[str, str]]], chars: int, **parameters: Any
    ) -> dict[str, Any]:
        """The only choice of the completion. Deterministic sampling. Raises JudgeFailure.

        `messages` are made when the call has a slot, so that thousands of waiting calls hold no payload, and in a thread, since
        they may be long. `chars`: their length, about: the time for all attempts grows with it, and counts from the slot.
        """
        seconds = self._settings.judge_seconds + self._settings.judge_seconds_per_1000_chars * chars / 1000
        async with self._slots:
            started, outcome = time.monotonic(), "cancelled"
            try:
                payload = await asyncio.to_thread(self._payload, messages, parameters)
                reply = await self._ask(payload, seconds)
                choice = _only_choice(reply)
                outcome = "ok"
                return choice
            except JudgeFailure as failure:
                outcome = failure.status.value
                raise
            except asyncio.CancelledError as exc:
                outcome = "timeout" if exc.args == (OUT_OF_TIME,) else "cancelled"
                raise
            finally:
                self._metrics.judge_calls.labels(purpose, outcome).inc()
                self._metrics.judge_seconds.labels(purpose).observe(time.monotonic() - started)

    def _payload(self, messages: Callable[[], list[dict[str, str]]], parameters: dict[str, Any]) -> bytes:
        body = {
            "model": self._settings.judge_model,
            "messages": messages(),
            "temperature": 0,
            "top_p": 1,
            "seed": 0,
            "n": 1,
            "stream": False,
            **parameters,
        }
        return json.dumps(body).encode()

    async def _ask(self, payload: bytes, seconds: float) -> bytes:
        policy = Policy(attempts=self._settings.judge_retries + 1, deadline=seconds, backoff=0.2, backoff_max=5.0)
        url = f"{self._url}/chat/completions"
        try:
            reply = await call_async(lambda left: self._http.post(url, payload, left), policy, self._on_retry)
        except CallFailed as exc:
            raise JudgeFailure(_status_of(exc.failure), f"judge: {exc}") from exc
        return reply.content

    def _on_retry(self, failure: AttemptFailed, wait: float) -> None:
        self._metrics.judge_retries.inc()
        log.info("judge_retry", reason=str(failure), wait_s=round(wait, 3))

    async def why_not_ready(self) -> str | None:
        """None when the endpoint lists its models, else the reason. Remembered for five seconds."""
        if time.monotonic() - self._asked_at >= 5:
            self._asked_at = time.monotonic()
            self._not_ready = await self._ask_models()
        return self._not_ready

    async def _ask_models(self) -> str | None:
        try:
            await self._http.get(f"{self._url}/models", 3.0)
        except AttemptFailed as exc:
            return f"judge at {self._url}: GET /models: {exc}"
        return None


def _status_of(failure: AttemptFailed) -> Status:
    if failure.kind == "timeout":
        return Status.TIMEOUT
    if failure.kind == "unreadable":
        return Status.UNPARSEABLE
    too_long = failure.status == 413 or (
        failure.status == 400 and failure.reply is not None and b"context length" in failure.reply.content
    )
    return Status.TOO_LONG if too_long else Status.UNAVAILABLE


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
