"""corpo: the group mean as baseline, but never below a threshold of correctness (CoRPO)."""

import math
from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.samples import MAX_REWARD, Mixed, Samples


class CorpoParams(Params):
    name: Literal["corpo"]
    r_min: float = Field(
        default=0.0,
        ge=-MAX_REWARD,
        le=MAX_REWARD,
        description="R_min, the reward from which a sample counts as correct, in standard deviations of the writing reward.",
    )


@strategy(CorpoParams, needs_writing=True, needs_verdict=True, per_sample=False)
def corpo(samples: Samples, params: CorpoParams) -> Mixed:
    """r'_i = s_i - max(mean s, R_min), s_i = min(r_i, R_min) if v_i else r_i. CoRPO, arXiv 2511.04439.

    The rewards ARE the advantages. A failure (violator, or writing below R_min) is never positive,
    also when all fail. The paper has one reward; capping a violator's writing reward at R_min is how a verdict enters here.
    The guarantee holds where the trainer takes rewards as advantages. OpenRLHF's group_norm and dr_grpo subtract the group
    mean again, which undoes the raised baseline.
    """
    r_min = params.r_min
    s = [min(r, r_min) if v else float(r) for r, v in zip(samples.writing, samples.violated, strict=True)]
    baseline = max(math.fsum(s) / len(s), r_min)
    return Mixed([s_i - baseline for s_i in s])
