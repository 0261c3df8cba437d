"""What the run's groups were like so far, from its ledger as it grows: a step's scalars for TensorBoard and wandb, and the filter's
thresholds and the price of a violation where these follow the run (thresholds.py, lagrange.py)."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.grpo.lagrange import Price
from trainer.grpo.thresholds import Thresholds
from trainer.run.ledger import Tail


class SoFar:
    """Holds the groups since the last step's end only."""

    def __init__(self, run: Path, thresholds: Thresholds | None = None, price: Price | None = None) -> None:
        self._tail, self._thresholds, self._price = Tail(run), thresholds or Thresholds({}), price or Price()
        self._waiting: list[dict[str, Any]] = []

    def refresh(self) -> None:
        """Raises OSError if the folder cannot be read."""
        for row in self._tail.new("groups"):
            if row["split"] == "train":
                self._waiting.append(row)
                self._thresholds.add(row)
                self._price.add(row)

    def thresholds(self) -> dict[str, float]:
        """Of the filter, for the next step's groups. As `refresh`."""
        self.refresh()
        return self._thresholds.now()

    def price(self) -> dict[str, float]:
        """The strategy's parameter for the next step's groups. As `refresh`."""
        self.refresh()
        return self._price.now()

    def take_scalars(self, step: int) -> dict[str, float]:
        """Of all groups drawn in this step, dropped ones included."""
        self.refresh()
        taken, self._waiting = self._waiting, []
        return scalars([row for row in taken if row.get("step") == step])


def scalars(groups: Sequence[dict[str, Any]]) -> dict[str, float]:
    """By the name they have in TensorBoard (after OpenRLHF's `train/`); what is not known in any group is left out, never 0."""
    if not groups:
        return {}
    dropped = Counter(str(g["reason"]) for g in groups if g["decision"] != "train")
    means = {
        "violation_rate": [v for g in groups for v in g["violated"]],
        "valid": [v for g in groups for v in g["valid"]],
        "writing": [w for g in groups for w in g["writing"]],
        "delta": [g["delta"] for g in groups],
        "sibling_overlap": [g.get("sibling_overlap") for g in groups],
        "reward_seconds": [g["seconds"] for g in groups],
        "all_high": [(g.get("filter") or {}).get("all_high") for g in groups],
        "all_low": [(g.get("filter") or {}).get("all_low") for g in groups],
        "price": [price for g in groups for price in (g.get("price") or {}).values()],
    }
    found = {name: mean(values) for name, values in means.items()}
    found["length_reward_correlation"] = correlation_inside(
        [
            [(float(t), r) for t, r in zip(g["tokens"], g["rewards"], strict=True) if r is not None]
            for g in groups
            if g["decision"] == "train"
        ]
    )
    counts = {"groups": len(groups), "dropped": sum(dropped.values())} | {
        f"dropped_{reason}": count for reason, count in dropped.items()
    }
    return {f"rlmr/{name}": float(value) for name, value in (found | counts).items() if value is not None}


def mean(values: Sequence[float | bool | None]) -> float | None:
    """Of what is known."""
    known = [float(v) for v in values if v is not None]
    return math.fsum(known) / len(known) if known else None


def correlation_inside(groups: Sequence[Sequence[tuple[float, float]]]) -> float | None:
    """Pearson's correlation of pairs after each group's own means are taken off, -1 to 1: how far longer siblings get the higher
    rewards, whatever differs between prompts. None where one of the two never differs inside a group."""
    xx = yy = xy = 0.0
    for pairs in groups:
        x, y = ([pair[i] for pair in pairs] for i in (0, 1))
        for a, b in zip(_centred(x), _centred(y), strict=True):
            xx, yy, xy = xx + a * a, yy + b * b, xy + a * b
    return max(-1.0, min(1.0, xy / math.sqrt(xx) / math.sqrt(yy))) if xx > 0 and yy > 0 else None


def _centred(values: Sequence[float]) -> list[float]:
    middle = math.fsum(values) / len(values) if values else 0.0
    return [value - middle for value in values]
