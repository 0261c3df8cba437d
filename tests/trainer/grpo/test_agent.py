"""Sibling bookkeeping of the OpenRLHF agent. Generation is played by a stub here; test_openrlhf_run.py runs the real engine."""

import asyncio
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("openrlhf", reason="the trainer's environment is not installed")

from tests.trainer.grpo.faulty_aggregator import FaultyAggregator, serving
from trainer.grpo.agent import DROP, KEEP, AgentExecutor, evaluation_fields, sample_fields
from trainer.grpo.group_reward import GroupReward
from trainer.grpo.recorder import shard
from trainer.run.ledger import Ledger

ROW = {"prompt_id": "p1", "prompt": [{"role": "user", "content": "hi"}], "constraints": [], "step": 1}


class Tokenizer:
    """One token per character."""

    def __call__(self, text: str, **kwargs: Any) -> dict[str, Any]:
        return {"input_ids": torch.tensor([[ord(c) for c in text]])}

    def decode(self, ids: list[int], **kwargs: Any) -> str:
        return "".join(map(chr, ids))


class Engine:
    """Answers `r<i>` to the i-th call, slower the earlier it was asked, so that the first sibling finishes last."""

    def __init__(self, fail_on: int | None = None, cut_off: int | None = None) -> None:
        self.calls, self.fail_on, self.cut_off = 0, fail_on, cut_off

    async def generate(self, tokens: list[int], params: Any, multi_modal_data: Any = None) -> Any:
        call = self.calls
        self.calls += 1
        await asyncio.sleep(0.02 / (1 + call))
        if call == self.fail_on:
            raise RuntimeError("engine died")
        text = f"r{call}"
        output = SimpleNamespace(
            token_ids=[ord(c) for c in text], finish_reason="length" if call == self.cut_off else "stop", logprobs=None
        )
        return SimpleNamespace(outputs=[output])


def params() -> Any:
    return SimpleNamespace(max_tokens=8, logprobs=None)


async def run_group(agent: AgentExecutor, n: int, engine: Engine, label: str | None = None) -> list[Any]:
    shared, tokenizer = params(), Tokenizer()
    label = label or json.dumps({**ROW, "n": n})
    return await asyncio.gather(
        *(agent.execute("prompt", label, shared, 64, tokenizer, engine) for _ in range(n)), return_exceptions=True
    )


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("RLMR_RUN_DIR", raising=False)
    monkeypatch.setenv("RLMR_REWARD_TIMEOUT", "2")
    return monkeypatch


async def test_training_and_evaluation_may_use_different_n(environment: pytest.MonkeyPatch) -> None:
    faulty = FaultyAggregator()
    async with serving(faulty) as url:
        environment.setenv("RLMR_REWARD_URL", url)
        agent = AgentExecutor()
        four = await run_group(agent, 4, Engine())
        two = await run_group(agent, 2, Engine())
        await agent.client.close()
    assert [len(c["body"]["groups"][0]["responses"]) for c in faulty.calls] == [4, 2]
    # Each sibling gets the reward of its own response, in its own place, whoever finished first.
    assert [o["reward"] for o in four] == [0.0, 1.0, 2.0, 3.0]
    assert [o["scores"] for o in two] == [KEEP, KEEP]
    assert faulty.calls[0]["body"]["groups"][0]["responses"] == ["r0", "r1", "r2", "r3"]
    assert agent.groups == {}


