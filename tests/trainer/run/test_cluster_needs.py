"""GPUs and memory of a preset, by hand."""

from pathlib import Path
from typing import Any

import pytest

from trainer.grpo.flags import openrlhf_flags
from trainer.run.cluster_needs import describe, gpus, micro_batch_tokens, policy_memory, shape_of
from trainer.run.presets import Preset, load_preset


def of(name: str, *changes: str) -> tuple[Preset, dict[str, Any]]:
    preset = load_preset(name, list(changes))
    return preset, openrlhf_flags(preset, model="m", prompts=Path("p"), output=Path("o"), eval_prompts=None)


@pytest.mark.parametrize(
    ("name", "count"),
    [("embedded", 2), ("paper", 64), ("paper-8b", 16), ("paper-72b", 128), ("one-node-8gpu", 8), ("one-gpu", 1)],
)
def test_a_preset_knows_its_gpus(name: str, count: int) -> None:
    assert sum(gpus(of(name)[1]).values()) == count


def test_a_reference_model_takes_gpus_of_its_own_unless_it_shares_them() -> None:
    kl = ("openrlhf.algo.kl.init_coef=1e-3", "openrlhf.algo.kl.use_loss=true", "openrlhf.ref.num_gpus_per_node=4")
    assert gpus(of("embedded", *kl)[1]) == {"policy": 1, "engines": 1, "reference": 4}
    assert "reference" not in gpus(of("embedded", *kl, "openrlhf.train.colocate_actor_ref=true")[1])


@pytest.mark.parametrize("name", ["paper", "paper-8b", "paper-72b", "one-node-8gpu", "one-gpu"])
def test_a_policy_gpu_of_every_preset_fits_80_gb(name: str) -> None:
    preset, flags = of(name)
    shape = shape_of(preset.model)
    assert shape is not None
    assert sum(policy_memory(preset, flags, shape).values()) < 70
    # Whole sequences have to fit: a micro batch by tokens never splits one.
    assert micro_batch_tokens(preset, flags, "train") >= preset.max_len
    assert micro_batch_tokens(preset, flags, "rollout") <= 2 * preset.max_len


def test_eight_long_sequences_at_once_do_not_fit() -> None:
    """What `paper` asked for before: 8 x 16K tokens x 152K of vocabulary."""
    preset, flags = of("paper", "openrlhf.train.dynamic_batch_enable=false", "openrlhf.train.micro_batch_size=8")
    shape = shape_of(preset.model)
    assert shape is not None
    assert policy_memory(preset, flags, shape)["logits"] > 150


def test_show_tells_gpus_and_memory() -> None:
    lines = describe(*of("paper"))
    assert lines[0] == "GPUs: 64 (32 policy, 32 engines)"
    assert "optimizer 0.0" in lines[1]
    assert "not known here" in describe(*of("embedded"))[1]
