"""Shares of samples that come in groups, and what the prompts' next groups will do."""

import math
import random

import pytest

from trainer.calibrate.shares import Compliance, share


def test_without_spread_between_groups_a_group_is_worth_one_sample() -> None:
    none = share([0.0] * 20)
    assert none is not None
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(0.1611, abs=1e-3)  # Wilson for 0 of 20
    assert share([]) is None


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """200 surveys of 60 prompts whose compliance is drawn from a beta distribution, 8 samples each."""
    rng, held = random.Random(0), 0
    for _ in range(200):
        groups = [sum(rng.random() < p for _ in range(8)) / 8 for p in (rng.betavariate(0.8, 1.2) for _ in range(60))]
        found = share(groups)
        assert found is not None
        held += found.low <= 0.4 <= found.high
    assert 0.9 <= held / 200 <= 0.99


def test_the_next_groups_of_chosen_prompts_are_foreseen() -> None:
    rng, n = random.Random(1), 8
    truth = [rng.betavariate(0.6, 0.9) for _ in range(4000)]
    met = [sum(rng.random() < p for _ in range(n)) for p in truth]
    fitted = Compliance.of(met, n)
    kept = [i for i, m in enumerate(met) if 2 <= m <= 6]
    foreseen = sum(fitted.none_of_next(met[i], n) for i in kept) / len(kept)
    fact = sum((1 - truth[i]) ** n for i in kept) / len(kept)
    assert foreseen == pytest.approx(fact, rel=0.15)
    assert fact > 0.005  # prompts chosen for their samples do fall back
    assert math.isclose(Compliance(1, 1).none_of_next(0, 1), 2 / 3)  # Laplace's rule of succession
