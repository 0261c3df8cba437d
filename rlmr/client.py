"""The public client: `RlmrClient` (blocking) and `AsyncRlmrClient`, for any of the three services.

    from rlmr import RlmrClient

    with RlmrClient("http://127.0.0.1:8000") as client:
        reply = client.reward([{"id": "g1", "prompt": "...", "constraints": None, "responses": ["...", "..."]}])
        reply.groups[0].decision, reply.groups[0].rewards

Point it at the service that answers the call: `score` at a writing reward model, `verify` at a verifier, `reward` at an aggregator.
Every call is safe to repeat (the services hold no state), so connection errors, 429 and 5xx are, with jitter and Retry-After. A
refusal (4xx) and a time-out are raised at once.
"""

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx
from pydantic import ValidationError

from rlmr.wire import (
    ErrorReply,
    RewardGroup,
    RewardReply,
    RewardRequest,
    ScoreReply,
    ScoreRequest,
    ScoreSample,
    ServiceInfo,
    StrategySpec,
    VerifyReply,
    VerifyRequest,
    VerifySample,
    WireModel,
)

Reply = TypeVar("Reply", bound=WireModel)


class RlmrError(Exception):
    """Base of everything the client raises."""


class NoAnswer(RlmrError):
    """Nothing usable came back: no connection, a time-out, or a reply that is not what the wire contract says."""


class Refused(RlmrError):
    """The service answered with an error. `reply` is its ErrorReply (None if something else in between answered)."""

    def __init__(self, status: int, reply: ErrorReply | None, text: str) -> None:
        said = f"{reply.code}: {reply.message}" if reply else text[:300]
        super().__init__(f"HTTP {status} {said}")
        self.status, self.reply, self.text = status, reply, text


class _Again(Exception):
    def __init__(self, cause: RlmrError, retry_after: float) -> None:
        super().__init__(str(cause))
        self.cause, self.retry_after = cause, retry_after


class _Base:
    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float = 180.0,
        retries: int = 4,
        backoff: float = 0.25,
    ) -> None:
        """`api_key` defaults to the environment's RLMR_API_KEY. `timeout`: seconds per attempt. `retries`: further attempts.
        `backoff`: first wait in seconds, doubled each time up to 10 s."""
        self.base_url = base_url.rstrip("/")
        key = api_key if api_key is not None else os.environ.get("RLMR_API_KEY")
        self._options: dict[str, Any] = {
            "base_url": self.base_url,
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
            "timeout": httpx.Timeout(timeout, connect=5.0),
        }
        self._retries, self._backoff = retries, backoff

    def _wait(self, attempt: int, failure: _Again) -> float:
        """Seconds before the next attempt; raises the failure when there is none left."""
        if attempt >= self._retries:
            raise failure.cause from failure.__cause__
        full = min(self._backoff * 2**attempt, 10.0)
        return max(failure.retry_after, full * random.uniform(0.5, 1.0))


def _read(response: httpx.Response, kind: type[Reply]) -> Reply:
    """The reply, or Refused, NoAnswer, or _Again around what another attempt may mend."""
    if response.status_code == 200:
        try:
            # Unknown fields are let through: a newer service may say more.
            return kind.model_validate_json(response.content, extra="ignore")
        except ValidationError as exc:
            raise NoAnswer(f"{response.url}: the reply is not a {kind.__name__}: {exc}") from exc
    try:
        error: ErrorReply | None = ErrorReply.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        error = None
    refused = Refused(response.status_code, error, response.text)
    if response.status_code == 429 or response.status_code >= 500:
        after = response.headers.get("Retry-After", "")
        raise _Again(refused, min(float(after), 60.0) if after.isdecimal() else 0.0)
    raise refused


def _transport_failure(url: str, exc: httpx.TransportError) -> RlmrError | _Again:
    """What to raise for an error below HTTP. A read time-out is final: the service may be at work on the request still."""
    failure = NoAnswer(f"{url}: {type(exc).__name__}: {exc}")
    if isinstance(exc, httpx.TimeoutException) and not isinstance(exc, httpx.ConnectTimeout):
        return failure
    return _Again(failure, 0.0)


Samples = Iterable[Mapping[str, Any]]


def _score_request(samples: Iterable[ScoreSample] | Samples) -> ScoreRequest:
    return ScoreRequest.model_validate({"samples": list(samples)})


def _verify_request(samples: Iterable[VerifySample] | Samples, mode: Literal["strict", "loose"]) -> VerifyRequest:
    return VerifyRequest.model_validate({"samples": list(samples), "mode": mode})


def _reward_request(
    groups: Iterable[RewardGroup] | Samples, strategy: StrategySpec | Mapping[str, Any] | str | None
) -> RewardRequest:
    spec = {"name": strategy} if isinstance(strategy, str) else strategy
    return RewardRequest.model_validate({"groups": list(groups), "strategy": spec})


