"""Each strategy on numbers worked out by hand, and what the functions refuse."""

import math
from dataclasses import replace
from pathlib import Path

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


# Strategies of other papers on several rewards.

# PAPER by hand: mean r 2.75, deviations 2.25, -1.75, -0.75, 0.25, squares sum to 8.75; c: mean 0.75, -0.75 and three times 0.25.
STD_R, STD_C = math.sqrt(8.75 / 3), 0.5


def test_gdpo_adds_z_scores_with_an_epsilon() -> None:
    r, c = STD_R + 1e-4, STD_C + 1e-4
    expected = [2.25 / r - 0.75 / c, -1.75 / r + 0.25 / c, -0.75 / r + 0.25 / c, 0.25 / r + 0.25 / c]
    assert rewards("gdpo", PAPER) == pytest.approx(expected)
    assert rewards("gdpo", PAPER, compliance_weight=2)[0] == pytest.approx(2.25 / r - 1.5 / c)


def test_gdpo_lets_differences_fade_that_are_small_beside_its_epsilon() -> None:
    tiny = Samples(writing=[0.0, 2e-8], violated=[False, False])
    assert rewards("gdpo", tiny) == pytest.approx([-1e-4, 1e-4], rel=1e-3)
    assert rewards("mean_advantage", tiny)[1] == pytest.approx(math.sqrt(0.5) / 2)  # has none: full size


def test_gdpo_does_not_keep_a_pretty_violator_below_the_mean() -> None:
    samples = Samples(writing=[9] + 7 * [0], violated=4 * [True] + 4 * [False])
    assert rewards("gdpo", samples)[0] > 1.5


def test_conditioned_gives_violators_the_lowest_writing_reward_of_compliant_siblings() -> None:
    # q = 1, 1, 2, 3: mean 1.75, deviations -0.75, -0.75, 0.25, 1.25, squares sum to 2.75.
    r, c = math.sqrt(2.75 / 3) + 1e-4, STD_C + 1e-4
    expected = [-0.75 / r - 0.75 / c, -0.75 / r + 0.25 / c, 0.25 / r + 0.25 / c, 1.25 / r + 0.25 / c]
    assert rewards("conditioned", PAPER) == pytest.approx(expected)


def test_conditioned_refuses_a_group_of_violators_only() -> None:
    with pytest.raises(AllViolate, match="all 2 samples violate"):
        rewards("conditioned", Samples(writing=[1, 2], violated=[True, True]))


def test_gd2po_masks_what_the_two_rewards_disagree_about() -> None:
    # Signs: writing + - - +, compliance - + + +: only the last agrees, and alone it says nothing.
    assert rewards("gd2po", PAPER) == [0, 0, 0, 0]
    # writing + - - + +, compliance - - + + +: the last two and the second are kept.
    samples = Samples(writing=[4, 0, 1, 5, 5], violated=[True, True, False, False, False])
    r, c = math.sqrt(22 / 4) + 1e-4, math.sqrt(1.2 / 4) + 1e-4
    low, high = -3 / r - 0.6 / c, 2 / r + 0.4 / c
    kept = (low + 2 * high) / 3
    assert rewards("gd2po", samples) == pytest.approx([0, low - kept, 0, high - kept, high - kept])


def test_gd2po_with_a_threshold_masks_only_what_nearly_cancels() -> None:
    # |a + b| / (|a| + |b|) on PAPER: violator 0.065, then 0.344 and 0.065: at 0.2 the second and the last are kept.
    second, last = rewards("gdpo", PAPER)[1], rewards("gdpo", PAPER)[3]
    half = (last - second) / 2
    assert rewards("gd2po", PAPER, snr_threshold=0.2) == pytest.approx([0, -half, 0, half])


def test_corrgrpo_divides_the_centred_sum_by_the_correlations() -> None:
    # Deviations of r + c: 1.5, -1.5, -0.5, 0.5. Cov(r, c) = (2.25 x -0.75 + (-1.75 - 0.75 + 0.25) x 0.25) / 3 = -0.75.
    rho = -0.75 / (STD_R * STD_C)
    divisor = math.sqrt(2 + 2 * rho + 1e-6)
    assert rewards("corrgrpo", PAPER) == pytest.approx([1.5 / divisor, -1.5 / divisor, -0.5 / divisor, 0.5 / divisor])


