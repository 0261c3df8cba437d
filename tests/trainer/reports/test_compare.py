"""Runs side by side, from their summaries alone."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlmr.cli import app
from trainer.reports.compare import NoSummary, markdown, rows

SUMMARY = {
    "strategy": {"name": "rlmr", "gamma": 1.0},
    "seed": 3,
    "steps": 10,
    "wall_seconds": 61.2,
    "before": {"compliance": 0.4, "writing_score": -0.1, "world_quality": None, "response_tokens": 30.2},
    "after": {"compliance": 0.7, "writing_score": 0.5, "world_quality": None, "response_tokens": 41.9},
    "groups": {"trained": 9, "dropped": {"all_violate": 1}},
    "violators": 20,
    "violators_with_positive_advantage": 0,
}


def test_a_run_becomes_a_row(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY))
    (row,) = rows([tmp_path])
    assert row[1:] == [
        "rlmr (gamma 1.0)", "3", "10", "61", "40.0% -> 70.0%", "-0.10 -> +0.50", "-", "30 -> 42", "1 of 10", "0 of 20",
    ]  # fmt: skip
    assert markdown([row]).count("\n") == 2


def test_an_unfinished_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSummary, match=r"summary\.json"):
        rows([tmp_path])


def test_the_table_is_whole_at_80_columns_and_a_name_is_no_markup(tmp_path: Path) -> None:
    for name in ("one [x]", "two", "three", "four"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(json.dumps(SUMMARY))
    runs = [str(tmp_path / name) for name in ("one [x]", "two", "three", "four")]
    shown = CliRunner().invoke(app, ["compare", *runs], env={"COLUMNS": "80"}).output
    assert all(word in shown for word in ("one [x]", "four", "world quality", "rlmr (gamma 1.0)")), shown
    assert max(map(len, shown.splitlines())) <= 80 and "…" not in shown
