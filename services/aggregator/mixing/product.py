"""product: share of rules passed times the judge's bit (VerIF). Uses no writing reward."""

from services.aggregator.mixing.samples import Mixed, Params, Samples


class ProductParams(Params):
    pass


def product(samples: Samples, params: ProductParams) -> Mixed:
    """r'_i = (mean over the rule-checked constraints of passed) x (1 if every judged constraint passed, else 0).

    VerIF, arXiv 2506.09942. Partial credit: a violator that passes most rules may be above the group mean.
    """
    pairs = zip(samples.rule_share, samples.judge_passed, strict=True)
    return Mixed([float(share) if judged else 0.0 for share, judged in pairs])
