"""What a finished run leaves for the study: one small JSON file with everything the page needs, and no texts but a few samples."""

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from trainer.evaluation.judge import Judged
from trainer.run.ledger import Ledger
from trainer.study.measures import commonest_phrase, distinct_n, sibling_overlap
from trainer.study.plan import PlannedRun

BINS = 20
"""Places of a learning curve: each is the mean over a twentieth of the run's groups."""

Quality = Callable[[str], float]


def evaluation(judged: Judged, quality: Quality | None, unseen: Collection[str] = ()) -> dict[str, Any]:
    """Means over the held-out responses, per-prompt means (for intervals inside the run), and the diversity of the texts.

    unseen: ids of prompts of a kind that training did not take; compliance on them is told apart where there are any."""
    rows = judged.rows
    texts = [row["response"] for row in rows]
    columns: dict[str, list[float]] = {
        "compliance": [float(not row["violated"]) for row in rows],
        "writing_score": [row["writing"] for row in rows],
        "response_tokens": [float(row["tokens"]) for row in rows],
    }
    if quality is not None:
        columns["true_quality"] = [quality(text) for text in texts]
    prompts = sorted({row["prompt_id"] for row in rows})
    places = [[i for i, row in enumerate(rows) if row["prompt_id"] == prompt] for prompt in prompts]
    phrase, share = commonest_phrase(texts)
    apart: dict[str, float] = {}
    if unseen:
        for name, wanted in (("compliance_unseen", True), ("compliance_seen", False)):
            of_kind = [float(not row["violated"]) for row in rows if (row["prompt_id"] in unseen) is wanted]
            apart[name] = round(_mean(of_kind), 5)
    return {
        **{name: round(float(np.mean(values)), 5) for name, values in columns.items()},
        **apart,
        "distinct_2": round(distinct_n(texts), 5),
        "commonest_phrase": phrase,
        "commonest_phrase_share": round(share, 5),
        "sibling_overlap": round(float(np.mean([sibling_overlap([texts[i] for i in place]) for place in places])), 5),
        "responses": len(rows),
        "failures": judged.failures,
        "per_prompt": {
            name: [round(float(np.mean([values[i] for i in place])), 3) for place in places]
            for name, values in columns.items()
            if name != "response_tokens"
        },
    }


def curves(ledger: Ledger, quality: Quality | None) -> dict[str, list[float | None]]:
    """Learning curves over the training groups, dropped ones included: BINS places each, null where nothing is known."""
    groups = ledger.training_groups
    overlaps, qualities = list[float](), list[float]()
    for group in ledger.whole_groups():
        overlaps.append(sibling_overlap(group["responses"]))
        if quality is not None:
            qualities.append(_mean([quality(text) for text in group["responses"]]))
    columns: dict[str, list[float]] = {
        "compliance": [_mean([1.0 - v for v in g["violated"] if v is not None]) for g in groups],
        "writing_score": [_mean([w for w in g["writing"] if w is not None]) for g in groups],
        "response_tokens": [_mean(g["tokens"]) for g in groups],
        "sibling_overlap": overlaps,
        "dropped": [float(g["decision"] != "train") for g in groups],
    }
    if quality is not None:
        columns["true_quality"] = qualities
    deltas = [g["delta"] for g in groups if g["delta"] is not None]
    if deltas:
        columns["delta"] = [math.nan if g["delta"] is None else g["delta"] for g in groups]
    return {name: _binned(values) for name, values in columns.items()}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _binned(values: Sequence[float]) -> list[float | None]:
    parts = np.array_split(np.asarray(values, dtype=float), BINS)
    means = [float(np.nanmean(part)) if len(part) and not np.isnan(part).all() else None for part in parts]
    return [None if mean is None else round(mean, 4) for mean in means]


def record(
    run: PlannedRun,
    ledger: Ledger,
    before: Judged,
    after: Judged,
    *,
    quality: Quality | None,
    unseen: Collection[str] = (),
    seconds: float,
) -> dict[str, Any]:
    """The whole file. Signs are counted from the advantages that OpenRLHF computed (trainer/grpo/recorder.py)."""
    counted = (
        "samples",
        "violators",
        "violators_with_positive_advantage",
        "compliant",
        "compliant_with_negative_advantage",
        "invalid",
    )
    spreads = [
        float(np.std([w for w in g["writing"] if w is not None], ddof=1)) for g in ledger.training_groups if _two(g)
    ]
    return {
        "id": run.id,
        "part": run.part,
        "condition": run.condition,
        "label": run.point.label,
        "strength": run.point.strength,
        "strategy": run.point.strategy,
        "seed": run.seed,
        "preset": run.preset.model_dump(mode="json", exclude={"name", "description"}),
        "steps": len(ledger.updates),
        "seconds": round(seconds, 1),
        "before": evaluation(before, quality, unseen),
        "after": evaluation(after, quality, unseen),
        "curves": curves(ledger, quality),
        "groups": {"trained": ledger.trained(), "dropped": ledger.dropped()},
        "advantages": {name: sum(a[name] for a in ledger.advantages) for name in counted},
        "spread_in_groups": [round(float(q), 4) for q in np.quantile(spreads, [0.1, 0.5, 0.9])] if spreads else None,
        "samples": _samples(before, after),
    }


def _two(group: dict[str, Any]) -> bool:
    return sum(w is not None for w in group["writing"]) >= 2


def _samples(before: Judged, after: Judged, count: int = 4) -> list[dict[str, Any]]:
    """The first response to the first prompts, before and after: the same prompts in every run of a seed."""
    later = {row["prompt_id"]: row for row in reversed(after.rows)}
    first = {row["prompt_id"]: row for row in reversed(before.rows)}
    shown = [prompt for prompt in sorted(first) if prompt in later][:count]

    def side(row: dict[str, Any]) -> dict[str, Any]:
        return {"response": row["response"], "violated": row["violated"], "writing": round(row["writing"], 2)}

    return [{"prompt": first[p]["prompt"], "before": side(first[p]), "after": side(later[p])} for p in shown]
