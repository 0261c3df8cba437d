"""Rewrites an OpenRLHF train_rm checkpoint into one that transformers, sglang and vLLM load as a sequence classifier.

train_rm (openrlhf 0.11.2, models/model.py) saves architectures ["RewardModel"] and a bias-free head of shape (1, hidden) whose
name is config's `value_head_prefix`. Weights other than the head are copied byte for byte.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake

ARCHITECTURES = {
    "qwen2": "Qwen2ForSequenceClassification",
    "qwen3": "Qwen3ForSequenceClassification",
    "llama": "LlamaForSequenceClassification",
    "mistral": "MistralForSequenceClassification",
    "gemma": "GemmaForSequenceClassification",
}
# Of these, the ones whose config has a window without a switch for it.
ALWAYS_SLIDING = frozenset({"mistral"})
# sglang builds these heads with a bias and fills it at random when the checkpoint has none (sgl-project/sglang#38768).
INVENTED_BIAS = frozenset({"qwen2", "qwen3"})
# Only meant for OpenRLHF's own loader; our constants live in the manifest.
_OPENRLHF_KEYS = ("mean", "std", "normalize_reward", "value_head_prefix", "packing_samples")


class ExportError(Mistake):
    """The checkpoint cannot be exported; the message names the file and the remedy."""


def read_config(checkpoint: Path) -> dict[str, Any]:
    """config.json of a reward model checkpoint. Raises ExportError for anything else."""
    path = checkpoint / "config.json"
    if (checkpoint / "adapter_config.json").exists():
        raise ExportError(
            f"{checkpoint} is a LoRA adapter. train_rm (openrlhf 0.11.2) saves the updates of the head but not the random weights they "
            "update, so the trained model cannot be put together again, and lora_combiner would give it another random head: train "
            "without --ds.lora.rank"
        )
    if not path.is_file():
        raise ExportError(f"{path} does not exist: give the directory that train_rm wrote (--ckpt.output_dir)")
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    model_type = config.get("model_type")
    if model_type not in ARCHITECTURES:
        raise ExportError(f"{path}: model_type {model_type!r} is not supported: one of {', '.join(ARCHITECTURES)}")
    architecture = (config.get("architectures") or [None])[0]
    if architecture not in ("RewardModel", ARCHITECTURES[model_type]):
        raise ExportError(
            f"{path}: architectures {architecture!r} is not a reward model: train one with openrlhf.cli.train_rm"
        )
    window = config.get("sliding_window") or (0 if config.get("use_sliding_window") else None)
    slides = config.get("use_sliding_window") or model_type in ALWAYS_SLIDING
    if slides and window is not None and window < config["max_position_embeddings"]:
        raise ExportError(
            f"{path}: sliding-window attention is not supported: set use_sliding_window to false, or sliding_window to null"
        )
    return config


def rewrite_config(config: dict[str, Any], *, pad_token_id: int) -> dict[str, Any]:
    """The classifier's config.json. Labels and num_labels are what vLLM and sglang size the head by."""
    kept = {k: v for k, v in config.items() if k not in _OPENRLHF_KEYS}
    return kept | {
        "architectures": [ARCHITECTURES[config["model_type"]]],
        "num_labels": 1,
        "id2label": {"0": "score"},
        "label2id": {"score": 0},
        "pad_token_id": pad_token_id,
        "use_cache": True,
    }


def copy_weights(checkpoint: Path, out: Path, config: dict[str, Any]) -> None:
    """Copies the safetensors shards; the shard with the head is rewritten (renamed to score.weight, zero score.bias added)."""
    shards = sorted(checkpoint.glob("*.safetensors"))
    if not shards:
        raise ExportError(f"{checkpoint} holds no *.safetensors: save the checkpoint with safetensors")
    head_key = config.get("value_head_prefix", "score") + ".weight"
    head_shards = [shard for shard in shards if head_key in _keys(shard)]
    if not head_shards:
        raise ExportError(
            f"{checkpoint} holds no tensor {head_key!r}: not a reward model, or value_head_prefix is wrong"
        )
    for shard in shards:
        if shard == head_shards[0]:
            _rewrite_head(shard, out / shard.name, head_key, config)
        else:
            shutil.copyfile(shard, out / shard.name)
    index = checkpoint / "model.safetensors.index.json"
    if index.is_file():
        body = json.loads(index.read_text(encoding="utf-8"))
        shard_of: dict[str, str] = body["weight_map"]
        shard_of["score.weight"] = shard_of.pop(head_key)
        if config["model_type"] in INVENTED_BIAS:
            shard_of["score.bias"] = shard_of["score.weight"]
        (out / index.name).write_text(json.dumps(body, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _keys(shard: Path) -> list[str]:
    from safetensors import safe_open

    with safe_open(shard, framework="pt") as file:
        return list(file.keys())


def _rewrite_head(shard: Path, target: Path, head_key: str, config: dict[str, Any]) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(shard)
    head = tensors.pop(head_key)
    expected = (1, config["hidden_size"])
    if tuple(head.shape) != expected:
        raise ExportError(f"{shard}: {head_key} has shape {tuple(head.shape)}, a scalar head has {expected}")
    if not bool(torch.isfinite(head).all()):
        raise ExportError(f"{shard}: {head_key} holds NaN or infinity: the training run diverged")
    tensors["score.weight"] = head
    if config["model_type"] in INVENTED_BIAS:
        tensors["score.bias"] = torch.zeros(1, dtype=head.dtype)
    save_file(tensors, target, metadata={"format": "pt"})
