"""linear: a fixed weight between writing reward and verdict (the paper's third baseline)."""

from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.samples import MAX_REWARD, Mixed, Samples


class LinearParams(Params):
    name: Literal["linear"]
    weight: float = Field(
        default=1.0,
        ge=0,
        le=MAX_REWARD,
        description="w, what compliance is worth, in standard deviations of the writing reward.",
    )


@strategy(LinearParams, needs_writing=True, needs_verdict=True, per_sample=True, price="weight")
def linear(samples: Samples, params: LinearParams) -> Mixed:
    """r'_i = r_i + w c_i. RLMR, arXiv 2508.18642, baseline.

    c_i = 1 - v_i. The best violator stays above the group mean whenever w < (n max_{v_i=1} r_i - sum_i r_i) / (n - k): no fixed w is safe.
    """
    w = params.weight
    return Mixed([float(r) if v else r + w for r, v in zip(samples.writing, samples.violated, strict=True)])
