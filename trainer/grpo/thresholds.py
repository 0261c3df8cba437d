"""Thresholds of the group filter that follow the run: `filter.all_high: {percentile: 90}` in a preset.

    T(p) = p-th percentile of the writing rewards of all valid samples in the run's last `of_last` training groups

Dropped groups count: what is left out of training must not move the scale by which it is left out. The trainer computes T once a step and
sends it with each request as a number (RLMR_PERCENTILES tells it what to compute): the service stays stateless, all groups of a step are
judged alike, and a resumed run, which reads its ledger again, has the same thresholds. The paper names percentile-based thresholds
and publishes neither the percentiles nor what they are of (Liao et al., AAAI-26): this is our reading.
"""

import json
import os
from collections import deque
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

VARIABLE = "RLMR_PERCENTILES"


class Percentile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    percentile: float = Field(gt=0, lt=100, description="Of the writing rewards of the run's own samples so far.")
    after: int = Field(
        default=64, ge=1, description="Groups that must be known first; until then the threshold is off."
    )
    of_last: int = Field(default=1024, ge=1, description="Newest groups that count, so that it follows the policy.")


class Thresholds:
    def __init__(self, asked: dict[str, Percentile], fixed: dict[str, float] | None = None) -> None:
        """asked: all_high, all_low or both. fixed: the other one, where it is a number."""
        self.asked, self.fixed = asked, fixed or {}
        self._groups: deque[list[float]] = deque(maxlen=max((p.of_last for p in asked.values()), default=0))

    @classmethod
    def from_environment(cls) -> "Thresholds":
        asked = json.loads(os.environ.get(VARIABLE) or "{}")
        fixed = json.loads(os.environ.get("RLMR_FILTER") or "{}")
        return cls(
            {name: Percentile.model_validate(p) for name, p in asked.items()},
            {name: fixed[name] for name in ("all_high", "all_low") if fixed.get(name) is not None},
        )

    def add(self, group: dict[str, Any]) -> None:
        """A row of the ledger's groups. One without a valid writing reward tells nothing."""
        known = [w for w, ok in zip(group["writing"], group["valid"], strict=True) if ok and w is not None]
        if known and self.asked:
            self._groups.append(known)

    def now(self) -> dict[str, float]:
        """By name, those that are known well enough; all_high is never below all_low."""
        groups, found = list(self._groups), {}
        for name, asked in self.asked.items():
            if len(groups) >= min(asked.after, asked.of_last):
                scores = [w for group in groups[-asked.of_last :] for w in group]
                found[name] = float(np.percentile(scores, asked.percentile))
        both = {**self.fixed, **found}
        if "all_high" in both and both.get("all_low", both["all_high"]) > both["all_high"]:
            moved = "all_high" if "all_high" in found else "all_low"
            found[moved] = both["all_low" if moved == "all_high" else "all_high"]
        return found
