"""What a reward model's scale does: with the group as unit nothing, otherwise it changes the strength of the strategy."""

import math
import random

import pytest

from services.aggregator.mixing import Samples, bind
from services.aggregator.mixing.spread import std
from tests.services.aggregator.test_openrlhf_sign import met, mixed_groups, openrlhf_advantages

FREE_OF_SCALE: list[tuple[str, dict[str, object]]] = [
    ("rlmr", {"gamma": 0.5, "gamma_unit": "group"}),
    ("rlmr_decoupled", {"gamma": 0.5}),
    ("rlmr_graded", {"gamma": 0.5}),
    ("rlmr_diverse", {"gamma": 0.5, "gamma_unit": "group"}),
]


def samples(writing: list[float], violated: list[bool]) -> Samples:
    alike = [0.1 + 0.02 * (i % 3) for i in range(len(writing))]
    return Samples(writing=writing, violated=violated, met_share=met(violated), likeness=alike)


def groups() -> list[tuple[list[float], list[bool]]]:
    rng = random.Random(5)
    return [([rng.gauss(0, 1) for _ in violated], violated) for _, violated in mixed_groups(seed=1, n=8, count=200)]


@pytest.mark.parametrize(("scale", "shift"), [(4.0, 0.0), (0.25, 0.0), (1.0, 30.0), (4.0, -7.0)])
@pytest.mark.parametrize(("name", "params"), FREE_OF_SCALE)
def test_advantages_do_not_depend_on_scale_and_shift(
    name: str, params: dict[str, object], scale: float, shift: float
) -> None:
    bound = bind(name, params)
    plain = [bound(samples(w, v)).rewards for w, v in groups()]
    moved = [bound(samples([scale * r + shift for r in w], v)).rewards for w, v in groups()]
    for a, b in zip(openrlhf_advantages(plain, "group_norm"), openrlhf_advantages(moved, "group_norm"), strict=True):
        assert a == pytest.approx(b, abs=1e-4)
    for a, b in zip(openrlhf_advantages(plain, "dr_grpo"), openrlhf_advantages(moved, "dr_grpo"), strict=True):
        if max(map(abs, [*a, *b])) < 10:  # where OpenRLHF does not clip
            assert [scale * x for x in a] == pytest.approx(b, abs=1e-3)


@pytest.mark.parametrize(("name", "params"), [("rlmr", {"gamma": 0.5}), ("linear", {"weight": 1.0})])
def test_the_others_advantages_do(name: str, params: dict[str, object]) -> None:
    bound = bind(name, params)
    plain = [bound(Samples(writing=w, violated=v)).rewards for w, v in groups()]
    moved = [bound(Samples(writing=[4 * r for r in w], violated=v)).rewards for w, v in groups()]
    pairs = zip(openrlhf_advantages(plain, "group_norm"), openrlhf_advantages(moved, "group_norm"), strict=True)
    assert any(a != pytest.approx(b, abs=0.05) for a, b in pairs)


def test_decoupled_advantages_are_the_formula_of_its_docstring() -> None:
    """Compliant samples: their own z-scores, and nothing of what the violators wrote."""
    gamma = 0.7
    bound = bind("rlmr_decoupled", {"gamma": gamma})
    rows = [bound(Samples(writing=w, violated=v)).rewards for w, v in groups()]
    checked = 0
    for advantages, (writing, violated) in zip(openrlhf_advantages(rows, "group_norm"), groups(), strict=True):
        n, k = len(writing), sum(violated)
        compliant = [r for r, v in zip(writing, violated, strict=True) if not v]
        if len(compliant) < 2:
            continue
        mean, s = sum(compliant) / len(compliant), std(compliant)
        divisor = math.sqrt(((n - k - 1) + gamma**2 * k * n / (n - k)) / (n - 1))
        for advantage, r, violates in zip(advantages, writing, violated, strict=True):
            expected = -gamma if violates else (r - mean) / s + gamma * k / (n - k)
            assert advantage == pytest.approx(expected / divisor, abs=1e-4)
            checked += 1
    assert checked > 500


def test_rlmr_compresses_what_decoupled_keeps() -> None:
    """One violator far above: rlmr's penalty, and with it the deviation that group_norm divides by, grows with it."""

    def resolution(name: str, violator: float) -> float:
        samples = Samples(writing=[violator, 0.0, 0.2, 0.4], violated=[True, False, False, False])
        ((_, low, _, high),) = openrlhf_advantages([bind(name, {"gamma": 0.5})(samples).rewards], "group_norm")
        return high - low

    assert resolution("rlmr_decoupled", 1.0) == pytest.approx(resolution("rlmr_decoupled", 50.0), abs=1e-4)
    assert resolution("rlmr_decoupled", 1.0) > 2 * resolution("rlmr", 1.0)


def test_equal_rewards_still_have_a_margin() -> None:
    for name, params in FREE_OF_SCALE:
        violated = [True, False, False, False]
        equal = Samples(writing=[1.0] * 4, violated=violated, met_share=met(violated), likeness=[0.0] * 4)
        rewards = bind(name, params)(equal).rewards
        assert sum(rewards) / 4 - rewards[0] == pytest.approx(0.5 * 0.01, rel=0.01)
