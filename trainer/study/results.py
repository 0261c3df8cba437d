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
    "response_tokens": "tokens",
    "sibling_overlap": "overlap",
    "commonest_phrase_share": "commonest phrase",
    "rewarded_violators": "violators > 0",
}
"""Short heads of columns."""
FRONTS = {"compliance and writing score": "writing_score", "compliance and true quality": "true_quality"}
"""The second axis of each plane; the first is compliance."""


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
    value = record["after"].get(name)
    return None if value is None else float(value)


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


def fronts(records: Sequence[Record], second: str) -> dict[str, dict[str, Any]]:
    """Per label, its front's hypervolume over compliance and `second`, above what the untrained policy has; seeds that have all of
    the label's strengths. A label with one strength has the area of one point: compare labels with as many."""
    labels: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record["after"].get(second) is not None:
            labels[record["label"]].append(record)
    found: dict[str, dict[str, Any]] = {}
    for label, runs in labels.items():
        strengths = {run["strength"] for run in runs}
        by_seed: dict[int, list[Point]] = defaultdict(list)
        for run in runs:
            by_seed[run["seed"]].append((run["after"]["compliance"], run["after"][second]))
        whole = {seed: points for seed, points in by_seed.items() if len(points) == len(strengths)}
        if whole:
            reference = _untrained(records, second)
            interval, volumes = hypervolume_over_seeds(whole, reference)
            found[label] = {"strengths": len(strengths), "hypervolume": asdict(interval), "by_seed": volumes}
    return found


def _untrained(records: Sequence[Record], second: str) -> Point:
    """Mean over seeds of the untrained policies: the corner that hypervolumes are measured from."""
    before = {record["seed"]: record["before"] for record in records}
    count = len(before)
    return sum(b["compliance"] for b in before.values()) / count, sum(b[second] for b in before.values()) / count


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
            "differences": {
                m: {p: asdict(i) for p, i in differences(points, against, m).items()}
                for m in ("compliance", "compliance_unseen", "writing_score", "true_quality", "sibling_overlap")
            },
            "fronts": {plane: fronts(of, second) for plane, second in FRONTS.items()},
        }
    return {
        "plan": plan_name,
        "metrics": METRICS,
        "planned": len(runs),
        "finished": len(records),
        "missing": sorted({run.id for run in runs} - {record["id"] for record in records}),
        "conditions": conditions,
    }
