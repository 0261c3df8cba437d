"""Bootstrap intervals of sums over sums, and of paired differences."""

import random

import pytest

from trainer.evaluation.benchmark import Measure
from trainer.evaluation.intervals import difference, estimate


def measure(units: dict[str, tuple[float, float]]) -> Measure:
    return Measure("m", units)


def test_the_interval_of_a_share_is_near_the_normal_one() -> None:
    found = estimate(measure({str(n): (float(n % 4 == 0), 1.0) for n in range(400)}))
    half = 1.96 * (0.25 * 0.75 / 400) ** 0.5
    assert found.value == 0.25
    assert found.low == pytest.approx(0.25 - half, abs=0.006)
    assert found.high == pytest.approx(0.25 + half, abs=0.006)


def test_a_unit_is_resampled_with_all_that_belongs_to_it() -> None:
    """Ten questions of a prompt that stand and fall together are one observation, not ten."""
    one = estimate(measure({str(n): (float(n % 2), 1.0) for n in range(50)}))
    ten = estimate(measure({str(n): (10.0 * (n % 2), 10.0) for n in range(50)}))
    assert (one.low, one.high) == pytest.approx((ten.low, ten.high))


def test_no_interval_of_one_unit_and_a_point_of_equal_ones() -> None:
    assert (estimate(measure({"a": (1.0, 2.0)})).low, estimate(measure({"a": (1.0, 2.0)})).value) == (None, 0.5)
    alike = estimate(measure({str(n): (3.0, 1.0) for n in range(5)}))
    assert (alike.low, alike.high) == (3.0, 3.0)


def test_pairs_take_away_what_makes_prompts_hard() -> None:
    draw = random.Random(1)
    hard = {str(n): draw.gauss(5, 3) for n in range(200)}
    a = measure({n: (v + 0.2 + draw.gauss(0, 0.2), 1.0) for n, v in hard.items()})
    b = measure({n: (v, 1.0) for n, v in hard.items()})
    apart, paired = estimate(a), difference(a, b)
    assert paired is not None and paired.low is not None and paired.high is not None
    assert apart.low is not None and apart.high is not None
    assert paired.low > 0.1
    assert paired.high - paired.low < 0.1 < apart.high - apart.low


def test_only_shared_units_are_compared() -> None:
    a, b = measure({"x": (1.0, 1.0), "y": (0.0, 1.0)}), measure({"y": (1.0, 1.0), "z": (0.0, 1.0)})
    found = difference(a, b)
    assert found is not None
    assert (found.value, found.units) == (-1.0, 1)
    assert difference(a, measure({"z": (0.0, 1.0)})) is None
