"""An OpenAI-compatible chat endpoint: deadline, concurrency limit, what a failed call means. Knows nothing of verdicts."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import structlog

from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import AttemptFailed, CallFailed, Policy, call_async
from rlmr.mistake import Mistake
from rlmr.wire import Status
from services.verifier.judge.usage import Usage
from services.verifier.metrics import VerifierMetrics
from services.verifier.settings import VerifierSettings

log = structlog.get_logger(__name__)

OUT_OF_TIME = "out of time"
"""Message of the cancellation of a call whose last caller could wait no longer: the judge was too slow."""

_MAX_REPLY_BYTES = 2**20
_CONNECTIONS_BESIDE = 9
"""For the golden verdicts and GET /models while every slot is taken."""

Answer = TypeVar("Answer")


class JudgeFailure(Exception):
    """No verdict. `status` is what the constraint gets."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class NotServed(Mistake):
    """Why the endpoint is not known to serve the judge's model, and the remedy."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    id: str
    told: tuple[tuple[str, str], ...]
    """What the endpoint tells of the weights behind the id, by name."""


_TELLING = ("root", "parent", "revision", "digest", "hash", "weight_version", "quantization")
_COUNT_AS_FAILED = (Status.UNAVAILABLE, Status.TIMEOUT, Status.UNPARSEABLE)
"""Not too_long: that is the text's fault."""


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
            connections=settings.judge_concurrency + _CONNECTIONS_BESIDE,
            max_reply_bytes=_MAX_REPLY_BYTES,
        )
        self.failed_in_row, self.last_failure = 0, ""
        self.usage = Usage()

    async def __aenter__(self) -> "ChatEndpoint":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def complete(
        self,
        purpose: str,
        messages: Callable[[], list[dict[str, str]]],
        chars: int,
        read: Callable[[dict[str, Any]], Answer],
        *,
        queue: bool = True,
        vote: int = 0,
        **parameters: Any,
    ) -> Answer:
        """What `read` makes of the only choice of the completion. Raises JudgeFailure, as `read` may.

        `messages` are made when the call has a slot, so that thousands of waiting calls hold no payload, and in a thread, since
        they may be long. `chars`: their length, about: the time for all attempts grows with it, and counts from the slot.
        `queue` False: without a slot, for the few calls of our own that must not wait behind everybody's. `vote`: added to the seed.
        """
        seconds = self._settings.judge_seconds + self._settings.judge_seconds_per_1000_chars * chars / 1000
        # The gauge counts what waits for a slot, too: one that stops at the concurrency limit could not show a backlog.
        with self._metrics.judge_calls_in_flight.track_inprogress():
            async with self._slots if queue else nullcontext():
                return await self._complete(purpose, messages, seconds, read, self._sampling(vote) | parameters)

    async def _complete(
        self,
        purpose: str,
        messages: Callable[[], list[dict[str, str]]],
        seconds: float,
        read: Callable[[dict[str, Any]], Answer],
        parameters: dict[str, Any],
    ) -> Answer:
        started, outcome = time.monotonic(), "cancelled"
        try:
            payload = await asyncio.to_thread(self._payload, messages, parameters)
            reply = _decoded(await self._ask(payload, seconds))
            self._count_tokens(purpose, reply)
            answer = read(_only_choice(reply, thinks=self._settings.judge_thinking == "on"))
            outcome = Status.OK.value
            return answer
        except JudgeFailure as failure:
            outcome, self.last_failure = failure.status.value, failure.reason
            raise
        except asyncio.CancelledError as exc:
            if exc.args == (OUT_OF_TIME,):
                outcome, self.last_failure = Status.TIMEOUT.value, "no answer in the time of its callers"
            raise
        finally:
            self._count(purpose, outcome, time.monotonic() - started)

    def _count(self, purpose: str, outcome: str, seconds: float) -> None:
        self._metrics.judge_calls.labels(purpose, outcome).inc()
        self._metrics.judge_seconds.labels(purpose).observe(seconds)
        if outcome == Status.OK:
            self.failed_in_row = 0
        elif outcome in _COUNT_AS_FAILED:
            self.failed_in_row += 1
        self._metrics.judge_failed_in_row.set(self.failed_in_row)

    def count_verdict(self, answer: str) -> None:
        self.usage.verdicts += 1
        self._metrics.judge_answers.labels(answer).inc()

    def _count_tokens(self, purpose: str, reply: Any) -> None:
        """Also of an answer that cannot be read: it was paid for."""
        for kind, tokens in self.usage.add(purpose, reply).items():
            self._metrics.judge_tokens.labels(purpose, kind).inc(tokens)

    def _sampling(self, vote: int) -> dict[str, Any]:
        settings, found = self._settings, dict[str, Any]()
        for name, value in (("temperature", settings.judge_temperature), ("top_p", settings.judge_top_p)):
            if value != "omit":
                found[name] = value
        if settings.judge_seed != "omit":
            found["seed"] = settings.judge_seed + vote
        if settings.judge_thinking != "default":
            on = settings.judge_thinking == "on"
            # One name is Qwen's and GLM's, the other DeepSeek's and Granite's; templates leave alone what they do not know.
            found["chat_template_kwargs"] = {"enable_thinking": on, "thinking": on}
        return found

    def _payload(self, messages: Callable[[], list[dict[str, str]]], parameters: dict[str, Any]) -> bytes:
        settings = self._settings
        body = {"model": settings.judge_model, "messages": messages(), "n": 1, "stream": False, **parameters}
        if settings.judge_thinking == "on":
            body["max_tokens"] += settings.judge_thinking_tokens
        return json.dumps(body | settings.judge_extra_body).encode()

    async def _ask(self, payload: bytes, seconds: float) -> bytes:
        policy = Policy(attempts=self._settings.judge_retries + 1, deadline=seconds, backoff=0.2, backoff_max=5.0)
        url = f"{self._url}/chat/completions"
        try:
            reply = await call_async(lambda left: self._http.post(url, payload, left), policy, self._on_retry)
        except CallFailed as exc:
            log.warning("judge_call_failed", reason=str(exc))  # what an engine writes may be anything: it stays here
            raise JudgeFailure(_status_of(exc.failure), f"judge: {exc.outline}") from exc
        return reply.content

    def _on_retry(self, failure: AttemptFailed, wait: float) -> None:
        self._metrics.judge_retries.inc()
        log.info("judge_retry", reason=str(failure), wait_s=round(wait, 3))

    async def served(self) -> ServedModel:
        """The judge's model as GET /models lists it. Raises NotServed."""
        try:
            reply = await self._http.get(f"{self._url}/models", 3.0)
        except AttemptFailed as exc:
            raise NotServed(f"judge at {self._url}: GET /models: {exc.outline}") from exc
        try:
            entries = {str(entry["id"]): entry for entry in json.loads(reply.content)["data"]}
        except (ValueError, KeyError, TypeError, RecursionError) as exc:
            raise NotServed(f"judge at {self._url}: GET /models: not a list of models") from exc
        wanted = self._settings.judge_model
        if wanted not in entries:
            listed = ", ".join(map(repr, entries))[:300] or "no model"
            raise NotServed(f"judge at {self._url}: it serves {listed}, not {wanted!r} (RLMR_VERIFIER_JUDGE_MODEL)")
        told = {name: str(value) for name in _TELLING if (value := entries[wanted].get(name)) is not None}
        return ServedModel(wanted, tuple(sorted(told.items())))


