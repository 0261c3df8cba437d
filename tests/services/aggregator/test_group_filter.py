"""The group filter tests raw writing rewards, before any adjustment."""

import pytest
from pydantic import ValidationError

from rlmr.wire import DropReason
from services.aggregator.mixing import GroupFilter


def test_thresholds_are_off_by_default() -> None:
    assert GroupFilter().reason_to_drop([99.0, 99.0], [False, False]) is None
    assert GroupFilter().reason_to_drop([-99.0, -99.0], [False, False]) is None


@pytest.mark.parametrize(
    ("writing", "reason"),
    [
        ([2.1, 3.0], DropReason.ALL_HIGH),
        ([2.0, 3.0], None),  # above means above
        ([-1.1, -3.0], DropReason.ALL_LOW),
        ([-1.0, -3.0], None),
        ([-3.0, 3.0], None),
    ],
)
def test_all_high_and_all_low(writing: list[float], reason: DropReason | None) -> None:
    assert GroupFilter(all_high=2.0, all_low=-1.0).reason_to_drop(writing, [False, True]) is reason


def test_all_violate_is_dropped_unless_switched_off_or_ranked_by_the_strategy() -> None:
    assert GroupFilter().reason_to_drop([1.0], [True]) is DropReason.ALL_VIOLATE
    assert GroupFilter(drop_all_violate=False).reason_to_drop([1.0], [True]) is None
    assert GroupFilter().reason_to_drop([1.0], [True], ranks_all_violate=True) is None


def test_signals_that_the_strategy_does_not_use_are_not_tested() -> None:
    assert GroupFilter(all_high=0.0).reason_to_drop(None, [False]) is None
    assert GroupFilter().reason_to_drop([1.0], None) is None


@pytest.mark.parametrize(
    ("count", "share", "n", "needed"), [(2, 0.5, 8, 4), (2, 0.5, 1, 1), (2, 0.0, 8, 2), (6, 0.5, 8, 6), (1, 0.51, 8, 5)]
)
def test_how_many_valid_samples_a_group_needs(count: int, share: float, n: int, needed: int) -> None:
    assert GroupFilter(min_valid=count, min_valid_share=share).required(n) == needed


def test_thresholds_that_drop_everything_are_refused() -> None:
    with pytest.raises(ValidationError, match="every group would be dropped"):
        GroupFilter(all_high=0.0, all_low=1.0)
