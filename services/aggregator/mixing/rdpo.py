"""rdpo: rewards made robust by ranks, then decorrelated before the weighted sum (after RDPO of LongCat)."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.group_statistics import ComplianceWeight, active, compliance, correlation
from services.aggregator.mixing.mean_advantage import z_scores
from services.aggregator.mixing.samples import Mixed, Samples

KEEP = 0.9
"""Share of the measured correlation that is believed. A few samples overstate it, and rho = 1 could not be inverted."""


class RdpoParams(Params):
    name: Literal["rdpo"]
    compliance_weight: ComplianceWeight = 1.0
    magnitude_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="m, how much of a normalised reward is its z-score, the rest its rank's normal score. 0: ranks only.",
    )


@strategy(RdpoParams, needs_writing=True, needs_verdict=True, per_sample=False)
def rdpo(samples: Samples, params: RdpoParams) -> Mixed:
    """r'_i = a'_i + w b'_i, (a', b') = S^(-1/2) (a, b), S = [[1, 0.9 rho], [0.9 rho, 1]], a = q(r), b = q(c), q(x) = z of
    (1 - m) z(Phi^-1((rank - 1/2) / n)) + m z(x). After RDPO, arXiv 2605.13641.

    What is RDPO's: the two steps, a quantile normalisation that minds magnitudes, then Mahalanobis (symmetric) whitening over
    the rewards that are active, before they are added. What is ours: every formula. The paper's text could not be had beyond its
    introduction, and its code is not public. Chosen: tied values share their mean rank; Phi^-1 is the normal quantile, so that an
    outlier is worth its rank; m = magnitude_share brings back how far apart samples are; z is unbiased and without epsilon; rho is
    the correlation of a and b in this group, shrunk to nine tenths; a reward is active if it differs within the group, and one that is
    not takes no part. The paper whitens per task, over more samples than a service sees; eight samples measure rho badly.

    For w = 1 this is (a + b) / sqrt(1 + 0.9 rho), so that whitening is one positive factor per group: group_norm takes it out and only
    the quantiles are left. Otherwise it turns the mix towards what the two do not share. For w between 0.63 and 1.58 more of a or of
    b never pays less; outside, a strong correlation can make the lesser one count against a sample.

    Guarantee: none. Scale: 4 r gives the same rewards. Shift: no effect. Any increasing transformation of r changes only the share m. Both
    equal for all samples: 0 for all; one equal: the other's q, times w for compliance.
    """
    r, c = samples.writing, compliance(samples)
    a, b = quantile_normalised(r, params.magnitude_share), quantile_normalised(c, params.magnitude_share)
    if active(r) and active(c):
        own, other = inverse_root(KEEP * correlation(a, b))
    else:
        own, other = 1.0, 0.0
    w = params.compliance_weight
    of_a, of_b = own + w * other, other + w * own
    return Mixed([of_a * x + of_b * y for x, y in zip(a, b, strict=True)])


def quantile_normalised(values: Sequence[float], magnitude_share: float) -> list[float]:
    """q(x) of `rdpo`: mean 0, unbiased std 1; 0 where all values are equal."""
    if not active(values):
        return [0.0] * len(values)
    n, m = len(values), magnitude_share
    quantile = NormalDist().inv_cdf
    scores = z_scores([quantile((rank - 0.5) / n) for rank in mean_ranks(values)])
    return z_scores([(1 - m) * s + m * z for s, z in zip(scores, z_scores(values), strict=True)])


def mean_ranks(values: Sequence[float]) -> list[float]:
    """1 for the lowest to n for the highest; equal values share the mean of their ranks."""
    ordered = sorted(values)
    first: dict[float, int] = {}
    count: dict[float, int] = {}
    for i, x in enumerate(ordered):
        first.setdefault(x, i + 1)
        count[x] = count.get(x, 0) + 1
    return [first[x] + (count[x] - 1) / 2 for x in values]


def inverse_root(rho: float) -> tuple[float, float]:
    """Diagonal and off-diagonal of [[1, rho], [rho, 1]]^(-1/2), |rho| < 1: its eigenvectors are sum and difference."""
    p, q = 1 / math.sqrt(1 + rho), 1 / math.sqrt(1 - rho)
    return (p + q) / 2, (p - q) / 2
