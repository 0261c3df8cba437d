"""`rlmr study report`: results.json, index.html and tables.md beside a plan's runs. The page needs no network and no script."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from rlmr.mistake import Mistake
from trainer.run.distortion import QUALITY_MEAN, QUALITY_STD
from trainer.study import figures
from trainer.study.equivalence import CONDITION, at_one_scale
from trainer.study.intervals import over_prompts
from trainer.study.plan import Plan, planned_runs
from trainer.study.results import HEADS, METRICS, Record, by_condition, by_point, read_records, results
from trainer.study.tables import shown, tables

CURVES = (
    ("compliance", "Compliance in training"),
    ("writing_score", "Writing score"),
    ("true_quality", "True quality"),
    ("overoptimisation", "Writing score minus true quality (both in std. dev.)"),
    ("sibling_overlap", "Overlap of siblings"),
    ("response_tokens", "Length (tokens)"),
    ("dropped", "Groups dropped (share)"),
)


DIFFERENCES = (
    ("late_compliance", "late compliance"),
    ("writing_score", "writing score (undistorted)"),
    ("late_true_quality", "late true quality"),
)
"""Of two strategies over conditions."""


class NothingFinished(Mistake):
    """There is no run to report on; the message says what to do."""


def write_page(plan: Plan, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Writes results.json, index.html and tables.md to `folder`. Raises NothingFinished."""
    runs = planned_runs(plan)
    records = [_with_overoptimisation(record) for record in read_records(runs, folder)]
    if not records:
        raise NothingFinished(
            f"{folder / 'runs'} holds no finished run of the plan: make some with `rlmr study PLAN.yaml`"
        )
    found = results(plan.name, runs, records)
    (folder / "results.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("trainer.study"), autoescape=select_autoescape(["html", "jinja"]), trim_blocks=True
    )
    environment.filters["interval"] = shown
    page = environment.get_template("study.html.jinja").render(
        found=found,
        metrics=METRICS,
        heads=HEADS,
        parts=[
            _part(name, of, found["conditions"][name])
            for name, of in by_condition([*at_one_scale(records), *records]).items()
        ],
        across=_across(by_condition(records)),
        forests=_forests(found["over_conditions"]),
        samples=_samples(records),
    )
    path = folder / "index.html"
    path.write_text(page, encoding="utf-8")
    (folder / "tables.md").write_text(tables(found), encoding="utf-8")
    return path, found


def _with_overoptimisation(record: Record) -> Record:
    """How far the reward has left what it stands for: both in standard deviations of the untrained policy's answers."""
    curves = record["curves"]
    if "true_quality" in curves:
        pairs = zip(curves["writing_score"], curves["true_quality"], strict=True)
        curves["overoptimisation"] = [
            None if w is None or q is None else w - (q - QUALITY_MEAN) / QUALITY_STD for w, q in pairs
        ]
    return record


def _part(name: str, records: Sequence[Record], found: dict[str, Any]) -> dict[str, Any]:
    planes = [figures.plane(records, "writing_score", "Compliance and writing score")]
    if any(r["after"].get("true_quality") is not None for r in records):
        planes.append(figures.plane(records, "true_quality", "Compliance and true quality"))
    within = {
        point: [over_prompts(run["after"]["per_prompt"]["compliance"]).shown("{:.1%}") for run in runs]
        for point, runs in by_point(records).items()
    }
    return {
        "name": name,
        "planes": planes,
        # Rewards of other scales are no curves of one plot.
        "learning": None if name == CONDITION else figures.learning(records, CURVES),
        "within": within,
        "shown": [name for name in METRICS if any(name in point for point in found["points"].values())],
        **found,
    }


def _across(conditions: dict[str, list[Record]]) -> list[str]:
    conditions = {name: of for name, of in conditions.items() if name == "base" or name.startswith("scale-")}
    if len(conditions) < 2 or "base" not in conditions:
        return []
    return [
        figures.across(conditions, "compliance", "Compliance, by condition"),
        figures.across(conditions, "writing_score", "Writing score (undistorted), by condition"),
        figures.across(conditions, "true_quality", "True quality, by condition"),
    ]


def _forests(over: dict[str, dict[str, Any]]) -> list[str]:
    """Per fixed weight, the point that shares the most conditions with it."""
    drawn = []
    for against, points in over.items():
        if points:
            most = max(points, key=lambda p: len(points[p].get("late_compliance", ())))
            shown = [(name, head) for name, head in DIFFERENCES if name in points[most]]
            if shown:
                drawn.append(figures.forest(points[most], shown, f"{most}, less {against}"))
    return drawn


def _samples(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The same prompts through every point of the base condition, first seed."""
    base = [r for r in records if r["condition"] == "base"] or list(records)
    first = min(r["seed"] for r in base)
    runs = [r for r in base if r["seed"] == first]
    return [
        {
            "prompt": shown["prompt"],
            "before": shown["before"],
            "after": [(name, group[0]["samples"][i]["after"]) for name, group in by_point(runs).items()],
        }
        for i, shown in enumerate(runs[0]["samples"])
    ]
