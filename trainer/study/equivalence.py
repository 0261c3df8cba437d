"""Runs at different scales of the reward as runs at one scale with other strengths.

group_norm subtracts a group's mean and divides by its standard deviation, so that advantages of f r + w c are those of r + (w / f) c:
a fixed weight under a reward model of f times the scale is the experiment of weight w / f. The same holds for rlmr's gamma where its
unit is the reference set's (delta of f r at gamma is f times that of r at gamma / f). A strategy whose unit is the group's own is the
same experiment at every scale. So conditions that differ in scale alone are fronts, and repetitions, that no run was made for.
"""

from collections.abc import Sequence
from typing import Any

CONDITION = "every-scale-as-one"
SCALED = {"linear": "weight", "rlmr": "gamma", "rlmr_partial": "gamma"}
"""The one parameter that is in the reward's unit, by strategy."""
FREE = ("rlmr_decoupled", "rlmr_graded", "verify_only", "quality_only")
"""Strategies without such a parameter (rlmr and rlmr_partial in the group's unit are free, too)."""


def at_one_scale(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Copies, in the condition CONDITION, of the base condition's runs and of those that only scale the reward; [] where there is
    one scale only. Of the scaled ones those are left out whose estimator does not divide by the group's deviation."""
    found, scales = [], {1.0}
    for record in records:
        strength = record["strength"]
        if record["condition"] != "base":
            factor = _factor(record["preset"])
            strength = None if factor is None else _strength(record, factor)
            if factor is None or strength is None:
                continue
            scales.add(factor)
        found.append({**record, "condition": CONDITION, "strength": strength or None})
    return found if len(scales) > 1 else []


def _factor(preset: dict[str, Any]) -> float | None:
    """By which the reward is scaled; None where something else differs from the base condition."""
    distortion = dict(preset.get("distortion") or {})
    factor = float(distortion.pop("factor", 1.0))
    other = [preset.get(name) for name in ("train_on", "world_pairs", "filter", "price")] + list(distortion.values())
    same = not any(other) and preset["openrlhf"].get("algo.advantage.estimator") == "group_norm"
    return factor if same else None


def _strength(record: dict[str, Any], factor: float) -> float | None:
    """In the unit of the unscaled reward; 0 for a strategy without one; None where it is not known how the strategy scales."""
    strategy = record["strategy"]
    given = record["strength"] or 0.0
    if strategy["name"] in FREE or strategy.get("gamma_unit") == "group":
        return float(given)
    parameter = SCALED.get(strategy["name"])
    if parameter is None or strategy.get("delta_min"):  # two parameters in the reward's unit are two strengths
        return None
    return float(strategy[parameter]) / factor
