"""results.json: the finished runs of a plan as points with intervals, paired differences and fronts. The page shows what stands here."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainer.study.intervals import Interval, Point, hypervolume_over_seeds, over_seeds, paired
from trainer.study.plan import PlannedRun
from trainer.study.runner import path_of

Record = dict[str, Any]

METRICS = {
    "compliance": "share of held-out responses that obey every constraint",
    "compliance_unseen": "compliance on held-out prompts of a kind that training did not see, where a condition has such",
    "writing_score": "mean writing reward, standard deviations of the reference set",
    "true_quality": "mean true quality, 0 to 1, which no strategy sees",
    "late_compliance": "compliance in the last quarter of training: some 1,900 responses to new prompts, evaluation has 400",
    "late_true_quality": "true quality of the same responses",
    "response_tokens": "mean length in tokens",
    "sibling_overlap": "mean overlap in word pairs of two answers to one prompt, 0 to 1",
    "distinct_2": "different word pairs as a share of all",
    "commonest_phrase_share": "share of responses that hold the commonest three words in a row",
    "rewarded_violators": "violators with a positive advantage as OpenRLHF computed it, share of the violators trained on",
    "dropped": "groups dropped, share of all",
}
HEADS = {
    "compliance_unseen": "of unseen kinds",
    "writing_score": "score",
    "late_compliance": "late compliance",
    "late_true_quality": "late true quality",
    "response_tokens": "tokens",
    "sibling_overlap": "overlap",
    "commonest_phrase_share": "commonest phrase",
    "rewarded_violators": "violators > 0",
}
"""Short heads of columns."""
COMPARED = (
    "compliance",
    "compliance_unseen",
    "late_compliance",
    "writing_score",
    "true_quality",
    "late_true_quality",
    "sibling_overlap",
)
"""Metrics whose differences to a fixed weight are shown."""
LATE = 0.25
"""The share of a learning curve, from its end, that the late metrics are means of."""
FRONTS = {
    "compliance and writing score": ("compliance", "writing_score"),
    "compliance and true quality": ("compliance", "true_quality"),
    "both late in training": ("late_compliance", "late_true_quality"),
}
"""The two axes of each plane."""


def read_records(runs: Sequence[PlannedRun], results: Path) -> list[Record]:
    """Those that are finished, in the plan's order."""
    return [
        json.loads(path_of(run, results).read_text(encoding="utf-8")) for run in runs if path_of(run, results).is_file()
    ]


def metric(record: Record, name: str) -> float | None:
    """Of the trained policy; None where the run has no such figure."""
    if name == "rewarded_violators":
        counts = record["advantages"]
        return counts["violators_with_positive_advantage"] / counts["violators"] if counts["violators"] else None
    if name == "dropped":
        dropped = sum(record["groups"]["dropped"].values())
        return dropped / (dropped + record["groups"]["trained"])
    if name.startswith("late_"):
        curve = record["curves"].get(name.removeprefix("late_"), [])
        known = [value for value in curve[len(curve) - round(LATE * len(curve)) :] if value is not None]
        return sum(known) / len(known) if known else None
    value = record["after"].get(name)
    return None if value is None else float(value)


def _before(record: Record, name: str) -> float:
    return float(record["before"][name.removeprefix("late_")])


def name_of(record: Record) -> str:
    return record["label"] if record["strength"] is None else f"{record['label']} {record['strength']:g}"


def by_point(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Runs of one condition by point, seeds in order."""
    points: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        points[name_of(record)].append(record)
    return {name: sorted(runs, key=lambda r: r["seed"]) for name, runs in points.items()}


def by_condition(records: Sequence[Record]) -> dict[str, list[Record]]:
    conditions: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        conditions[record["condition"]].append(record)
    return dict(conditions)


def over_runs(runs: Sequence[Record], name: str) -> Interval | None:
    known = [value for run in runs if (value := metric(run, name)) is not None]
    return over_seeds(known) if known else None


def differences(points: dict[str, list[Record]], against: str, name: str) -> dict[str, Interval]:
    """Every point less the point `against`, paired by seed, where both have two seeds."""

    def values(runs: Sequence[Record]) -> dict[int, float]:
        return {run["seed"]: value for run in runs if (value := metric(run, name)) is not None}

    theirs = values(points.get(against, []))
    found = {point: paired(values(runs), theirs) for point, runs in points.items() if point != against}
    return {point: interval for point, interval in found.items() if interval is not None}


def fronts(records: Sequence[Record], axes: tuple[str, str], against: str = "linear") -> dict[str, dict[str, Any]]:
    """Per label, its front's hypervolume over both axes, above what the untrained policy has; seeds that have all of the label's
    strengths. A label with one strength has the area of one point, so only labels with as many strengths as `against` are
    subtracted from each other, paired by seed (`less`; None where there are not two seeds)."""
    labels: dict[str, list[tuple[Record, Point]]] = defaultdict(list)
    for record in records:
        first, second = (metric(record, axis) for axis in axes)
        if first is not None and second is not None:
            labels[record["label"]].append((record, (first, second)))
    found: dict[str, dict[str, Any]] = {}
    for label, runs in labels.items():
        strengths = {record["strength"] for record, _ in runs}
        by_seed: dict[int, list[Point]] = defaultdict(list)
        for record, point in runs:
            by_seed[record["seed"]].append(point)
        whole = {seed: points for seed, points in by_seed.items() if len(points) == len(strengths)}
        if whole:
            interval, volumes = hypervolume_over_seeds(whole, _untrained(records, axes))
            found[label] = {"strengths": len(strengths), "hypervolume": asdict(interval), "by_seed": volumes}
    theirs = found.get(against)
    for label, front in found.items():
        comparable = theirs is not None and label != against and front["strengths"] == theirs["strengths"]
        less = paired(front["by_seed"], theirs["by_seed"]) if theirs is not None and comparable else None
        front["less"] = None if less is None else asdict(less)
    return found


def _untrained(records: Sequence[Record], axes: tuple[str, str]) -> Point:
    """Mean over seeds of the untrained policies: the corner that hypervolumes are measured from."""
    of_seed = {record["seed"]: record for record in records}.values()
    first, second = (sum(_before(record, axis) for record in of_seed) / len(of_seed) for axis in axes)
    return first, second


def results(plan_name: str, runs: Sequence[PlannedRun], records: Sequence[Record]) -> dict[str, Any]:
    """The whole of results.json."""
    conditions = {}
    for condition, of in by_condition(records).items():
        points = by_point(of)
        against = next((p for p in ("linear 1", *points) if p in points), "")
        conditions[condition] = {
            "points": {
                point: {
                    "strategy": group[0]["strategy"],
                    "seeds": [run["seed"] for run in group],
                    **{m: asdict(i) for m in METRICS if (i := over_runs(group, m)) is not None},
                    "violators": sum(run["advantages"]["violators"] for run in group),
                    "violators_with_positive_advantage": sum(
                        run["advantages"]["violators_with_positive_advantage"] for run in group
                    ),
                }
                for point, group in points.items()
            },
            "against": against,
            "differences": {m: {p: asdict(i) for p, i in differences(points, against, m).items()} for m in COMPARED},
            "fronts": {plane: fronts(of, axes) for plane, axes in FRONTS.items()},
        }
    return {
        "plan": plan_name,
        "metrics": METRICS,
        "planned": len(runs),
        "finished": len(records),
        "missing": sorted({run.id for run in runs} - {record["id"] for record in records}),
        "conditions": conditions,
    }
