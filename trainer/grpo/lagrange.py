"""How the multiplier of the `lagrangian` strategy moves with the violation rate. Constrained GRPO, arXiv 2602.05863.

    lambda' = min(high, max(low, lambda + step (rate - target)))

Projected gradient ascent on the dual of "violation rate at most target": the price of a violation rises while there are too many, and
falls when there are fewer than allowed. The paper's own step could not be looked up; a public re-implementation ascends this gradient
on the logits of a softmax over all weights, the reward's included. Here the reward's weight is 1 and lambda itself takes the step, so
that its unit stays that of the writing reward. Bounds keep lambda from running away while the policy cannot comply yet, for it would take as long to come back.

The functions are pure and nothing calls them during a run yet: a run's multiplier is fixed unless its caller moves it. Whoever wires
them decides where the state lives. In the rollout workers (OpenRLHF's agent processes) each worker would move a multiplier of
its own by the groups that it sees: groups of one batch then have different prices, a worker's rate is noisier than the batch's, and a
resumed run begins at the first value again unless it is saved. One update per batch, from all groups' `violated`, has none of this.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DualRule:
    """Raises ValueError, naming the field, for a rule that could not work."""

    step: float = 0.1
    """How far lambda moves per update for a rate that is wholly wrong (1 against 0), in standard deviations of the writing reward."""
    target: float = 0.1
    """Violation rate that is allowed, 0..1."""
    low: float = 0.0
    high: float = 10.0
    """Bounds of lambda, 0 <= low <= high."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.step) and self.step > 0):
            raise ValueError(f"step is {self.step}: must be a number above 0")
        if not 0 <= self.target <= 1:
            raise ValueError(f"target is {self.target}: must be a rate between 0 and 1")
        if not (math.isfinite(self.high) and 0 <= self.low <= self.high):
            raise ValueError(f"low is {self.low}, high is {self.high}: must be 0 <= low <= high")


def violation_rate(groups: Iterable[Sequence[bool | None]]) -> float | None:
    """Share of violators among the samples of all groups that have a verdict; None without any. Dropped groups count: one in which all
    violate is dropped from training, and is where the price must rise most."""
    verdicts = [v for violated in groups for v in violated if v is not None]
    return sum(verdicts) / len(verdicts) if verdicts else None


def updated(multiplier: float, rate: float | None, rule: DualRule) -> float:
    """lambda'. Without a rate (no verdict: the verifier was away) lambda stays, within the bounds. Raises ValueError for a rate
    outside 0..1 or a multiplier that is no number."""
    if not math.isfinite(multiplier):
        raise ValueError(f"multiplier is {multiplier}: must be a number")
    if rate is not None and not 0 <= rate <= 1:
        raise ValueError(f"rate is {rate}: must be a rate between 0 and 1")
    moved = multiplier if rate is None else multiplier + rule.step * (rate - rule.target)
    return min(rule.high, max(rule.low, moved))
