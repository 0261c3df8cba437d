"""Where a strategy pulls the policy: how far its advantages go along with compliance and with the writing reward.

    pull on x = mean over groups of (1/n) sum over valid i of A_i (x_i - mean x),   x = c (1 complies, 0 violates) or r

is, to first order and up to a common factor, what one step of the policy gradient adds to the mean of x if different samples move the
policy in unrelated directions. group_norm gives every group that it trains on the same sum of A_i^2 (n - 1 for n samples). So the
Cauchy-Schwarz inequality holds in every group, and for every exchange rate w >= 0 of compliance against reward

    pull on r + w (pull on c) <= mean over groups of (1/n) sqrt((n - 1) sum (r_i + w c_i - mean)^2) = what linear at weight w has.

The fixed weight is the first-order optimum, group by group; what another strategy can have is at most as much (`reach`, 1 = on that
front), at the weight to which it comes nearest (`like_weight`). Groups in which nobody complies say nothing about this exchange and are
left out. The argument needs the reward to be what one wants: where each prompt's reward has a scale of its own, it is about the scaled ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

WEIGHTS = np.geomspace(1e-3, 1e3, 241)
"""Where the front is looked at, in standard deviations of the writing reward."""


@dataclass(frozen=True, slots=True)
class Moments:
    """One group's r and c about their means, over the samples in which both are known; 0 for the others."""

    r: NDArray[np.float64]
    c: NDArray[np.float64]

    @classmethod
    def of(cls, writing: Sequence[float | None], complies: Sequence[bool | None]) -> "Moments | None":
        """None where nobody complies, or fewer than two samples are known."""
        known = [i for i, (w, c) in enumerate(zip(writing, complies, strict=True)) if w is not None and c is not None]
        if len(known) < 2 or not any(complies[i] for i in known):
            return None
        r, c = np.zeros(len(writing)), np.zeros(len(writing))
        r[known], c[known] = [writing[i] for i in known], [complies[i] for i in known]
        r[known] -= r[known].mean()
        c[known] -= c[known].mean()
        return cls(r, c)

    def pull(self, advantages: Sequence[float] | None) -> tuple[float, float]:
        """On r and on c, of this group; 0 where it is not trained on."""
        if advantages is None:
            return 0.0, 0.0
        return float(np.dot(advantages, self.r)) / len(self.r), float(np.dot(advantages, self.c)) / len(self.c)

    def squares(self) -> tuple[float, float, float]:
        """(n - 1) / n^2 times the sums of r^2, r c and c^2."""
        scale = (len(self.r) - 1) / len(self.r) ** 2
        return scale * float(self.r @ self.r), scale * float(self.r @ self.c), scale * float(self.c @ self.c)


@dataclass
class Front:
    """What a fixed weight has, of the same groups."""

    sums: list[tuple[float, float, float]] = field(default_factory=list)

    def add(self, group: Moments) -> None:
        self.sums.append(group.squares())

    def at(self, weights: Iterable[float]) -> NDArray[np.float64]:
        """pull on r + w (pull on c) of linear at each weight w, a mean over groups."""
        rr, rc, cc = np.array(self.sums, dtype=float).T
        return np.array([np.sqrt(np.maximum(0.0, rr + 2 * w * rc + w * w * cc)).mean() for w in weights])

    def nearest(self, pulls: Sequence[tuple[float, float]]) -> list[tuple[float, float]] | None:
        """(reach, like_weight) of each pair of pulls; None without groups that differ in anything."""
        best = self.at(WEIGHTS) if self.sums else np.zeros(1)
        if not best.any():
            return None
        shares = [(on_writing + WEIGHTS * on_compliance) / best for on_writing, on_compliance in pulls]
        return [(float(of.max()), float(WEIGHTS[of.argmax()])) for of in shares]
