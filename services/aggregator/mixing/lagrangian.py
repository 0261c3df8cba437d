"""lagrangian: a penalty for violators whose multiplier the caller moves with the violation rate (Constrained GRPO)."""

from typing import Literal

from pydantic import Field

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.group_statistics import normalised
from services.aggregator.mixing.samples import MAX_REWARD, Mixed, Samples


class LagrangianParams(Params):
    name: Literal["lagrangian"]
    multiplier: float = Field(
        default=1.0,
        ge=0,
        le=MAX_REWARD,
        description="lambda, the price of a violation, in standard deviations of the writing reward; sent with each request as it moves.",
    )
    scalarize: Literal["rewards", "advantages"] = Field(
        default="rewards",
        description="rewards: r - lambda v; advantages: z(r) - lambda z(v), what the paper proposes.",
    )


@strategy(LagrangianParams, needs_writing=True, needs_verdict=True, per_sample=False, price="multiplier")
def lagrangian(samples: Samples, params: LagrangianParams) -> Mixed:
    """r'_i = r_i - lambda v_i, or z(r)_i - lambda z(v)_i, z(x)_i = (x_i - mean x) / (std x + 1e-4). Constrained GRPO, arXiv 2602.05863.

    lambda >= 0 is the multiplier of the constraint "violation rate at most its target". The service keeps no state: whoever calls moves
    lambda between requests (trainer/grpo/lagrange.py has the rule) and sends it. For one value of lambda the first form is `linear` with
    weight lambda, less a constant, and the second is `gdpo` with compliance_weight lambda.

    The paper compares the two forms. Dividing r - lambda v by the group's std weights each part by its own std over that of the
    sum, so that the same lambda is a different price in each group ("scalarize rewards"); z-scoring each part first keeps lambda's meaning
    ("scalarize advantages"), and is what it proposes. Where the trainer only centres (dr_grpo) the first form is the gradient of the
    Lagrangian itself, and it is the default here. The paper also gives the reward a weight of its own; here that is 1. It has several
    constraints; a verdict is one. Its epsilon could not be looked up: gdpo's is used.

    Guarantee: none in a group; over time the violation rate is driven to its target, if lambda may rise far enough.
    Scale: 4 r makes lambda worth a quarter (rewards), or changes z(r) by the epsilon only, at most 4 times (advantages). Shift: moves all
    rewards alike, which any group mean removes (rewards), or has no effect (advantages). All equal or all violate: all rewards equal.
    """
    price = params.multiplier
    if params.scalarize == "rewards":
        return Mixed([r - price if v else float(r) for r, v in zip(samples.writing, samples.violated, strict=True)])
    z_violated = normalised([float(v) for v in samples.violated])
    return Mixed([a - price * b for a, b in zip(normalised(samples.writing), z_violated, strict=True)])
