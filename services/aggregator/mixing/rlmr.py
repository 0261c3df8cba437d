"""rlmr: the dynamic adjustment of the paper. One penalty per group puts every violator gamma below the group mean."""

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.margin import held_by_floats
from services.aggregator.mixing.samples import MAX_REWARD, AllViolate, Mixed, Samples
from services.aggregator.mixing.spread import std


class RlmrParams(Params):
    name: Literal["rlmr"]
    gamma: float = Field(
        default=1.0,
        ge=0,
        le=MAX_REWARD,
        description="How far below the group mean every violator ends at least, in units of gamma_unit.",
    )
    gamma_unit: Literal["reference", "group"] = Field(
        default="reference",
        description="reference: standard deviations of the reward model's reference set, as the paper. group: of this group's own "
        "writing rewards, so that rewards in another scale give the same advantages.",
    )
    gamma_floor: float = Field(
        default=0.01,
        gt=0,
        le=MAX_REWARD,
        description="Smallest group unit, in standard deviations of the reference set: equal rewards still need a margin.",
    )
    delta_min: float = Field(
        default=0.0,
        ge=0,
        le=MAX_REWARD,
        description="Smallest penalty of a group, in units of gamma_unit: a fixed weight, raised only where the guarantee needs more. "
        "0: the paper's.",
    )


@strategy(
    RlmrParams,
    needs_writing=True,
    needs_verdict=True,
    per_sample=False,
    drops_all_violate=True,
    keeps_violators_below_mean=True,
    price="delta_min",
)
def rlmr(samples: Samples, params: RlmrParams) -> Mixed:
    """r'_i = r_i - delta v_i, delta = max(delta_min, (n max_{v_j=1} r_j + n gamma - sum_j r_j) / (n - k)). RLMR, arXiv 2508.18642.

    One penalty per group of n samples, k of them violators (0 < k < n). The mean after it is m' = (sum r - k delta) / n, so the
    best violator ends at m' - gamma at most; every violator has a negative advantage under any estimator that subtracts the group mean and
    divides by a positive scale. k = 0: delta is 0. The clamp at delta_min, 0 in the paper, keeps violators from being raised.

    delta_min is ours: `linear` with that weight, but for the groups in which it would reward a violator. A penalty that is the same in
    every group is the better bargain (trainer/replay/pull.py says why), and one that is only as large as the guarantee needs is not.

    delta follows a shift of the rewards, and their scale only with gamma_unit = group (ours, not the paper's): there gamma and
    delta_min count in max(std of the group's r, gamma_floor), and r -> a r + b leaves group_norm's advantages as they are.

    Raises AllViolate for k = n, and MixingError for groups of thousands whose sign float32 cannot hold.
    """
    r, v, n, k = samples.writing, samples.violated, samples.n, samples.k
    if k == 0:
        return Mixed([float(r_i) for r_i in r], delta=0.0)
    if k == n:
        raise AllViolate(f"all {n} samples violate: no penalty can put every one of them below their own mean")
    one = unit(r, params.gamma_unit, params.gamma_floor)
    least = params.delta_min * one
    gamma = held_by_floats(params.gamma * one, samples, below=least)
    best_violator = max(r_i for r_i, v_i in zip(r, v, strict=True) if v_i)
    delta = max(least, (n * best_violator + n * gamma - math.fsum(r)) / (n - k))
    return Mixed([r_i - delta if v_i else float(r_i) for r_i, v_i in zip(r, v, strict=True)], delta=delta)


def unit(writing: Sequence[float], name: Literal["reference", "group"], floor: float) -> float:
    """What gamma and delta_min count in, in standard deviations of the reference set."""
    return 1.0 if name == "reference" else max(std(writing), floor)