def _status_of(failure: AttemptFailed) -> Status:
    if failure.kind == "timeout":
        return Status.TIMEOUT
    if failure.kind == "unreadable":
        return Status.UNPARSEABLE
    too_long = failure.status == 413 or (
        failure.status == 400 and failure.reply is not None and b"context length" in failure.reply.content
    )
    return Status.TOO_LONG if too_long else Status.UNAVAILABLE


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise JudgeFailure(
            Status.UNPARSEABLE, f"judge: the reply is not a chat completion ({type(exc).__name__})"
        ) from exc


def _only_choice(reply: Any, *, thinks: bool) -> dict[str, Any]:
    try:
        choices = reply["choices"]
        choice = choices[0]
        text, finish = choice["message"]["content"], choice["finish_reason"]
    except (KeyError, IndexError, TypeError) as exc:
        raise JudgeFailure(
            Status.UNPARSEABLE, f"judge: the reply is not a chat completion ({type(exc).__name__})"
        ) from exc
    if len(choices) != 1:
        raise JudgeFailure(Status.UNPARSEABLE, f"judge: {len(choices)} choices, exactly 1 was asked for")
    if not isinstance(text, str):
        raise JudgeFailure(Status.UNPARSEABLE, f"judge: the message has no text (finish_reason {finish!r})")
    if thinks:
        # An engine without a parser for it leaves the thinking in the text, often without its opening mark, which the template wrote.
        text = text.rpartition("</think>")[2].strip()
    return {"text": text, "finish_reason": finish, "logprobs": choice.get("logprobs")}
