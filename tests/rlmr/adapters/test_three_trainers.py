"""The same groups in OpenRLHF, verl and TRL: the same rewards, and the advantages of each trainer's own estimator.

OpenRLHF and verl get a number for every sample (rlmr/adapters/filling.py). TRL leaves null samples out of a group's mean and standard
deviation, so that its advantages of the valid ones are those of a group without the invalid ones.
"""

import random
import statistics
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("openrlhf", reason="the trainer's environment is not installed")

from rlmr.adapters.filling import fill
from rlmr.adapters.settings import Settings
from tests.rlmr.adapters.conftest import run_in
from tests.rlmr.adapters.scripted_aggregator import GROUPS, N, ScriptedAggregator
from tests.services.aggregator.test_openrlhf_sign import openrlhf_advantages
from trainer.grpo.agent import DROP, KEEP, sample_fields
from trainer.grpo.group_reward import GroupRewardClient

OVERRIDES = [
    "algorithm.adv_estimator=grpo",
    "algorithm.filter_groups.enable=True",
    f"actor_rollout_ref.rollout.n={N}",
    f"actor_rollout_ref.rollout.val_kwargs.n={N}",
    "reward.num_workers=1",
    "reward.reward_manager.source=importlib",
    "reward.reward_manager.module.path=pkg://rlmr.adapters.verl",
    "reward.reward_manager.name=RlmrRewardManager",
]
KEPT = [name for name, group in GROUPS.items() if group["decision"] == "train"]
WHOLE = [name for name in KEPT if all(GROUPS[name]["valid"])]
DROPPED = [name for name in GROUPS if name not in KEPT]
ByGroup = dict[str, list[float]]
Trl = Callable[..., dict[str, Any]]


def by_group(flat: list[float]) -> ByGroup:
    return {name: flat[i * N : i * N + N] for i, name in enumerate(GROUPS)}


