"""rlmr_diverse: rlmr on writing rewards that siblings' likeness has lowered (ours)."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import strategy
from services.aggregator.mixing.rlmr import RlmrParams, rlmr
from services.aggregator.mixing.samples import MAX_REWARD, Mixed, Samples


class RlmrDiverseParams(RlmrParams):
    name: Literal["rlmr_diverse"]  # type: ignore[assignment]
    diversity: float = Field(
        default=1.0,
        ge=0,
        le=1000,
        description="beta, what a sample loses for having everything in common with its siblings, in standard deviations.",
    )


@strategy(
    RlmrDiverseParams,
    needs_writing=True,
    needs_verdict=True,
    per_sample=False,
    needs_likeness=True,
    drops_all_violate=True,
    keeps_violators_below_mean=True,
    price="delta_min",
)
def rlmr_diverse(samples: Samples, params: RlmrDiverseParams) -> Mixed:
    """r'_i = rlmr(r_i - beta l_i): rlmr of rewards lowered by likeness. Ours, after RLMR, arXiv 2508.18642.

    l_i (0 to 1) is sample i's mean overlap with its siblings in word pairs (likeness.py). A policy that collapses into one text
    finds all l_i alike and large: the term then cancels in the group's mean, and the first sample that says something else gains
    up to beta. Violators end at least gamma below the mean, as in rlmr; equal texts get equal rewards.

    Price: what a prompt asks all to say (a name, a refrain) counts as likeness, and is alike for all.
    Raises AllViolate for k = n.
    """
    pairs = zip(samples.writing, samples.likeness, strict=True)
    lowered = [max(-MAX_REWARD, r_i - params.diversity * l_i) for r_i, l_i in pairs]
    return rlmr.mix(replace(samples, writing=lowered), params)
