"""rlmr_graded: compliant samples compete by how well they write, violators by how much they meet, a margin below (ours)."""

import math
from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import strategy
from services.aggregator.mixing.margin import held_by_floats
from services.aggregator.mixing.rlmr_decoupled import RlmrDecoupledParams
from services.aggregator.mixing.samples import MAX_REWARD, AllViolate, Mixed, Samples
from services.aggregator.mixing.spread import std


class RlmrGradedParams(RlmrDecoupledParams):
    name: Literal["rlmr_graded"]  # type: ignore[assignment]
    grade: float = Field(
        default=1.0,
        gt=0,
        le=MAX_REWARD,
        description="How far apart a violator that meets nothing and one that meets nearly everything are, in the unit of gamma.",
    )


@strategy(
    RlmrGradedParams,
    needs_writing=True,
    needs_verdict=True,
    per_sample=False,
    needs_details=True,
    ranks_all_violate=True,
)
def rlmr_graded(samples: Samples, params: RlmrGradedParams) -> Mixed:
    """r'_i = r_i for compliant samples, t - grade s (m_best - m_i) for violators, t = mean_c - s (gamma n + grade sum_v (m_best - m_j)) /
    (n - k); grade s m_i where none complies. m_i: share of its constraints met. Ours, after RLMR, arXiv 2508.18642.

    mean_c, s as in rlmr_decoupled, which this is where all violators meet equally much; m_best: the largest share among violators. The
    group mean is m' = t + gamma s, so the best violator ends exactly gamma s below it and the others below that, in the order of
    what they meet: a step towards compliance is worth something before it is complete, and no step of writing is worth one.

    Scale and shift of the rewards change nothing, as in rlmr_decoupled. Among violators alone someone is above the mean, so the
    promise holds in every group in which a sample complies, and only there. Raises AllViolate where all violate and meet equally
    much (with one constraint a prompt: always).
    """
    r, v, m, n, k = samples.writing, samples.violated, samples.met_share, samples.n, samples.k
    if k == 0:
        return Mixed([float(r_i) for r_i in r])
    if k == n and len(set(m)) == 1:
        raise AllViolate(f"all {n} samples violate, and meet equally much of what was asked")
    compliant = [r_i for r_i, v_i in zip(r, v, strict=True) if not v_i]
    s = max(std(compliant if len(compliant) > 1 else r), params.gamma_floor)
    grade = min(params.grade * s, MAX_REWARD)
    if k == n:
        return Mixed([grade * m_i for m_i in m])
    best = max(m_i for m_i, v_i in zip(m, v, strict=True) if v_i)
    steps = [grade * (best - m_i) if v_i else 0.0 for m_i, v_i in zip(m, v, strict=True)]
    gamma = held_by_floats(params.gamma * s, samples, below=grade)
    top = math.fsum(compliant) / len(compliant) - (gamma * n + math.fsum(steps)) / (n - k)
    return Mixed([top - step if v_i else float(r_i) for r_i, v_i, step in zip(r, v, steps, strict=True)])
