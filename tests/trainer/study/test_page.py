"""From finished runs to results.json and the page. The records are made up; what makes real ones is rlmr study itself."""

import json
import random
import statistics
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from trainer.study.figures import place
from trainer.study.page import NothingFinished, write_page
from trainer.study.plan import Plan, PlannedRun, planned_runs
from trainer.study.record import BINS
from trainer.study.results import metric

PLAN = Plan.model_validate(
    {
        "name": "made-up",
        "seeds": [0, 1, 2],
        "parts": [
            {
                "name": "fronts",
                "points": [
                    {"label": "rlmr", "strength": 1, "strategy": {"name": "rlmr", "gamma": 1.0}},
                    {"label": "linear", "strength": 1, "strategy": {"name": "linear", "weight": 1.0}},
                    {"label": "verify_only", "strategy": {"name": "verify_only"}},
                ],
            },
            {
                "name": "scale",
                "condition": "scale-4",
                "set": ["distortion.factor=4"],
                "points": [{"label": "rlmr", "strength": 1, "strategy": {"name": "rlmr", "gamma": 1.0}}],
            },
        ],
    }
)


def made_up(run: PlannedRun) -> dict[str, Any]:
    rng = random.Random(run.id)
    good = 0.1 * (run.point.label == "rlmr")
    evaluation = {
        "compliance": 0.6 + good + 0.01 * run.seed,
        "writing_score": 1.0,
        "true_quality": 0.8,
        "response_tokens": 30.0,
        "distinct_2": 0.2,
        "commonest_phrase": "like wet ash",
        "commonest_phrase_share": 0.1,
        "sibling_overlap": 0.1,
        "per_prompt": {"compliance": [rng.choice((0.0, 0.5, 1.0)) for _ in range(50)]},
    }
    names = ("compliance", "writing_score", "response_tokens", "sibling_overlap", "dropped", "true_quality")
    return {
        "id": run.id,
        "condition": run.condition,
        "label": run.point.label,
        "strength": run.point.strength,
        "strategy": run.point.strategy,
        "seed": run.seed,
        "preset": run.preset.model_dump(mode="json"),
        "before": {**evaluation, "compliance": 0.4, "writing_score": 0.0, "true_quality": 0.68},
        "after": evaluation,
        "curves": {name: [None, *(rng.random() for _ in range(BINS - 1))] for name in names},
        "groups": {"trained": 90, "dropped": {"all_violate": 10}},
        "advantages": {"violators": 100, "violators_with_positive_advantage": 7 * (run.point.label == "linear")},
        "samples": [
            {
                "prompt": "Tell <b>a story</b>.",
                "before": {"response": "It was.", "violated": False, "writing": 0.1},
                "after": {"response": "<script>alert(1)</script>", "violated": True, "writing": 0.2},
            }
        ],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    for run in planned_runs(PLAN)[:-1]:  # the last one is not finished
        (tmp_path / "runs" / f"{run.id}.json").write_text(json.dumps(made_up(run)))
    return tmp_path


def test_results_hold_intervals_differences_and_what_is_missing(folder: Path) -> None:
    _, found = write_page(PLAN, folder)
    assert json.loads((folder / "results.json").read_text()) == json.loads(json.dumps(found))
    assert (found["planned"], found["finished"], len(found["missing"])) == (12, 11, 1)
    base = found["conditions"]["base"]
    rlmr = base["points"]["rlmr 1"]
    assert rlmr["compliance"]["mean"] == pytest.approx(0.71)
    assert rlmr["compliance"]["low"] < 0.71 < rlmr["compliance"]["high"]
    assert (
        base["points"]["linear 1"]["violators_with_positive_advantage"],
        rlmr["violators_with_positive_advantage"],
    ) == (21, 0)
    difference = base["differences"]["compliance"]["rlmr 1"]  # to linear 1, seed by seed
    assert (difference["mean"], difference["low"]) == (pytest.approx(0.1), pytest.approx(0.1))
    front = base["fronts"]["compliance and writing score"]["rlmr"]
    assert front["hypervolume"]["mean"] == pytest.approx(0.31 * 1.0)
    assert front["less"]["mean"] == pytest.approx(0.1 * 1.0)  # linear's front has as many strengths
    assert base["fronts"]["compliance and writing score"]["linear"]["less"] is None


def test_tables_say_the_same_in_markdown(folder: Path) -> None:
    _, found = write_page(PLAN, folder)
    text = (folder / "tables.md").read_text()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == list(found["conditions"])
    row = next(line for line in text.splitlines() if line.startswith("| linear 1 | 0, 1, 2 |"))
    assert "| 7.0% [7.0%, 7.0%] | 10.0% [10.0%, 10.0%] |" in row
    assert "Less linear 1, paired by seed:" in text
    widths = {line.count("|") for line in text.split("## base")[1].split("\n\n")[1].splitlines()}
    assert len(widths) == 1


def test_late_metrics_are_means_of_the_last_quarter_of_the_curve() -> None:
    record = {"curves": {"compliance": [0.0] * 15 + [0.2, None, 0.4, 0.6, 0.8]}, "after": {"compliance": 0.9}}
    assert metric(record, "late_compliance") == pytest.approx(0.5)
    assert metric(record, "late_true_quality") is None


def test_scales_stand_in_their_order() -> None:
    names = ["scale-by-prompt-0.8", "base", "hard-prompts", "scale-4", "scale-0.25"]
    assert sorted(names, key=place) == ["scale-0.25", "base", "scale-4", "hard-prompts", "scale-by-prompt-0.8"]


def test_the_page_is_one_file_that_asks_nobody_for_anything(folder: Path) -> None:
    path, _ = write_page(PLAN, folder)
    text = path.read_text()
    addresses: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag != "script"
            addresses.extend(v for k, v in attrs if k in ("src", "href") and v and not v.startswith("#"))

    Links().feed(text)
    assert addresses == []
    assert "&lt;script&gt;alert(1)" in text  # a response is data
    assert text.count("<svg") >= 3


def test_without_a_finished_run_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NothingFinished, match="rlmr study"):
        write_page(PLAN, tmp_path)


