"""Asks the services about sampled groups: the aggregator for reward and decision, as training does, the verifier for each constraint."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rlmr.adapters.settings import Settings
from rlmr.client import AsyncRlmrClient, RlmrClient, RlmrError
from rlmr.mistake import Mistake
from rlmr.wire import SampleVerdict
from services.aggregator.together import all_of
from trainer.evaluation.sample import Sampled
from trainer.grpo.group_reward import GroupReward, GroupRewardClient

AT_ONCE = 16


class CalibrationFailed(Mistake):
    """The services could not be asked; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Group:
    """n responses to one prompt with everything that was said about them."""

    prompt: dict[str, Any]
    """As of trainer.data.prompts.read_prompts."""
    drawn: Sampled
    reward: GroupReward
    """By the strategy and the filter of the run that is planned."""
    verdicts: list[SampleVerdict]
    """One per response, with a result per constraint."""


@dataclass(frozen=True, slots=True)
class Asked:
    groups: list[Group]
    reward_seconds: float
    """Wall seconds for all /reward calls, AT_ONCE at a time."""


def verifier_of(reward_url: str) -> str:
    """The verifier's address, as the aggregator knows it. Raises CalibrationFailed."""
    with RlmrClient(reward_url, timeout=10, retries=1) as client:
        try:
            upstreams = client.info().details.get("upstreams", {})
        except RlmrError as exc:
            raise CalibrationFailed(f"no aggregator at {reward_url} ({exc}): see `rlmr doctor`") from exc
    if "verifier" not in upstreams:
        raise CalibrationFailed(f"the aggregator at {reward_url} names no verifier: give --verifier-url")
    return str(upstreams["verifier"])


def ask(
    prompts: Sequence[dict[str, Any]],
    sampled: Sequence[Sampled],
    settings: Settings,
    verifier_url: str,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Asked:
    """Raises CalibrationFailed, and WrongSettings for what the aggregator refuses."""
    return asyncio.run(_ask(prompts, sampled, settings, verifier_url, on_progress))


async def _ask(
    prompts: Sequence[dict[str, Any]],
    sampled: Sequence[Sampled],
    settings: Settings,
    verifier_url: str,
    on_progress: Callable[[int], None],
) -> Asked:
    client, slots, done = GroupRewardClient(settings), asyncio.Semaphore(AT_ONCE), 0

    async def reward(prompt: dict[str, Any], drawn: Sampled) -> GroupReward:
        nonlocal done
        async with slots:
            answer = await client.reward(
                prompt["prompt_id"], prompt["prompt"], prompt["constraints"], drawn.responses, finished=drawn.finished
            )
        done += 1
        on_progress(done)
        if answer.reason == "unavailable":
            told = answer.error or next((r[0] for r in answer.failed_constraints if r), "no answer")
            raise CalibrationFailed(f"no reward for prompt {prompt['prompt_id']} ({told}): see `rlmr doctor`")
        return answer

    async def verify(verifier: AsyncRlmrClient, prompt: dict[str, Any], drawn: Sampled) -> list[SampleVerdict]:
        group = {"id": "g", **{k: prompt[k] for k in ("prompt", "constraints")}, "responses": drawn.responses}
        async with slots:
            return (await verifier.verify_groups([group])).groups[0].results

    pairs = list(zip(prompts, sampled, strict=True))
    try:
        began = time.monotonic()
        rewards = await all_of([reward(*pair) for pair in pairs])
        seconds = time.monotonic() - began
    finally:
        await client.close()
    async with AsyncRlmrClient(verifier_url, api_key=settings.api_key, timeout=settings.attempt_timeout) as verifier:
        try:
            verdicts = await all_of([verify(verifier, *pair) for pair in pairs])
        except RlmrError as exc:
            raise CalibrationFailed(f"the verifier at {verifier_url}: {exc}: give --verifier-url") from exc
    groups = [Group(p, s, r, v) for (p, s), r, v in zip(pairs, rewards, verdicts, strict=True)]
    return Asked(groups, seconds)