def test_corrgrpo_ignores_a_constant_reward_and_bears_perfect_opposites() -> None:
    assert rewards("corrgrpo", Samples(writing=[0, 2], violated=[False, False])) == pytest.approx([-1, 1], rel=1e-6)
    assert rewards("corrgrpo", Samples(writing=[3, 0], violated=[True, False])) == pytest.approx([1000, -1000])
    assert rewards("corrgrpo", Samples(writing=[0, 2], violated=[True, False])) == pytest.approx(
        [0.75, -0.75], abs=1.51
    )


def test_rdpo_with_equal_weights_is_the_sum_over_the_root_of_one_plus_rho() -> None:
    # Ranks only. Two samples: q(r) = -z, z with z = sqrt(1/2), q(c) = z, -z: rho is -1, believed -0.9, and the sum is 0.
    assert rewards("rdpo", Samples(writing=[0, 2], violated=[False, True]), magnitude_share=0) == [0, 0]
    z = math.sqrt(0.5)
    both = rewards("rdpo", Samples(writing=[0, 2], violated=[True, False]))
    assert both == pytest.approx([-2 * z / math.sqrt(1.9), 2 * z / math.sqrt(1.9)])


def test_rdpo_ranks_and_magnitudes() -> None:
    ranked = rewards("rdpo", Samples(writing=[1, 2, 1000], violated=3 * [False]), magnitude_share=0)
    assert ranked == pytest.approx([-1, 0, 1])  # normal scores of 1/6, 1/2, 5/6, in unbiased standard deviations
    as_they_are = rewards("rdpo", Samples(writing=[1, 2, 6], violated=3 * [False]), magnitude_share=1)
    assert as_they_are == pytest.approx([-2 / math.sqrt(7), -1 / math.sqrt(7), 3 / math.sqrt(7)])
    tied = rewards("rdpo", Samples(writing=[4, 4, 4, 4], violated=[True, False, False, False]), compliance_weight=2)
    assert tied == pytest.approx([-3, 1, 1, 1])  # writing takes no part: twice -0.75 / 0.5 and 0.25 / 0.5


def test_lagrangian_takes_the_multiplier_from_violators() -> None:
    assert rewards("lagrangian", PAPER, multiplier=2.5) == [2.5, 1, 2, 3]
    of_advantages = rewards("lagrangian", PAPER, multiplier=2, scalarize="advantages")
    assert of_advantages == pytest.approx(rewards("gdpo", PAPER, compliance_weight=2))


def test_rlmr_partial_ranks_violators_by_what_they_meet() -> None:
    hopeless = Samples(writing=[9, 1, 2], violated=3 * [True], met_share=[0, 2 / 3, 1 / 3])
    assert rewards("rlmr_partial", hopeless) == [0, 2 / 3, 1 / 3]  # the prettiest is the worst
    alike = Samples(writing=[9, 1, 2], violated=3 * [True], met_share=3 * [0.5])
    with pytest.raises(AllViolate, match="equally much"):
        rewards("rlmr_partial", alike)
    mixed = Samples(writing=[5, 1, 2, 3], violated=[True, False, False, False], met_share=[0.5, 1, 1, 1])
    assert rewards("rlmr_partial", mixed, gamma=1) == rewards("rlmr", mixed, gamma=1)


def test_rlmr_graded_orders_violators_by_what_they_meet_below_every_margin() -> None:
    # mean_c = 2, s = 1, two violators of five a third apart: t = 2 - (0.5 x 5 + 0.9 x 1/3) / 3, m' = t + 0.5
    group = Samples(
        writing=[1, 9, 2, 0, 3], violated=[False, True, False, True, False], met_share=[1, 1 / 3, 1, 2 / 3, 1]
    )
    graded = rewards("rlmr_graded", group, gamma=0.5, grade=0.9)
    top = 2 - (2.5 + 0.3) / 3
    assert graded == pytest.approx(
        [1, top - 0.3, 2, top, 3], abs=1e-4
    )  # the prettier violator meets less, and is lower
    assert sum(graded) / 5 == pytest.approx(top + 0.5, abs=1e-4)
    alike = replace(group, met_share=[1, 0.5, 1, 0.5, 1])
    assert rewards("rlmr_graded", alike, gamma=0.5) == rewards("rlmr_decoupled", alike, gamma=0.5)
    hopeless = Samples(writing=[3, 1, 2], violated=3 * [True], met_share=[0, 2 / 3, 1 / 3])
    assert rewards("rlmr_graded", hopeless, grade=3) == pytest.approx([0, 2, 1])
    with pytest.raises(AllViolate, match="equally much"):
        rewards("rlmr_graded", replace(hopeless, met_share=3 * [0.5]))


