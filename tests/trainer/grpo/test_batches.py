"""Micro batches that do not fit the ranks are refused before a run starts, with the sizes that do."""

from pathlib import Path

import pytest

from trainer.grpo.batches import problems
from trainer.grpo.flags import openrlhf_flags
from trainer.run.presets import load_preset, preset_names
from trainer.study.plan import planned_runs, read_plan

TWO_RANKS = {
    "actor.num_gpus_per_node": 2,
    "rollout.batch_size": 4,
    "rollout.n_samples_per_prompt": 4,
    "rollout.micro_batch_size": 8,
    "train.batch_size": 16,
    "train.micro_batch_size": 8,
}


def test_even_shares_are_accepted() -> None:
    assert problems(TWO_RANKS) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train.micro_batch_size": 16}, "set openrlhf.train.micro_batch_size to one of 1, 2, 4, 8"),
        ({"rollout.micro_batch_size": 16}, "set openrlhf.rollout.micro_batch_size to one of 1, 2, 4, 8"),
        ({"rollout.micro_batch_size": 6}, "does not divide the 16 samples of a step"),
        ({"train.batch_size": 1, "train.micro_batch_size": 1}, "no size fits 1 samples on 2 ranks"),
        ({"actor.num_gpus_per_node": 1, "ds.ring_attn_size": 2}, "less than"),
        ({"train.async_enable": True}, "leave it out"),
        ({"ds.lora.rank": 8}, "names that vLLM does not know"),
        ({"train.dynamic_batch_enable": True, "actor.num_gpus_per_node": 32}, "fewer than 32 ranks"),
    ],
)
def test_uneven_shares_are_refused_with_what_fits(change: dict, said: str) -> None:
    (problem,) = problems({**TWO_RANKS, **change})
    assert said in problem


@pytest.mark.parametrize("name", preset_names())
def test_the_shipped_presets_fit(name: str, tmp_path: Path) -> None:
    flags = openrlhf_flags(load_preset(name), model="m", prompts=tmp_path, output=tmp_path, eval_prompts=None)
    assert problems(flags) == []


def test_the_runs_of_the_study_fit(tmp_path: Path) -> None:
    for run in planned_runs(read_plan(Path("docs/results/plan.yaml"))):
        flags = openrlhf_flags(run.preset, model="m", prompts=tmp_path, output=tmp_path, eval_prompts=None)
        assert problems(flags) == [], run.id
