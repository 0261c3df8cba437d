"""rlmr_decoupled: compliant samples compete among themselves at full resolution; violators stand a margin below (ours)."""

import math
from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.margin import held_by_floats
from services.aggregator.mixing.samples import MAX_REWARD, AllViolate, Mixed, Samples
from services.aggregator.mixing.spread import std


class RlmrDecoupledParams(Params):
    name: Literal["rlmr_decoupled"]
    gamma: float = Field(
        default=0.5,
        ge=0,
        le=MAX_REWARD,
        description="How far below the group mean every violator ends, in standard deviations of the compliant samples' writing rewards.",
    )
    gamma_floor: float = Field(
        default=0.01,
        gt=0,
        le=MAX_REWARD,
        description="Smallest unit of gamma, in standard deviations of the reference set: equal rewards still need a margin.",
    )


@strategy(
    RlmrDecoupledParams,
    needs_writing=True,
    needs_verdict=True,
    per_sample=False,
    drops_all_violate=True,
    keeps_violators_below_mean=True,
)
def rlmr_decoupled(samples: Samples, params: RlmrDecoupledParams) -> Mixed:
    """r'_i = r_i for compliant samples, mean_c - gamma s n / (n - k) for violators. Ours, after RLMR, arXiv 2508.18642.

    mean_c and s are mean and standard deviation of the n - k compliant samples' writing rewards (s: of the whole group's where only
    one complies; at least gamma_floor). The group mean after it is m' = mean_c - gamma s k / (n - k), so that every violator ends
    exactly gamma s below it, whatever it wrote.

    Why: rlmr's penalty grows with the violators' rewards, and group_norm divides by a standard deviation that the penalty
    dominates; what is left of the differences among compliant samples depends on how far the violators had to fall. Here

        std'^2 = s^2 ((n - k - 1) + gamma^2 k n / (n - k)) / (n - 1)

    so the advantages of compliant samples are ((r_i - mean_c) / s + gamma k / (n - k)) / sqrt(((n - k - 1) + gamma^2 k n / (n - k))
    / (n - 1)): functions of their own z-scores, n, k and gamma alone. dr_grpo and rloo keep r_i - r_j itself. Under each of the
    three every violator is negative, and r -> a r + b (a > 0) changes nothing (group_norm) or scales all advantages by a.
    A compliant sample is below zero only if its z-score is below -gamma k / (n - k).

    Price: violators are all alike, so that nothing is learnt from differences among them. Raises AllViolate for k = n.
    """
    r, v, n, k = samples.writing, samples.violated, samples.n, samples.k
    if k == 0:
        return Mixed([float(r_i) for r_i in r])
    if k == n:
        raise AllViolate(f"all {n} samples violate: no reward can put every one of them below their own mean")
    compliant = [r_i for r_i, v_i in zip(r, v, strict=True) if not v_i]
    s = max(std(compliant if len(compliant) > 1 else r), params.gamma_floor)
    gamma = held_by_floats(params.gamma * s, samples)
    low = math.fsum(compliant) / len(compliant) - gamma * n / (n - k)
    return Mixed([low if v_i else float(r_i) for r_i, v_i in zip(r, v, strict=True)])
