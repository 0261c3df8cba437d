"""Each strategy on numbers worked out by hand, and what the functions refuse."""

import math

import pytest
from pydantic import ValidationError

from services.aggregator.mixing import MAX_REWARD, STRATEGIES, AllViolate, MixingError, Samples, bind

PAPER = Samples(writing=[5, 1, 2, 3], violated=[True, False, False, False])


def rewards(name: str, samples: Samples, **params: object) -> list[float]:
    return bind(name, params)(samples).rewards


def test_rlmr_puts_the_best_violator_gamma_below_the_mean() -> None:
    mixed = bind("rlmr", {"gamma": 1})(PAPER)
    assert mixed.delta == pytest.approx(13 / 3)
    assert mixed.rewards == pytest.approx([2 / 3, 1, 2, 3])
    assert sum(mixed.rewards) / 4 - mixed.rewards[0] == pytest.approx(1)


def test_rlmr_at_gamma_zero_is_the_equation_and_still_strictly_below_the_mean() -> None:
    mixed = bind("rlmr", {"gamma": 0})(PAPER)
    assert mixed.delta == pytest.approx(3, rel=1e-5)  # and what a float32 trainer needs to see the sign
    assert mixed.rewards[0] < math.fsum(mixed.rewards) / 4


def test_a_fixed_weight_leaves_that_violator_above_the_mean() -> None:
    mixed = rewards("linear", PAPER, weight=2)
    assert mixed == [5, 3, 4, 5]
    assert mixed[0] - sum(mixed) / 4 == 0.75


def test_rlmr_never_raises_violators_that_are_low_already() -> None:
    low = Samples(writing=[-9, -8, 1, 2], violated=[True, True, False, False])
    mixed = bind("rlmr", {"gamma": 1})(low)
    assert mixed.delta == 0
    assert mixed.rewards == [-9, -8, 1, 2]


def test_with_the_clamp_a_compliant_sample_may_stay_below_the_best_violator() -> None:
    mixed = bind("rlmr", {"gamma": 0})(Samples(writing=[5, 0, 10, 10], violated=[True, False, False, False]))
    assert mixed.delta == 0
    mean = sum(mixed.rewards) / 4
    assert [r - mean for r in mixed.rewards] == [-1.25, -6.25, 3.75, 3.75]


def test_rlmr_without_violators_changes_nothing() -> None:
    for writing in ([1.5], [1, 1, 1], [-3, 0, 7.25]):
        mixed = bind("rlmr", {})(Samples(writing=writing, violated=[False] * len(writing)))
        assert (mixed.rewards, mixed.delta) == (writing, 0)


@pytest.mark.parametrize("n", [1, 2, 8])
def test_rlmr_refuses_a_group_of_violators_only(n: int) -> None:
    with pytest.raises(AllViolate, match=f"all {n} samples violate"):
        bind("rlmr", {})(Samples(writing=[1.0] * n, violated=[True] * n))


def test_rlmr_with_ties_between_violators_and_the_rest() -> None:
    mixed = bind("rlmr", {"gamma": 1})(Samples(writing=[2, 2, 2, 2], violated=[True, True, False, False]))
    assert mixed.delta == pytest.approx(2)
    assert mixed.rewards == pytest.approx([0, 0, 2, 2])


def test_one_compliant_among_seven_violators() -> None:
    mixed = bind("rlmr", {"gamma": 1})(Samples(writing=[0.0] * 8, violated=[True] * 7 + [False]))
    assert mixed.delta == pytest.approx(8)


def test_rlmr_says_so_where_a_group_is_too_large_for_float32() -> None:
    n = 6000
    with pytest.raises(MixingError, match="too large a group"):
        bind("rlmr", {"gamma": 1})(Samples(writing=[1.0] * n, violated=[True] * (n - 1) + [False]))


def test_quality_only_and_verify_only_need_only_their_own_signal() -> None:
    assert rewards("quality_only", Samples(writing=[3, -1])) == [3, -1]
    assert rewards("verify_only", Samples(violated=[True, False])) == [0, 1]


def test_product_is_share_of_rules_times_judge() -> None:
    samples = Samples(violated=[True, True, False], rule_share=[0.5, 1, 1], judge_passed=[True, False, True])
    assert rewards("product", samples) == [0.5, 0, 1]


def test_threshold_gate() -> None:
    samples = Samples(writing=[1, 0.5, 0.4, 9], violated=[False, False, False, True])
    assert rewards("threshold_gate", samples, alpha=0.5) == [2, 0.5, 0.5, 0]


def test_mean_advantage_is_the_mean_of_two_z_scores() -> None:
    samples = Samples(writing=[0, 2], violated=[True, False])
    z = 1 / math.sqrt(2)
    assert rewards("mean_advantage", samples) == pytest.approx([-z, z])
    assert rewards("mean_advantage", samples, reduce="sum") == pytest.approx([-2 * z, 2 * z])
    tied = Samples(writing=[0.1, 0.1, 0.1], violated=[True, False, True])
    assert rewards("mean_advantage", tied) == pytest.approx([-0.288675, 0.57735, -0.288675], rel=1e-5)


def test_corpo_failures_are_never_positive_even_when_all_fail() -> None:
    assert rewards("corpo", Samples(writing=[3, -1, -2], violated=[True, True, True])) == [0, -1, -2]
    mixed = rewards("corpo", Samples(writing=[4, 2, 9], violated=[False, False, True]), r_min=0)
    assert mixed == [2, 0, -2]  # the violator counts as 0, the mean is 2


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1.01 * MAX_REWARD])
def test_a_reward_that_is_no_number_is_refused_by_name(bad: float) -> None:
    with pytest.raises(MixingError, match=r"writing\[1\]"):
        Samples(writing=[0.0, bad], violated=[False, True])


def test_unequal_lengths_empty_groups_and_shares_outside_0_to_1_are_refused() -> None:
    with pytest.raises(MixingError, match="unequal length"):
        Samples(writing=[1, 2], violated=[True])
    with pytest.raises(MixingError, match="at least one"):
        Samples()
    with pytest.raises(MixingError, match=r"rule_share\[0\]"):
        Samples(violated=[True], rule_share=[1.5], judge_passed=[True])


@pytest.mark.parametrize(
    ("name", "params", "wrong"),
    [
        ("rlmr", {"gamma": -0.1}, "gamma"),
        ("rlmr", {"gamma": math.nan}, "gamma"),
        ("rlmr", {"gamma": math.inf}, "gamma"),
        ("rlmr", {"gama": 1}, "gama"),
        ("linear", {"weight": "much"}, "weight"),
        ("mean_advantage", {"reduce": "median"}, "reduce"),
        ("quality_only", {"gamma": 1}, "gamma"),
    ],
)
def test_wrong_parameters_are_refused_by_name(name: str, params: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValidationError) as caught:
        bind(name, params)
    assert caught.value.errors()[0]["loc"] == (name, wrong)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_cites_its_source(name: str) -> None:
    summary = STRATEGIES[name].summary
    assert "arXiv" in summary or "AllenAI" in summary
    assert summary.startswith("r'_i = ")
