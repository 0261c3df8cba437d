"""The multiplier of the lagrangian strategy: one step by hand, its bounds, and a toy policy that it brings to the target rate."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.mixing import bind
from trainer.grpo.lagrange import DualRule, updated, violation_rate

RULE = DualRule(step=0.5, target=0.2, low=0.0, high=3.0)


def test_one_step_by_hand() -> None:
    assert updated(1.0, 0.6, RULE) == pytest.approx(1.2)
    assert updated(1.0, 0.0, RULE) == pytest.approx(0.9)
    assert updated(1.0, 0.2, RULE) == 1.0


def test_bounds_hold_and_a_missing_rate_moves_nothing() -> None:
    assert updated(2.9, 1.0, RULE) == 3.0
    assert updated(0.05, 0.0, RULE) == 0.0
    assert updated(1.5, None, RULE) == 1.5
    assert updated(9.0, None, RULE) == 3.0


def test_the_rate_is_over_samples_with_a_verdict() -> None:
    assert violation_rate([[True, False, None], [True, True]]) == 0.75
    assert violation_rate([[None, None], []]) is None
    assert violation_rate([]) is None


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 3))
def test_more_violations_never_lower_the_price(rate: float, other: float, multiplier: float) -> None:
    low, high = sorted((rate, other))
    assert updated(multiplier, low, RULE) <= updated(multiplier, high, RULE)
    assert RULE.low <= updated(multiplier, rate, RULE) <= RULE.high
    bind("lagrangian", {"multiplier": updated(multiplier, rate, RULE)})  # always a price that the strategy takes


def test_a_policy_that_answers_to_the_price_ends_at_the_target() -> None:
    multiplier = 0.0
    for _ in range(2000):
        multiplier = updated(multiplier, 1 / (1 + math.exp(4 * multiplier - 4)), RULE)
    assert 1 / (1 + math.exp(4 * multiplier - 4)) == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("step", 0.0),
        ("step", math.nan),
        ("target", 1.5),
        ("target", math.nan),
        ("low", -1.0),
        ("low", 11.0),
        ("high", math.inf),
    ],
)
def test_a_rule_that_could_not_work_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        DualRule(**{field: value})


def test_a_rate_or_multiplier_that_is_none_is_refused() -> None:
    for multiplier, rate, word in ((1.0, 1.1, "rate"), (1.0, math.nan, "rate"), (math.nan, 0.5, "multiplier")):
        with pytest.raises(ValueError, match=word):
            updated(multiplier, rate, RULE)
