"""verify_only: the verdict alone (the paper's second baseline). Obeys, and writes dull text."""

from typing import Literal

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.samples import Mixed, Samples


class VerifyOnlyParams(Params):
    name: Literal["verify_only"]


@strategy(VerifyOnlyParams, needs_writing=False, needs_verdict=True, per_sample=True)
def verify_only(samples: Samples, params: VerifyOnlyParams) -> Mixed:
    """r'_i = c_i. RLMR, arXiv 2508.18642, baseline.

    c_i = 1 - v_i. In a mixed group every violator is below the mean, but quality counts for nothing.
    """
    return Mixed([0.0 if v else 1.0 for v in samples.violated])
