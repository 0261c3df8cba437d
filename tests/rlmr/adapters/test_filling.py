"""The rule for invalid samples of a kept group, and what a group's answer means for each sample."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlmr.adapters.filling import fill
from rlmr.adapters.groups import GroupAnswer
from rlmr.wire.reward import RewardGroupResult
from tests.rlmr.adapters.scripted_aggregator import GROUPS


def group(name: str) -> GroupAnswer:
    return GroupAnswer.of(RewardGroupResult.model_validate({"id": "g", **GROUPS[name]}))


def test_an_invalid_sample_gets_the_mean_of_its_valid_siblings() -> None:
    assert fill([1.0, None, 0.0], [True, False, True]) == [1.0, 0.5, 0.0]


def test_the_number_of_an_invalid_sample_is_not_believed() -> None:
    assert fill([1.0, 99.0, 0.0], [True, False, True]) == [1.0, 0.5, 0.0]


def test_a_group_without_a_valid_sample_is_equal_throughout() -> None:
    assert fill([None, None], [False, False]) == [0.0, 0.0]


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError):
        fill([1.0], [True, False])


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=16))
def test_the_mean_does_not_move(rewards: list[float | None]) -> None:
    known = [r for r in rewards if r is not None]
    filled = fill(rewards, [r is not None for r in rewards])
    if known:
        assert sum(filled) / len(filled) == pytest.approx(sum(known) / len(known), abs=1e-6)


def test_a_dropped_group_is_null_where_nulls_are_left_out_and_exactly_equal_elsewhere() -> None:
    for name in ("unavailable", "all violate"):
        assert group(name).nullable() == [None] * 4
        assert group(name).filled() == [0.0] * 4


def test_logs_have_the_same_keys_always_and_no_number_for_what_was_not_seen() -> None:
    answers = [group(name) for name in GROUPS]
    assert len({tuple(answer.logs(i)) for answer in answers for i in range(answer.n)}) == 1
    unseen = group("invalid samples").logs(1)
    assert unseen["valid"] == 0.0
    assert math.isnan(unseen["violated"]) and math.isnan(unseen["writing"])
