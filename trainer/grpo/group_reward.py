"""One POST /reward per prompt group. Used by the OpenRLHF agent (agent.py) and by evaluation.

A group whose reward cannot be had is dropped (every reward null, reason `unavailable`): it is neither a crash nor a zero.
"""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

from rlmr.adapters.asking import ask
from rlmr.adapters.settings import Settings
from rlmr.aiohttp_transport import AiohttpTransport
from rlmr.wire.reward import RewardReply

# What the services echo of an X-Request-ID; a prompt id may hold anything, a line break included.
_UNSAFE = re.compile(r"[^A-Za-z0-9._:/+=-]")


KEPT = {"score_status", "verify_status", "fault", "rule_share", "judge_passed", "met_share", "spans"}
"""What a replay under another strategy needs of a sample (trainer/replay), and where its violations show."""


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
    """One pool of connections (aiohttp: an agent has hundreds of groups under way). Safe for many concurrent groups."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._http = AiohttpTransport(api_key=settings.api_key)

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
        thresholds: dict[str, float] | None = None,
    ) -> GroupReward:
        """Rewards of n responses to one prompt, asked as rlmr.adapters.asking.ask does. A failed group says so in `reason`. Raises
        WrongSettings at once for what no group of this run could get past.

        finished: per response, whether the policy ended it itself. strategy: in place of the settings'. thresholds: of the filter, over
        the settings'."""
        group = {"id": group_id, "prompt": prompt, "constraints": constraints, "responses": responses}
        if finished is not None:
            group["finished"] = finished
        given = replace(
            self.settings,
            strategy=strategy or self.settings.strategy,
            filter={**(self.settings.filter or {}), **(thresholds or {})},
        )
        payload = json.dumps({"groups": [group], **given.with_each_request()}).encode()
        headers = {"X-Request-ID": _UNSAFE.sub("_", group_id)[:128]}
        url = f"{self.settings.url}/reward"
        asked = await ask(
            lambda seconds: self._http.post(url, payload, seconds, headers), len(responses), self.settings
        )
        if asked.reply is None:
            return GroupReward.unavailable(len(responses), str(asked.failure), asked.seconds, asked.attempts)
        return _group_reward(asked.reply, asked.seconds, asked.attempts)


def _group_reward(reply: RewardReply, seconds: float, attempts: int) -> GroupReward:
    (group,) = reply.groups
    samples = group.diagnostics.samples
    identities = {"writing_rm": reply.model, "verifier": reply.verifier}
    return GroupReward(
        decision=str(group.decision),
        reason=None if group.reason is None else str(group.reason),
        rewards=list(group.rewards),
        valid=list(group.valid),
        writing=list(group.writing),
        violated=list(group.violated),
        delta=group.delta,
        seconds=seconds,
        attempts=attempts,
        failed_constraints=[s.reasons for s in samples],
        revisions={name: given.revision if given else None for name, given in identities.items()},
        samples=[s.model_dump(mode="json", include=KEPT) for s in samples],
    )
