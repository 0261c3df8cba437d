"""Shares with intervals, of samples that come in groups of the same prompt, and what the groups of a prompt will do next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln

from services.verifier.accuracy.wilson import wilson


@dataclass(frozen=True, slots=True)
class Share:
    value: float
    low: float
    high: float
    """Ends of the 95 % interval."""
    of: int
    """Groups that it is measured on."""


def share(by_group: Sequence[float]) -> Share | None:
    """Mean of one share per group, with Wilson's interval (1927) for as many independent samples as the groups are worth: the
    variance between groups tells (Kish's design effect, 1965), and each is worth one at least. None without a group."""
    m = len(by_group)
    if not m:
        return None
    p = float(np.mean(by_group))
    variance = float(np.var(by_group, ddof=1)) / m if m > 1 else 0.0
    worth = max(float(m), p * (1 - p) / variance) if variance > 0 else float(m)
    return Share(p, *wilson(p * worth, worth), m)


@dataclass(frozen=True, slots=True)
class Compliance:
    """A beta distribution of the prompts' own compliance (Skellam 1948, beta-binomial), by moments."""

    a: float
    b: float

    @classmethod
    def of(cls, met: Sequence[int], n: int) -> "Compliance":
        """`met`: compliant samples of each prompt's n."""
        p = min(max(float(np.mean(met)) / n, 1e-3), 1 - 1e-3)
        spread = float(np.var(met)) / (n * n * p * (1 - p))  # (1 + (n - 1) rho) / n
        rho = min(max((n * spread - 1) / (n - 1), 1e-3), 1 - 1e-3)
        return cls(p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho)

    def none_of_next(self, met: int, n: int) -> float:
        """Chance that the next n samples of a prompt all violate, whose last n had `met` compliant ones."""
        a, b = self.a + met, self.b + n - met
        return float(np.exp(betaln(a, b + n) - betaln(a, b)))