@pytest.fixture(scope="module")
def verl(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    samples = [
        {
            "uid": f"uid{g}",
            "session_id": i,
            "prompt": [{"role": "user", "content": name}],
            "text": "ka lo mi " * (1 + random.Random(f"{g} {i}").randrange(4)),
            "extra_info": {"constraints": "[]", "prompt_id": name, "split": "train"},
        }
        for g, name in enumerate(GROUPS)
        for i in range(N)
    ]
    with ScriptedAggregator() as aggregator:
        overrides = [*OVERRIDES, f"+reward.reward_kwargs.rlmr.url={aggregator.url}"]
        found = run_in("verl", {"samples": samples, "overrides": overrides}, tmp_path_factory.mktemp("verl"))
    assert len(aggregator.requests) == 2 * len(GROUPS)  # sample by sample, and in one batch
    return found


@pytest.fixture(scope="module")
def trl(tmp_path_factory: pytest.TempPathFactory) -> Trl:
    """One step of a GRPOTrainer with all groups, by its arguments."""
    seen: dict[str, dict[str, Any]] = {}

    def step(**args: str) -> dict[str, Any]:
        key = str(sorted(args.items()))
        if key not in seen:
            rows = [{"prompt": name, "constraints": "[]"} for name in GROUPS]
            with ScriptedAggregator() as aggregator:
                spec = {"url": aggregator.url, "rows": rows, "n": N, "steps": 1, "args": args}
                run = run_in("trl", spec, tmp_path_factory.mktemp("trl"))
            (seen[key],) = run["steps"]
            assert seen[key]["prompts"] == [name for name in GROUPS for _ in range(N)]
        return seen[key]

    return step


@pytest.fixture
async def openrlhf() -> list[dict[str, Any]]:
    """What OpenRLHF's agent gives for every sample, asked over the same socket."""
    fields = []
    with ScriptedAggregator() as aggregator:
        client = GroupRewardClient(Settings(aggregator.url))
        for name in GROUPS:
            group = await client.reward(name, name, [], ["text"] * N)
            fields += [sample_fields(group, i) for i in range(N)]
        await client.close()
    return fields


def test_verl_gets_the_rewards_that_openrlhf_gets(verl: dict[str, Any], openrlhf: list[dict[str, Any]]) -> None:
    assert [r["reward_score"] for r in verl["results"]] == pytest.approx([f["reward"] for f in openrlhf])


def test_trl_gets_them_too_and_null_where_they_were_filled(trl: Trl, openrlhf: list[dict[str, Any]]) -> None:
    given = by_group(trl(scale_rewards="group")["rewards"])
    for name, ours in by_group([f["reward"] for f in openrlhf]).items():
        for reward, other, ok in zip(given[name], ours, GROUPS[name]["valid"], strict=True):
            if name in KEPT and ok:
                assert reward == pytest.approx(other)
            else:
                assert reward != reward  # NaN


def test_each_trainer_drops_the_same_groups(verl: dict[str, Any], trl: Trl, openrlhf: list[dict[str, Any]]) -> None:
    names = list(GROUPS)
    assert verl["filtered"] == sorted(f"uid{names.index(name)}" for name in DROPPED)
    scores = by_group([f["scores"] for f in openrlhf])
    assert all(scores[name] == [DROP if name in DROPPED else KEEP] * N for name in GROUPS)
    advantages = by_group(trl(scale_rewards="group")["advantages"])
    assert all(advantages[name] == [0.0] * N for name in DROPPED)


def test_verl_places_the_reward_at_the_last_token(verl: dict[str, Any]) -> None:
    rewards = [r["reward_score"] for r in verl["results"]]
    expected = [[length - 1] if reward else [] for length, reward in zip(verl["lengths"], rewards, strict=True)]
    assert verl["places"] == expected
    assert len(set(verl["lengths"])) > 1
    assert verl["same in one batch"]


def centred(rewards: list[float]) -> list[float]:
    mean = statistics.fmean(rewards)
    return [r - mean for r in rewards]


def advantages_of(verl: dict[str, Any], trl: Trl, openrlhf: list[dict[str, Any]], std: bool) -> dict[str, ByGroup]:
    rows = list(by_group([f["reward"] for f in openrlhf]).values())
    computed = openrlhf_advantages(rows, "group_norm" if std else "dr_grpo")
    return {
        "openrlhf": dict(zip(GROUPS, computed, strict=True)),
        "verl": by_group(verl["advantages"]["grpo" if std else "grpo without std"]),
        "trl": by_group(trl(scale_rewards="group" if std else "none")["advantages"]),
    }


@pytest.mark.parametrize("std", [True, False], ids=["divided by std", "mean only"])
def test_advantages(verl: dict[str, Any], trl: Trl, openrlhf: list[dict[str, Any]], std: bool) -> None:
    found = advantages_of(verl, trl, openrlhf, std)
    for name in KEPT:
        group = GROUPS[name]
        known = [r for r in group["rewards"] if r is not None]
        filled = fill(group["rewards"], group["valid"])
        of_filled = [c / (statistics.stdev(filled) if std else 1) for c in centred(filled)]
        among_valid = iter(c / (statistics.stdev(known) if std else 1) for c in centred(known))
        of_valid = [next(among_valid) if ok else 0.0 for ok in group["valid"]]
        assert found["openrlhf"][name] == pytest.approx(of_filled, abs=1e-4)
        assert found["verl"][name] == pytest.approx(of_filled, abs=1e-4)
        assert found["trl"][name] == pytest.approx(of_valid, abs=1e-3)
        if name in WHOLE:
            assert found["trl"][name] == pytest.approx(found["openrlhf"][name], abs=1e-3)
    for name in DROPPED:
        assert found["openrlhf"][name] == found["verl"][name] == found["trl"][name] == [0.0] * N


@pytest.mark.parametrize("std", [True, False], ids=["divided by std", "mean only"])
def test_violators_are_below_zero_and_invalid_samples_at_zero_everywhere(
    verl: dict[str, Any], trl: Trl, openrlhf: list[dict[str, Any]], std: bool
) -> None:
    checked = 0
    for trainer, found in advantages_of(verl, trl, openrlhf, std).items():
        for name in KEPT:
            for advantage, violated, ok in zip(
                found[name], GROUPS[name]["violated"], GROUPS[name]["valid"], strict=True
            ):
                if violated:
                    checked += 1
                    assert advantage < 0, (trainer, name)
                if not ok:
                    assert advantage == pytest.approx(0, abs=1e-6), (trainer, name)
    assert checked == 9


@pytest.mark.parametrize("estimator", ["grpo_vectorized", "rloo", "rloo_vectorized"])
def test_the_other_estimators_of_verl_that_are_allowed_keep_the_signs(verl: dict[str, Any], estimator: str) -> None:
    assert_violators_below_zero(by_group(verl["advantages"][estimator]))


@pytest.mark.parametrize("args", [{"scale_rewards": "batch"}, {"multi_objective_aggregation": "normalize_then_sum"}])
def test_trls_other_ways_to_scale_keep_the_signs(trl: Trl, args: dict[str, str]) -> None:
    advantages = by_group(trl(**args)["advantages"])
    assert_violators_below_zero(advantages)
    assert all(advantages[name] == [0.0] * N for name in DROPPED)


def assert_violators_below_zero(advantages: ByGroup) -> None:
    for name in KEPT:
        assert all(a < 0 for a, v in zip(advantages[name], GROUPS[name]["violated"], strict=True) if v), name
