"""The price of a violation, moved by the trainer until the violation rate is what was asked for: `price: {target: 0.3}` in a preset.

    lambda' = min(high, max(low, lambda + step (rate - target)))

Projected gradient ascent on the dual of "violation rate at most target" (Constrained GRPO, arXiv 2602.05863): the price rises while there
are too many, and falls when there are fewer than allowed. The paper's own step could not be looked up; a public re-implementation ascends
this gradient on the logits of a softmax over all weights, the reward's included. Here the reward's weight is 1 and lambda itself
takes the step, so that its unit stays that of the writing reward. Bounds keep lambda from running away while the policy cannot comply
yet, for it would take as long to come back.

lambda is the parameter that the strategy declares as its price: a fixed weight in `linear` and `lagrangian`, the least penalty in `rlmr`,
which keeps its guarantee at any price. It moves once a step, by all groups of the steps before, dropped ones included, and goes with
each request: the service stays stateless, all groups of a step have one price, and a resumed run, which reads its ledger again, has the
price that it had.
"""

import json
import math
import os
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.aggregator.mixing import STRATEGIES

VARIABLE = "RLMR_PRICE"


class DualRule(BaseModel):
    """How lambda moves."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    target: float = Field(default=0.1, ge=0, le=1, description="Violation rate that is allowed.")
    step: float = Field(
        default=0.1, gt=0, description="How far lambda moves per step for a rate that is wholly wrong (1 against 0)."
    )
    low: float = Field(default=0.0, ge=0, description="Smallest lambda.")
    high: float = Field(default=10.0, ge=0, le=1e6, description="Largest lambda.")

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> "DualRule":
        if self.low > self.high:
            raise ValueError(f"low is {self.low}, high is {self.high}: must be low <= high")
        return self


class Price:
    """The price of a run's strategy, from its own groups. Without a rule it names no parameter."""

    def __init__(self, rule: DualRule | None = None, parameter: str = "", start: float = 0.0) -> None:
        self.rule, self.parameter, self.start = rule, parameter, start
        self._seen: dict[int, tuple[int, int]] = {}
        """By step: violators, and samples with a verdict."""

    @classmethod
    def of(cls, strategy: Mapping[str, Any], rule: DualRule | None) -> "Price":
        """It starts at the strategy's own parameter, or at its default. Raises ValueError for a
        strategy without a price."""
        if rule is None:
            return cls()
        name = str(strategy.get("name"))
        parameter = STRATEGIES[name].price if name in STRATEGIES else None
        if parameter is None:
            able = ", ".join(other.name for other in STRATEGIES.values() if other.price)
            raise ValueError(f"strategy {name} has no price that could move; those that have one: {able}")
        usual = STRATEGIES[name].parameters[parameter].default
        return cls(rule, parameter, float(strategy.get(parameter, usual)))

    @classmethod
    def from_environment(cls) -> "Price":
        given = json.loads(os.environ.get(VARIABLE) or "null")
        strategy = json.loads(os.environ.get("RLMR_STRATEGY") or "{}")
        return cls.of(strategy, None if given is None else DualRule.model_validate(given))

    def add(self, group: dict[str, Any]) -> None:
        """A row of the ledger's training groups."""
        if self.rule is not None and group.get("step") is not None:
            verdicts = [v for v in group["violated"] if v is not None]
            violators, known = self._seen.get(group["step"], (0, 0))
            self._seen[group["step"]] = (violators + sum(verdicts), known + len(verdicts))

    def now(self) -> dict[str, float]:
        """The parameter at its price for the next step; {} without a rule."""
        if self.rule is None:
            return {}
        price = updated(self.start, None, self.rule)
        for _, (violators, known) in sorted(self._seen.items()):
            price = updated(price, violators / known if known else None, self.rule)
        return {self.parameter: price}


def updated(multiplier: float, rate: float | None, rule: DualRule) -> float:
    """lambda'. Without a rate (no verdict: the verifier was away) lambda stays, within the bounds. Raises ValueError for a rate
    outside 0..1 or a multiplier that is no number."""
    if not math.isfinite(multiplier):
        raise ValueError(f"multiplier is {multiplier}: must be a number")
    if rate is not None and not 0 <= rate <= 1:
        raise ValueError(f"rate is {rate}: must be a rate between 0 and 1")
    moved = multiplier if rate is None else multiplier + rule.step * (rate - rule.target)
    return min(rule.high, max(rule.low, moved))
