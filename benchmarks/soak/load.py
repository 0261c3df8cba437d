"""Callers as in a training run (the trainer's own client), and what became of each of their groups."""

import asyncio
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rlmr.adapters.settings import Settings
from trainer.grpo.group_reward import GroupReward, GroupRewardClient
from trainer.reward_model.random_checkpoint import invented_text

TOLERANCE = 1e-3
"""Writing rewards, in standard deviations: what another batch's padding moves in float32 is a hundredth of it."""


def invented_groups(count: int, n: int, rng: random.Random) -> list[dict[str, Any]]:
    """`count` groups of `n` responses of 5 to 80 invented words; about half violate."""
    ceiling = [{"type": "length_constraints:number_words", "kwargs": {"relation": "less than", "num_words": 40}}]
    return [
        {
            "group_id": f"soak-{i}",
            "prompt": invented_text(rng, 12),
            "constraints": ceiling,
            "responses": [invented_text(rng, rng.randint(5, 80)) for _ in range(n)],
        }
        for i in range(count)
    ]


@dataclass
class Outcome:
    """What a soak's groups came to."""

    asked: int = 0
    whole: int = 0
    """Answered, each sample with the reward that the undisturbed services give."""
    partial: int = 0
    """Answered, some samples without a reward, the others right."""
    lost: Counter[str] = field(default_factory=Counter)
    """Without an answer, by reason."""
    invented: list[str] = field(default_factory=list)
    """A number that the undisturbed services do not give: must stay empty."""
    late: int = 0
    """Answered, or given up, more than a tenth after the deadline."""
    seconds: list[float] = field(default_factory=list)

    def count(self, got: GroupReward, truth: GroupReward, deadline: float) -> None:
        self.asked += 1
        self.seconds.append(got.seconds)
        self.late += got.seconds > deadline * 1.1
        if wrong := differences(got, truth):
            self.invented.append(wrong)
        elif got.decision == "drop" and got.decision != truth.decision:
            self.lost[(got.error or got.reason or "")[:90]] += 1
        elif got.valid == truth.valid:
            self.whole += 1
        else:
            self.partial += 1

    def figures(self) -> dict[str, Any]:
        ordered = sorted(self.seconds)
        return {
            "groups": self.asked,
            "whole": self.whole,
            "partial": self.partial,
            "lost": sum(self.lost.values()),
            "lost_by_reason": dict(self.lost.most_common(8)),
            "invented": len(self.invented),
            "late": self.late,
            "seconds_median": round(statistics.median(ordered), 4),
            "seconds_p99": round(ordered[int(len(ordered) * 0.99)], 2),
            "seconds_max": round(ordered[-1], 2),
        }


def differences(got: GroupReward, truth: GroupReward) -> str | None:
    """The first number or verdict of `got` that the undisturbed services do not give; None = all agree. Final rewards are compared
    where the whole group is there: a strategy may give other ones to a group that lacks a sample."""
    for i in range(len(truth.valid)):
        score, verdict = got.writing[i], got.violated[i]
        if score is not None and not _close(score, truth.writing[i]):
            return f"sample {i}: writing {score} instead of {truth.writing[i]}"
        if verdict is not None and verdict != truth.violated[i]:
            return f"sample {i}: violated {verdict} instead of {truth.violated[i]}"
        if got.valid == truth.valid and got.decision == truth.decision and not _close(got.rewards[i], truth.rewards[i]):
            return f"sample {i}: reward {got.rewards[i]} instead of {truth.rewards[i]}"
    return None


def _close(a: float | None, b: float | None) -> bool:
    return a is b or (a is not None and b is not None and abs(a - b) <= TOLERANCE)


async def truths(settings: Settings, groups: list[dict[str, Any]]) -> list[GroupReward]:
    """What the undisturbed services answer. Raises RuntimeError if they do not answer for every sample."""
    client = GroupRewardClient(settings)
    try:
        answers = [await client.reward(**group) for group in groups]
    finally:
        await client.close()
    for group, answer in zip(groups, answers, strict=True):
        if not all(answer.valid) and answer.reason != "all_violate":
            raise RuntimeError(f"{group['group_id']}: the undisturbed services answer {answer}")
    return answers


async def call_until(
    end: float,
    settings: Settings,
    groups: list[dict[str, Any]],
    truth: list[GroupReward],
    outcome: Outcome,
    *,
    callers: int,
    per_second: float,
) -> None:
    """`callers` ask for groups at random, together `per_second` a second at most, until time.monotonic() reaches `end`."""
    client = GroupRewardClient(settings)

    async def caller(rng: random.Random) -> None:
        while time.monotonic() < end:
            started = time.monotonic()
            i = rng.randrange(len(groups))
            outcome.count(await client.reward(**groups[i]), truth[i], settings.timeout)
            await asyncio.sleep(max(0.0, callers / per_second - (time.monotonic() - started)))

    try:
        await asyncio.gather(*(caller(random.Random(i)) for i in range(callers)))
    finally:
        await client.close()
