"""threshold_gate: the verdict, raised or lowered by whether the writing reward passes a threshold (IF-RLVR)."""

from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.samples import MAX_REWARD, Mixed, Samples


class ThresholdGateParams(Params):
    name: Literal["threshold_gate"]
    alpha: float = Field(
        default=0.0,
        ge=-MAX_REWARD,
        le=MAX_REWARD,
        description="Writing reward above which a compliant sample gets the bonus, in standard deviations.",
    )


@strategy(ThresholdGateParams, needs_writing=True, needs_verdict=True, per_sample=True)
def threshold_gate(samples: Samples, params: ThresholdGateParams) -> Mixed:
    """r'_i = 2 if c_i and r_i > alpha, 0.5 if c_i and r_i <= alpha, 0 if v_i. IF-RLVR, AllenAI 2025.

    In the source's terms, with V = c_i (1 if compliant, else 0) and S = r_i:

        r'_i = V + 1    if V > 0 and S > alpha
        r'_i = V - 0.5  if V > 0 and S <= alpha
        r'_i = V        if V <= 0

    Above the threshold all compliant samples are equal, and so are all violators.
    """

    def gate(r: float, v: bool) -> float:
        if v:
            return 0.0
        return 2.0 if r > params.alpha else 0.5

    return Mixed([gate(r, v) for r, v in zip(samples.writing, samples.violated, strict=True)])
