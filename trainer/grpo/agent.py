"""OpenRLHF's group agent: `--train.agent_func_path trainer/grpo/agent.py`.

OpenRLHF (0.11.2, trainer/ray/vllm_engine.py, RolloutRayActor.generate_responses) runs the n samples of one prompt as n concurrent
`execute` calls in one process, all with the same `sampling_params` object. That object's identity names the group. Its size is checked
against the label's n (written by openrlhf_trainer.py; training and evaluation may use different n), so that a change in OpenRLHF
cannot silently make groups of one. The last sibling to finish generating sends ONE /reward request.

Keep or drop goes to OpenRLHF through `scores` and dynamic filtering (`--algo.dynamic_filtering_range 0 1`): 0.5 keeps a group, 1.0
drops it and draws a new prompt. An invalid sample of a kept group is filled (rlmr/adapters/filling.py): its advantage is 0 and its
siblings' baseline does not move.
"""

import asyncio
import json
import math
import time
from collections.abc import Sequence
from typing import Any

from openrlhf.utils.agent import SingleTurnAgentExecutor

from rlmr.adapters.filling import fill
from rlmr.adapters.settings import Settings
from trainer.grpo.group_reward import GroupReward, GroupRewardClient
from trainer.grpo.recorder import record
from trainer.study.measures import sibling_overlap

KEEP, DROP = 0.5, 1.0


class _Group:
    """The siblings of one prompt. Holds `sampling_params` so that its id() cannot be reused while the group lives."""

    def __init__(self, sampling_params: Any) -> None:
        self.sampling_params = sampling_params
        self.n = 0
        self.responses: dict[int, str] = {}
        self.tokens: dict[int, int] = {}
        self.finished: dict[int, bool] = {}
        self.reward: asyncio.Future[GroupReward] = asyncio.get_running_loop().create_future()


class AgentExecutor(SingleTurnAgentExecutor):
    """Generation is OpenRLHF's own; only the reward is ours."""

    def __init__(self) -> None:
        super().__init__(remote_rm_url=None)
        self.client = GroupRewardClient(Settings.from_environment())
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
            group.finished[index] = not output["truncated"]
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
        fields = evaluation_fields if split_of(label) == "eval" else sample_fields
        output.update(fields(reward, index))
        return output

    async def _ask(self, group: _Group, label: str) -> GroupReward:
        try:
            row = json.loads(label)
            group_id, prompt, constraints, n = str(row["prompt_id"]), row["prompt"], row["constraints"], int(row["n"])
        except (ValueError, KeyError, TypeError) as exc:
            raise RuntimeError(
                "label is not what `rlmr train` prepares (JSON with prompt_id, prompt, constraints, n): "
                f"{type(exc).__name__}: {exc}; label: {str(label)[:200]}"
            ) from exc
        if n != group.n:
            raise RuntimeError(
                f"a group of {group.n} samples arrived where {n} were asked for: this OpenRLHF does not run the samples of a prompt "
                "together with one sampling-parameters object (0.11.2 does); RLMR needs whole groups"
            )
        responses = [group.responses[i] for i in range(group.n)]
        finished = [group.finished[i] for i in range(group.n)]
        # Evaluation wants both signals as they are, whatever strategy trains.
        strategy = {"name": "linear", "weight": 0.0} if split_of(label) == "eval" else None
        if price := row.get("price"):
            strategy = {**(self.client.settings.strategy or {}), **price}
        reward = await self.client.reward(
            group_id,
            prompt,
            constraints,
            responses,
            finished=finished,
            strategy=strategy,
            thresholds=row.get("filter"),
        )
        now, about = time.time(), {"split": row.get("split", "train"), "prompt_id": group_id, "step": row.get("step")}
        record(
            "groups",
            lambda: {
                "time": now,
                **about,
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
                "samples": reward.samples,
                "revisions": reward.revisions,
                "filter": row.get("filter"),
                "price": row.get("price"),
                "sibling_overlap": round(sibling_overlap(responses), 5),
            },
        )
        record(
            "texts",
            lambda: {
                "time": now,
                **about,
                "prompt": prompt,
                "responses": responses,
                "constraints": constraints,
                "failed_constraints": reward.failed_constraints,
            },
        )
        return reward


def split_of(label: str) -> str:
    """train or eval; `rlmr train` writes it into every label."""
    try:
        return str(json.loads(label).get("split", "train"))
    except (ValueError, AttributeError):
        return "train"


def sample_fields(group: GroupReward, index: int) -> dict[str, Any]:
    """What OpenRLHF wants of one training sample: reward, scores (the keep/drop channel) and numeric logs.

    OpenRLHF averages a log over samples and wants the same keys of all: where a sample's signal is not known its known siblings'
    mean stands in, so that the average is one of what is known, never of a 0 that nobody measured; where no sibling's is known
    it is not a number. `delta` is 0 where no penalty was taken: a strategy may take one from some groups only (rlmr_partial), and OpenRLHF
    stops at a batch of samples with unlike keys. Logs of dropped groups go nowhere, as OpenRLHF discards
    the samples."""
    logs = {
        "valid": float(group.valid[index]),
        "violated": _or_siblings(group.violated, index),
        "writing": _or_siblings(group.writing, index),
        "delta": group.delta or 0.0,
    }
    reward = fill(group.rewards, group.valid)[index]
    return {"reward": reward, "scores": KEEP if group.kept else DROP, "extra_logs": logs}


def evaluation_fields(group: GroupReward, index: int) -> dict[str, Any]:
    """What OpenRLHF's own evaluation averages into `eval_*_pass1` (and takes the best checkpoint by) is compliance: 1 if the
    response obeys, 0 if it violates, its known siblings' share where it has no verdict. Where no sibling has one the share is
    not a number, and so is the average: an evaluation that lost a prompt must not look like one that failed it."""
    return {"reward": 1.0 - _or_siblings(group.violated, index), "scores": KEEP, "extra_logs": {}}


def _or_siblings(values: Sequence[float | bool | None], index: int) -> float:
    known = [float(value) for value in values if value is not None]
    own = values[index]
    if own is not None:
        return float(own)
    return sum(known) / len(known) if known else math.nan