class RlmrClient(_Base):
    """Blocking client. Not for sharing between threads that close it; use as a context manager."""

    def __init__(self, base_url: str, **options: Any) -> None:
        super().__init__(base_url, **options)
        self._http = httpx.Client(**self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def score(self, samples: Iterable[ScoreSample] | Samples) -> ScoreReply:
        """POST /score. Samples as ScoreSample or mappings with id, prompt and response."""
        return self._post("/score", _score_request(samples), ScoreReply)

    def verify(
        self, samples: Iterable[VerifySample] | Samples, mode: Literal["strict", "loose"] = "strict"
    ) -> VerifyReply:
        """POST /verify. Samples as VerifySample or mappings with id, prompt, response and constraints."""
        return self._post("/verify", _verify_request(samples, mode), VerifyReply)

    def reward(
        self,
        groups: Iterable[RewardGroup] | Samples,
        strategy: StrategySpec | Mapping[str, Any] | str | None = None,
    ) -> RewardReply:
        """POST /reward. Groups as RewardGroup or mappings with id, prompt, constraints and responses."""
        return self._post("/reward", _reward_request(groups, strategy), RewardReply)

    def info(self) -> ServiceInfo:
        """GET /v1/info."""
        return self._call(lambda: self._http.get("/v1/info"), ServiceInfo)

    def ready(self) -> tuple[bool, list[str]]:
        """GET /readyz once: whether the service is ready, and the reasons if not. Raises NoAnswer if nobody answers."""
        try:
            return _readiness(self._http.get("/readyz"))
        except httpx.TransportError as exc:
            raise NoAnswer(f"{self.base_url}/readyz: {type(exc).__name__}: {exc}") from exc

    def _post(self, path: str, request: WireModel, kind: type[Reply]) -> Reply:
        content = request.model_dump_json().encode()
        headers = {"Content-Type": "application/json"}
        return self._call(lambda: self._http.post(path, content=content, headers=headers), kind)

    def _call(self, send: Callable[[], httpx.Response], kind: type[Reply]) -> Reply:
        attempt = 0
        while True:
            try:
                try:
                    return _read(send(), kind)
                except httpx.TransportError as exc:
                    raise _transport_failure(self.base_url, exc) from exc
            except _Again as failure:
                time.sleep(self._wait(attempt, failure))
                attempt += 1


class AsyncRlmrClient(_Base):
    """The same for asyncio; use as an async context manager."""

    def __init__(self, base_url: str, **options: Any) -> None:
        super().__init__(base_url, **options)
        self._http = httpx.AsyncClient(**self._options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def score(self, samples: Iterable[ScoreSample] | Samples) -> ScoreReply:
        return await self._post("/score", _score_request(samples), ScoreReply)

    async def verify(
        self, samples: Iterable[VerifySample] | Samples, mode: Literal["strict", "loose"] = "strict"
    ) -> VerifyReply:
        return await self._post("/verify", _verify_request(samples, mode), VerifyReply)

    async def reward(
        self,
        groups: Iterable[RewardGroup] | Samples,
        strategy: StrategySpec | Mapping[str, Any] | str | None = None,
    ) -> RewardReply:
        return await self._post("/reward", _reward_request(groups, strategy), RewardReply)

    async def info(self) -> ServiceInfo:
        return await self._call(lambda: self._http.get("/v1/info"), ServiceInfo)

    async def ready(self) -> tuple[bool, list[str]]:
        try:
            return _readiness(await self._http.get("/readyz"))
        except httpx.TransportError as exc:
            raise NoAnswer(f"{self.base_url}/readyz: {type(exc).__name__}: {exc}") from exc

    async def _post(self, path: str, request: WireModel, kind: type[Reply]) -> Reply:
        content = request.model_dump_json().encode()
        headers = {"Content-Type": "application/json"}
        return await self._call(lambda: self._http.post(path, content=content, headers=headers), kind)

    async def _call(self, send: Callable[[], Awaitable[httpx.Response]], kind: type[Reply]) -> Reply:
        attempt = 0
        while True:
            try:
                try:
                    return _read(await send(), kind)
                except httpx.TransportError as exc:
                    raise _transport_failure(self.base_url, exc) from exc
            except _Again as failure:
                await asyncio.sleep(self._wait(attempt, failure))
                attempt += 1


def _readiness(response: httpx.Response) -> tuple[bool, list[str]]:
    try:
        body = response.json()
        return bool(body["ready"]), [str(reason) for reason in body["reasons"]]
    except (ValueError, KeyError, TypeError) as exc:
        raise NoAnswer(
            f"{response.url}: HTTP {response.status_code}, not an RLMR service: {response.text[:200]}"
        ) from exc
