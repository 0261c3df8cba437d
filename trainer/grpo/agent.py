"""OpenRLHF's group agent: `--train.agent_func_path trainer/grpo/agent.py`.

OpenRLHF (0.11.2, trainer/ray/vllm_engine.py, RolloutRayActor.generate_responses) runs the n samples of one prompt as n concurrent
`execute` calls in one process, all with the same `sampling_params` object. That object's identity names the group, so n is learned
from the siblings: training and evaluation may use different n. The last sibling to finish generating sends ONE /reward request.

Keep or drop goes to OpenRLHF through `scores` and dynamic filtering (`--algo.dynamic_filtering_range 0 1`): 0.5 keeps a group, 1.0
drops it and draws a new prompt. An invalid sample of a kept group is filled (rlmr/adapters/filling.py): its advantage is 0 and its
siblings' baseline does not move.
"""

import asyncio
import json
import time
from typing import Any

from openrlhf.utils.agent import SingleTurnAgentExecutor

from rlmr.adapters.filling import fill
from trainer.grpo.group_reward import GroupReward, GroupRewardClient, RewardSettings
from trainer.grpo.recorder import append

KEEP, DROP = 0.5, 1.0


class _Group:
    """The siblings of one prompt. Holds `sampling_params` so that its id() cannot be reused while the group lives."""

    def __init__(self, sampling_params: Any) -> None:
        self.sampling_params = sampling_params
        self.n = 0
        self.responses: dict[int, str] = {}
        self.tokens: dict[int, int] = {}
        self.reward: asyncio.Future[GroupReward] = asyncio.get_running_loop().create_future()


class AgentExecutor(SingleTurnAgentExecutor):
    """Generation is OpenRLHF's own; only the reward is ours."""

    def __init__(self) -> None:
        super().__init__(remote_rm_url=None)
        self.client = GroupRewardClient(RewardSettings.from_environment())
        self.groups: dict[int, _Group] = {}

    async def execute(
        self,
        prompt: str,
        label: str,
        sampling_params: Any,
        max_length: int,
        hf_tokenizer: Any,
        llm_engine: Any,
        images: Any = None,
    ) -> dict[str, Any]:
        group = self.groups.get(id(sampling_params))
        if group is None:
            group = self.groups[id(sampling_params)] = _Group(sampling_params)
        index = group.n
        group.n += 1
        await asyncio.sleep(0)  # every sibling of the gather() joins before any can finish
        try:
            output = await super().execute(prompt, label, sampling_params, max_length, hf_tokenizer, llm_engine, images)
            ((start, end),) = output["action_ranges"]
            # From the action tokens, never by cutting the prompt's text off: prompts may be truncated and decoding is not exact.
            group.responses[index] = hf_tokenizer.decode(
                output["observation_tokens"][start:end], skip_special_tokens=True
            )
            group.tokens[index] = end - start
            if len(group.responses) == group.n:
                self.groups.pop(id(sampling_params), None)
                group.reward.set_result(await self._ask(group, label))
            reward = await group.reward
        except BaseException as exc:
            # A sibling that failed must not leave the others waiting for ever. Ray can only carry picklable errors.
            self.groups.pop(id(sampling_params), None)
            if not group.reward.done():
                group.reward.set_exception(RuntimeError(f"a sample of the group failed: {type(exc).__name__}: {exc}"))
                group.reward.exception()  # marks it retrieved: this raise already reports it
            raise
        output.update(sample_fields(reward, index))
        return output

    async def _ask(self, group: _Group, label: str) -> GroupReward:
        try:
            row = json.loads(label)
            group_id, prompt, constraints = str(row["prompt_id"]), row["prompt"], row["constraints"]
        except (ValueError, KeyError, TypeError) as exc:
            raise RuntimeError(
                "label is not what `rlmr train` prepares (JSON with prompt_id, prompt, constraints): "
                f"{type(exc).__name__}: {exc}; label: {str(label)[:200]}"
            ) from exc
        responses = [group.responses[i] for i in range(group.n)]
        reward = await self.client.reward(group_id, prompt, constraints, responses)
        append(
            "groups.jsonl",
            {
                "time": time.time(),
                "split": row.get("split", "train"),
                "prompt_id": group_id,
                "n": group.n,
                "decision": reward.decision,
                "reason": reward.reason,
                "rewards": reward.rewards,
                "valid": reward.valid,
                "writing": reward.writing,
                "violated": reward.violated,
                "delta": reward.delta,
                "tokens": [group.tokens[i] for i in range(group.n)],
                "seconds": round(reward.seconds, 4),
                "attempts": reward.attempts,
                "error": reward.error,
                "failed_constraints": reward.failed_constraints,
                "responses": responses,
            },
        )
        return reward


def sample_fields(group: GroupReward, index: int) -> dict[str, Any]:
    """What OpenRLHF wants of one sample: reward, scores (the keep/drop channel) and a constant set of numeric logs."""
    writing, violated = group.writing[index], group.violated[index]
    return {
        "reward": fill(group.rewards, group.valid)[index],
        "scores": KEEP if group.kept else DROP,
        "extra_logs": {
            "valid": float(group.valid[index]),
            "violated": float(bool(violated)),
            "writing": float(writing) if writing is not None else 0.0,
            "delta": float(group.delta or 0.0),
        },
    }
