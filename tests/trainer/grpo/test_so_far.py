"""A step's scalars: from all its groups, what nobody knows left out, and no error of theirs ends a run."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.grpo.so_far import SoFar, correlation_inside, scalars
from trainer.grpo.trackers import unfailing


def group(step: int = 1, **changes: Any) -> dict[str, Any]:
    base = {
        "time": 0.0,
        "prompt_id": "p",
        "split": "train",
        "step": step,
        "decision": "train",
        "reason": None,
        "rewards": [1.0, 2.0, 3.0],
        "valid": [True, True, True],
        "writing": [0.5, 1.0, 1.5],
        "violated": [False, True, False],
        "delta": 2.0,
        "tokens": [10, 20, 30],
        "seconds": 0.5,
        "sibling_overlap": 0.25,
    }
    return {**base, **changes}


LOST: dict[str, Any] = {
    "decision": "drop",
    "reason": "unavailable",
    "rewards": [None] * 3,
    "valid": [False] * 3,
    "writing": [None] * 3,
    "violated": [None] * 3,
    "delta": None,
}


def test_scalars_are_of_all_groups_and_a_missing_answer_is_no_zero() -> None:
    found = scalars([group(), group(delta=None, writing=[0.0, 0.0, None]), group(**LOST)])
    assert found["rlmr/violation_rate"] == pytest.approx(1 / 3)
    assert found["rlmr/valid"] == pytest.approx(6 / 9)
    assert found["rlmr/writing"] == pytest.approx(3 / 5)
    assert (found["rlmr/delta"], found["rlmr/sibling_overlap"]) == (2.0, 0.25)
    assert (found["rlmr/groups"], found["rlmr/dropped"], found["rlmr/dropped_unavailable"]) == (3, 1, 1)
    assert found["rlmr/length_reward_correlation"] == pytest.approx(1.0)
    nothing = scalars([group(**LOST)])
    assert nothing.keys().isdisjoint({"rlmr/violation_rate", "rlmr/writing", "rlmr/delta"})
    assert scalars([]) == {}


pairs = st.lists(st.tuples(st.integers(0, 500).map(float), st.integers(-100, 100).map(float)), min_size=0, max_size=8)


@given(st.lists(pairs, max_size=5), st.lists(st.integers(-1000, 1000), min_size=5, max_size=5))
def test_the_correlation_is_blind_to_what_differs_between_groups(
    groups: list[list[tuple[float, float]]], offsets: list[int]
) -> None:
    moved = [[(x + o, y - 3 * o) for x, y in g] for g, o in zip(groups, offsets, strict=False)]
    a, b = correlation_inside(groups), correlation_inside(moved)
    assert (a is None) == (b is None)
    assert a is None or a == pytest.approx(b, abs=1e-6)
    assert a is None or -1 <= a <= 1


@given(pairs.filter(lambda g: len({x for x, _ in g}) > 1 and len({y for _, y in g}) > 1))
def test_of_one_group_it_is_pearsons(group: list[tuple[float, float]]) -> None:
    x, y = zip(*group, strict=True)
    assert correlation_inside([group]) == pytest.approx(statistics.correlation(x, y), abs=1e-9)


def test_a_step_gets_its_own_groups_and_evaluation_none(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    path = tmp_path / "ledger" / "groups.a-1.jsonl"

    def write(*rows: dict[str, Any]) -> None:
        with path.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    write(group(1), group(2, **LOST), group(3, split="eval"))
    resumed = SoFar(tmp_path)  # after step 2
    write(group(3), group(3, **LOST))
    assert resumed.take_scalars(3)["rlmr/groups"] == 2
    write(group(4))
    assert resumed.take_scalars(4)["rlmr/groups"] == 1
    assert resumed.take_scalars(5) == {}


def test_a_tracker_that_fails_costs_its_curves_only(capsys: pytest.CaptureFixture[str]) -> None:
    class Full:
        def log_train(self, step: int, logs: dict[str, Any]) -> None:
            raise OSError(28, "No space left on device")

    tracker = unfailing(Full())
    assert tracker is not None and unfailing(None) is None
    tracker.log_train(1, {})
    tracker.log_train(2, {})
    assert capsys.readouterr().err.count("Full could not write, training goes on") == 1