def test_two_strategies_over_conditions_each_of_which_counts_once(tmp_path: Path) -> None:
    """Differences of 1, 2, 3 and (one seed) 6 points: 3 on average, with the t interval of four values."""
    gains = {"base": 0.01, "drift": 0.02, "noise": 0.03, "last": 0.06}
    points = [
        {"label": "rlmr", "strength": 2, "strategy": {"name": "rlmr", "gamma": 2.0}},
        {"label": "linear", "strength": 4, "strategy": {"name": "linear", "weight": 4.0}},
    ]
    parts = [
        {"name": c, "condition": c, "set": [f"distortion.per_word=0.0{n}"] if n else [], "points": points}
        for n, c in enumerate(gains)
    ]
    plan = Plan.model_validate({"name": "made-up", "seeds": [0, 1, 2], "parts": parts})
    (tmp_path / "runs").mkdir()
    for run in planned_runs(plan):
        if run.condition == "last" and run.seed:
            continue
        record = made_up(run)
        ours = run.point.label == "rlmr"
        record["after"]["compliance"] = 0.5 + 0.1 * run.seed + gains[run.condition] * ours
        (tmp_path / "runs" / f"{run.id}.json").write_text(json.dumps(record))
    path, found = write_page(plan, tmp_path)
    assert found["over_conditions"]["linear 1"] == {}
    less = found["over_conditions"]["linear 4"]["rlmr 2"]["compliance"]
    assert {c: less[c]["mean"] for c in gains} == pytest.approx(gains)
    assert (less["last"]["count"], less["base"]["count"], less["over"]["count"]) == (1, 3, 4)
    half = 3.182446 * statistics.stdev(gains.values()) / 2
    assert (less["over"]["mean"], less["over"]["high"]) == (pytest.approx(0.03), pytest.approx(0.03 + half))
    assert "## Less linear 4, over all conditions that have both" in (tmp_path / "tables.md").read_text()
    assert "Two strategies over all conditions" in path.read_text()
