"""The guarantee where it counts: after OpenRLHF's own advantage estimator, in its float32, no violator is ever at or above 0."""

import importlib.util
import math
import random
from types import SimpleNamespace

import pytest

from services.aggregator.mixing import MAX_REWARD, Samples, bind
from tests.services.aggregator.groups import one_writing, violations

pytest.importorskip("openrlhf", reason="openrlhf is not installed (make test installs it)")
torch = pytest.importorskip("torch")

if importlib.util.find_spec("flash_attn") is None:  # openrlhf imports it at module level; only packing calls it
    from trainer.grpo.cpu_runtime.cuda_shims import install_flash_attn_stand_in

    install_flash_attn_stand_in()

GROUPS = 300


def openrlhf_advantages(reward_rows: list[list[float]], estimator: str) -> list[list[float]]:
    """One advantage per sample, computed by RemoteExperienceMaker.compute_advantages_and_returns itself."""
    from openrlhf.trainer.ppo_utils.experience import Experience
    from openrlhf.trainer.ppo_utils.experience_maker import RemoteExperienceMaker

    n = len(reward_rows[0])
    args = SimpleNamespace(
        algo=SimpleNamespace(
            advantage=SimpleNamespace(estimator=estimator, gamma=1.0, lambd=1.0, no_std_norm=False),
            kl=SimpleNamespace(use_loss=True),
        ),
        rollout=SimpleNamespace(n_samples_per_prompt=n),
        reward=SimpleNamespace(
            clip_range=(-10, 10),
            overlong_buffer_len=None,
            overlong_penalty_factor=0.0,
            stop_properly_penalty_coef=None,
        ),
    )
    maker = RemoteExperienceMaker(
        None, None, None, None, SimpleNamespace(value=0.0), SimpleNamespace(args=args), tokenizer=None
    )
    flat = [reward for row in reward_rows for reward in row]
    tokens = 3
    experiences = [
        Experience(
            index=[i],
            sequences=torch.ones(1, tokens + 1, dtype=torch.long),
            attention_mask=torch.ones(1, tokens + 1, dtype=torch.long),
            action_mask=torch.ones(1, tokens, dtype=torch.bool),
            kl=torch.zeros(1, tokens),
            rewards=torch.tensor([reward]),  # float32, as samples_generator.py makes it
            info={},
        )
        for i, reward in enumerate(flat)
    ]
    done = maker.compute_advantages_and_returns(experiences)
    by_index = {e.index[0]: float(e.advantages[0, -1]) for e in done}
    values = [by_index[i] for i in range(len(flat))]
    return [values[i : i + n] for i in range(0, len(values), n)]


def mixed_groups(seed: int, n: int, count: int) -> list[tuple[list[float], list[bool]]]:
    rng = random.Random(seed)
    found: list[tuple[list[float], list[bool]]] = []
    while len(found) < count:
        writing, violated = one_writing(rng, n), violations(rng, n)
        if 0 < sum(violated) < n:
            found.append((writing, violated))
    return found


def as_the_agent_sends(rewards: list[float], valid: list[bool]) -> list[float]:
    """Invalid samples get the mean of their valid siblings (trainer/grpo/agent.py), valid ones their reward."""
    mean = sum(rewards) / len(rewards)
    given = iter(rewards)
    return [next(given) if ok else mean for ok in valid]


KEEPERS = [("rlmr", {}), ("rlmr", {"gamma_unit": "group"}), ("rlmr_decoupled", {}), ("rlmr_graded", {})]
"""Every way of the strategies that promise it of mixed groups."""


def met(violated: list[bool]) -> list[float]:
    """A share of constraints met for each sample: 0, 1/3 or 2/3 of a violator's."""
    return [i % 3 / 3 if violates else 1.0 for i, violates in enumerate(violated)]


@pytest.mark.parametrize("estimator", ["group_norm", "dr_grpo", "rloo"])
@pytest.mark.parametrize("n", [2, 4, 8, 16])
@pytest.mark.parametrize("gamma", [0.0, 1.0])
@pytest.mark.parametrize(("name", "more"), KEEPERS)
def test_no_violator_of_a_kept_group_is_at_or_above_zero(
    estimator: str, n: int, gamma: float, name: str, more: dict[str, object]
) -> None:
    bound = bind(name, {"gamma": gamma, **more})
    found = mixed_groups(seed=n, n=n, count=GROUPS)
    rows = [bound(Samples(writing=w, violated=v, met_share=met(v))).rewards for w, v in found]
    checked = 0
    for advantages, (writing, violated) in zip(openrlhf_advantages(rows, estimator), found, strict=True):
        for advantage, violates in zip(advantages, violated, strict=True):
            assert math.isfinite(advantage)
            if violates:
                checked += 1
                assert advantage < 0, (writing, violated)
    assert checked >= GROUPS


