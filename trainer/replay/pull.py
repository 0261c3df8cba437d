"""Where advantages pull the policy: how far they go along with compliance and with the writing reward.

    pull on x = sum A_i (x_i - mean x) / sqrt(N sum A_i^2),   x = c (1 complies, 0 violates) or r

over the N samples of all groups in which anyone complies, the mean being the group's. To first order and up to one factor, this is what
one step of the policy gradient adds to the mean of x if different samples move the policy in unrelated directions; how long the step is, the
optimiser decides, so the advantages' own size is divided out. By Cauchy and Schwarz, for every exchange rate w >= 0 of compliance
against reward

    pull on r + w (pull on c) <= sqrt(sum (r_i + w c_i - mean)^2 / N), with equality for A_i = r_i + w c_i - mean alone.

So the best that any advantages can have is `linear` at weight w under an estimator that only centres (dr_grpo): `reach` is the share of it, at
the weight to which the pulls come nearest (`like_weight`). Under group_norm, which gives every group the same say, `linear` is the best
in each group and has less over all. The argument needs the reward to be what one wants: where each prompt's
reward has a scale of its own, it is about the scaled ones. Groups in which nobody complies say nothing about this exchange.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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


class Spread:
    """The sums of r^2, r c and c^2 over groups: all that the bound needs."""

    def __init__(self) -> None:
        self.samples = 0
        self.rr = self.rc = self.cc = 0.0

    def add(self, group: Moments) -> None:
        self.samples += len(group.r)
        self.rr += float(group.r @ group.r)
        self.rc += float(group.r @ group.c)
        self.cc += float(group.c @ group.c)

    def best(self, weight: float) -> float:
        """The largest pull on r + w (pull on c) that advantages can have."""
        return math.sqrt(max(0.0, self.rr + 2 * weight * self.rc + weight**2 * self.cc) / max(1, self.samples))


class Pull:
    """What a strategy's advantages add up to; a group that is not trained on adds nothing."""

    def __init__(self) -> None:
        self.along_r = self.along_c = self.squares = 0.0

    def add(self, advantages: Sequence[float] | None, group: Moments) -> None:
        if advantages is not None:
            a = np.asarray(advantages)
            self.along_r += float(a @ group.r)
            self.along_c += float(a @ group.c)
            self.squares += float(a @ a)

    def on(self, spread: Spread) -> tuple[float, float]:
        """On the writing reward (in standard deviations of the reference set) and on compliance."""
        size = math.sqrt(spread.samples * self.squares)
        return (self.along_r / size, self.along_c / size) if size else (0.0, 0.0)


def nearest(pull: tuple[float, float], spread: Spread) -> tuple[float | None, float | None]:
    """(reach, like_weight): the largest share of `spread.best(w)` over w >= 0, and where it is, None being compliance alone. No
    reach where the samples of every group have one writing reward, or all comply."""
    on_r, on_c = pull
    if not spread.rr * spread.cc > 0:
        return None, None
    # (on_r + w on_c) / best(w) has one stationary point, w = up / down: its minimum where both pulls go backwards, so it is held against
    # both ends. Where r and c are one line there is none, and up and down are rounding errors.
    up = on_c * spread.rr - on_r * spread.rc
    down = on_r * spread.cc - on_c * spread.rc
    of_r, of_c = (on_x / math.sqrt(xx / spread.samples) for on_x, xx in ((on_r, spread.rr), (on_c, spread.cc)))
    shares: list[tuple[float, float | None]] = [(of_c, None), (of_r, 0.0)]
    one_line = spread.rr * spread.cc - spread.rc**2 <= 1e-12 * spread.rr * spread.cc
    if up > 0 and down > 0 and not one_line:
        shares.append(((on_r + up / down * on_c) / spread.best(up / down), up / down))
    return max(shares, key=lambda share: share[0])
