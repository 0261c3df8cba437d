"""Accuracy, length control and calibration against cases whose answer is known."""

import math
import random

import pytest

from trainer.reward_model.accuracy import accuracy, by_gap, calibration, changes, length_controlled, rank_correlation


def test_equal_scores_count_half_and_no_pairs_are_no_number() -> None:
    share = accuracy([1.0, -1.0, 0.0, 2.0])
    assert share is not None and share.value == pytest.approx(2.5 / 4) and share.low < share.value < share.high
    assert accuracy([]) is None


def test_a_model_that_only_counts_words_gets_one_half_once_length_is_kept_apart() -> None:
    rng = random.Random(0)
    lengths = [(rng.randint(50, 100), rng.randint(30, 80)) for _ in range(500)]  # chosen ones are longer, mostly
    margins = [float(a - b) for a, b in lengths]
    plain, controlled = accuracy(margins), length_controlled(margins, lengths)
    assert plain is not None and plain.value > 0.75
    assert controlled is not None and controlled.value == pytest.approx(0.5)
    against = length_controlled([-m for m in margins], lengths)
    assert against is not None and against.value == pytest.approx(0.5)


def test_a_model_that_knows_quality_keeps_its_accuracy() -> None:
    rng = random.Random(1)
    lengths = [(rng.randint(50, 100), rng.randint(30, 80)) for _ in range(600)]
    margins = [1.0 if rng.random() < 0.8 else -1.0 for _ in lengths]
    controlled = length_controlled(margins, lengths)
    assert controlled is not None and controlled.low < 0.8 < controlled.high
    assert length_controlled([1.0], [(5, 3)]) is None, "no pair whose chosen text is shorter"


def test_gaps_are_sides_of_one_pair_in_tokens() -> None:
    rows = by_gap([1.0, 1.0, -1.0], [(100, 10), (10, 100), (50, 50)])
    assert [(row["from"], row["to"], row["value"]) for row in rows] == [
        (None, 0.67, 1.0),
        (0.905, 1.105, 0.0),
        (1.492, None, 1.0),
    ]


def test_calibration_of_a_calibrated_and_of_an_overconfident_model() -> None:
    rng = random.Random(2)
    logits = [rng.gauss(0, 2) for _ in range(8000)]
    drawn = [d if rng.random() < 1 / (1 + math.exp(-d)) else -d for d in map(abs, logits)]
    honest, loud = calibration(drawn), calibration([3 * d for d in drawn])
    assert honest["expected_error"] < 0.02 and honest["temperature"] == pytest.approx(1, abs=0.08)
    assert loud["expected_error"] > 0.05 and loud["temperature"] == pytest.approx(3, abs=0.25)
    assert sum(b["count"] for b in honest["bins"]) == 8000


def test_changes_and_rank_correlation() -> None:
    change = changes([0.0, 1.0, 2.0], [1.0, 2.0, 2.5])
    assert change["mean"] == pytest.approx(2.5 / 3) and change["rose"] == 1.0 and change["low"] > 0
    assert rank_correlation([1.0, 2.0, 3.0], [10, 20, 30]) == pytest.approx(1)
    assert rank_correlation([1.0, 1.0], [10, 20]) is None
