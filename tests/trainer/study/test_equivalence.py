"""That a scaled reward is another strength, through OpenRLHF's own estimator, and what the study makes of it."""

from typing import Any

import pytest

from services.aggregator.mixing import Samples, bind
from tests.services.aggregator.test_openrlhf_sign import met, openrlhf_advantages
from tests.services.aggregator.test_scale import groups
from trainer.study.equivalence import CONDITION, FREE, SCALED, at_one_scale
from trainer.study.results import by_seed, fronts


def advantages(name: str, params: dict[str, Any], scale: float) -> list[list[float]]:
    bound = bind(name, params)
    rows = [bound(Samples(writing=[scale * r for r in w], violated=v, met_share=met(v))).rewards for w, v in groups()]
    return openrlhf_advantages(rows, "group_norm")


@pytest.mark.parametrize("factor", [0.25, 4.0])
@pytest.mark.parametrize(("name", "parameter"), SCALED.items())
def test_a_scaled_reward_is_another_strength(name: str, parameter: str, factor: float) -> None:
    scaled, plain = advantages(name, {parameter: 1.0}, factor), advantages(name, {parameter: 1.0 / factor}, 1.0)
    for a, b in zip(scaled, plain, strict=True):
        assert a == pytest.approx(b, abs=1e-4)


@pytest.mark.parametrize("name", FREE)
def test_or_none_at_all(name: str) -> None:
    for a, b in zip(advantages(name, {}, 4.0), advantages(name, {}, 1.0), strict=True):
        assert a == pytest.approx(b, abs=1e-4)


def run(
    label: str, strategy: dict[str, Any], seed: int, compliance: float, condition: str = "any", **preset: Any
) -> dict[str, Any]:
    known = {"openrlhf": {"algo.advantage.estimator": "group_norm"}, "distortion": None, **preset}
    return {
        "condition": condition,
        "label": label,
        "strategy": strategy,
        "strength": next((v for k, v in strategy.items() if k in ("weight", "gamma")), None),
        "seed": seed,
        "preset": known,
        "before": {"compliance": 0.4, "writing_score": 0.0},
        "after": {"compliance": compliance, "writing_score": 1.0},
    }


def scaled(factor: float, **more: float) -> dict[str, Any]:
    return {"distortion": {"factor": factor, "spread_over_prompts": 0.0, "true_quality": False, **more}}


def test_conditions_that_only_scale_are_one() -> None:
    linear, group = {"name": "linear", "weight": 1.0}, {"name": "rlmr", "gamma": 0.5, "gamma_unit": "group"}
    records = [
        run("linear", linear, 0, 0.6, "base"),
        run("linear", linear, 0, 0.4, **scaled(4)),
        run("linear, dr_grpo", linear, 0, 0.3, "base", openrlhf={"algo.advantage.estimator": "dr_grpo"}),
        run("group", group, 0, 0.5, "base"),
        run("group", group, 0, 0.7, **scaled(4)),
        run("linear", linear, 0, 0.1, **scaled(1, spread_over_prompts=0.8)),
        run("linear", linear, 0, 0.1, **scaled(1, drift=2.0)),
        run("linear", linear, 0, 0.1, world_pairs=600),
        run("linear", linear, 0, 0.1, openrlhf={"algo.advantage.estimator": "dr_grpo"}),
        run("corpo", {"name": "corpo"}, 0, 0.1),
    ]
    one = at_one_scale(records)
    assert [(r["label"], r["strength"], r["after"]["compliance"]) for r in one] == [
        ("linear", 1.0, 0.6),
        ("linear", 0.25, 0.4),
        ("linear, dr_grpo", 1.0, 0.3),
        ("group", 0.5, 0.5),
        ("group", 0.5, 0.7),
    ]
    assert {r["condition"] for r in one} == {CONDITION}
    assert by_seed([r for r in one if r["label"] == "group"], "compliance") == {0: pytest.approx(0.6)}
    assert at_one_scale(records[:1]) == []


def test_a_front_is_of_the_strengths_that_enough_seeds_have() -> None:
    records = [
        run("linear", {"name": "linear", "weight": weight}, seed, 0.4 + weight / 10)
        for weight in (1.0, 2.0)
        for seed in range(3)
    ]
    records.append(run("linear", {"name": "linear", "weight": 4.0}, 0, 0.9))
    front = fronts(records, ("compliance", "writing_score"))["linear"]
    assert (front["strengths"], sorted(front["by_seed"])) == ([1.0, 2.0], [0, 1, 2])
    assert front["hypervolume"]["mean"] == pytest.approx(0.2)
