"""Replayed advantages are OpenRLHF's own."""

import random

import pytest

from rlmr.mistake import Mistake
from tests.services.aggregator.test_openrlhf_sign import as_the_agent_sends, openrlhf_advantages
from trainer.replay.advantages import ESTIMATORS, advantages


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_they_are_those_of_openrlhf(estimator: str) -> None:
    rng = random.Random(5)
    for n in (2, 4, 8, 16):
        rows = [[rng.gauss(i, 3) for _ in range(n)] for i in range(50)]
        for row, expected in zip(rows, openrlhf_advantages(rows, estimator), strict=True):
            assert advantages(row, [True] * n, estimator) == pytest.approx(expected, rel=1e-3, abs=2e-4)


def test_an_invalid_sample_has_none_and_moves_no_mean() -> None:
    given, valid = [1.0, None, 3.0, -1.0], [True, False, True, True]
    (expected,) = openrlhf_advantages([as_the_agent_sends([1.0, 3.0, -1.0], valid)], "group_norm")
    assert advantages(given, valid, "group_norm") == pytest.approx(expected, abs=1e-5)
    assert advantages(given, valid, "group_norm")[1] == pytest.approx(0, abs=1e-6)


def test_an_estimator_that_looks_beyond_the_group_is_refused() -> None:
    with pytest.raises(Mistake, match="gae"):
        advantages([1.0, 2.0], [True, True], "gae")
