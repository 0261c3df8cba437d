"""The reward manager for verl by itself, with plain stand-ins for verl's types; test_verl_run.py drives it with verl's own."""

import asyncio
import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from rlmr.adapters import verl as adapter
from rlmr.adapters.settings import GroupUnavailable
from rlmr.adapters.verl import RlmrRewardManager
from tests.rlmr.adapters.scripted_aggregator import GROUPS, N, ScriptedAggregator


class Settings(dict[str, Any]):
    """Attributes and `get`, as OmegaConf has them."""

    __getattr__ = dict.__getitem__


def configuration(
    url: str, *, n: int = N, n_val: int = N, estimator: str = "grpo", workers: int = 1, **ours: Any
) -> Any:
    rollout = Settings(n=n, val_kwargs=Settings(n=n_val))
    return Settings(
        algorithm=Settings(adv_estimator=estimator),
        actor_rollout_ref=Settings(rollout=rollout),
        reward=Settings(
            num_workers=workers,
            reward_model=Settings(enable=False),
            reward_kwargs=Settings(rlmr=Settings(url=url, **ours)),
        ),
    )


class Tokenizer:
    """One token per character; 0 is padding."""

    def decode(self, tokens: list[int], skip_special_tokens: bool) -> str:
        assert skip_special_tokens
        return "".join(map(chr, tokens))


class Row(list[int]):
    @property
    def shape(self) -> tuple[int]:
        return (len(self),)

    def __getitem__(self, key: Any) -> Any:
        taken = super().__getitem__(key)
        return Row(taken) if isinstance(key, slice) else taken

    def sum(self) -> int:
        return sum(self)


def data(uid: str, prompt: str, text: str, session: int | None = None, **extra: Any) -> list[Any]:
    """What a manager gets: one item, with a response that is padded."""
    columns: dict[str, Any] = {"uid": uid, "raw_prompt": [{"role": "user", "content": prompt}]}
    columns["extra_info"] = {"constraints": "[]", **extra}
    if session is not None:
        columns["session_id"] = session
    tokens = Row([*map(ord, text), 0, 0])
    batch = {"responses": tokens, "attention_mask": Row([1] * 5 + [1] * len(text) + [0, 0])}
    return [SimpleNamespace(batch=batch, non_tensor_batch=columns)]


@pytest.fixture
def aggregator() -> Iterator[ScriptedAggregator]:
    with ScriptedAggregator() as running:
        yield running


async def rewarded(manager: RlmrRewardManager, datas: list[Any]) -> list[Any]:
    return await asyncio.gather(*(manager.run_single(d) for d in datas), return_exceptions=True)


def siblings(uid: str, prompt: str, n: int = N, **extra: Any) -> list[Any]:
    return [data(uid, prompt, f"{uid} text {i}", session=i, **extra) for i in range(n)]


async def test_the_last_sibling_asks_for_all_and_each_gets_its_own(aggregator: ScriptedAggregator) -> None:
    manager = RlmrRewardManager(configuration(aggregator.url), Tokenizer())
    datas = [*siblings("a", "kept"), *siblings("b", "kept")]
    order = [5, 0, 3, 6, 1, 7, 2, 4]
    came = dict(zip(order, await rewarded(manager, [datas[i] for i in order]), strict=True))
    assert sorted(r["groups"][0]["responses"] for r in aggregator.requests) == [
        [f"{uid} text {i}" for i in range(N)] for uid in "ab"
    ]
    assert [came[i]["reward_score"] for i in range(8)] == GROUPS["kept"]["rewards"] * 2
    assert manager._groups == {}


async def test_a_sample_that_is_sent_twice_does_not_make_the_group_whole(aggregator: ScriptedAggregator) -> None:
    manager = RlmrRewardManager(configuration(aggregator.url), Tokenizer())
    first, *others = siblings("a", "kept")
    twice = asyncio.create_task(manager.run_single(first))
    await asyncio.sleep(0.05)
    results = await rewarded(manager, [first, *others])
    assert [r["reward_score"] for r in results] == GROUPS["kept"]["rewards"]
    assert (await twice)["reward_score"] == results[0]["reward_score"]


