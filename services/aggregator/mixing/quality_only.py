"""quality_only: the writing reward alone (the paper's first baseline). Drifts into ignoring constraints."""

from typing import Literal

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.samples import Mixed, Samples


class QualityOnlyParams(Params):
    name: Literal["quality_only"]


@strategy(QualityOnlyParams, needs_writing=True, needs_verdict=False, per_sample=True)
def quality_only(samples: Samples, params: QualityOnlyParams) -> Mixed:
    """r'_i = r_i. RLMR, arXiv 2508.18642, baseline.

    Says nothing about violators.
    """
    return Mixed([float(r) for r in samples.writing])
