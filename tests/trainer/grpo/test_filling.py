"""What the stand-in for an invalid sample does to its siblings, through OpenRLHF's own estimators. docs/decisions tells it in words."""

import math
import random

import pytest

from tests.services.aggregator.test_openrlhf_sign import openrlhf_advantages
from trainer.grpo.agent import sample_fields
from trainer.grpo.group_reward import GroupReward


def filled(rewards: list[float], n: int) -> list[float]:
    """As the agent sends a group of n in which all but the given samples are invalid."""
    m = len(rewards)
    given = [*rewards, *[None] * (n - m)]
    valid = [i < m for i in range(n)]
    group = GroupReward("train", None, given, valid, given, [False] * n, None, 0.0, 1)
    return [sample_fields(group, i)["reward"] for i in range(n)]


def factor(estimator: str, n: int, m: int) -> float:
    return {
        "dr_grpo": 1.0,
        "group_norm": math.sqrt((n - 1) / (m - 1)),
        "rloo": n * (m - 1) / ((n - 1) * m),
    }[estimator]


@pytest.mark.parametrize("estimator", ["group_norm", "dr_grpo", "rloo"])
@pytest.mark.parametrize(("n", "m"), [(8, 7), (8, 4), (4, 3), (16, 9)])
def test_an_invalid_sample_gets_advantage_0_and_its_siblings_one_factor(estimator: str, n: int, m: int) -> None:
    rng = random.Random(n * m)
    for _ in range(50):
        rewards = [rng.gauss(0, 1) for _ in range(m)]
        (alone,) = openrlhf_advantages([rewards], estimator)
        (among,) = openrlhf_advantages([filled(rewards, n)], estimator)
        assert among[m:] == pytest.approx([0.0] * (n - m), abs=1e-5)
        assert among[:m] == pytest.approx([factor(estimator, n, m) * a for a in alone], abs=1e-4)


def test_under_group_norm_stretching_the_valid_rewards_changes_nothing() -> None:
    """So the factor cannot be undone by what we send, short of training on the invalid sample."""
    rewards = [1.0, -0.5, 0.2, 2.0]
    mean = sum(rewards) / 4
    plain = openrlhf_advantages([filled(rewards, 8)], "group_norm")
    for stretch in (0.1, 0.65, 3.0):
        stretched = openrlhf_advantages([filled([mean + stretch * (r - mean) for r in rewards], 8)], "group_norm")
        assert stretched[0] == pytest.approx(plain[0], abs=1e-5)