async def test_invalid_samples_are_filled_and_dropped_groups_are_equal(aggregator: ScriptedAggregator) -> None:
    manager = RlmrRewardManager(configuration(aggregator.url), Tokenizer())
    invalid = await rewarded(manager, siblings("a", "invalid samples"))
    assert [r["reward_score"] for r in invalid] == [1.5, 0.0, 0.5, -2.0]
    dropped = await rewarded(manager, siblings("b", "all violate"))
    assert [r["reward_score"] for r in dropped] == [0.0] * N
    assert [r["reward_extra_info"]["dropped"] for r in dropped] == [1.0] * N


async def test_validation_may_have_another_size_where_the_rows_name_their_split(aggregator: ScriptedAggregator) -> None:
    manager = RlmrRewardManager(configuration(aggregator.url, n=8, n_val=N), Tokenizer())
    results = await rewarded(manager, siblings("a", "unavailable", split="test"))
    assert all(math.isnan(r["reward_score"]) for r in results)  # not a 0 in the average of a validation
    (unnamed,) = await rewarded(manager, siblings("b", "kept", n=1))
    assert isinstance(unnamed, ValueError) and "extra_info.split" in str(unnamed)


async def test_a_failed_call_fails_every_sibling_with_the_reason() -> None:
    with ScriptedAggregator(401) as aggregator:
        manager = RlmrRewardManager(configuration(aggregator.url), Tokenizer())
        results = await rewarded(manager, siblings("a", "kept"))
    assert all(isinstance(r, GroupUnavailable) and "HTTP 401" in str(r) for r in results)


async def test_or_drops_the_group_if_so_set() -> None:
    with ScriptedAggregator(413) as aggregator:
        manager = RlmrRewardManager(configuration(aggregator.url, on_failure="drop"), Tokenizer())
        results = await rewarded(manager, siblings("a", "kept"))
    assert [r["reward_score"] for r in results] == [0.0] * N
    assert results[0]["reward_extra_info"]["valid"] == 0.0


async def test_a_sibling_that_never_comes_ends_the_wait(aggregator: ScriptedAggregator) -> None:
    manager = RlmrRewardManager(configuration(aggregator.url, sibling_timeout=0.2), Tokenizer())
    results = await asyncio.wait_for(rewarded(manager, siblings("a", "kept")[:3]), 5)
    assert all(isinstance(r, GroupUnavailable) and "only 3 of 4 siblings" in str(r) for r in results)
    (late,) = await rewarded(manager, siblings("a", "kept")[3:])
    assert isinstance(late, GroupUnavailable)
    assert aggregator.requests == []


async def test_waiting_samples_never_fill_every_slot_of_the_actor(
    aggregator: ScriptedAggregator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every slot taken by a waiting sample no sibling could come in: verl would stand still for ever."""
    monkeypatch.setattr(adapter, "SLOTS", 7)
    manager = RlmrRewardManager(configuration(aggregator.url), Tokenizer())
    waiting = [asyncio.create_task(manager.run_single(d)) for uid in "abc" for d in siblings(uid, "kept")[:2]]
    await asyncio.sleep(0.2)
    failed = [t for t in waiting if t.done()]
    assert len(failed) == 2 and all("prompts in flight" in str(t.exception()) for t in failed)
    # One group after the other: all at once could fill the slots again.
    results = [r for uid in "abc" for r in await rewarded(manager, siblings(uid, "kept")[2:])]
    assert sum(isinstance(r, dict) for r in results) == 4


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"workers": 8}, "reward.num_workers is 8"),
        ({"estimator": "reinforce_plus_plus_baseline"}, "baseline is not the group's mean"),
        ({"n": 1, "n_val": 1}, "rollout.n 1"),
        ({"retries": 3}, "unknown setting 'retries'"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        RlmrRewardManager(configuration("http://x", **changes), Tokenizer())


async def test_rows_without_constraints_are_named(aggregator: ScriptedAggregator) -> None:
    manager = RlmrRewardManager(configuration(aggregator.url), Tokenizer())
    datas = siblings("a", "kept")
    for d in datas:
        del d[0].non_tensor_batch["extra_info"]["constraints"]
    results = await rewarded(manager, datas)
    assert all("extra_info has no constraints" in str(r) for r in results)
