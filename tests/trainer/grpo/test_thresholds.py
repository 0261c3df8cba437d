"""Thresholds that follow the run: percentiles of its own writing rewards, the same after a resume, never crossed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.mixing import GroupFilter
from tests.trainer.grpo.test_so_far import LOST, group
from trainer.grpo.so_far import SoFar
from trainer.grpo.thresholds import VARIABLE, Percentile, Thresholds
from trainer.reports.summary import summarise_run
from trainer.run.ledger import Ledger
from trainer.run.presets import PresetError, load_preset

BOTH = ["filter.all_high={percentile: 90, after: 2}", "filter.all_low={percentile: 10, after: 2}"]

scores = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8)
percents = st.floats(0.1, 99.9)


def rows(groups: list[list[float]]) -> list[dict[str, Any]]:
    return [group(writing=values, valid=[True] * len(values)) for values in groups]


def filled(thresholds: Thresholds, groups: list[dict[str, Any]]) -> Thresholds:
    for row in groups:
        thresholds.add(row)
    return thresholds


@given(st.lists(scores, max_size=12), percents, percents, st.integers(1, 6), st.integers(1, 6))
def test_they_are_never_crossed_and_lie_among_the_scores_seen(
    groups: list[list[float]], a: float, b: float, after: int, of_last: int
) -> None:
    asked = {
        "all_high": Percentile(percentile=max(a, b), after=after, of_last=of_last),
        "all_low": Percentile(percentile=min(a, b), after=1, of_last=4),
    }
    now = filled(Thresholds(asked), rows(groups)).now()
    GroupFilter(**now)  # what the service would refuse raises here
    seen = [score for values in groups for score in values]
    assert all(min(seen) <= value <= max(seen) for value in now.values())
    assert ("all_high" in now) == (len(groups) >= min(after, of_last))


@given(st.lists(scores, min_size=1, max_size=12), percents, st.integers(1, 12))
def test_it_is_the_percentile_of_the_newest_groups(groups: list[list[float]], percent: float, of_last: int) -> None:
    asked = {"all_low": Percentile(percentile=percent, after=1, of_last=of_last)}
    newest = [score for values in groups[-of_last:] for score in values]
    assert filled(Thresholds(asked), rows(groups)).now() == {"all_low": float(np.percentile(newest, percent))}


@given(st.lists(scores, min_size=2, max_size=8), percents, st.floats(-1e6, 1e6))
def test_beside_a_fixed_one_it_stops_there(groups: list[list[float]], percent: float, fixed: float) -> None:
    for moving, other in (("all_high", "all_low"), ("all_low", "all_high")):
        thresholds = Thresholds({moving: Percentile(percentile=percent, after=1)}, {other: fixed})
        now = filled(thresholds, rows(groups)).now()
        assert now.keys() == {moving}
        GroupFilter(**now, **{other: fixed})


def test_dropped_groups_count_and_invalid_samples_do_not() -> None:
    thresholds = Thresholds({"all_high": Percentile(percentile=50, after=2)})
    filled(thresholds, [group(**LOST), group(writing=[1.0, 9.0, 1.0], valid=[True, False, True])])
    assert thresholds.now() == {}
    thresholds.add(group(decision="drop", reason="all_high", rewards=[None] * 3, writing=[3.0, 3.0, 3.0]))
    assert thresholds.now() == {"all_high": 3.0}


def test_a_resumed_run_has_the_thresholds_that_it_had(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    asked = {"all_high": Percentile(percentile=90, after=1)}
    first = SoFar(tmp_path, Thresholds(asked))
    for step in (1, 2, 3):
        with (tmp_path / "ledger" / f"groups.a-{step % 2}.jsonl").open("a") as file:
            file.write(json.dumps(group(step, writing=[step * 1.0, 0.0, -1.0])) + "\n")
        first.take_scalars(step)
    assert SoFar(tmp_path, Thresholds(asked)).thresholds() == first.thresholds() != {}


def test_a_preset_asks_for_them_and_the_service_gets_none_before_they_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    preset = load_preset("embedded", BOTH)
    assert preset.filter_sent() == {"all_high": None, "all_low": None}
    monkeypatch.setenv("RLMR_FILTER", json.dumps(preset.filter_sent()))
    monkeypatch.setenv(VARIABLE, json.dumps({name: p.model_dump() for name, p in preset.percentiles().items()}))
    assert Thresholds.from_environment().asked == preset.percentiles()
    assert load_preset("embedded", ["filter.all_high=2", "filter.all_low=null"]).percentiles() == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["filter.all_high={percentile: 90}"], "give all_low too"),
        (["filter.all_high={percentile: 10}", "filter.all_low={percentile: 90}"], "all would be dropped"),
        (["filter.all_high={percentile: 100}", "filter.all_low=null"], "less than 100"),
        (["filter.all_high={percent: 90}", "filter.all_low=null"], "percent"),
    ],
)
def test_mistakes_are_named(changes: list[str], said: str) -> None:
    with pytest.raises(PresetError, match=said):
        load_preset("embedded", changes)


def test_a_filter_of_numbers_is_kept_as_it_was() -> None:
    """A study's run is named by a hash of its settings: a default that slipped into them would make every old run anew."""
    assert load_preset("embedded").model_dump(mode="json")["filter"] is None
    fixed = load_preset("embedded", ["filter.all_high=1.5", "filter.min_valid=3"])
    assert fixed.model_dump(mode="json")["filter"] == {"all_high": 1.5, "min_valid": 3}


def test_the_summary_says_what_was_sent(tmp_path: Path) -> None:
    ledger = Ledger(
        tmp_path, groups=[group(filter=None), group(filter={"all_high": 1.0}), group(filter={"all_high": 2.0})]
    )
    for row in ledger.groups:
        row["attempts"] = 1
    told = summarise_run(load_preset("embedded", BOTH), ledger, wall_seconds={}, before=None, after=None)
    assert told["percentiles"]["all_high"] == {
        "percentile": 90.0,
        "after": 2,
        "of_last": 1024,
        "groups": 2,
        "first": 1.0,
        "last": 2.0,
    }
    assert told["percentiles"]["all_low"]["groups"] == 0
