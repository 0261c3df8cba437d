"""rlmr: the dynamic adjustment of the paper. One penalty per group puts every violator gamma below the group mean."""

import math
from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.samples import MAX_REWARD, AllViolate, Mixed, MixingError, Samples

SLACK = 4 * 2.0**-24
"""Four times the rounding unit of float32, the format of trainers."""


class RlmrParams(Params):
    name: Literal["rlmr"]
    gamma: float = Field(
        default=1.0,
        ge=0,
        le=MAX_REWARD,
        description="How far below the group mean every violator ends at least, in standard deviations of the writing reward.",
    )


@strategy(
    RlmrParams,
    needs_writing=True,
    needs_verdict=True,
    per_sample=False,
    drops_all_violate=True,
    keeps_violators_below_mean=True,
)
def rlmr(samples: Samples, params: RlmrParams) -> Mixed:
    """r'_i = r_i - delta v_i, delta = max(0, (n max_{v_j=1} r_j + n gamma - sum_j r_j) / (n - k)). RLMR, arXiv 2508.18642.

    One penalty per group of n samples, k of them violators (0 < k < n). The mean after it is m' = (sum r - k delta) / n, so the
    best violator ends at m' - gamma; every violator has a negative advantage under any estimator that subtracts the group mean and
    divides by a positive scale. k = 0: delta is 0. The clamp at 0 keeps violators from being raised.

    Raises AllViolate for k = n, and MixingError for groups of thousands whose sign float32 cannot hold.
    """
    r, v, n, k = samples.writing, samples.violated, samples.n, samples.k
    if k == 0:
        return Mixed([float(r_i) for r_i in r], delta=0.0)
    if k == n:
        raise AllViolate(f"all {n} samples violate: no penalty can put every one of them below their own mean")
    gamma = _as_floats_hold_it(params.gamma, samples)
    best_violator = max(r_i for r_i, v_i in zip(r, v, strict=True) if v_i)
    delta = max(0.0, (n * best_violator + n * gamma - math.fsum(r)) / (n - k))
    return Mixed([r_i - delta if v_i else float(r_i) for r_i, v_i in zip(r, v, strict=True)], delta=delta)


def _as_floats_hold_it(gamma: float, samples: Samples) -> float:
    """The margin that still is gamma after rounding in float64 (here), and is below zero after rounding in float32 (a trainer).

    Let u be a format's rounding unit, S = max(1, gamma, max|r|), G = n / (n - k), and N the samples that the trainer averages.
    With a margin of at most S, delta <= 3 G S: so |r'| <= 4 G S, and mean|r'| <= S + (k / n) 3 G S <= 3 G S.
      A mean of N rounded numbers, in any order, is off by (N + 1) u mean|r'| (Higham 2002, 4.2); rounding the best violator costs
      u 4 G S, the others or an invalid sample's stand-in u 3 G S, and computing delta moves the distance by u 11 S. In all, with
      subtracting gamma once more, less than u G S (3 N + 28) <= 4 u G S (N + 8) = slack(u).
    So a margin of slack(float32) keeps the sign in the trainer, and one of gamma + slack(float64) keeps r'_i <= m' - gamma here.
    float64 is 2^29 times finer. A margin of at most S (and 2^-29 of it) needs slack <= S: true for any group of up to 2,000.
    """
    n, k = samples.n, samples.k
    scale = max(1.0, gamma, max(map(abs, samples.writing)))
    slack = SLACK * (max(n, samples.group_size) + 8) * n / (n - k) * scale
    if slack > scale:
        raise MixingError(
            f"{n} samples with {k} violators: too large a group for float32 advantages; use fewer samples"
        )
    return max(gamma, slack) + 2.0**-29 * slack
