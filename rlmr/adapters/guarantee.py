"""What would undo RLMR's guarantee inside TRL (1.16.0) or verl (0.9.1), each with the reason; read from their code.

The guarantee: in every kept group, each violator's advantage is negative. It holds for the reward minus the group's mean, divided by
any positive scale. trainer/grpo/guarantee.py says the same of OpenRLHF's flags; docs/adapters.md has the table.
"""

from typing import Any

VERL_ESTIMATORS = ("grpo", "grpo_vectorized", "rloo", "rloo_vectorized")
"""Estimators of verl (trainer/ppo/core_algos.py) that subtract the group's mean and nothing else."""


def trl_reasons(trainer: Any) -> list[str]:
    """`trainer`: a GRPOTrainer. Every scale_rewards and loss_type keeps the sign of the advantage; these do not."""
    reasons = []
    if len(trainer.reward_funcs) > 1:
        reasons.append(
            f"{len(trainer.reward_funcs)} reward functions: the others are added after the adjustment, and count alone where ours "
            "is null; ask for a constraint or another strategy instead"
        )
    elif not all(float(weight) > 0 for weight in trainer.reward_weights):
        reasons.append("reward_weights: a weight that is not positive turns the order of rewards round")
    if trainer.num_generations < 2:
        reasons.append("num_generations 1: a sample alone has no group")
    return reasons


def verl_reasons(config: Any) -> list[str]:
    """`config`: verl's whole configuration (algorithm, reward, actor_rollout_ref)."""
    reasons = []
    algorithm = config.algorithm
    if algorithm.adv_estimator not in VERL_ESTIMATORS:
        reasons.append(
            f"algorithm.adv_estimator {algorithm.adv_estimator}: its baseline is not the group's mean alone; use one of "
            + ", ".join(VERL_ESTIMATORS)
        )
    if algorithm.get("use_kl_in_reward", False):
        reasons.append(
            "algorithm.use_kl_in_reward: KL is taken off the reward after the adjustment; use actor.use_kl_loss instead"
        )
    if config.actor_rollout_ref.rollout.n < 2:
        reasons.append("actor_rollout_ref.rollout.n 1: a sample alone has no group")
    return reasons
