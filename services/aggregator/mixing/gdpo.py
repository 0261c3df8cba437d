"""gdpo: each reward is z-scored within the group before the weighted sum (GDPO), so that neither scale hides the other."""

from typing import Literal

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.group_statistics import ComplianceWeight, compliance, normalised
from services.aggregator.mixing.samples import Mixed, Samples


class GdpoParams(Params):
    name: Literal["gdpo"]
    compliance_weight: ComplianceWeight = 1.0


@strategy(GdpoParams, needs_writing=True, needs_verdict=True, per_sample=False)
def gdpo(samples: Samples, params: GdpoParams) -> Mixed:
    """r'_i = z(r)_i + w z(c)_i, z(x)_i = (x_i - mean x) / (std x + 1e-4), without GDPO's batch whitening. GDPO, arXiv 2601.05242.

    c_i = 1 - v_i; mean and unbiased std are those of the group; w = compliance_weight. The paper weights both rewards; a service's
    trainer divides by one scale anyway, so one ratio is enough here. Its epsilon is not in the paper's equation but in its code.

    GDPO then subtracts the mean of the whole batch and divides by its std. A service sees one group at a time and cannot. What
    follows: under dr_grpo these rewards are the advantages (their mean is 0 already) up to one factor per batch, as in GDPO save for
    the token weights of its batch mean. group_norm divides by the std of each group's sum instead: a group in which the two rewards
    cancel, or in which only one of them differs, then counts as much as any other.

    Guarantee: none. Every violator is below the mean for sure where w > sqrt((n - 1) k / (n - k)) (1 + 1e-4 / std c): the best
    violator's z(r) is at most (n - 1) / sqrt n, its z(c) is -sqrt((n - 1)(n - k) / (n k)). That is n - 1 for one compliant sample.
    Scale: 4 r gives the same rewards up to the epsilon: z(r) grows by (std r + 1e-4) / (std r + 2.5e-5), at most 4. Shift: no effect.
    Both equal for all samples: 0 for all.
    """
    w = params.compliance_weight
    return Mixed([a + w * b for a, b in zip(normalised(samples.writing), normalised(compliance(samples)), strict=True)])
