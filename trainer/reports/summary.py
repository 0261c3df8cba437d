"""summary.json: the run in numbers."""

import json
from pathlib import Path
from typing import Any

from trainer.run.ledger import Ledger
from trainer.run.presets import Preset


def summarise_run(
    preset: Preset,
    ledger: Ledger,
    *,
    wall_seconds: dict[str, float],
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    revisions: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Counts come from what OpenRLHF computed and what the agent sent, never from a second computation of ours."""
    violators = sum(a["violators"] for a in ledger.advantages)
    return {
        "name": preset.name,
        "strategy": preset.strategy,
        "filter": preset.filter_sent(),
        "percentiles": _percentiles(preset, ledger),
        "price": _price(preset, ledger),
        "revisions": revisions,
        "seed": preset.seed,
        "steps": len(ledger.updates),
        "wall_seconds": round(sum(wall_seconds.values()), 1),
        "wall_seconds_by_stage": {k: round(v, 1) for k, v in wall_seconds.items()},
        "before": before,
        "after": after,
        "groups": {"trained": ledger.trained(), "dropped": ledger.dropped()},
        "samples": sum(a["samples"] for a in ledger.advantages),
        "violators": violators,
        "violators_with_positive_advantage": ledger.violators_with_positive_advantage(),
        "compliant_with_negative_advantage": sum(a["compliant_with_negative_advantage"] for a in ledger.advantages),
        "invalid_samples": sum(a["invalid"] for a in ledger.advantages),
        "reward_requests": sum(g["attempts"] for g in ledger.groups),
        "reward_seconds_per_group": _median([g["seconds"] for g in ledger.groups]),
    }


def _percentiles(preset: Preset, ledger: Ledger) -> dict[str, Any] | None:
    """By name: what was asked for, the numbers that the first and the last group got, and how many groups got one."""
    found: dict[str, Any] = {}
    for name, asked in preset.percentiles().items():
        sent = [v for g in ledger.training_groups if (v := (g.get("filter") or {}).get(name)) is not None]
        found[name] = {**asked.model_dump(), "groups": len(sent), "first": sent[0] if sent else None}
        found[name]["last"] = sent[-1] if sent else None
    return found or None


def _price(preset: Preset, ledger: Ledger) -> dict[str, Any] | None:
    """The rule, and the prices that the first and the last group had."""
    if preset.price is None:
        return None
    sent = [value for g in ledger.training_groups for value in (g.get("price") or {}).values()]
    return {**preset.price.model_dump(), "first": sent[0] if sent else None, "last": sent[-1] if sent else None}


def _median(values: list[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_metrics(ledger: Ledger, path: Path) -> None:
    """metrics.jsonl: one object per step, OpenRLHF's status and the advantage counts of that step together."""
    advantages = {row["step"]: row for row in ledger.advantages}
    with path.open("w", encoding="utf-8") as file:
        for step in ledger.steps:
            file.write(json.dumps({**step, "advantages": advantages.get(step["step"])}) + "\n")