async def test_thresholds_in_the_label_go_with_the_request_and_into_the_ledger(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    faulty = FaultyAggregator()
    async with serving(faulty) as url:
        environment.setenv("RLMR_REWARD_URL", url)
        environment.setenv("RLMR_FILTER", json.dumps({"all_high": None, "all_low": None, "min_valid": 3}))
        environment.setenv("RLMR_RUN_DIR", str(tmp_path))
        agent = AgentExecutor()
        await run_group(agent, 2, Engine())
        await run_group(agent, 2, Engine(), label=json.dumps({**ROW, "n": 2, "filter": {"all_high": 1.25}}))
        await agent.client.close()
    assert [call["body"]["filter"] for call in faulty.calls] == [
        {"all_high": None, "all_low": None, "min_valid": 3},
        {"all_high": 1.25, "all_low": None, "min_valid": 3},
    ]
    written = Ledger(tmp_path).refresh().groups
    assert [g["filter"] for g in written] == [None, {"all_high": 1.25}]
    assert [g["sibling_overlap"] for g in written] == [0.0, 0.0]  # r0, r1 and r2, r3


async def test_a_group_of_another_size_is_refused(environment: pytest.MonkeyPatch) -> None:
    """Were OpenRLHF to run samples one by one, groups of one would train on nothing, silently."""
    faulty = FaultyAggregator()
    async with serving(faulty) as url:
        environment.setenv("RLMR_REWARD_URL", url)
        outputs = await run_group(AgentExecutor(), 1, Engine(), label=json.dumps({**ROW, "n": 8}))
    assert "a group of 1 samples arrived where 8 were asked for" in str(outputs[0])
    assert faulty.calls == []


async def test_what_happened_is_written_and_a_full_disk_costs_no_group(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    faulty = FaultyAggregator()
    (tmp_path / "full" / "ledger").mkdir(parents=True)
    for kind in ("groups", "texts"):
        shard(tmp_path / "full", kind).symlink_to("/dev/full")
    async with serving(faulty) as url:
        environment.setenv("RLMR_REWARD_URL", url)
        agent = AgentExecutor()
        for folder in ("run", "full"):
            environment.setenv("RLMR_RUN_DIR", str(tmp_path / folder))
            outputs = await run_group(agent, 2, Engine())
            assert [o["reward"] for o in outputs] == [0.0, 1.0]
        await agent.client.close()
    (written,) = Ledger(tmp_path / "run").refresh().groups
    assert (written["step"], written["n"], written["rewards"]) == (1, 2, [0.0, 1.0])
    (whole,) = Ledger(tmp_path / "run").whole_groups()
    assert (whole["responses"], whole["prompt"], whole["rewards"]) == (["r0", "r1"], ROW["prompt"], [0.0, 1.0])


async def test_groups_of_the_same_prompt_do_not_mix(environment: pytest.MonkeyPatch) -> None:
    faulty = FaultyAggregator()
    async with serving(faulty) as url:
        environment.setenv("RLMR_REWARD_URL", url)
        agent = AgentExecutor()
        await asyncio.gather(*(run_group(agent, 3, Engine()) for _ in range(5)))
        await agent.client.close()
    assert [len(c["body"]["groups"][0]["responses"]) for c in faulty.calls] == [3] * 5


async def test_a_response_that_ran_into_the_token_limit_is_said_to_be_unfinished(
    environment: pytest.MonkeyPatch,
) -> None:
    faulty = FaultyAggregator()
    async with serving(faulty) as url:
        environment.setenv("RLMR_REWARD_URL", url)
        agent = AgentExecutor()
        await run_group(agent, 3, Engine(cut_off=1))
        await agent.client.close()
    assert faulty.calls[0]["body"]["groups"][0]["finished"] == [True, False, True]


async def test_evaluation_asks_for_plain_signals_and_averages_compliance(environment: pytest.MonkeyPatch) -> None:
    """OpenRLHF's eval_*_pass1 was the mean of adjusted rewards, and 0 for dropped groups: above a compliant negative score."""
    faulty = FaultyAggregator()
    async with serving(faulty) as url:
        environment.setenv("RLMR_REWARD_URL", url)
        environment.setenv("RLMR_STRATEGY", '{"name": "rlmr"}')
        agent = AgentExecutor()
        label = json.dumps({**ROW, "n": 3, "split": "eval"})
        outputs = await run_group(agent, 3, Engine(), label=label)
        await agent.client.close()
    assert faulty.calls[0]["body"]["strategy"] == {"name": "linear", "weight": 0.0}
    assert [o["reward"] for o in outputs] == [0.0, 1.0, 1.0]  # the faulty aggregator's sample 0 violates
    assert [o["scores"] for o in outputs] == [KEEP] * 3


def test_an_evaluation_without_any_verdict_is_not_a_number() -> None:
    nothing = group(violated=[None] * 3, valid=[False] * 3, decision="drop", reason="unavailable")
    assert math.isnan(evaluation_fields(nothing, 0)["reward"])
    assert evaluation_fields(group(), 1)["reward"] == 0.5  # its siblings: one obeys, one does not


async def test_a_failed_reward_drops_the_group_and_raises_nothing(environment: pytest.MonkeyPatch) -> None:
    faulty = FaultyAggregator("413")
    async with serving(faulty) as url:
        environment.setenv("RLMR_REWARD_URL", url)
        agent = AgentExecutor()
        outputs = await run_group(agent, 3, Engine())
        await agent.client.close()
    assert [o["scores"] for o in outputs] == [DROP] * 3


async def test_a_wrong_key_raises_in_every_sibling(environment: pytest.MonkeyPatch) -> None:
    """OpenRLHF ends with it, instead of drawing prompts for ever whose groups are all dropped."""
    async with serving(FaultyAggregator("401")) as url:
        environment.setenv("RLMR_REWARD_URL", url)
        agent = AgentExecutor()
        outputs = await asyncio.wait_for(run_group(agent, 3, Engine()), timeout=5)
        await agent.client.close()
    assert all(isinstance(o, RuntimeError) and "RLMR_API_KEY" in str(o) for o in outputs)


async def test_a_failed_sibling_settles_the_whole_group(environment: pytest.MonkeyPatch) -> None:
    faulty = FaultyAggregator()
    async with serving(faulty) as url:
        environment.setenv("RLMR_REWARD_URL", url)
        agent = AgentExecutor()
        outputs = await asyncio.wait_for(run_group(agent, 3, Engine(fail_on=1)), timeout=5)
        await agent.client.close()
    assert all(isinstance(o, RuntimeError) and "engine died" in str(o) for o in outputs)
    assert faulty.calls == []
    assert agent.groups == {}


async def test_a_label_that_was_not_prepared_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RLMR_REWARD_URL", "http://127.0.0.1:9")
    outputs = await run_group(AgentExecutor(), 2, Engine(), label='{"id": 1}')
    assert all("prompt_id" in str(o) for o in outputs)


def test_the_address_of_the_aggregator_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RLMR_REWARD_URL", raising=False)
    with pytest.raises(ValueError, match="RLMR_REWARD_URL"):
        AgentExecutor()


def group(**changes: Any) -> GroupReward:
    base: dict[str, Any] = {
        "decision": "train",
        "reason": None,
        "rewards": [1.0, None, 0.0],
        "valid": [True, False, True],
        "writing": [1.0, None, 2.0],
        "violated": [False, None, True],
        "delta": 2.0,
        "seconds": 0.1,
        "attempts": 1,
    }
    return GroupReward(**{**base, **changes})


def test_an_invalid_sample_gets_the_mean_of_its_valid_siblings() -> None:
    fields = sample_fields(group(), 1)
    assert fields["reward"] == 0.5
    assert fields["extra_logs"]["valid"] == 0.0


def test_every_sample_logs_the_same_keys() -> None:
    keys = {frozenset(sample_fields(group(), i)["extra_logs"]) for i in range(3)}
    assert len(keys) == 1


def test_what_is_not_known_is_logged_as_what_is_known_of_its_siblings_never_as_0() -> None:
    logs = sample_fields(group(), 1)["extra_logs"]
    assert (logs["writing"], logs["violated"]) == (1.5, 0.5)
    nobody = sample_fields(group(violated=[None] * 3), 0)["extra_logs"]
    assert math.isnan(nobody["violated"])
    assert (
        sample_fields(group(delta=None), 0)["extra_logs"].keys()
        == sample_fields(group(delta=2.0), 0)["extra_logs"].keys()
    )


def test_the_peers_vector_keeps_its_baseline() -> None:
    """[1, 1, 0, 0] with the second invalid: centred advantages 2/3, 0, -1/3, -1/3 (facts of the field, not a zero reward)."""
    dropped = group(
        rewards=[1.0, None, 0.0, 0.0], valid=[True, False, True, True], writing=[1.0, None, 0, 0], violated=[False] * 4
    )
    rewards = [sample_fields(dropped, i)["reward"] for i in range(4)]
    mean = sum(rewards) / 4
    assert [r - mean for r in rewards] == pytest.approx([2 / 3, 0, -1 / 3, -1 / 3])
