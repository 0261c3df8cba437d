"""What would break RLMR's guarantee inside OpenRLHF: refused before a run starts, each with the reason.

The guarantee: in every kept group, each violator's GRPO advantage is negative. It holds for r - group mean divided by any positive
scale; whatever moves rewards or advantages after the adjustment can undo it (measured: docs/decisions).
"""

from typing import Any

from services.aggregator.strategies import installed

CENTRED_PER_GROUP = ("group_norm", "dr_grpo", "rloo")


def violations(strategy: str, flags: dict[str, Any]) -> list[str]:
    """Reasons why these OpenRLHF flags (names without dashes) would break the guarantee; empty = they keep it, or the strategy makes
    no such promise (CoRPO promises it for its own baseline only). What is not installed here is only known to the service."""
    known = installed().get(strategy)
    if known is None or not known.keeps_violators_below_mean:
        return []
    reasons = []
    estimator = flags.get("algo.advantage.estimator", "gae")
    if estimator not in CENTRED_PER_GROUP:
        reasons.append(
            f"algo.advantage.estimator {estimator}: its baseline is not the group mean (a critic, or the whole batch), so a violator "
            f"can end above zero; use one of {', '.join(CENTRED_PER_GROUP)}"
        )
    if flags.get("reward.overlong_buffer_len") is not None:
        reasons.append(
            "reward.overlong_buffer_len: the penalty comes after the adjustment and pulls the group mean under the violators; "
            "ask for a length constraint instead"
        )
    if flags.get("reward.stop_properly_penalty_coef") is not None:
        reasons.append(
            "reward.stop_properly_penalty_coef: it changes rewards after the adjustment; ask for a length or an ending constraint instead"
        )
    if float(flags.get("algo.kl.init_coef", 0.01) or 0) > 0 and not flags.get("algo.kl.use_loss"):
        reasons.append(
            "algo.kl.init_coef > 0 without algo.kl.use_loss: KL is added to the reward per token after the adjustment; "
            "set algo.kl.use_loss and algo.kl.estimator k3 (KL in the loss), or algo.kl.init_coef 0"
        )
    low, high = flags.get("reward.clip_range", (-10, 10))
    if not low < 0 < high:
        reasons.append(
            f"reward.clip_range {low} {high}: clips advantages to one side of zero; use a range with zero inside"
        )
    if not flags.get("algo.dynamic_filtering_enable"):
        reasons.append(
            "algo.dynamic_filtering_enable is off: groups that must be dropped (all violate, failed) would be trained on"
        )
    low, high = flags.get("algo.dynamic_filtering_range", (0, 1))
    if not 0 <= low < 0.5 < high <= 1:
        reasons.append(
            f"algo.dynamic_filtering_range {low} {high}: 0.5 means keep and 1.0 means drop here, and the range must tell them apart; "
            "leave it at 0 1"
        )
    return reasons
