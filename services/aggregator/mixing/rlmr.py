"""rlmr: the dynamic adjustment of the paper. One penalty per group puts every violator gamma below the group mean."""

import math

from pydantic import Field

from services.aggregator.mixing.samples import MAX_REWARD, AllViolate, Mixed, MixingError, Params, Samples

_U64 = 2.0**-53
_U32 = 2.0**-24
_TINIEST = 2.0**-100
"""Smallest margin, in reward units: still negative after a float32 trainer subtracts and divides by std + 1e-9."""


class RlmrParams(Params):
    gamma: float = Field(
        default=1.0,
        ge=0,
        le=MAX_REWARD,
        description="How far below the group mean every violator ends at least, in standard deviations of the writing reward.",
    )


def rlmr(samples: Samples, params: RlmrParams) -> Mixed:
    """r'_i = r_i - delta v_i, with one penalty per group of n samples, k of them violators (0 < k < n):

        delta = max(0, (n max_{v_i=1} r_i + n gamma - sum_i r_i) / (n - k))

    RLMR, arXiv 2508.18642. The mean after the penalty is m' = (sum r - k delta) / n, so the best violator ends at
    m' - gamma exactly; every violator has a negative advantage under any estimator that subtracts the group mean and divides
    by a positive scale. k = 0: delta is 0. The clamp at 0 keeps violators from being raised.

    The equation is exact and floats are not, so delta is then raised by what rounding could undo (see `_margin`): by about
    1e-15 at gamma = 1 and rewards of ordinary size, visibly only where gamma is lost in the rewards' own rounding.

    Raises AllViolate for k = n, and MixingError for groups of thousands whose sign float32 cannot hold.
    """
    r, v, gamma = samples.writing, samples.violated, params.gamma
    n, k = samples.n, samples.k
    if k == 0:
        return Mixed([float(x) for x in r], delta=0.0)
    if k == n:
        raise AllViolate(f"all {n} samples violate: no penalty can put every one of them below their own mean")
    best = max(x for x, bad in zip(r, v, strict=True) if bad)
    delta = max(0.0, (n * best + n * gamma - math.fsum(r)) / (n - k))

    for _ in range(50):
        rewards = [x - delta if bad else float(x) for x, bad in zip(r, v, strict=True)]
        excess = best - delta - (math.fsum(rewards) / n - _margin(rewards, best - delta, gamma, samples.group_size))
        if excess <= 0:
            return Mixed(rewards, delta=delta)
        delta = max(delta + 1.01 * excess * n / (n - k), math.nextafter(delta, math.inf))
    raise MixingError(f"{n} samples with {k} violators: too large a group for float32 advantages; use fewer samples")


def _margin(rewards: list[float], best_violator: float, gamma: float, group_size: int) -> float:
    """Distance from the group mean that is safe for the best violator: gamma plus the rounding error of a float64 mean, so
    that r'_i <= m' - gamma also holds as floats, and no less than the error of a float32 mean, so that the sign holds inside a
    trainer even with gamma = 0 or rewards of 1e9.

    A mean of N numbers x, summed in any order, is off by at most N u mean|x| (Higham 2002, section 4.2); rounding them to the
    format first adds u mean|x|, and rounding the violator itself u |x|. Terms in u^2 are far below the slack of 3.
    """
    size = max(len(rewards), group_size)
    error = (size + 4) * math.fsum(map(abs, rewards)) / len(rewards) + 4 * abs(best_violator)
    return max(gamma + _U64 * error, _U32 * error, _TINIEST)
