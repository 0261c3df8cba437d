"""The arithmetic of pairwise verdicts against cases worked by hand."""

import math
import random

import pytest

from trainer.evaluation.ranking import (
    ELO,
    Duel,
    consistency,
    first_place,
    length_controlled,
    ranking,
    resampled,
    win_rate,
)

FOUR = [Duel("1", 1, 1, 0.0), Duel("2", 1, 0, 0.0), Duel("3", 0.5, 1, 0.0), Duel("4", 0, 0, 0.0)]


def test_figures_worked_by_hand() -> None:
    assert win_rate(FOUR) == (1 + 0.5 + 0.75 + 0) / 4
    # Decided verdicts: 1 shown first won, first won, tie; second: won, lost, won, lost -> the first shown got 0, 1, 0, 1; prompt 4: 0, 1.
    assert first_place(FOUR) == pytest.approx((1 + 0 + 1 + 1 + 0 + 0 + 1) / 7)
    assert consistency(FOUR) == 2 / 4


def test_a_judge_that_takes_the_first_shown_gives_no_win_rate_and_all_bias() -> None:
    duels = [Duel(str(n), 1, 0, 0.1 * n) for n in range(10)]
    assert (win_rate(duels), first_place(duels), consistency(duels)) == (0.5, 1.0, 0.0)
    assert math.isnan(first_place([Duel("1", 0.5, 0.5, 0.0)]))


def test_at_equal_length_a_love_of_length_is_no_merit() -> None:
    draw = random.Random(1)
    lengths = [draw.gauss(1, 1) for _ in range(400)]
    duels = [
        Duel(str(n), w := float(draw.random() < 1 / (1 + math.exp(-2 * math.tanh(x)))), w, x)
        for n, x in enumerate(lengths)
    ]
    assert win_rate(duels) > 0.68
    found = resampled(duels, length_controlled)
    assert found.low is not None and found.high is not None
    assert found.low < 0.5 < found.high
    # Without differences in length it is the win rate itself (the ridge aside).
    assert length_controlled(FOUR) == pytest.approx(win_rate(FOUR), abs=0.001)
    # And finite for a model that always wins.
    assert 0.9 < length_controlled([Duel(str(n), 1, 1, 0.0) for n in range(20)]) < 1


def test_two_models_strengths_are_the_log_odds() -> None:
    duels = {("a", "b"): [Duel(str(n), w, w, 0.0) for n, w in enumerate([1.0, 1.0, 1.0, 0.0])]}
    found = ranking(["a", "b"], duels)
    expected = ELO * math.log(3.01 / 1.01)
    assert list(found) == ["a", "b"]
    assert found["a"].value - found["b"].value == pytest.approx(expected)
    assert found["a"].value == pytest.approx(-found["b"].value)


def test_a_circle_has_no_strongest_and_intervals_hold_the_truth() -> None:
    pairs = [("a", "b"), ("b", "c"), ("a", "c")]
    circle = {pair: [Duel(str(n), w, w, 0.0) for n in range(6)] for pair, w in zip(pairs, (1.0, 1.0, 0.0), strict=True)}
    assert all(abs(of.value) < 1e-6 for of in ranking(["a", "b", "c"], circle).values())
    truth, draw = {"a": 150.0, "b": 0.0, "c": -150.0}, random.Random(2)
    chances = {(x, y): 1 / (1 + 10 ** ((truth[y] - truth[x]) / 400)) for x, y in pairs}
    drawn = {
        pair: [Duel(str(n), w := float(draw.random() < chance), w, 0.0) for n in range(300)]
        for pair, chance in chances.items()
    }
    found = ranking(["c", "b", "a"], drawn)
    assert list(found) == ["a", "b", "c"]
    for name, of in found.items():
        assert of.low is not None and of.high is not None
        assert of.low < truth[name] < of.high
        assert of.high - of.low < 120
