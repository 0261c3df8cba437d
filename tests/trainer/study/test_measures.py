"""What a study measures, on examples worked by hand."""

import math

import pytest

from trainer.study.intervals import band, front, hypervolume, over_prompts, over_seeds, paired
from trainer.study.measures import commonest_phrase, distinct_n, sibling_overlap


def test_diversity_of_texts() -> None:
    assert distinct_n(["a b c", "a b d"]) == 3 / 4
    assert distinct_n(["The sea, the SEA!"]) == 2 / 3
    assert sibling_overlap(["a b c", "a b d"]) == pytest.approx(1 / 3)
    assert commonest_phrase(["like wet ash. Here", "Like wet ash", "a b c"]) == ("like wet ash", pytest.approx(2 / 3))
    assert commonest_phrase(["too short"]) == ("", 0.0)


def test_an_interval_over_seeds_is_students() -> None:
    """Three values 1, 2, 3: mean 2, standard error 1 / sqrt 3, t(0.975, 2) = 4.3027."""
    interval = over_seeds([1.0, 2.0, 3.0])
    assert (interval.mean, interval.low, interval.high) == pytest.approx(
        (2.0, 2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-3
    )
    alone = over_seeds([1.5])
    assert (alone.low, alone.high, alone.shown()) == (1.5, 1.5, "1.50")


def test_a_paired_difference_cancels_what_a_seed_makes_hard_for_all() -> None:
    found = paired({0: 0.50, 1: 0.70, 2: 0.90}, {0: 0.40, 1: 0.60, 2: 0.80, 3: 0.1})
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert paired({0: 1.0}, {0: 1.0}) is None


def test_a_bootstrap_over_prompts_holds_the_mean() -> None:
    interval = over_prompts([0.0, 1.0] * 100)
    assert 0.42 < interval.low < 0.5 < interval.high < 0.58
    assert over_prompts([1.0] * 5).low == 1.0


def test_fronts_and_their_area() -> None:
    points = [(1.0, 1.0), (2.0, 0.5), (0.5, 2.0), (0.4, 0.4)]
    assert front(points) == [(0.5, 2.0), (1.0, 1.0), (2.0, 0.5)]
    assert hypervolume(points, (0.0, 0.0)) == pytest.approx(0.5 * 2 + 0.5 * 1 + 1 * 0.5)
    assert hypervolume(points, (3.0, 3.0)) == 0.0


def test_a_band_leaves_gaps_out() -> None:
    intervals = band([[1.0, math.nan], [3.0, 5.0]])
    assert (intervals[0].mean, intervals[1].mean, intervals[1].count) == (2.0, 5.0, 1)
