"""rlmr_diverse: rlmr on writing rewards that siblings' likeness has lowered (ours)."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import strategy
from services.aggregator.mixing.rlmr import RlmrParams, rlmr, unit
from services.aggregator.mixing.samples import MAX_REWARD, Mixed, Samples
from services.aggregator.mixing.spread import std

SMALLEST_SPREAD = 0.01
"""Of likeness, that a group's unit divides by: texts that are all but equally alike differ by chance."""


class RlmrDiverseParams(RlmrParams):
    name: Literal["rlmr_diverse"]  # type: ignore[assignment]
    diversity: float = Field(
        default=0.5,
        ge=0,
        le=1000,
        description="beta, what likeness to its siblings costs a sample, in units of diversity_unit.",
    )
    diversity_unit: Literal["group", "reference"] = Field(
        default="group",
        description="group: at 1 likeness spreads the group's rewards as much as writing does. reference: standard deviations of the "
        "reference set, lost by a sample that has everything in common with its siblings.",
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
    most. Violators end at least gamma below the mean, as in rlmr; equal texts get equal rewards.

    beta is diversity, times max(std r, gamma_floor) / max(std l, 0.01) of the group with diversity_unit = group. Likeness spreads by some
    0.03 within a group, so a beta of one standard deviation of the reference set hardly counts beside writing.

    Price: what a prompt asks all to say (a name, a refrain) counts as likeness, and is alike for all.
    Raises AllViolate for k = n.
    """
    r, alike = samples.writing, samples.likeness
    beta = params.diversity
    if params.diversity_unit == "group":
        beta *= unit(r, "group", params.gamma_floor) / max(std(alike), SMALLEST_SPREAD)
    lowered = [max(-MAX_REWARD, r_i - beta * l_i) for r_i, l_i in zip(r, alike, strict=True)]
    return rlmr.mix(replace(samples, writing=lowered), params)
