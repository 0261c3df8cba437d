"""Figures against values worked by hand or published."""

import math
import random

import pytest

from services.verifier.accuracy.wilson import wilson
from trainer.arena.assignment import Comparison
from trainer.arena.statistics import (
    Ballot,
    Choice,
    agreement,
    by_rater,
    duels,
    krippendorff_alpha,
    left_share,
    self_consistency,
    tag_counts,
    win_rate,
    won_and_lost,
)


def ballot(
    choice: Choice, prompt: str = "p", rater: str = "Ann", swapped: bool = False, repeat: bool = False, tags: tuple[str, ...] = (), seconds: float = 9,
) -> Ballot:  # fmt: skip
    return Ballot(rater, Comparison(prompt, "a", "b"), swapped, repeat, choice, tags, seconds, 0.0)


@pytest.mark.parametrize(
    ("choice", "swapped", "verdict"),
    [("left", False, "first"), ("left", True, "second"), ("right", False, "second"), ("right", True, "first")],
)
def test_sides_become_arms(choice: Choice, swapped: bool, verdict: str) -> None:
    assert ballot(choice, swapped=swapped).verdict == verdict
    assert ballot("tie", swapped=swapped).verdict == "tie"
    assert ballot("bad", swapped=swapped).verdict == "bad"


def test_alpha_of_krippendorffs_own_example() -> None:
    """Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: four observers, missing data, nominal: 0.743."""
    observers = {
        "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        "C": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    }
    units = [[v for v in unit if v is not None] for unit in zip(*observers.values(), strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_alpha_by_hand_and_where_it_is_not_defined() -> None:
    # Two raters, three pairs: aa, bb, ab. o_ab = o_ba = 1, n = 6, n_a = n_b = 3: 1 - 5 * 2 / 18.
    assert krippendorff_alpha(["aa", "bb", "ab"]) == pytest.approx(1 - 5 * 2 / 18)
    assert krippendorff_alpha(["aa", "bb"]) == 1
    assert krippendorff_alpha(["aa", "aa"]) is None  # no variation: agreement by chance cannot be told
    assert krippendorff_alpha(["a", "b"]) is None
    assert krippendorff_alpha([]) is None


def test_repeats_do_not_count_as_agreement() -> None:
    told = [ballot("left", rater="Ann"), ballot("left", rater="Ann", repeat=True, swapped=True)]
    assert agreement(told) == {"alpha": None, "alpha_decided": None, "shared_pairs": 0}
    both = [*told, ballot("right", rater="Ben"), ballot("tie", "q", "Ann"), ballot("left", "q", "Ben")]
    found = agreement(both)
    # Units (first, second), (tie, first): disagreement 4, n = 4, n_c = 2, 1, 1: 1 - 3 * 4 / 10.
    assert found["alpha"] == pytest.approx(1 - 12 / 10)
    assert found["alpha_decided"] == pytest.approx(1 - 1 * 2 / 2)
    assert found["shared_pairs"] == 2


def test_win_rate_with_ties_half_and_an_interval_that_knows_votes_on_a_prompt_are_alike() -> None:
    # 4 prompts, 2 votes each, all votes of a prompt equal: p = 1/2; residuals +1, +1, -1, -1.
    alike = win_rate(
        [(prompt, score) for prompt, score in [("p", 1.0), ("q", 1.0), ("r", 0.0), ("s", 0.0)] for _ in "12"]
    )
    variance = 4 / 3 * 4 / 64
    assert alike.value == 0.5
    assert (alike.low, alike.high) == pytest.approx(wilson(0.25 / variance / 2, 0.25 / variance))
    spread = win_rate([(f"p{i}", float(i % 2)) for i in range(8)])
    assert spread.low is not None and alike.low is not None and spread.low > alike.low
    assert win_rate([]).value is None
    sure = win_rate([("p", 1.0), ("p", 1.0), ("q", 1.0)])
    assert sure.value == 1 and (sure.low, sure.high) == pytest.approx(wilson(2, 2))


def test_the_interval_holds_the_truth_where_votes_on_a_prompt_are_alike_and_one_that_takes_them_for_independent_does_not() -> (
    None
):
    """50 prompts with 5 votes each; how often a prompt is won is drawn from Beta(1, 0.6), so that the truth is 0.625."""
    ours = naive = 0
    for seed in range(400):
        rng = random.Random(seed)
        chances = [rng.betavariate(1, 0.6) for _ in range(50)]
        scores = [(prompt, float(rng.random() < chance)) for prompt, chance in enumerate(chances) for _ in range(5)]
        found = win_rate(scores)
        assert found.low is not None and found.high is not None
        ours += found.low <= 0.625 <= found.high
        low, high = wilson(sum(score for _, score in scores), len(scores))
        naive += low <= 0.625 <= high
    assert 0.92 < ours / 400 < 0.98
    assert naive / 400 < 0.85


def test_duels_count_the_first_votes() -> None:
    told = [
        ballot("left", "p"), ballot("left", "q", swapped=True), ballot("tie", "r"), ballot("bad", "s"),
        ballot("right", "t", swapped=True), ballot("right", "p", swapped=False, repeat=True),
    ]  # fmt: skip
    (found,) = duels(told)
    assert (found["first"], found["second"]) == ("a", "b")
    assert [found[k] for k in ("wins", "losses", "ties", "both_bad", "votes", "prompts")] == [2, 1, 1, 1, 5, 5]
    assert found["win_rate"].value == pytest.approx((2 + 0.5 * 2) / 5)


def test_order_bias_and_self_consistency() -> None:
    told = [
        ballot("left", "p"), ballot("left", "p", swapped=True, repeat=True),  # the side, not the text
        ballot("right", "q"), ballot("left", "q", swapped=True, repeat=True),
        ballot("left", "r"), ballot("tie", "s"),
    ]  # fmt: skip
    left = left_share(told)
    assert (left.value, left.count) == (pytest.approx(2 / 3), 3)
    same = self_consistency(told)
    assert (same.value, same.count) == (0.5, 2)
    assert left_share([]).value is None


def test_lengths_of_chosen_and_other() -> None:
    lengths = {("p", "a"): 10, ("p", "b"): 20}
    told = [ballot("left"), ballot("left", swapped=True), ballot("tie"), ballot("left", repeat=True)]
    assert won_and_lost(told, lengths) == [(10, 20), (20, 10)]


def test_raters_and_tags() -> None:
    told = [
        ballot("left", "p", tags=("content", "length"), seconds=4), ballot("right", "q", seconds=8),
        ballot("bad", "r", tags=("content",), seconds=6), ballot("left", "p", "Ben", tags=("content",)),
    ]  # fmt: skip
    assert tag_counts(told) == {"content": {"a": 2, "bad": 1}, "length": {"a": 1}}
    ann = by_rater(told)["Ann"]
    assert (ann["median_seconds"], ann["undecided"], ann["left"].value) == (6, 1, 0.5)
    assert ann["self_consistency"].value is None
    assert math.isclose(by_rater(told)["Ben"]["median_seconds"], 9)