@pytest.mark.parametrize("estimator", ["group_norm", "dr_grpo"])
@pytest.mark.parametrize("gamma", [0.0, 1.0])
@pytest.mark.parametrize(("name", "more"), KEEPERS)
def test_nor_in_a_group_with_invalid_samples(estimator: str, gamma: float, name: str, more: dict[str, object]) -> None:
    n, rng = 8, random.Random(11)
    bound = bind(name, {"gamma": gamma, **more})
    rows, flags = [], []
    for n_valid in (2, 4, 7):
        for writing, violated in mixed_groups(seed=n_valid, n=n_valid, count=GROUPS // 3):
            valid = [i < n_valid for i in range(n)]
            rng.shuffle(valid)
            mixed = bound(Samples(writing=writing, violated=violated, met_share=met(violated), group_size=n))
            rows.append(as_the_agent_sends(mixed.rewards, valid))
            known = iter(violated)
            flags.append([next(known) if ok else False for ok in valid])
    for advantages, violated in zip(openrlhf_advantages(rows, estimator), flags, strict=True):
        assert all(advantage < 0 for advantage, violates in zip(advantages, violated, strict=True) if violates)


@pytest.mark.parametrize("estimator", ["group_norm", "dr_grpo", "rloo"])
@pytest.mark.parametrize("gamma", [0.0, 1e-6, 1.0, MAX_REWARD])
@pytest.mark.parametrize("largest", [1e-3, 1.0, MAX_REWARD])
@pytest.mark.parametrize(("name", "more"), KEEPERS)
def test_nor_in_the_largest_group_with_one_compliant_sample(
    estimator: str, gamma: float, largest: float, name: str, more: dict[str, object]
) -> None:
    """Where rounding is worst: delta grows to a thousand times the rewards, and with it the error of a float32 mean."""
    n, rng = 1024, random.Random(3)
    bound = bind(name, {"gamma": gamma, **more})
    rows = []
    for compliant in (0, n // 2):
        writing = [largest * rng.choice((-1.0, 1.0, rng.uniform(-1, 1))) for _ in range(n)]
        rows.append(
            bound(
                Samples(writing=writing, violated=(v := [i != compliant for i in range(n)]), met_share=met(v))
            ).rewards
        )
    for advantages, compliant in zip(openrlhf_advantages(rows, estimator), (0, n // 2), strict=True):
        assert all(advantage < 0 for i, advantage in enumerate(advantages) if i != compliant)


def test_the_test_would_notice_a_fixed_weight_lets_violators_through() -> None:
    found = mixed_groups(seed=8, n=8, count=GROUPS)
    rows = [bind("linear", {"weight": 1.0})(Samples(writing=w, violated=v, met_share=met(v))).rewards for w, v in found]
    positive = sum(
        advantage > 0
        for advantages, (_, violated) in zip(openrlhf_advantages(rows, "group_norm"), found, strict=True)
        for advantage, violates in zip(advantages, violated, strict=True)
        if violates
    )
    assert positive > GROUPS / 10


def test_the_test_would_notice_the_bare_equation_loses_the_sign_in_float32() -> None:
    """Rewards of 1e6 and gamma 0.01: in float32 the violator and the mean are the same number."""
    writing, violated = [1e6, 1e6, 1e6, 1e6], [True, False, False, False]
    delta = (4 * 1e6 + 4 * 0.01 - 4e6) / 3
    bare = [r - delta if v else r for r, v in zip(writing, violated, strict=True)]
    mixed = bind("rlmr", {"gamma": 0.01})(Samples(writing=writing, violated=violated, met_share=met(violated))).rewards
    lost, held = openrlhf_advantages([bare, mixed], "dr_grpo")
    assert lost[0] == 0
    assert held[0] < 0


@pytest.mark.parametrize("estimator", ["group_norm", "dr_grpo", "rloo"])
@pytest.mark.parametrize("n", [2, 8, 64, 1024])
@pytest.mark.parametrize("weight", [1e-3, 1.0, 1e3])
def test_conditioned_keeps_its_promise_too(estimator: str, n: int, weight: float) -> None:
    bound = bind("conditioned", {"compliance_weight": weight})
    rng = random.Random(n)
    found = mixed_groups(seed=n, n=n, count=max(4, 400 // n))
    for k in (1, n - 1):  # the extremes, with writing in which nearly everyone is the lowest
        writing = [-MAX_REWARD if i < n - 1 else MAX_REWARD * rng.random() for i in range(n)]
        found.append((writing, [i < k for i in range(n)]))
    rows = [bound(Samples(writing=w, violated=v, met_share=met(v))).rewards for w, v in found]
    for advantages, (_, violated) in zip(openrlhf_advantages(rows, estimator), found, strict=True):
        assert all(advantage < 0 for advantage, violates in zip(advantages, violated, strict=True) if violates)
