"""product: share of rules passed times the judge's bit (VerIF). Uses no writing reward."""

from typing import Literal

from services.aggregator.mixing.declaration import Params, strategy
from services.aggregator.mixing.samples import Mixed, Samples


class ProductParams(Params):
    name: Literal["product"]


@strategy(ProductParams, needs_writing=False, needs_verdict=True, per_sample=True, needs_details=True)
def product(samples: Samples, params: ProductParams) -> Mixed:
    """r'_i = share of rules passed x (1 if every judged constraint passed, else 0). VerIF, arXiv 2506.09942.

    Partial credit: a violator that passes most rules may be above the group mean.
    """
    pairs = zip(samples.rule_share, samples.judge_passed, strict=True)
    return Mixed([float(share) if judged else 0.0 for share, judged in pairs])
