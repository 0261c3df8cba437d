"""What strategies with several rewards share: centring, z-scores with an epsilon, correlation, and the weight of compliance.

Sums are math.fsum, which is exact: a group's rewards do not depend on the order of its samples.
"""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from services.aggregator.mixing.mean_advantage import z_scores
from services.aggregator.mixing.samples import Samples

EPSILON = 1e-4
"""Added to each reward's standard deviation, as in GDPO's own code for TRL (its code for verl has 1e-6)."""

ComplianceWeight = Annotated[
    float,
    Field(
        ge=1e-3,
        le=1e3,
        description="w, weight of compliance beside a writing weight of 1. A trainer that divides by the group's std sees this ratio only.",
    ),
]
"""Never 0: without a share of compliance, violators with the lowest writing could tie with compliant samples."""


def compliance(samples: Samples) -> list[float]:
    """c_i = 1 - v_i."""
    return [0.0 if v else 1.0 for v in samples.violated]


def centred(values: Sequence[float]) -> list[float]:
    """x_i - mean x; exactly 0 where all values are equal (also n = 1). Measured from the lowest value, so that an offset of 1e6 does
    not cost digits."""
    low = min(values)
    above = [x - low for x in values]
    mean = math.fsum(above) / len(above)  # exactly 0 where all are
    return [a - mean for a in above]


def normalised(values: Sequence[float]) -> list[float]:
    """z(x)_i = (x_i - mean x) / (std x + EPSILON), std unbiased; 0 for n = 1. Where std is far below EPSILON the values fade instead of
    being blown up to unit size."""
    if len(values) == 1:
        return [0.0]
    d = centred(values)
    std = math.sqrt(math.fsum(x * x for x in d) / (len(d) - 1))
    return [x / (std + EPSILON) for x in d]


def active(values: Sequence[float]) -> bool:
    """Whether the reward tells the group's samples apart."""
    return min(values) < max(values)


def correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Pearson's rho over the group, within -1..1; 0 where one of them is constant. Scale-free: 1e-300 does not underflow."""
    if not (active(a) and active(b)):
        return 0.0
    products = (x * y for x, y in zip(z_scores(a), z_scores(b), strict=True))
    return max(-1.0, min(1.0, math.fsum(products) / (len(a) - 1)))
