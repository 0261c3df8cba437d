"""The public client: `RlmrClient` (blocking) and `AsyncRlmrClient`, for any of the three services.

    from rlmr import RlmrClient

    with RlmrClient("http://127.0.0.1:8000") as client:
        reply = client.reward([{"id": "g1", "prompt": "...", "constraints": None, "responses": ["...", "..."]}])
        reply.groups[0].decision, reply.groups[0].rewards

Point it at the service that answers the call: `score` at a writing reward model, `verify` at a verifier, `reward` at an aggregator.
Every call is safe to repeat (the services hold no state), so connection errors, 429 and 5xx are, as rlmr/calls.py says. A refusal
(any other 4xx) and a time-out are raised at once.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx
from pydantic import ValidationError

from rlmr.calls import AttemptFailed, CallFailed, Policy, Reply, call, call_async
from rlmr.httpx_transport import attempt, attempt_async
from rlmr.wire import (
    ErrorReply,
    RewardGroup,
    RewardReply,
    RewardRequest,
    ScoreGroup,
    ScoreGroupsReply,
    ScoreReply,
    ScoreRequest,
    ScoreSample,
    ServiceInfo,
    StrategySpec,
    VerifyGroup,
    VerifyGroupsReply,
    VerifyReply,
    VerifyRequest,
    VerifySample,
    WireModel,
)

Answer = TypeVar("Answer", bound=WireModel)


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


class _Base:
    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float = 180.0,
        retries: int = 4,
        backoff: float = 0.25,
        deadline: float = math.inf,
    ) -> None:
        """`api_key` defaults to the environment's RLMR_API_KEY. `timeout`: seconds per attempt. `retries`: further attempts.
        `backoff`: first wait in seconds, doubled each time up to 10 s. `deadline`: seconds for a whole call; with one, replies
        that say when to come back (Retry-After) do not count as attempts."""
        self.base_url = base_url.rstrip("/")
        key = api_key if api_key is not None else os.environ.get("RLMR_API_KEY")
        self._options: dict[str, Any] = {
            "base_url": self.base_url,
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
        }
        self._policy = Policy(attempts=retries + 1, deadline=deadline, attempt_timeout=timeout, backoff=backoff)


def _error(url: str, failure: AttemptFailed) -> RlmrError:
    """What to raise where no further attempt is made."""
    if failure.reply is None:
        return NoAnswer(f"{url}: {failure}")
    try:
        error: ErrorReply | None = ErrorReply.model_validate_json(failure.reply.content, extra="ignore")
    except ValidationError:
        error = None
    return Refused(failure.reply.status, error, failure.reply.text)


def _read(url: str, reply: Reply, kind: type[Answer]) -> Answer:
    try:
        # Unknown fields are let through: a newer service may say more.
        return kind.model_validate_json(reply.content, extra="ignore")
    except ValidationError as exc:
        raise NoAnswer(f"{url}: the reply is not a {kind.__name__}: {exc}") from exc


Samples = Iterable[Mapping[str, Any]]
Mode = Literal["strict", "loose"]


def _score_request(form: Literal["samples", "groups"], items: Iterable[Any]) -> ScoreRequest:
    return ScoreRequest.model_validate({form: list(items)})


def _verify_request(form: Literal["samples", "groups"], items: Iterable[Any], mode: Mode) -> VerifyRequest:
    return VerifyRequest.model_validate({form: list(items), "mode": mode})


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
        return self._post("/score", _score_request("samples", samples), ScoreReply)

    def score_groups(self, groups: Iterable[ScoreGroup] | Samples) -> ScoreGroupsReply:
        """POST /score. Groups as ScoreGroup or mappings with id, prompt and responses: the prompt travels once."""
        return self._post("/score", _score_request("groups", groups), ScoreGroupsReply)

    def verify(self, samples: Iterable[VerifySample] | Samples, mode: Mode = "strict") -> VerifyReply:
        """POST /verify. Samples as VerifySample or mappings with id, prompt, response and constraints."""
        return self._post("/verify", _verify_request("samples", samples, mode), VerifyReply)

    def verify_groups(self, groups: Iterable[VerifyGroup] | Samples, mode: Mode = "strict") -> VerifyGroupsReply:
        """POST /verify. Groups as VerifyGroup or mappings with id, prompt, constraints and responses: the prompt travels once."""
        return self._post("/verify", _verify_request("groups", groups, mode), VerifyGroupsReply)

    def reward(
        self,
        groups: Iterable[RewardGroup] | Samples,
        strategy: StrategySpec | Mapping[str, Any] | str | None = None,
    ) -> RewardReply:
        """POST /reward. Groups as RewardGroup or mappings with id, prompt, constraints and responses."""
        return self._post("/reward", _reward_request(groups, strategy), RewardReply)

    def info(self) -> ServiceInfo:
        """GET /v1/info."""
        return self._call("GET", "/v1/info", None, ServiceInfo)

    def ready(self) -> tuple[bool, list[str]]:
        """GET /readyz once: whether the service is ready, and the reasons if not. Raises NoAnswer if nobody answers."""
        url = f"{self.base_url}/readyz"
        try:
            reply = attempt(self._http, "GET", "/readyz", self._policy.attempt_timeout)
        except AttemptFailed as exc:
            reply = _not_200(url, exc)
        return _readiness(url, reply)

    def _post(self, path: str, request: WireModel, kind: type[Answer]) -> Answer:
        return self._call("POST", path, request.model_dump_json(exclude_unset=True).encode(), kind)

    def _call(self, method: str, path: str, body: bytes | None, kind: type[Answer]) -> Answer:
        url = self.base_url + path
        try:
            reply = call(lambda seconds: attempt(self._http, method, path, seconds, body), self._policy)
        except CallFailed as exc:
            raise _error(url, exc.failure) from exc
        return _read(url, reply, kind)


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
        return await self._post("/score", _score_request("samples", samples), ScoreReply)

    async def score_groups(self, groups: Iterable[ScoreGroup] | Samples) -> ScoreGroupsReply:
        return await self._post("/score", _score_request("groups", groups), ScoreGroupsReply)

    async def verify(self, samples: Iterable[VerifySample] | Samples, mode: Mode = "strict") -> VerifyReply:
        return await self._post("/verify", _verify_request("samples", samples, mode), VerifyReply)

    async def verify_groups(self, groups: Iterable[VerifyGroup] | Samples, mode: Mode = "strict") -> VerifyGroupsReply:
        return await self._post("/verify", _verify_request("groups", groups, mode), VerifyGroupsReply)

    async def reward(
        self,
        groups: Iterable[RewardGroup] | Samples,
        strategy: StrategySpec | Mapping[str, Any] | str | None = None,
    ) -> RewardReply:
        return await self._post("/reward", _reward_request(groups, strategy), RewardReply)

    async def info(self) -> ServiceInfo:
        return await self._call("GET", "/v1/info", None, ServiceInfo)

    async def ready(self) -> tuple[bool, list[str]]:
        url = f"{self.base_url}/readyz"
        try:
            reply = await attempt_async(self._http, "GET", "/readyz", self._policy.attempt_timeout)
        except AttemptFailed as exc:
            reply = _not_200(url, exc)
        return _readiness(url, reply)

    async def _post(self, path: str, request: WireModel, kind: type[Answer]) -> Answer:
        return await self._call("POST", path, request.model_dump_json(exclude_unset=True).encode(), kind)

    async def _call(self, method: str, path: str, body: bytes | None, kind: type[Answer]) -> Answer:
        url = self.base_url + path
        try:
            reply = await call_async(
                lambda seconds: attempt_async(self._http, method, path, seconds, body), self._policy
            )
        except CallFailed as exc:
            raise _error(url, exc.failure) from exc
        return _read(url, reply, kind)


def _not_200(url: str, failure: AttemptFailed) -> Reply:
    if failure.reply is None:
        raise NoAnswer(f"{url}: {failure}") from failure
    return failure.reply


def _readiness(url: str, reply: Reply) -> tuple[bool, list[str]]:
    try:
        body = json.loads(reply.content)
        return bool(body["ready"]), [str(reason) for reason in body["reasons"]]
    except (ValueError, KeyError, TypeError) as exc:
        raise NoAnswer(f"{url}: HTTP {reply.status}, not an RLMR service: {reply.text[:200]}") from exc
