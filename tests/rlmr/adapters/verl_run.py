"""Runs in verl's environment: verl's own reward loop on Ray, data types, estimators and group filter around RlmrRewardManager.

    python verl_run.py SPEC.json OUT.json

SPEC: overrides (of verl's configuration, as on its command line), n, samples ({uid, session_id, prompt, text, extra_info}), seed of
the order in which they arrive. OUT: per sample what verl's reward worker answered and where verl placed the reward, whether one batch
with all of them gives the same (verl's other way), the advantages by estimator, and the prompts that `algorithm.filter_groups` takes
out. What is missing of a real run: generation and training.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import ray
import torch
import verl.trainer
from hydra import compose, initialize_config_dir
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.reward_loop.reward_loop import RewardLoopManager
from verl.trainer.ppo import core_algos
from verl.trainer.ppo.v1 import replay_buffer

from rlmr.adapters.settings import GroupUnavailable
from trainer.reward_model.random_checkpoint import chatml_tokenizer


def configuration(overrides: list[str], tokenizer_dir: str) -> Any:
    """verl's defaults with the overrides: what `python -m verl.trainer.main_ppo ...` would hold."""
    folder = Path(verl.trainer.__file__).parent / "config"
    with initialize_config_dir(config_dir=str(folder), version_base=None):
        return compose("ppo_trainer", overrides=[f"actor_rollout_ref.model.path={tokenizer_dir}", *overrides])


def data_of(sample: dict[str, Any], tokenizer: Any) -> DataProto:
    """One sample as verl's agent loop sends it (experimental/agent_loop/agent_loop.py, _compute_score)."""
    prompt = torch.tensor([tokenizer.apply_chat_template(sample["prompt"], return_dict=False)])
    response = torch.tensor([[*tokenizer(sample["text"])["input_ids"], tokenizer.eos_token_id]])
    tokens = torch.cat([prompt, response], dim=1)
    batch = {"prompts": prompt, "responses": response, "input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    columns = {"uid": sample["uid"], "session_id": sample["session_id"], "raw_prompt": sample["prompt"]}
    columns |= {"extra_info": sample["extra_info"], "data_source": "test", "response_len": response.shape[1]}
    return DataProto(
        batch=TensorDict(batch, batch_size=1), non_tensor_batch={k: np.array([v]) for k, v in columns.items()}
    )


async def arrive(worker: Any, datas: list[DataProto], seed: int | None) -> list[Any]:
    """Every sample by itself, in a random order, as rollouts end: `worker` is verl's Ray actor."""
    order = list(range(len(datas)))
    if seed is not None:
        random.Random(seed).shuffle(order)
    calls: list[Any] = [None] * len(datas)
    for i in order:
        calls[i] = worker.compute_score.remote(datas[i])
        await asyncio.sleep(0.003)
    return [ended(result) for result in await asyncio.gather(*calls, return_exceptions=True)]


def ended(result: Any) -> dict[str, Any]:
    """A failure as it comes back through Ray."""
    if not isinstance(result, BaseException):
        return dict(result)
    assert isinstance(result, GroupUnavailable | ValueError), result
    return {"error": str(result.cause if isinstance(result, ray.exceptions.RayTaskError) else result)}


def whole_batch(datas: list[DataProto]) -> DataProto:
    """All samples in one batch, prompts padded on the left and responses on the right, as in verl's trainer."""
    prompts = max(d.batch["prompts"].shape[1] for d in datas)
    responses = max(d.batch["responses"].shape[1] for d in datas)

    def left(t: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(t, (prompts - t.shape[1], 0))

    def right(t: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(t, (0, responses - t.shape[1]))

    mask = torch.cat([right(torch.ones_like(d.batch["responses"])) for d in datas])
    before = torch.cat([left(torch.ones_like(d.batch["prompts"])) for d in datas])
    tensors = {
        "prompts": torch.cat([left(d.batch["prompts"]) for d in datas]),
        "responses": torch.cat([right(d.batch["responses"]) for d in datas]),
        "attention_mask": torch.cat([before, mask], dim=1),
    }
    columns = {}
    for name in ("uid", "session_id", "raw_prompt", "extra_info"):
        columns[name] = np.empty(len(datas), dtype=object)
        columns[name][:] = [d.non_tensor_batch[name][0] for d in datas]
    return DataProto(batch=TensorDict(tensors, batch_size=len(datas)), non_tensor_batch=columns)


def filtered(samples: list[dict[str, Any]], rm_scores: torch.Tensor) -> list[str]:
    """The prompts that verl's replay buffer evicts under filter_groups.metric=reward. Its store is played; the rule is verl's."""
    keys = [f"{s['uid']}_{s['session_id']}_0" for s in samples]
    row = dict(zip(keys, rm_scores, strict=True))
    replay_buffer.tq = SimpleNamespace(
        kv_batch_get=lambda keys, partition_id, select_fields: {"rm_scores": [row[key] for key in keys]}
    )
    buffer = replay_buffer.ReplayBuffer(
        "sync", None, None, "drop", None, refill_fn=print, filter_groups_metric="reward"
    )
    buffer.finished_keys["train"] = {s["uid"] for s in samples}
    buffer.partitions["train"] = {key: {} for key in keys}
    return sorted(buffer._dapo_filtered_keys("train")[0])


def main(spec: dict[str, Any]) -> dict[str, Any]:
    tokenizer_dir = tempfile.mkdtemp()
    tokenizer = chatml_tokenizer(400)
    tokenizer.save_pretrained(tokenizer_dir)
    samples = spec["samples"]
    datas = [data_of(sample, tokenizer) for sample in samples]
    started = time.monotonic()
    # A small worker must not end because a neighbour fills the machine.
    quiet = {"memory_monitor_refresh_ms": 0}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _system_config=quiet)
    manager = RewardLoopManager(configuration(spec["overrides"], tokenizer_dir))
    (worker,) = manager.reward_loop_worker_handles
    results = asyncio.run(arrive(worker, datas, spec.get("seed", 0)))
    out: dict[str, Any] = {"results": results}
    if not any("error" in result for result in results):
        batch = whole_batch(datas)
        mask = batch.batch["attention_mask"][:, -batch.batch["responses"].shape[1] :]
        rm_scores = manager.reward_manager_cls.assemble_rm_scores(batch, [r["reward_score"] for r in results])
        together = manager.compute_rm_score(batch)
        out["same in one batch"] = bool(torch.equal(together.batch["rm_scores"], rm_scores))
        out["places"] = [row.nonzero().flatten().tolist() for row in rm_scores]
        out["lengths"] = mask.sum(dim=1).tolist()
        index = batch.non_tensor_batch["uid"]
        out["advantages"] = {
            name: core_algos.get_adv_estimator_fn(name.split()[0])(
                token_level_rewards=rm_scores.clone(),
                response_mask=mask,
                index=index,
                **({"norm_adv_by_std_in_grpo": False} if "without" in name else {}),
            )[0][:, 0].tolist()
            for name in ("grpo", "grpo without std", "grpo_vectorized", "rloo", "rloo_vectorized")
        }
        out["filtered"] = filtered(samples, rm_scores)
    ray.shutdown()
    return out | {"seconds": round(time.monotonic() - started, 2)}


if __name__ == "__main__":
    result = main(json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(result))
