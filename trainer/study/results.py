"""results.json: the finished runs of a plan as points with intervals, paired differences and fronts. The page shows what stands here."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainer.study.equivalence import CONDITION, at_one_scale
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
ALSO = ("linear 4",)
"""Further points that every point is compared with: the fixed weight that is large enough everywhere."""
ENOUGH_CONDITIONS = 4
"""Conditions that two points must share for a mean over conditions."""
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


def by_seed(runs: Sequence[Record], name: str) -> dict[int, float]:
    """A metric of one point: the mean of a seed's runs, where it has several. Seeds without the metric are absent."""
    values: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        value = metric(run, name)
        if value is not None:
            values[run["seed"]].append(value)
    return {seed: sum(of) / len(of) for seed, of in sorted(values.items())}


def over_runs(runs: Sequence[Record], name: str) -> Interval | None:
    values = by_seed(runs, name)
    return over_seeds(list(values.values())) if values else None


def differences(points: dict[str, list[Record]], against: str, name: str) -> dict[str, Interval]:
    """Every point less the point `against`, paired by seed, where both have two seeds."""
    theirs = by_seed(points.get(against, []), name)
    found = {point: paired(by_seed(runs, name), theirs) for point, runs in points.items() if point != against}
    return {point: interval for point, interval in found.items() if interval is not None}


def _differences(points: dict[str, list[Record]], against: str) -> dict[str, dict[str, Any]]:
    """By metric and point, for results.json."""
    return {m: {p: asdict(i) for p, i in differences(points, against, m).items()} for m in COMPARED}


def over_conditions(conditions: dict[str, list[Record]], against: str) -> dict[str, dict[str, Any]]:
    """Per point, its differences to the point `against` in each condition that has both (paired by seed; of one seed without an
    interval), and over all of them: there a condition's mean is one value, so the interval is that of the mean over conditions
    such as these. The base condition is that of every scale's runs as one."""
    places = {condition: by_point(of) for condition, of in conditions.items()}
    if CONDITION in places:
        places["base"] = places.pop(CONDITION)
    found: dict[str, dict[str, Any]] = {}
    for point in dict.fromkeys(point for points in places.values() for point in points):
        shared = {c: points for c, points in places.items() if {point, against} <= points.keys()}
        if point == against or len(shared) < ENOUGH_CONDITIONS:
            continue
        found[point] = {}
        for m in COMPARED:
            pairs = {c: (by_seed(points[point], m), by_seed(points[against], m)) for c, points in shared.items()}
            less = {c: i for c, pair in pairs.items() if (i := paired(*pair, least=1)) is not None}
            if len(less) >= ENOUGH_CONDITIONS:
                over = over_seeds([i.mean for i in less.values()])
                found[point][m] = {"over": asdict(over), **{c: asdict(i) for c, i in less.items()}}
    return found


def fronts(records: Sequence[Record], axes: tuple[str, str], against: str = "linear") -> dict[str, dict[str, Any]]:
    """Per label, its front's hypervolume over both axes, above what the untrained policy has: of the strengths that three seeds have
    (or as many as any strength has), and of the seeds that have them all. More strengths make more area, so only labels with as many
    strengths as `against` are subtracted from it, paired by seed (`less`; None where there are not two seeds)."""
    labels: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if all(metric(record, axis) is not None for axis in axes):
            labels[record["label"]].append(record)
    found: dict[str, dict[str, Any]] = {}
    for label, runs in labels.items():
        places = {
            of[0]["strength"]: _places(by_seed(of, axes[0]), by_seed(of, axes[1])) for of in by_point(runs).values()
        }
        enough = min(3, max(map(len, places.values())))
        places = {strength: seeds for strength, seeds in places.items() if len(seeds) >= enough}
        whole = sorted(set.intersection(*map(set, places.values())))
        if whole:
            points = {seed: [place[seed] for place in places.values()] for seed in whole}
            interval, volumes = hypervolume_over_seeds(points, _untrained(records, axes))
            strengths = sorted(places, key=lambda strength: strength or 0.0)
            found[label] = {"strengths": strengths, "hypervolume": asdict(interval), "by_seed": volumes}
    theirs = found.get(against)
    for label, front in found.items():
        comparable = theirs is not None and label != against and len(front["strengths"]) == len(theirs["strengths"])
        less = paired(front["by_seed"], theirs["by_seed"]) if theirs is not None and comparable else None
        front["less"] = None if less is None else asdict(less)
    return found


def _places(first: dict[int, float], second: dict[int, float]) -> dict[int, Point]:
    return {seed: (first[seed], second[seed]) for seed in first if seed in second}


def _untrained(records: Sequence[Record], axes: tuple[str, str]) -> Point:
    """Mean over seeds of the untrained policies: the corner that hypervolumes are measured from."""
    seeds = {record["seed"]: record for record in records}.values()
    first, second = (sum(_before(record, axis) for record in seeds) / len(seeds) for axis in axes)
    return first, second


def results(plan_name: str, runs: Sequence[PlannedRun], records: Sequence[Record]) -> dict[str, Any]:
    """The whole of results.json."""
    conditions = {}
    by_name = by_condition([*at_one_scale(records), *records])
    for condition, of in by_name.items():
        points = by_point(of)
        against = next((p for p in ("linear 1", *points) if p in points), "")
        conditions[condition] = {
            "points": {
                point: {
                    "strategy": group[0]["strategy"],
                    "estimator": group[0]["preset"]["openrlhf"].get("algo.advantage.estimator"),
                    "price": group[0]["preset"].get("price"),
                    "seeds": sorted({run["seed"] for run in group}),
                    "runs": len(group),
                    **{m: asdict(i) for m in METRICS if (i := over_runs(group, m)) is not None},
                    "violators": sum(run["advantages"]["violators"] for run in group),
                    "violators_with_positive_advantage": sum(
                        run["advantages"]["violators_with_positive_advantage"] for run in group
                    ),
                }
                for point, group in points.items()
            },
            "against": against,
            "also": {other: _differences(points, other) for other in ALSO if other in points and other != against},
            "differences": _differences(points, against),
            "fronts": {plane: fronts(of, axes) for plane, axes in FRONTS.items()},
        }
    return {
        "plan": plan_name,
        "metrics": METRICS,
        "planned": len(runs),
        "finished": len(records),
        "missing": sorted({run.id for run in runs} - {record["id"] for record in records}),
        "conditions": conditions,
        "over_conditions": {against: over_conditions(by_name, against) for against in ("linear 1", *ALSO)},
    }
