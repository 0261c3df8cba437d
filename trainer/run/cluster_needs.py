"""How many GPUs a preset takes, and about how much memory on each: printed by `rlmr train --show`, formula in docs/training.md.

An estimate, made to tell 30 GB from 300: it was compared with no GPU run.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.grpo.batches import ranks
from trainer.run.presets import Preset

GB = 1e9


@dataclass(frozen=True)
class Shape:
    """Of a model: parameters, layers, width, vocabulary."""

    parameters: float
    layers: int
    width: int
    vocabulary: int


# From the models' config.json, for --show without a download.
KNOWN = {
    "Qwen/Qwen2.5-0.5B-Instruct": Shape(0.49e9, 24, 896, 151936),
    "Qwen/Qwen2.5-7B-Instruct": Shape(7.62e9, 28, 3584, 152064),
    "Qwen/Qwen3-8B": Shape(8.19e9, 36, 4096, 151936),
    "Qwen/Qwen2.5-32B-Instruct": Shape(32.8e9, 64, 5120, 152064),
    "Qwen/Qwen2.5-72B-Instruct": Shape(72.7e9, 80, 8192, 152064),
}


def shape_of(model: str) -> Shape | None:
    """Null for a model that is neither known nor a folder with config.json."""
    if model in KNOWN or not (Path(model) / "config.json").is_file():
        return KNOWN.get(model)
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(model)
    layers, width, vocabulary = config.num_hidden_layers, config.hidden_size, config.vocab_size
    inner = getattr(config, "intermediate_size", 4 * width)
    return Shape(layers * (4 * width**2 + 3 * width * inner) + 2 * width * vocabulary, layers, width, vocabulary)


def gpus(flags: dict[str, Any]) -> dict[str, int]:
    """GPUs by what runs on them; their sum is what the cluster must have (OpenRLHF 0.11.2, cli/train_ppo_ray.py)."""
    policy = int(flags.get("actor.num_nodes", 1)) * int(flags.get("actor.num_gpus_per_node", 8))
    engines = int(flags.get("vllm.num_engines") or 0) * int(flags.get("vllm.tensor_parallel_size", 1))
    if flags.get("train.colocate_all"):
        return {"policy and engines": policy}
    found = {"policy": policy, "engines": engines}
    if float(flags.get("algo.kl.init_coef", 0.01)) > 0 and not flags.get("train.colocate_actor_ref"):
        found["reference"] = int(flags.get("ref.num_nodes", 1)) * int(flags.get("ref.num_gpus_per_node", 8))
    return found


def policy_memory(preset: Preset, flags: dict[str, Any], shape: Shape) -> dict[str, float]:
    """GB on one GPU of the policy, by what it is for.

    P parameters, T tokens of a micro batch: weights 2 P and gradients 2 P bytes, optimizer 12 P (float32 copy and two moments), each
    divided by the ranks as the ZeRO stage says, optimizer 0 with adam_offload; ZeRO 3 gathers two layers at a time; kept activations 2 T x width x layers (with checkpointing; 17 times that without); logits 4 T x vocabulary in
    float32 and as much for their gradient.
    """
    stage, parts = int(flags.get("ds.zero_stage", 2)), ranks(flags)
    tokens = micro_batch_tokens(preset, flags, "train")
    kept = 2.0 * tokens * shape.width * shape.layers * (1 if flags.get("actor.gradient_checkpointing_enable") else 17)
    return {
        "weights": 2 * shape.parameters / (parts if stage == 3 else 1) / GB,
        "gradients": 2 * shape.parameters / (parts if stage >= 2 else 1) / GB,
        "optimizer": 0.0 if flags.get("ds.adam_offload") else 12 * shape.parameters / (parts if stage >= 1 else 1) / GB,
        "gathered layers": 4 * shape.parameters / shape.layers / GB if stage == 3 else 0.0,
        "activations": kept / int(flags.get("ds.ring_attn_size", 1)) / GB,
        "logits": 8.0 * tokens * shape.vocabulary / int(flags.get("ds.ring_attn_size", 1)) / GB,
    }


def micro_batch_tokens(preset: Preset, flags: dict[str, Any], phase: str) -> int:
    """Most tokens of one micro batch; phase: train or rollout."""
    if flags.get("train.dynamic_batch_enable"):
        return int(flags.get(f"{phase}.max_tokens_per_gpu") or flags.get("train.max_tokens_per_gpu") or 16192)
    return int(flags.get(f"{phase}.micro_batch_size", 1)) * preset.max_len


def describe(preset: Preset, flags: dict[str, Any]) -> list[str]:
    """Lines for --show."""
    needed = gpus(flags)
    lines = [f"GPUs: {sum(needed.values())} ({', '.join(f'{count} {what}' for what, count in needed.items())})"]
    shape = shape_of(preset.model)
    if shape is None:
        return [*lines, f"memory: not estimated, the shape of {preset.model} is not known here"]
    parts = policy_memory(preset, flags, shape)
    lines.append(
        f"memory of a policy GPU: about {sum(parts.values()):.0f} GB ("
        + ", ".join(f"{what} {size:.1f}" for what, size in parts.items())
        + ")"
    )
    share = 2 * shape.parameters / int(flags.get("vllm.tensor_parallel_size", 1)) / GB
    return [
        *lines,
        f"an engine's weights: {share:.1f} GB a GPU; the rest of vllm.gpu_memory_utilization is its KV cache",
    ]
