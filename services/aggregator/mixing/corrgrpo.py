"""corrgrpo: the centred weighted sum, divided by what the rewards' correlations add up to (CorrGRPO)."""

import math
from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.group_statistics import ComplianceWeight, active, centred, compliance, correlation
from services.aggregator.mixing.samples import Mixed, Samples

EPSILON = 1e-6


class CorrgrpoParams(Params):
    name: Literal["corrgrpo"]
    compliance_weight: ComplianceWeight = Field(
        default=1.0,
        description="w, what compliance is worth, in standard deviations of the writing reward (as in linear).",
    )


@strategy(CorrgrpoParams, needs_writing=True, needs_verdict=True, per_sample=False)
def corrgrpo(samples: Samples, params: CorrgrpoParams) -> Mixed:
    """r'_i = ((r_i - mean r) + w (c_i - mean c)) / sqrt(sum_lm rho_lm + 1e-6), rho the correlations of the group's rewards. CorrGRPO,
    arXiv 2609.36820.

    The sum runs over both rewards with themselves and with each other: 2 + 2 rho_rc where both differ in the group, 1 where one
    does (a constant reward's row and column are 0), 0 where none does. w = compliance_weight is part of its reward, as in the paper,
    and has no influence on rho. The paper's equation adds epsilon to the square root, its code inside it: this is the code's form, which
    keeps the divisor at 1e-3 or more. Where every violator writes better by the same amount rho is -1, and rewards grow a thousandfold.

    The divisor is one positive number per group. So it has an effect under dr_grpo only: a trainer that divides by the group's std
    (group_norm) takes it out again, and what is left is `linear` with the same weight.

    Guarantee: that of `linear`, none in general: the best violator is above the mean whenever w < (n max_{v_i=1} r_i - sum_i r_i) / (n - k).
    Scale: not removed: 4 r makes the writing part four times as large beside w, as in `linear`; the divisor does not change. Shift: no
    effect. Both equal for all samples: 0 for all.
    """
    r, c = samples.writing, compliance(samples)
    coefficients = active(r) + active(c) + 2 * correlation(r, c)
    divisor = math.sqrt(max(0.0, coefficients) + EPSILON)
    w = params.compliance_weight
    return Mixed([(a + w * b) / divisor for a, b in zip(centred(r), centred(c), strict=True)])
