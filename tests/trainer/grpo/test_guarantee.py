"""Settings that would let a violator end above zero are refused, each with its reason; the presets are not."""

from pathlib import Path

import pytest

from trainer.grpo.flags import openrlhf_flags
from trainer.grpo.guarantee import violations
from trainer.run.presets import load_preset, preset_names

SAFE = {
    "algo.advantage.estimator": "group_norm",
    "algo.kl.init_coef": 0,
    "algo.dynamic_filtering_enable": True,
}


def test_safe_settings_are_accepted() -> None:
    assert violations("rlmr", SAFE) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"algo.advantage.estimator": "reinforce_baseline"}, "estimator"),
        ({"algo.advantage.estimator": "reinforce"}, "estimator"),
        ({"algo.advantage.estimator": "flash_reinforce"}, "estimator"),
        ({"algo.advantage.estimator": "gae"}, "estimator"),
        ({"reward.overlong_buffer_len": 100}, "overlong"),
        ({"reward.stop_properly_penalty_coef": 0.0}, "stop_properly"),
        ({"algo.kl.init_coef": 1e-3}, "KL"),
        ({"reward.clip_range": [0, 10]}, "clip_range"),
        ({"algo.dynamic_filtering_enable": False}, "dynamic_filtering"),
        ({"algo.dynamic_filtering_range": [0, 2]}, "dynamic_filtering_range"),
        ({"algo.dynamic_filtering_range": [0.5, 1]}, "dynamic_filtering_range"),
    ],
)
def test_each_breaking_setting_is_refused_with_its_reason(change: dict, word: str) -> None:
    (reason,) = violations("rlmr", {**SAFE, **change})
    assert word in reason


def test_kl_in_the_loss_is_accepted() -> None:
    assert violations("rlmr", {**SAFE, "algo.kl.init_coef": 1e-3, "algo.kl.use_loss": True}) == []


def test_a_strategy_without_guarantee_may_use_any_setting() -> None:
    assert violations("linear", {"algo.advantage.estimator": "reinforce"}) == []


def test_a_strategy_that_is_installed_only_at_the_service_promises_nothing_here() -> None:
    assert violations("from_a_package", {"algo.advantage.estimator": "reinforce"}) == []


@pytest.mark.parametrize("name", preset_names())
def test_the_shipped_presets_keep_the_guarantee(name: str, tmp_path: Path) -> None:
    preset = load_preset(name)
    flags = openrlhf_flags(preset, model="m", prompts=tmp_path, output=tmp_path, eval_prompts=None)
    assert violations(preset.strategy["name"], flags) == []
