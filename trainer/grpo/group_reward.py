"""One POST /reward per prompt group, with retries. Used by the OpenRLHF agent (agent.py).

A group whose reward cannot be had is dropped (every reward null, reason `unavailable`): it is neither a crash nor a zero.
"""

import asyncio
import json
import os
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

# What the services echo of an X-Request-ID; a prompt id may hold anything, a line break included.
_UNSAFE = re.compile(r"[^A-Za-z0-9._:/+=-]")
RETRIED = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class RewardSettings:
    """From RLMR_REWARD_*, RLMR_API_KEY and RLMR_STRATEGY: OpenRLHF builds the agent without arguments."""

    url: str
    """Base address of the aggregator, e.g. http://rlmr-aggregator:8000."""
    api_key: str | None = None
    timeout: float = 600.0
    """Seconds for one group, retries included. Judges on long texts take minutes."""
    attempt_timeout: float = 180.0
    """Seconds for one attempt."""
    strategy: dict[str, Any] | None = None
    """Overrides the strategy of the service; null = whatever the operators configured."""

    @classmethod
    def from_environment(cls, url: str | None = None, strategy: dict[str, Any] | None = None) -> "RewardSettings":
        """Reads the environment; what is given here wins over it."""
        url = url or os.environ.get("RLMR_REWARD_URL")
        if not url:
            raise RuntimeError("RLMR_REWARD_URL is not set: the address of the aggregator, e.g. http://127.0.0.1:8000")
        if strategy is None and os.environ.get("RLMR_STRATEGY"):
            strategy = json.loads(os.environ["RLMR_STRATEGY"])
        return cls(
            url=url.rstrip("/"),
            api_key=os.environ.get("RLMR_API_KEY") or None,
            timeout=float(os.environ.get("RLMR_REWARD_TIMEOUT", "600")),
            attempt_timeout=float(os.environ.get("RLMR_REWARD_ATTEMPT_TIMEOUT", "180")),
            strategy=strategy,
        )


@dataclass
class GroupReward:
    """The aggregator's answer for one group, or the reason there is none."""

    decision: str
    reason: str | None
    rewards: list[float | None]
    valid: list[bool]
    writing: list[float | None]
    violated: list[bool | None]
    delta: float | None
    seconds: float
    attempts: int
    error: str | None = None
    failed_constraints: list[list[str]] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return self.decision == "train"

    @classmethod
    def unavailable(cls, n: int, error: str, seconds: float, attempts: int) -> "GroupReward":
        blank: list[Any] = [None] * n
        return cls("drop", "unavailable", blank, [False] * n, blank, blank, None, seconds, attempts, error)


class GroupRewardClient:
    """Holds one aiohttp session per event loop. Safe for many concurrent groups."""

    def __init__(self, settings: RewardSettings) -> None:
        self.settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def reward(self, group_id: str, prompt: Any, constraints: Any, responses: list[str]) -> GroupReward:
        """Rewards of n responses to one prompt. Never raises for a failed call: a failed group says so in `reason`."""
        body: dict[str, Any] = {
            "groups": [{"id": group_id, "prompt": prompt, "constraints": constraints, "responses": responses}]
        }
        if self.settings.strategy is not None:
            body["strategy"] = self.settings.strategy
        started = time.monotonic()
        deadline = started + self.settings.timeout
        attempt, error = 0, "no attempt was made"
        while time.monotonic() < deadline:
            attempt += 1
            try:
                answer = await self._attempt(
                    body, group_id, min(self.settings.attempt_timeout, deadline - time.monotonic())
                )
                return _parse(answer, len(responses), time.monotonic() - started, attempt)
            except RetryLater as exc:
                error = str(exc)
                # Retry-After: 0 must not become a busy loop: the backoff is the least we wait.
                backoff = min(0.25 * 2 ** (attempt - 1), 10.0) * random.uniform(0.5, 1.0)
                pause = max(backoff, exc.after or 0.0)
                if time.monotonic() + pause >= deadline:
                    break
                await asyncio.sleep(pause)
            except RefusedGroup as exc:
                error = str(exc)
                break
        return GroupReward.unavailable(len(responses), error, time.monotonic() - started, attempt)

    async def _attempt(self, body: dict[str, Any], group_id: str, timeout: float) -> dict[str, Any]:
        if self._session is None:
            headers = {"Authorization": f"Bearer {self.settings.api_key}"} if self.settings.api_key else {}
            self._session = aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0))
        try:
            async with self._session.post(
                f"{self.settings.url}/reward",
                json=body,
                timeout=aiohttp.ClientTimeout(total=timeout),
                headers={"X-Request-ID": _UNSAFE.sub("_", group_id)[:128]},
            ) as response:
                text = await response.text()
                if response.status in RETRIED:
                    raise RetryLater(f"HTTP {response.status}: {text[:300]}", _retry_after(response.headers))
                if response.status != 200:
                    raise RefusedGroup(f"HTTP {response.status}: {text[:500]}")
                answer = json.loads(text)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise RetryLater(f"{type(exc).__name__}: {exc}") from exc
        except json.JSONDecodeError as exc:
            raise RetryLater(f"the reply is not JSON: {exc}") from exc
        if not isinstance(answer, dict):
            raise RetryLater("the reply is not a JSON object")
        return answer


class RetryLater(Exception):
    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class RefusedGroup(Exception):
    """The service understood and refused (4xx): asking again cannot help."""


def _retry_after(headers: Any) -> float | None:
    value = headers.get("Retry-After", "")
    return min(float(value), 60.0) if value.replace(".", "", 1).isdigit() else None


def _parse(answer: dict[str, Any], n: int, seconds: float, attempts: int) -> GroupReward:
    groups = answer.get("groups")
    if not isinstance(groups, list) or len(groups) != 1 or len(groups[0].get("rewards", ())) != n:
        raise RetryLater(f"the reply does not hold one group of {n} rewards")
    group = groups[0]
    missing = {"decision", "valid", "writing", "violated"} - set(group)
    if missing:
        raise RetryLater(f"the reply's group lacks {', '.join(sorted(missing))}")
    samples = (group.get("diagnostics") or {}).get("samples") or []
    return GroupReward(
        decision=group["decision"],
        reason=group.get("reason"),
        rewards=group["rewards"],
        valid=group["valid"],
        writing=group["writing"],
        violated=group["violated"],
        delta=group.get("delta"),
        seconds=seconds,
        attempts=attempts,
        failed_constraints=[s.get("reasons", []) for s in samples],
    )
