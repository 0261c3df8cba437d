"""quality_only: the writing reward alone (the paper's first baseline). Drifts into ignoring constraints."""

from services.aggregator.mixing.samples import Mixed, Params, Samples


class QualityOnlyParams(Params):
    pass


def quality_only(samples: Samples, params: QualityOnlyParams) -> Mixed:
    """r'_i = r_i. Says nothing about violators. RLMR, arXiv 2508.18642, baseline."""
    return Mixed([float(r) for r in samples.writing])
