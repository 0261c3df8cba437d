"""Does a replay foretell where training ends? Each strategy's pulls on one run's groups (trainer/replay/pull.py) beside what the policies
that the study trained with it became.

    python -m benchmarks.foretold RUN [docs/results/results.json]

RUN: any run's folder of the story world with its ledger, e.g. of `make run`. Prints a Markdown table of the points that the study has, all
but those of a moving price, in the order of `like linear at`, and Spearman's rank correlations over those of three seeds or more.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

from scipy import stats

from services.aggregator.mixing import GroupFilter
from trainer.replay.asked import spelled, strategy_asked
from trainer.replay.replaying import Replay, replay
from trainer.replay.stored import StoredRun
from trainer.study.equivalence import CONDITION, SCALED

METRICS = ("writing_score", "late_compliance", "late_true_quality")


def strategy_of(point: str, row: dict[str, Any], *, at_one_scale: bool) -> str:
    """Of a point of all scales the parameter in the reward's unit is the strength that stands in the point's name."""
    strategy = dict(row["strategy"])
    if at_one_scale and strategy["name"] in SCALED and strategy.get("gamma_unit") != "group":
        strategy[SCALED[strategy["name"]]] = float(point.rpartition(" ")[2])
    return spelled(strategy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("results", type=Path, nargs="?", default=Path("docs/results/results.json"))
    given = parser.parse_args()
    conditions = json.loads(given.results.read_text(encoding="utf-8"))["conditions"]
    # A point of several scales has the strategy of any of its runs; that of the base condition has its own.
    base = conditions["base"]["points"]
    points = {name: row for name, row in conditions[CONDITION]["points"].items() if not row["price"]}
    found: list[Replay] = []
    for estimator in sorted({row["estimator"] for row in points.values()}):
        asked = [
            (name, strategy_asked(strategy_of(name, base.get(name, row), at_one_scale=name not in base)))
            for name, row in points.items()
            if row["estimator"] == estimator
        ]
        found += replay(StoredRun(given.run, {}, estimator), asked, GroupFilter())
    found = sorted(found, key=lambda r: (_weight(r), r.label))
    print("| strategy | like linear at | reach | pull on writing | on compliance | seeds | score | late compliance |")
    print("|---|---|---|---|---|---|---|---|")
    for r in found:
        p = points[r.label]
        print(
            f"| {r.label} | {_weight(r):.2f} | {r.reach:.1%} | {r.pull_on_writing:+.3f} | {r.pull_on_compliance:+.3f} "
            f"| {len(p['seeds'])} | {p['writing_score']['mean']:+.2f} | {p['late_compliance']['mean']:.1%} |"
        )
    known = [r for r in found if len(points[r.label]["seeds"]) >= 3]
    for what, of in (
        ("all estimators", known),
        ("group_norm", [r for r in known if points[r.label]["estimator"] == "group_norm"]),
    ):
        told = ", ".join(f"{name} {_rank(of, points, name):+.2f}" for name in METRICS)
        print(
            f"\nSpearman's rank correlation with `like linear at`, {len(of)} points of three seeds or more, {what}: {told}"
        )


def _rank(known: list[Replay], points: dict[str, Any], name: str) -> float:
    became = [points[r.label][name]["mean"] for r in known]
    return float(stats.spearmanr([_weight(r) for r in known], became).statistic)


def _weight(r: Replay) -> float:
    return math.inf if r.like_weight is None else r.like_weight


if __name__ == "__main__":
    main()
