"""conditioned: the writing reward counts for compliant samples only (GDPO, equation 8), then gdpo's mix."""

from typing import Literal

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.group_statistics import ComplianceWeight, compliance, normalised
from services.aggregator.mixing.samples import AllViolate, Mixed, Samples


class ConditionedParams(Params):
    name: Literal["conditioned"]
    compliance_weight: ComplianceWeight = 1.0


@strategy(
    ConditionedParams,
    needs_writing=True,
    needs_verdict=True,
    per_sample=False,
    drops_all_violate=True,
    keeps_violators_below_mean=True,
)
def conditioned(samples: Samples, params: ConditionedParams) -> Mixed:
    """r'_i = z(q)_i + w z(c)_i, q_i = r_i if c_i else min_{c_j=1} r_j, z(x)_i = (x_i - mean x) / (std x + 1e-4). GDPO, equation 8,
    arXiv 2601.05242.

    The paper's equation 8 keeps a reward where another one reaches a threshold and makes it 0 elsewhere. What it conditions is
    0 or 1, so that 0 is the lowest. A standardised writing reward is negative half of the time, and with 0 a violator would pass for better
    written than most compliant siblings. So a violator gets the lowest writing reward of the group's compliant samples: the least that
    keeps the equation's sense, and its own text counts for nothing. w = compliance_weight. As in `gdpo` there is no batch whitening.

    Guarantee: always. In a mixed group (0 < k < n) every violator is at the minimum of q, so z(q) <= 0, and its z(c) < 0; both have
    mean 0. In float32 too: no reward is below the violators', so mean |r'| <= 2 |r'_violator|, and a float32 mean of N samples is off
    by (N + 1) 2^-24 mean |r'|, far less than |r'_violator|. All violators of a group are equal. The price: n - k samples share all
    differences in writing, and a single compliant one leaves none.
    Scale: 4 r changes z(q) by the epsilon only, at most 4 times. Shift: no effect. k = 0: `gdpo`, the writing reward alone.

    Raises AllViolate for k = n: there is no compliant sample to take the lowest reward from.
    """
    if samples.k == samples.n:
        raise AllViolate(f"all {samples.n} samples violate: no compliant sample says what the lowest writing reward is")
    pairs = list(zip(samples.writing, samples.violated, strict=True))
    lowest = min(r for r, v in pairs if not v)
    writing = normalised([lowest if v else r for r, v in pairs])
    w = params.compliance_weight
    return Mixed([a + w * b for a, b in zip(writing, normalised(compliance(samples)), strict=True)])
