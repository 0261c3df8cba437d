"""Has the aggregator judge sampled responses: compliance and writing score per response, through the same /reward as training."""

import asyncio
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rlmr.adapters.settings import Settings
from rlmr.mistake import Mistake
from trainer.evaluation.sample import Sampled
from trainer.grpo.group_reward import GroupReward, GroupRewardClient


class EvaluationFailed(Mistake):
    """The services could not judge the samples: there is no number to report."""


@dataclass(frozen=True)
class Judged:
    rows: list[dict[str, Any]]
    """One per response: prompt_id, prompt, response, tokens, writing, violated, failed constraints."""
    failures: int
    """Responses without a writing score or verdict; they are left out of every mean, never counted as 0."""


def judge(
    prompts: Sequence[dict[str, Any]],
    sampled: Sequence[Sampled],
    settings: Settings,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Judged:
    """`prompts` as of trainer.data.prompts.read_prompts, one Sampled each."""
    groups = asyncio.run(_ask(prompts, sampled, settings, on_progress))
    rows, failures = [], 0
    for prompt, drawn, group in zip(prompts, sampled, groups, strict=True):
        if group.reason == "unavailable":
            raise EvaluationFailed(f"evaluation needs the services: {group.error}")
        reasons = group.failed_constraints or [[]] * len(drawn.responses)
        for i, response in enumerate(drawn.responses):
            if not group.valid[i]:
                failures += 1
                continue
            rows.append(
                {
                    "prompt_id": prompt["prompt_id"],
                    "prompt": prompt["prompt"][-1]["content"],
                    "response": response,
                    "tokens": drawn.tokens[i],
                    "writing": group.writing[i],
                    "violated": group.violated[i],
                    "failed": reasons[i],
                }
            )
    return Judged(rows, failures)


async def _ask(
    prompts: Sequence[dict[str, Any]],
    sampled: Sequence[Sampled],
    settings: Settings,
    on_progress: Callable[[int], None],
) -> list[GroupReward]:
    client = GroupRewardClient(settings)
    slots, done = asyncio.Semaphore(16), 0

    async def one(prompt: dict[str, Any], drawn: Sampled) -> GroupReward:
        nonlocal done
        async with slots:
            answer = await client.reward(prompt["prompt_id"], prompt["prompt"], prompt["constraints"], drawn.responses)
        done += 1
        on_progress(done)
        return answer

    try:
        return await asyncio.gather(*(one(p, s) for p, s in zip(prompts, sampled, strict=True)))
    finally:
        await client.close()


def summarise(judged: Judged, quality: Callable[[str], float] | None = None) -> dict[str, Any]:
    """Means over the judged responses: compliance (share), writing_score (standard deviations of the reference set),
    world_quality (0..1, only in a world whose quality can be computed), response_tokens."""
    rows = judged.rows
    if not rows:
        raise EvaluationFailed("no response of the evaluation could be judged: see the services' logs")
    return {
        "compliance": statistics.fmean(not r["violated"] for r in rows),
        "writing_score": statistics.fmean(r["writing"] for r in rows),
        "world_quality": statistics.fmean(quality(r["response"]) for r in rows) if quality else None,
        "response_tokens": statistics.fmean(r["tokens"] for r in rows),
        "responses": len(rows),
        "failures": judged.failures,
    }
