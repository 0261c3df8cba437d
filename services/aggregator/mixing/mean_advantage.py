"""mean_advantage: z-score each reward within the group, then average (LongWriter-Zero) or add (MO-GRPO)."""

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.samples import Mixed, Samples


class MeanAdvantageParams(Params):
    name: Literal["mean_advantage"]
    reduce: Literal["mean", "sum"] = Field(
        default="mean", description="mean: LongWriter-Zero; sum: MO-GRPO. They differ by a factor of 2."
    )


@strategy(MeanAdvantageParams, needs_writing=True, needs_verdict=True, per_sample=False)
def mean_advantage(samples: Samples, params: MeanAdvantageParams) -> Mixed:
    """r'_i = mean or sum of z(r)_i and z(c)_i, z(x)_i = (x_i - mean x) / std x. LongWriter-Zero, arXiv 2506.18841 (mean);
    MO-GRPO, arXiv 2509.22047 (sum).

    c_i = 1 - v_i; mean and std are those of the group. Neither scale dominates, but a violator far
    above the others in writing still ends above the mean.
    """
    z_writing = z_scores(samples.writing)
    z_compliant = z_scores([0.0 if v else 1.0 for v in samples.violated])
    parts = 2 if params.reduce == "mean" else 1
    return Mixed([(a + b) / parts for a, b in zip(z_writing, z_compliant, strict=True)])


def z_scores(values: Sequence[float]) -> list[float]:
    """(x - mean) / unbiased std; all 0 where the values are equal (also n = 1), whatever their scale."""
    low, high = min(values), max(values)
    if low == high:
        return [0.0] * len(values)
    # Shifted and scaled to 0..1 first: exact for ties, and 1e-300 does not underflow when squared.
    unit = [(x - low) / (high - low) for x in values]
    mean = math.fsum(unit) / len(unit)
    std = math.sqrt(math.fsum((u - mean) ** 2 for u in unit) / (len(unit) - 1))
    return [(u - mean) / std for u in unit]
