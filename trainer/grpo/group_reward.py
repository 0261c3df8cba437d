"""One POST /reward per prompt group. Used by the OpenRLHF agent (agent.py) and by evaluation.

A group whose reward cannot be had is dropped (every reward null, reason `unavailable`): it is neither a crash nor a zero.
"""

import json
import math
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rlmr.adapters.refusals import ends_the_run, may_be_had_later
from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.calls import AttemptFailed, CallFailed, Policy, Reply, call_async

# What the services echo of an X-Request-ID; a prompt id may hold anything, a line break included.
_UNSAFE = re.compile(r"[^A-Za-z0-9._:/+=-]")


KEPT = ("score_status", "verify_status", "fault", "rule_share", "judge_passed", "met_share")
"""What a replay under another strategy needs of a sample (trainer/replay)."""


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
    filter: dict[str, Any] | None = None
    """Changes the filter of the service, as in POST /reward; null = whatever the operators configured."""
    expect: dict[str, str] | None = None
    """Revisions that must answer, as in POST /reward; null = any."""

    @classmethod
    def from_environment(cls, url: str | None = None, strategy: dict[str, Any] | None = None) -> "RewardSettings":
        """Reads the environment; what is given here wins over it."""
        url = url or os.environ.get("RLMR_REWARD_URL")
        if not url:
            raise RuntimeError("RLMR_REWARD_URL is not set: the address of the aggregator, e.g. http://127.0.0.1:8000")
        strategy = strategy or _json_of("RLMR_STRATEGY")
        return cls(
            url=url.rstrip("/"),
            api_key=os.environ.get("RLMR_API_KEY") or None,
            timeout=float(os.environ.get("RLMR_REWARD_TIMEOUT", "600")),
            attempt_timeout=float(os.environ.get("RLMR_REWARD_ATTEMPT_TIMEOUT", "180")),
            strategy=strategy,
            filter=_json_of("RLMR_FILTER"),
            expect=_json_of("RLMR_EXPECT"),
        )


def _json_of(variable: str) -> Any:
    return json.loads(text) if (text := os.environ.get(variable)) else None


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
    revisions: dict[str, str | None] = field(default_factory=dict)
    """By service: what scored and what verified; null where it was not asked or did not answer."""
    samples: list[dict[str, Any]] = field(default_factory=list)
    """Per response, what the services said beside reward and verdict: KEPT of the wire's SampleDiagnostics."""

    @property
    def kept(self) -> bool:
        return self.decision == "train"

    @classmethod
    def unavailable(cls, n: int, error: str, seconds: float, attempts: int) -> "GroupReward":
        blank: list[Any] = [None] * n
        return cls("drop", "unavailable", blank, [False] * n, blank, blank, None, seconds, attempts, error)


class GroupRewardClient:
    """One pool of connections. Safe for many concurrent groups."""

    def __init__(self, settings: RewardSettings) -> None:
        self.settings = settings
        self._http = AiohttpTransport(api_key=settings.api_key)
        # Patience is cheap beside a lost group: whatever may pass is asked again until the group's time is up.
        self._policy = Policy(
            attempts=math.inf,
            deadline=settings.timeout,
            attempt_timeout=settings.attempt_timeout,
            repeat_timeouts=True,
            repeat_unreadable=True,
        )

    async def close(self) -> None:
        await self._http.close()

    async def reward(
        self,
        group_id: str,
        prompt: Any,
        constraints: Any,
        responses: list[str],
        *,
        finished: list[bool] | None = None,
        strategy: dict[str, Any] | None = None,
    ) -> GroupReward:
        """Rewards of n responses to one prompt. A failed group says so in `reason`; one that was dropped for want of an answer that
        may still come is asked about again. Raises WrongSettings at once for what no group of this run could get past.

        finished: per response, whether the policy ended it itself. strategy: in place of the settings'."""
        group = {"id": group_id, "prompt": prompt, "constraints": constraints, "responses": responses}
        body: dict[str, Any] = {"groups": [group if finished is None else {**group, "finished": finished}]}
        settings = self.settings
        given = {"strategy": strategy or settings.strategy, "filter": settings.filter, "expect": settings.expect}
        body |= {name: value for name, value in given.items() if value}
        payload = json.dumps(body).encode()
        headers = {"X-Request-ID": _UNSAFE.sub("_", group_id)[:128]}
        started, attempts, last = time.monotonic(), 0, None

        async def attempt(seconds: float) -> dict[str, Any]:
            nonlocal attempts, last
            attempts += 1
            reply = await self._http.post(f"{self.settings.url}/reward", payload, seconds, headers)
            last = _group_of(reply, len(responses))
            if may_be_had_later(last.get("reason"), _statuses(last)):
                raise AttemptFailed("unreadable", f"no reward yet ({last['reason']})")
            return last

        try:
            group = await call_async(attempt, self._policy)
        except CallFailed as exc:
            if (wrong := ends_the_run(exc.failure, self.settings.url)) is not None:
                raise wrong from exc
            if last is not None:
                return _group_reward(last, time.monotonic() - started, attempts)
            return GroupReward.unavailable(len(responses), str(exc), time.monotonic() - started, exc.attempts)
        return _group_reward(group, time.monotonic() - started, attempts)


def _group_of(reply: Reply, n: int) -> dict[str, Any]:
    """The one group of a reply. Raises AttemptFailed for anything else."""
    try:
        answer = json.loads(reply.content)
    except ValueError as exc:
        raise AttemptFailed("unreadable", f"the reply is not JSON: {exc}") from exc
    groups = answer.get("groups") if isinstance(answer, dict) else None
    if not isinstance(groups, list) or len(groups) != 1 or len(groups[0].get("rewards", ())) != n:
        raise AttemptFailed("unreadable", f"the reply does not hold one group of {n} rewards")
    missing = {"decision", "valid", "writing", "violated"} - set(groups[0])
    if missing:
        raise AttemptFailed("unreadable", f"the reply's group lacks {', '.join(sorted(missing))}")
    revisions = {
        service: (answer.get(field) or {}).get("revision")
        for service, field in (("writing_rm", "model"), ("verifier", "verifier"))
    }
    return {**groups[0], "revisions": revisions}


def _statuses(group: dict[str, Any]) -> Iterator[str]:
    for sample in (group.get("diagnostics") or {}).get("samples") or []:
        yield from (str(sample.get("score_status")), str(sample.get("verify_status")))


def _group_reward(group: dict[str, Any], seconds: float, attempts: int) -> GroupReward:
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
        revisions=group["revisions"],
        samples=[{name: s.get(name) for name in KEPT} for s in samples],
    )
