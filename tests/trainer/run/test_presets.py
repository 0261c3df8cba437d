"""Presets load, --set changes them, and mistakes are named before anything starts."""

from pathlib import Path

import pytest

from trainer.grpo.flags import openrlhf_flags, to_arguments
from trainer.run.presets import PresetError, load_preset


def test_the_paper_preset_holds_the_published_numbers() -> None:
    paper = load_preset("paper", ["prompts=p.jsonl"])
    assert (paper.steps, paper.batch, paper.n, paper.lr, paper.temperature, paper.max_new_tokens) == (
        68,
        128,
        8,
        1e-6,
        1.0,
        14000,
    )


def test_set_reaches_fields_parts_and_openrlhf_flags() -> None:
    preset = load_preset(
        "embedded", ["lr=1e-5", "strategy=rlmr", "strategy.gamma=2", "openrlhf.algo.kl.init_coef=0", "eval.samples=3"]
    )
    assert (preset.lr, preset.strategy, preset.eval.samples) == (1e-5, {"name": "rlmr", "gamma": 2}, 3)
    assert preset.openrlhf["algo.kl.init_coef"] == 0


def test_prompts_to_train_on_are_chosen_by_their_constraints() -> None:
    choice = load_preset("embedded", ["train_on.without=[punctuation:no_comma]", "train_on.at_most=2"]).train_on
    assert choice is not None
    comma, title = {"type": "punctuation:no_comma", "kwargs": {}}, {"type": "detectable_format:title", "kwargs": {}}
    assert choice.takes(None)
    assert choice.takes([title, title])
    assert not choice.takes([title, comma])
    assert not choice.takes([title] * 3)
    hard = load_preset("embedded", ["train_on.at_least=2"]).train_on
    assert hard is not None
    assert [hard.takes([title] * n) for n in range(4)] == [False, False, True, True]
    assert not hard.takes(None)


def test_settings_of_local_services() -> None:
    preset = load_preset("embedded", ["service_settings.RLMR_AGGREGATOR_THINKING=cut"])
    assert preset.service_settings == {"RLMR_AGGREGATOR_THINKING": "cut"}
    with pytest.raises(PresetError, match="PATH is no setting of a service"):
        load_preset("embedded", ["service_settings.PATH=/"])
    with pytest.raises(PresetError, match="service_settings are for local services"):
        load_preset(
            "embedded",
            ["services=external", "reward_url=http://r:1", "service_settings.RLMR_AGGREGATOR_THINKING=cut"],
        )


def test_another_strategy_starts_from_its_own_defaults() -> None:
    assert load_preset("embedded", ["strategy=linear", "strategy.weight=2"]).strategy == {"name": "linear", "weight": 2}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("embeded", [], "embedded"),
        ("embedded", ["lr"], "key=value"),
        ("embedded", ["learning_rate=1"], "learning_rate"),
        ("embedded", ["n=1"], "n:"),
        ("embedded", ["lr.x=1"], "no parts"),
    ],
)
def test_mistakes_are_named(name: str, changes: list[str], message: str) -> None:
    with pytest.raises(PresetError, match=message):
        load_preset(name, changes)


def flags_of(*changes: str) -> dict:
    here = Path("run")
    return openrlhf_flags(
        load_preset("embedded", list(changes)), model="m", prompts=here, output=here, eval_prompts=None
    )


def test_a_misspelt_openrlhf_flag_is_named_with_the_nearest_ones() -> None:
    with pytest.raises(PresetError, match=r"algo\.advantage\.estimator"):
        flags_of("openrlhf.algo.advantage.estimater=group_norm")


def test_a_flag_that_belongs_to_the_preset_is_refused() -> None:
    with pytest.raises(PresetError, match="set `n` of the preset"):
        flags_of("openrlhf.rollout.n_samples_per_prompt=4")


def test_flags_become_arguments() -> None:
    assert to_arguments({"a.b": 1, "c": True, "d": [1, 2], "e": None, "f": False}) == [
        "--a.b",
        "1",
        "--c",
        "--d",
        "1",
        "2",
    ]


def test_the_group_is_one_prompt_and_the_updates_share_the_samples_of_a_step() -> None:
    flags = flags_of("batch=4", "n=6", "updates=3")
    assert (flags["rollout.batch_size"], flags["rollout.n_samples_per_prompt"], flags["train.batch_size"]) == (4, 6, 8)
    with pytest.raises(PresetError, match="updates = 5 does not divide the 24 samples"):
        flags_of("batch=4", "n=6", "updates=5")
