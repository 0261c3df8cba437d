"""OpenRLHF's advantages of one group, from its rewards: what the trainer made, or would make, of them."""

from collections.abc import Sequence

import numpy as np

from rlmr.adapters.filling import fill
from rlmr.mistake import Mistake

ESTIMATORS = ("group_norm", "dr_grpo", "rloo")
CLIP = (-10.0, 10.0)


def advantages(rewards: Sequence[float | None], valid: Sequence[bool], estimator: str) -> list[float]:
    """One per sample, of a group that is trained on; invalid samples get 0, as they are filled with their siblings' mean.

    In float32, as OpenRLHF 0.11.2 (trainer/ppo_utils/experience_maker.py, compute_advantages_and_returns):

        group_norm  (r - mean r) / (std r + 1e-9), std over n - 1
        dr_grpo     r - mean r
        rloo        r - mean of the others' r

    each clipped to OpenRLHF's --reward.clip_range, which is CLIP unless a run sets it.

    Raises Mistake for another estimator."""
    r = np.asarray(fill(rewards, valid), dtype=np.float32)
    if estimator == "group_norm":
        spread = r.std(ddof=1) if len(r) > 1 else np.float32(0)
        centred = (r - r.mean()) / (spread + np.float32(1e-9))
    elif estimator == "dr_grpo":
        centred = r - r.mean()
    elif estimator == "rloo":
        centred = r - (r.sum() - r) / np.float32(len(r) - 1)
    else:
        raise Mistake(
            f"estimator {estimator}: its advantages depend on more than the group; known are {', '.join(ESTIMATORS)}"
        )
    return [float(a) for a in centred.clip(*CLIP)]
