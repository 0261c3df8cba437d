"""From the aggregator's answer for one group to what a trainer needs of each sample. Pure: no I/O, no trainer."""

import math
from dataclasses import dataclass, field
from typing import Any

from rlmr.adapters.filling import fill
from rlmr.wire.reward import Decision, RewardGroupResult


@dataclass(frozen=True)
class GroupAnswer:
    """The aggregator's answer for one group of n responses, or the reason there is none. All lists have length n."""

    kept: bool
    """Whether the group may be trained on."""
    reason: str | None
    """Why not: a DropReason; null for a kept group."""
    rewards: list[float | None]
    """Final rewards; null where the sample is invalid, and everywhere in a dropped group."""
    valid: list[bool]
    writing: list[float | None]
    """Standardised writing rewards before any adjustment, in standard deviations."""
    violated: list[bool | None]
    delta: float | None
    """RLMR's penalty of this group, in the unit of `writing`."""
    error: str | None = None
    """What the failed call said, where `reason` is `unavailable` because of it."""
    failed: list[list[str]] = field(default_factory=list)
    """Per sample: failed constraints and failures, one line each."""

    @classmethod
    def of(cls, result: RewardGroupResult) -> "GroupAnswer":
        kept = result.decision is Decision.TRAIN
        return cls(
            kept=kept,
            reason=None if result.reason is None else str(result.reason),
            rewards=list(result.rewards),
            valid=list(result.valid),
            writing=list(result.writing),
            violated=list(result.violated),
            delta=result.delta,
            failed=[sample.reasons for sample in result.diagnostics.samples],
        )

    @classmethod
    def unavailable(cls, n: int, error: str) -> "GroupAnswer":
        """A group whose reward could not be had: every value null."""
        blank: list[Any] = [None] * n
        return cls(False, "unavailable", blank, [False] * n, blank, blank, None, error)

    def first_failure(self) -> str:
        return next((reasons[0] for reasons in self.failed if reasons), "no reason given")

    @property
    def n(self) -> int:
        return len(self.valid)

    def nullable(self) -> list[float | None]:
        """For a trainer that leaves null samples out of its statistics: the rewards of the valid samples of a kept group."""
        if not self.kept:
            return [None] * self.n
        return [r if ok else None for r, ok in zip(self.rewards, self.valid, strict=True)]

    def filled(self) -> list[float]:
        """For a trainer that wants a number everywhere: invalid samples filled (filling.py), a dropped group 0 throughout.

        Equal rewards have advantage 0 under every estimator that subtracts the group's mean, and verl's group filter takes
        exactly equal ones out."""
        return fill(self.rewards, self.valid) if self.kept else [0.0] * self.n

    def logs(self, i: int) -> dict[str, float]:
        """What is worth logging of sample i, always under the same keys; NaN where there is no value (not 0: no value was seen)."""
        writing, violated = self.writing[i], self.violated[i]
        return {
            "valid": float(self.valid[i]),
            "violated": math.nan if violated is None else float(violated),
            "writing": math.nan if writing is None else writing,
            "delta": math.nan if self.delta is None else self.delta,
            "dropped": float(not self.kept),
        }