PUBLISHED = ("gdpo", "conditioned", "gd2po", "corrgrpo", "rdpo", "lagrangian")


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("writing", [[0.3], [0.3] * 3, [1e6, -1e6, 1e6], [0.0, 5e-324, 0.0], [1e6, 1e6, 1e6 - 1e-9]])
def test_degenerate_groups_give_finite_rewards(name: str, writing: list[float]) -> None:
    n = len(writing)
    for k in range(n + 1):
        if k == n and STRATEGIES[name].drops_all_violate:
            continue
        mixed = rewards(name, Samples(writing=writing, violated=[i < k for i in range(n)]))
        assert all(math.isfinite(reward) for reward in mixed)
        if k in (0, n) and len(set(writing)) == 1:
            assert len(set(mixed)) == 1


def test_all_strategies_on_the_papers_group() -> None:
    """Advantages under dr_grpo of r = (5, a violator; 1, 2, 3): the reward less the group mean, defaults throughout."""
    table = {
        #                 violator   1        2        3
        "quality_only": [+2.2500, -1.7500, -0.7500, +0.2500],
        "verify_only": [-0.7500, +0.2500, +0.2500, +0.2500],
        "linear": [+1.5000, -1.5000, -0.5000, +0.5000],
        "product": [-0.7500, +0.2500, +0.2500, +0.2500],
        "threshold_gate": [-1.5000, +0.5000, +0.5000, +0.5000],
        "mean_advantage": [-0.0913, -0.2623, +0.0304, +0.3232],
        "corpo": [-1.5000, -0.5000, +0.5000, +1.5000],
        "rlmr": [-1.0000, -0.6667, +0.3333, +1.3333],
        "rlmr_decoupled": [-0.5000, -0.8333, +0.1667, +1.1667],
        "rlmr_diverse": [-1.0000, -0.6667, +0.3333, +1.3333],  # of texts that have nothing in common
        "rlmr_partial": [-1.0000, -0.6667, +0.3333, +1.3333],
        "rlmr_graded": [-0.5000, -0.8333, +0.1667, +1.1667],  # one violator: as rlmr_decoupled
        "gdpo": [-0.1823, -0.5247, +0.0608, +0.6463],
        "conditioned": [-2.2830, -0.2834, +0.7610, +1.8053],
        "gd2po": [+0.0000, +0.0000, +0.0000, +0.0000],
        "corrgrpo": [+3.0405, -3.0405, -1.0135, +1.0135],
        "rdpo": [-0.4951, -1.2183, +0.2321, +1.4813],
        "lagrangian": [+1.5000, -1.5000, -0.5000, +0.5000],
    }
    assert set(table) == set(STRATEGIES)
    samples = Samples(
        writing=[5, 1, 2, 3],
        violated=[True, False, False, False],
        rule_share=[0, 1, 1, 1],
        judge_passed=[True] * 4,
        met_share=[0, 1, 1, 1],
        likeness=[0.0] * 4,
    )
    for name, expected in table.items():
        mixed = rewards(name, samples)
        mean = math.fsum(mixed) / 4
        assert [reward - mean for reward in mixed] == pytest.approx(expected, abs=5e-5), name
    above = {name for name, (violator, *_) in table.items() if violator > 0}
    assert above == {"quality_only", "linear", "corrgrpo", "lagrangian"}


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_comparison_in_the_docs_has_every_strategy(name: str) -> None:
    rows = (Path(__file__).parents[3] / "docs" / "strategies.md").read_text().splitlines()
    assert any(row.startswith(f"| `{name}` |") for row in rows)


def test_a_least_penalty_is_a_fixed_weight_until_the_guarantee_needs_more() -> None:
    """linear at weight 2 where that puts the violator below the mean; rlmr's own penalty where it does not."""
    floored = bind("rlmr", {"gamma": 0.5, "delta_min": 2.0})
    plain = bind("rlmr", {"gamma": 0.5})
    modest = Samples(writing=[1.0, 2.0, 3.0, 1.5], violated=[False, False, False, True])
    assert floored(modest).delta == 2.0 > (plain(modest).delta or 0.0)
    linear = bind("linear", {"weight": 2.0})(modest).rewards
    assert [r - 2.0 for r in linear] == floored(modest).rewards
    pretty = Samples(writing=[1.0, 2.0, 3.0, 5.0], violated=[False, False, False, True])
    assert floored(pretty).delta == plain(pretty).delta == pytest.approx((20 + 2 - 11) / 3)
    nobody = Samples(writing=[1.0, 2.0], violated=[False, False])
    assert floored(nobody).delta == 0.0
