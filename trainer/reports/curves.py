"""The curves of a report, as numbers: means of equal shares of a run, few enough for a page."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.run.ledger import Ledger

PLACES = 60


def curves(ledger: Ledger) -> list[dict[str, Any]]:
    """One object a chart: {title, unit, x: steps, lines: [{name, values, kind}]}; values are null where nothing is known. Charts without
    a known value are left out."""
    groups = ledger.training_groups
    held_back = {(row["time"], row["prompt_id"]): row["values"] for row in ledger.held_back}
    columns: list[tuple[str, str, list[float]]] = [
        ("Compliant samples", "share", [_mean([1.0 - v for v in g["violated"] if v is not None]) for g in groups]),
        ("Writing score", "std. dev.", [_mean(g["writing"]) for g in groups]),
        ("Held-back signal", "", [_mean(held_back.get((g["time"], g["prompt_id"]), [])) for g in groups]),
        ("Response length", "tokens", [_mean(g["tokens"]) for g in groups]),
        ("Dropped groups", "share", [float(g["decision"] != "train") for g in groups]),
        ("Penalty delta", "std. dev.", [_mean([g["delta"]]) for g in groups]),
    ]
    steps = _places([float(g.get("step") or 0) for g in groups], last=True)
    charts: list[dict[str, Any]] = [
        {"title": title, "unit": unit, "x": steps, "lines": [{"name": title, "values": _places(values), "kind": "ink"}]}
        for title, unit, values in columns
    ]
    rows = ledger.advantages
    lines = [
        ("mean, compliant", "mean_advantage_compliant", "good"),
        ("mean, violators", "mean_advantage_violators", "bad"),
        ("largest of a violator", "largest_violator_advantage", "worst"),
    ]
    charts.append(
        {
            "title": "Advantages as OpenRLHF computed them",
            "unit": "",
            "x": _places([float(a.get("step") or 0) for a in rows], last=True),
            "lines": [
                {"name": name, "values": _places([_mean([a.get(key)]) for a in rows]), "kind": kind}
                for name, key, kind in lines
            ],
        }
    )
    said = [c for c in charts if any(v is not None for line in c["lines"] for v in line["values"])]
    return [c for c in said if c["title"] != "Dropped groups" or any(c["lines"][0]["values"])]


def _mean(values: Sequence[float | None]) -> float:
    known = [v for v in values if v is not None and math.isfinite(v)]
    return sum(known) / len(known) if known else math.nan


def _places(values: Sequence[float], *, last: bool = False) -> list[float | None]:
    """Means (or the last values) of at most PLACES equal shares."""
    if not len(values):
        return []
    parts = np.array_split(np.asarray(values, dtype=float), min(PLACES, len(values)))
    found = [float(p[-1]) if last else (float(np.nanmean(p)) if not np.isnan(p).all() else math.nan) for p in parts]
    return [None if math.isnan(x) else round(x, 4) for x in found]
