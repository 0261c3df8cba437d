"""rlmr_partial: rlmr, and groups in which every sample violates are ranked by how much they meet instead of dropped (ours)."""

from typing import Literal

from services.aggregator.mixing.declaration import strategy
from services.aggregator.mixing.rlmr import RlmrParams, rlmr
from services.aggregator.mixing.samples import AllViolate, Mixed, Samples


class RlmrPartialParams(RlmrParams):
    name: Literal["rlmr_partial"]  # type: ignore[assignment]


@strategy(
    RlmrPartialParams,
    needs_writing=True,
    needs_verdict=True,
    per_sample=False,
    needs_details=True,
    ranks_all_violate=True,
    price="delta_min",
)
def rlmr_partial(samples: Samples, params: RlmrPartialParams) -> Mixed:
    """r'_i = rlmr(r_i) where a sample complies, m_i where none does; m_i: share of its constraints met. Ours, after RLMR, arXiv 2508.18642.

    rlmr has nothing to say about a group of violators only: no penalty puts all of them below their own mean. Dropping it wastes the
    prompts that the policy needs most. Here the writing reward counts for nothing in such a group, so that no violator is paid for
    being pretty; a sample is above the mean only if it meets more of its constraints than its siblings do on average.

    delta is None there. Keeps rlmr's promise in every group in which a sample complies, and only there: among violators alone
    someone is above the mean. Raises AllViolate where all meet equally much (with one constraint a prompt: always).
    """
    if samples.k < samples.n:
        return rlmr.mix(samples, params)
    if len(set(samples.met_share)) == 1:
        raise AllViolate(f"all {samples.n} samples violate, and meet equally much of what was asked")
    return Mixed([float(m_i) for m_i in samples.met_share])
