"""verify_only: the verdict alone (the paper's second baseline). Obeys, and writes dull text."""

from services.aggregator.mixing.samples import Mixed, Params, Samples


class VerifyOnlyParams(Params):
    pass


def verify_only(samples: Samples, params: VerifyOnlyParams) -> Mixed:
    """r'_i = c_i = 1 - v_i. In a mixed group every violator is below the mean. RLMR, arXiv 2508.18642, baseline."""
    return Mixed([0.0 if v else 1.0 for v in samples.violated])
