"""gd2po: as gdpo, but a sample whose two advantages disagree in sign is masked (GD2PO)."""

import math
from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.group_statistics import ComplianceWeight, compliance, normalised
from services.aggregator.mixing.samples import Mixed, Samples

ZERO = 1e-8
"""Advantages up to this size have no sign, as in GD2PO's code: rounding must not make a conflict."""


class Gd2poParams(Params):
    name: Literal["gd2po"]
    compliance_weight: ComplianceWeight = 1.0
    snr_threshold: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="A disagreeing sample is masked if |a + b| / (|a| + |b|) is below this. 1: every one (GD2PO-Hard); 0: none (gdpo, centred).",
    )


@strategy(Gd2poParams, needs_writing=True, needs_verdict=True, per_sample=False)
def gd2po(samples: Samples, params: Gd2poParams) -> Mixed:
    """r'_i = s_i - mean of s over kept samples, 0 if masked; s_i = a_i + b_i, a = z(r), b = w z(c) as in gdpo; masked if a_i b_i < 0
    and |s_i| / (|a_i| + |b_i|) < t. GD2PO, arXiv 2606.16771.

    t = snr_threshold: 1 is the paper's hard filter, below 1 its signal-to-noise filter (0.2 in its code). Signs and the ratio are as in
    its code; the epsilon is gdpo's.

    Why the kept ones are centred: the paper sets a masked sample's advantage to 0. A trainer that subtracts the group mean makes
    advantages sum to 0, so a masked reward x must be the group's mean itself: n x = (n - m) K + m x for m masked samples and a mean K of
    the kept ones, hence x = K. The kept ones' mean does not move then, and their advantages are s_i - K, not s_i as in the paper: a group
    whose kept samples all are good (or all are bad) compares them with each other. K is subtracted here, so that masked is exactly 0.

    What a service cannot do: the paper multiplies a prompt's advantages by its share of kept samples. A trainer that divides by the
    group's std (group_norm) takes any such factor out again, and so it is left out. Nor is there GDPO's batch whitening (see `gdpo`).

    Guarantee: none. A violator that writes better than the mean has advantage 0, not a negative one (hard filter), and where only
    violators are kept, the better of them are above the mean.
    Scale: 4 r changes a by the epsilon only, and with it |s| / (|a| + |b|); a sign never changes. Shift: no effect. Nothing kept, one
    kept, or both rewards equal for all: 0 for all.
    """
    a = normalised(samples.writing)
    b = [params.compliance_weight * z for z in normalised(compliance(samples))]
    masked = [_conflict(a_i, b_i, params.snr_threshold) for a_i, b_i in zip(a, b, strict=True)]
    s = [a_i + b_i for a_i, b_i in zip(a, b, strict=True)]
    kept = [s_i for s_i, m in zip(s, masked, strict=True) if not m]
    mean = math.fsum(kept) / len(kept) if kept else 0.0
    return Mixed([0.0 if m else s_i - mean for s_i, m in zip(s, masked, strict=True)])


def _conflict(a: float, b: float, threshold: float) -> bool:
    disagree = (a > ZERO and b < -ZERO) or (a < -ZERO and b > ZERO)
    return disagree and (threshold >= 1.0 or abs(a + b) < threshold * (abs(a) + abs(b)))
